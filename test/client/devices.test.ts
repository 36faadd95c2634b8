import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { expectError } from "./failures.ts";
import { killedAt } from "./killed.ts";
import { PASSWORD, read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("a device", function () {
  this.timeout(240_000);
  let world: World;
  let home: string;
  let owner: Sublet;
  const film = randomBytes(3 * MIB + 11);

  beforeEach(async () => {
    world = await World.create(6);
    home = await world.home();
    owner = await world.open(home);
    await owner.createVolume({ k: 2, n: 6, bytes: 64 * MIB, epochs: 40 });
    await owner.put("film.bin", film);
  });

  afterEach(() => world.end());

  async function joined(options = {}) {
    const added = await owner.devices.add("laptop", { epochs: 30, ...options });
    return { added, ...(await world.join(added.link)) };
  }

  const paths = (drive: Sublet): string[] => [...drive.list()].map(({ path }) => path);
  const text = async (drive: Sublet, path: string): Promise<string> => `${await read(drive.get(path))}`;

  it("reads and writes the drive from a home of its own, without the owner's key", async () => {
    const { added, drive: laptop, recovered, home: folder } = await joined();
    expect(recovered).to.include({ volumes: 1, deals: 6, answered: 6, files: 1, strange: 0 });
    expect(laptop.account).to.equal(added.id);
    expect(laptop.account).not.to.equal(owner.account);
    expect(Buffer.compare(await read(laptop.get("film.bin")), film)).to.equal(0);
    const receipt = await laptop.put("from-laptop.txt", Buffer.from("hello"));
    expect(receipt.state).to.equal("complete");
    await owner.sync();
    expect(await text(owner, "from-laptop.txt")).to.equal("hello");
    expect(paths(owner)).to.deep.equal(["film.bin", "from-laptop.txt"]);
    // And in the next process.
    await laptop.close();
    const again = await world.open(folder);
    await owner.put("later.txt", Buffer.from("later"));
    await again.sync();
    expect(await text(again, "later.txt")).to.equal("later");
    expect(paths(again)).to.deep.equal(["film.bin", "from-laptop.txt", "later.txt"]);
  });

  it("and its owner put at once, again and again: neither loses anything, under one name or several", async () => {
    const { drive: laptop } = await joined();
    const put = new Map<string, Buffer>();
    const writes = async (drive: Sublet, who: string): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        const files = ["small", "large"].map((kind) => ({
          path: `${who}/${round}/${kind}`,
          bytes: randomBytes(kind === "small" ? 1_000 + round : 700_000 + round),
        }));
        await Promise.all([
          ...files.map(({ path, bytes }) => drive.put(path, bytes)),
          drive.put("same.txt", Buffer.from(`${who} ${round}`)),
        ]);
        for (const { path, bytes } of files) put.set(path, bytes);
      }
    };
    await Promise.all([writes(owner, "owner"), writes(laptop, "laptop")]);
    await Promise.all([owner.sync(), laptop.sync()]);
    const expected = ["film.bin", ...put.keys(), "same.txt"].sort();
    const { drive: restored } = await world.restore(await world.keyOf(home));
    const newest = await text(owner, "same.txt");
    for (const drive of [owner, laptop, restored]) {
      expect(paths(drive)).to.deep.equal(expected);
      for (const [path, bytes] of put) expect(Buffer.compare(await read(drive.get(path)), bytes), path).to.equal(0);
      expect(await text(drive, "same.txt")).to.equal(newest);
      const contents: string[] = [];
      for (const { version } of drive.versions("same.txt"))
        contents.push(`${await read(drive.get("same.txt", { version }))}`);
      const wanted = ["owner", "laptop"].flatMap((who) => [0, 1, 2, 3].map((round) => `${who} ${round}`));
      expect(contents).to.have.members(wanted);
    }
    expect((await owner.repair())[0]!.complete).to.have.length(6);
  });

  it("goes on after its process was killed in a put, whatever the owner put meanwhile", async () => {
    const { drive: laptop, home: folder } = await joined();
    await laptop.close();
    const bytes = randomBytes(5 * MIB + 7);
    const source = join(await world.folder(), "source.bin");
    await writeFile(source, bytes);
    for (const [share, laterMs] of [
      [0.5, 30],
      [1, 200],
    ] as const) {
      await Promise.all([
        killedAt(["putProcess.ts", folder, "from-laptop.bin", source, PASSWORD], share * bytes.length, laterMs),
        owner.put(`meanwhile/${share}`, randomBytes(200_000)),
      ]);
    }
    const again = await world.open(folder);
    // A provider that the owner's machine writes to at this moment may come later.
    expect((await again.put("from-laptop.bin", source)).state).to.be.oneOf(["durable", "complete"]);
    expect((await again.repair())[0]!.complete).to.have.length(6);
    expect(Buffer.compare(await read(again.get("from-laptop.bin")), bytes)).to.equal(0);
    await owner.sync();
    expect(paths(owner)).to.deep.equal(["film.bin", "from-laptop.bin", "meanwhile/0.5", "meanwhile/1"]);
    expect(Buffer.compare(await read(owner.get("from-laptop.bin")), bytes)).to.equal(0);
    expect(Buffer.compare(await read(owner.get("film.bin")), film)).to.equal(0);
  });

  describe("and content that is forgotten while it gets another name", () => {
    it("is kept by who forgets it, where that sees the name", async () => {
      // A second home of the same key, of which the first knows nothing: it does not look before it forgets.
      const { drive: second } = await world.restore(await world.keyOf(home));
      await second.copy("film.bin", "copy.bin");
      expect(owner.shared).to.equal(false);
      await owner.remove("film.bin", { forget: true });
      expect(Buffer.compare(await read(second.get("copy.bin")), film)).to.equal(0);
      expect(paths(owner)).to.deep.equal(["copy.bin"]);
      expect(Buffer.compare(await read(owner.get("copy.bin")), film)).to.equal(0);
      const { drive: third } = await world.restore(await world.keyOf(home));
      expect(Buffer.compare(await read(third.get("copy.bin")), film)).to.equal(0);
    });

    it("is kept where the name is in a volume that who forgets it has not heard of", async () => {
      const { drive: second } = await world.restore(await world.keyOf(home));
      await second.createVolume({ k: 1, n: 3, bytes: 8 * MIB, epochs: 40 });
      await second.copy("film.bin", "copy.bin");
      await owner.remove("film.bin", { forget: true });
      expect(paths(owner)).to.deep.equal(["copy.bin"]);
      expect(Buffer.compare(await read(owner.get("copy.bin")), film)).to.equal(0);
    });

    it("is refused to who names it too late", async () => {
      const { drive: laptop } = await joined();
      // It has looked, and then waits behind a put: meanwhile the owner forgets.
      const go = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const slow = laptop.put(
        "slow",
        (async function* () {
          yield randomBytes(1_000);
          begun.resolve();
          await go.promise;
        })(),
      );
      await begun.promise;
      const copy = laptop.copy("film.bin", "copy.bin");
      const looked = laptop.sync();
      await looked;
      const sectors = async () => (await owner.status()).volumes[0]!.positions.map((one) => one.sectors);
      const before = await sectors();
      await owner.remove("film.bin", { forget: true });
      // Nobody had named it by then: its slabs went.
      for (const [position, count] of (await sectors()).entries()) expect(count).to.be.lessThan(before[position]!);
      go.resolve();
      await slow;
      expect(await expectError(copy, "Forgotten")).to.include({ path: "copy.bin" });
      await owner.sync();
      for (const drive of [laptop, owner]) {
        expect(paths(drive)).to.deep.equal(["slow"]);
        expect([...drive.versions("copy.bin")]).to.deep.equal([]);
      }
    });
  });
});
