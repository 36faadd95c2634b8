import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { SectorFiles } from "../../src/provider-node/storage/SectorFiles.ts";
import { expectError } from "./failures.ts";
import { killedAt } from "./killed.ts";
import { PASSWORD, read, World } from "./World.ts";

const MIB = 2 ** 20;
const N = 6;

describe("a put whose process is killed", function () {
  this.timeout(180_000);
  let world: World;
  let home: string;
  const before = randomBytes(700_000);

  beforeEach(async () => {
    world = await World.create(N);
    home = await world.home();
    const drive = await world.open(home);
    await drive.createVolume({ k: 2, n: N, bytes: 96 * MIB, epochs: 20 });
    await drive.put("before.bin", before);
    await drive.close();
  });

  afterEach(() => world.end());

  /** Starts a put and kills it `laterMs` after `bytes` of it went into the journal. */
  function killedPut(name: string, source: string, bytes: number, laterMs: number): Promise<void> {
    return killedAt(["putProcess.ts", home, name, source, PASSWORD], bytes, laterMs);
  }

  for (const [moment, share, laterMs] of [
    ["at its first bytes", 0.05, 0],
    ["half way", 0.5, 30],
    ["when all of it is journaled", 1, 0],
    ["while it is countersigned", 1, 150],
    ["while it is countersigned, a little later", 1, 400],
  ] as const) {
    it(`${moment}: what was there stays, and the same put again is whole`, async () => {
      const bytes = randomBytes(9 * MIB + 333);
      const source = join(await world.folder(), "source.bin");
      await writeFile(source, bytes);
      await killedPut("film.bin", source, share * bytes.length, laterMs);

      const drive = await world.open(home);
      expect(Buffer.compare(await read(drive.get("before.bin")), before)).to.equal(0);
      const receipt = await drive.put("film.bin", source);
      // One place has one content: had a place got other bytes after the crash, its providers would refuse them.
      expect(receipt.state).to.equal("complete");
      expect(Buffer.compare(await read(drive.get("film.bin")), bytes)).to.equal(0);
      await drive.close();
      const { drive: restored } = await world.restore(await world.keyOf(home));
      expect(Buffer.compare(await read(restored.get("film.bin")), bytes)).to.equal(0);
      expect(Buffer.compare(await read(restored.get("before.bin")), before)).to.equal(0);
    });
  }

  it("goes on by itself with what was named before the kill", async () => {
    const bytes = randomBytes(300_000);
    const source = join(await world.folder(), "small.bin");
    await writeFile(source, bytes);
    // Nobody answers, so the process can only journal.
    await world.stop(...world.hosts);
    await killedPut("small.bin", source, bytes.length, 1_500);
    await world.start(...world.hosts);
    const drive = await world.open(home);
    await expectError(read(drive.get("small.bin")), "NoSuchPath");
    expect((await drive.status()).unfinished).to.equal(1);
    await drive.repair();
    expect(Buffer.compare(await read(drive.get("small.bin")), bytes)).to.equal(0);
  });

  it("goes on after what providers have already, wherever that ends", async () => {
    // As if a process had been ended before the slab grew to what the next one finds journaled.
    const { append } = SectorFiles.prototype;
    const begun = new Set<string>();
    SectorFiles.prototype.append = async function (deal, slab, offset, bytes) {
      const name = `${deal} ${slab.lane} ${slab.sequence}`;
      if (begun.has(name)) return append.call(this, deal, slab, offset, bytes);
      begun.add(name);
      await append.call(this, deal, slab, offset, bytes.subarray(0, 96));
      throw new Error("nobody hears of it");
    };
    try {
      const drive = await world.open(home);
      const bytes = randomBytes(3 * MIB + 333);
      await drive.put("film.bin", bytes);
      // A put does not wait for who has just failed; each has it all once it was asked again, and none was left.
      await world.ground.until("all have it", async () => (await drive.repair())[0]!.complete.length === N);
      expect(begun.size).to.be.at.least(6);
      expect(Buffer.compare(await read(drive.get("film.bin")), bytes)).to.equal(0);
      await drive.close();
    } finally {
      SectorFiles.prototype.append = append;
    }
  });
});
