import { randomBytes } from "node:crypto";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("a device", function () {
  this.timeout(180_000);
  let world: World;
  let home: string;
  let owner: Sublet;

  beforeEach(async () => {
    world = await World.create(6);
    home = await world.home();
    owner = await world.open(home);
    await owner.createVolume({ k: 2, n: 6, bytes: 64 * MIB, epochs: 40 });
  });

  afterEach(() => world.end());

  it("reads and writes the drive from a home of its own, without the owner's key", async () => {
    const film = randomBytes(3 * MIB + 11);
    await owner.put("film.bin", film);
    const added = await owner.devices.add("laptop", { epochs: 10 });
    const { drive: laptop, recovered } = await world.join(added.link);
    expect(recovered).to.include({ volumes: 1, deals: 6, answered: 6, files: 1, strange: 0 });
    expect(laptop.account).to.equal(added.id);
    expect(Buffer.compare(await read(laptop.get("film.bin")), film)).to.equal(0);
    const receipt = await laptop.put("from-laptop.txt", Buffer.from("hello"));
    expect(receipt.state).to.equal("complete");
    await owner.repair();
    expect((await read(owner.get("from-laptop.txt"))).toString()).to.equal("hello");
    expect([...owner.list()].map(({ path }) => path)).to.deep.equal(["film.bin", "from-laptop.txt"]);
  });
});
