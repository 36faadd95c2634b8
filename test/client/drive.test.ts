import { randomBytes } from "node:crypto";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { read, World } from "./World.ts";

describe("a drive", function () {
  this.timeout(120_000);
  let world: World;
  let drive: Sublet;

  before(async () => {
    world = await World.create(6);
    drive = await world.open(await world.home());
    await drive.createVolume({ k: 2, n: 6, bytes: 64 * 2 ** 20, epochs: 20 });
  });

  after(() => world.end());

  it("gives back what was put", async () => {
    const bytes = randomBytes(100_000);
    const receipt = await drive.put("a/small.bin", bytes);
    expect(receipt.state).to.equal("complete");
    expect(Buffer.compare(await read(drive.get("a/small.bin")), bytes)).to.equal(0);
  });
});
