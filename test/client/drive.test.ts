import { createHash, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect } from "chai";
import fc from "fast-check";
import { Sublet } from "../../src/client/index.ts";
import { DROPPED } from "../chain/RpcServer.ts";
import { expectError } from "./failures.ts";
import { PASSWORD, read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("a drive", function () {
  this.timeout(120_000);
  let world: World;
  let home: string;
  let drive: Sublet;

  before(async () => {
    world = await World.create(6);
    home = await world.home();
    drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 6, bytes: 96 * MIB, epochs: 20 });
  });

  after(() => world.end());

  it("gives back what was put, with a receipt of all providers", async () => {
    const bytes = randomBytes(100_000);
    const receipt = await drive.put("a/small.bin", bytes);
    expect(receipt).to.include({
      path: "a/small.bin",
      files: 1,
      bytes: 100_000,
      state: "complete",
      k: 2,
      n: 6,
      durable: 4,
    });
    expect(receipt.hash).to.equal(createHash("sha256").update(bytes).digest("hex"));
    expect(receipt.positions.map(({ state }) => state)).to.deep.equal(Array(6).fill("countersigned"));
    expect(Buffer.compare(await read(drive.get("a/small.bin")), bytes)).to.equal(0);
  });

  it("stores, renames and reads while the chain cannot be asked", async () => {
    await drive.put("away/before.txt", Buffer.from("before"));
    const { between } = world.rpc;
    world.rpc.between = async () => DROPPED;
    try {
      expect((await drive.put("away/during.txt", Buffer.from("during"))).state).to.equal("complete");
      await drive.move("away/before.txt", "away/after.txt");
      expect((await read(drive.get("away/after.txt"))).toString()).to.equal("before");
      expect((await read(drive.get("away/during.txt"))).toString()).to.equal("during");
    } finally {
      world.rpc.between = between;
    }
    await drive.remove("away", { recursive: true });
  });

  it("gives back files of every awkward length", async () => {
    const lengths = [0, 1, 31, 32, 33, 65_536, 131_072, 131_073, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 5 * MIB + 12_345];
    const files = lengths.map((length) => ({ path: `lengths/${length}`, bytes: randomBytes(length) }));
    await Promise.all(files.map(({ path, bytes }) => drive.put(path, bytes)));
    for (const { path, bytes } of files) {
      expect(Buffer.compare(await read(drive.get(path)), bytes), path).to.equal(0);
    }
  });

  it("gives back any range", async () => {
    const bytes = randomBytes(4 * MIB + 70_001);
    await drive.put("ranges.bin", bytes);
    const bound = fc.integer({ min: 0, max: bytes.length - 1 });
    await fc.assert(
      fc.asyncProperty(bound, bound, async (a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const got = await read(drive.get("ranges.bin", { range: { first, last } }));
        return Buffer.compare(got, bytes.subarray(first, last + 1)) === 0;
      }),
      {
        numRuns: 25,
        examples: [
          [0, 0],
          [bytes.length - 1, bytes.length - 1],
          [65_535, 65_536],
          [131_071, 131_072],
        ],
      },
    );
    const beyond = await read(drive.get("ranges.bin", { range: { first: bytes.length - 5, last: 2 * bytes.length } }));
    expect(Buffer.compare(beyond, bytes.subarray(-5))).to.equal(0);
    await expectError(read(drive.get("ranges.bin", { range: { first: bytes.length } })), "BadArgument");
  });

  it("takes streams whose length nobody knows", async () => {
    const bytes = randomBytes(3 * MIB + 17);
    const pieces = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 77_777) yield bytes.subarray(at, at + 77_777);
    };
    await drive.put("stream", pieces());
    await drive.put("readable", Readable.from([Buffer.from("few "), Buffer.from("bytes")]));
    expect(Buffer.compare(await read(drive.get("stream")), bytes)).to.equal(0);
    expect((await read(drive.get("readable"))).toString()).to.equal("few bytes");
  });

  it("puts a folder as one change, lists it, and removes it", async () => {
    const folder = join(await world.folder(), "notes");
    await mkdir(join(folder, "deep/er"), { recursive: true });
    const names = ["one.txt", "deep/two.txt", "deep/er/three.txt", "ünïcode.txt"];
    for (const name of names) await writeFile(join(folder, name), `content of ${name}`);
    const receipt = await drive.put("notes", folder);
    expect(receipt).to.include({ files: 4, state: "complete" });
    expect(receipt.hash).to.equal(undefined);
    expect([...drive.list("notes")].map(({ path }) => path)).to.have.members(
      names.map((name) => `notes/${name}`.normalize("NFC")),
    );
    expect((await read(drive.get("notes/deep/er/three.txt"))).toString()).to.equal("content of deep/er/three.txt");
    expect(drive.kind("notes")).to.equal("folder");
    await expectError(drive.remove("notes"), "BadArgument");
    expect(await drive.remove("notes/deep", { recursive: true })).to.equal(2);
    expect([...drive.list("notes")].map(({ path }) => path)).to.have.members([
      "notes/one.txt",
      "notes/ünïcode.txt".normalize("NFC"),
    ]);
    await expectError(read(drive.get("notes/deep/two.txt")), "NoSuchPath");
    await expectError(drive.remove("notes/deep", { recursive: true }), "NoSuchPath");
  });

  it("gives the newest of what was put under one name", async () => {
    for (const text of ["first", "second", "third"]) await drive.put("versions.txt", Buffer.from(text));
    expect((await read(drive.get("versions.txt"))).toString()).to.equal("third");
    await drive.remove("versions.txt");
    await expectError(read(drive.get("versions.txt")), "NoSuchPath");
    await drive.put("versions.txt", Buffer.from("again"));
    expect((await read(drive.get("versions.txt"))).toString()).to.equal("again");
  });

  it("refuses names that would hide one another", async () => {
    await drive.put("tree/leaf", Buffer.from("x"));
    await expectError(drive.put("tree", Buffer.from("y")), "BadArgument");
    await expectError(drive.put("tree/leaf/below", Buffer.from("y")), "BadArgument");
    for (const name of ["", "/", "a/../b", "a//b", "a/./b", "nul\0", "x".repeat(5_000)]) {
      await expectError(drive.put(name, Buffer.from("y")), "BadArgument");
    }
  });

  it("is there again in the next process, and lets only one write", async () => {
    const bytes = randomBytes(50_000);
    await drive.put("kept.bin", bytes);
    const other = await world.open(home);
    expect(Buffer.compare(await read(other.get("kept.bin")), bytes)).to.equal(0);
    const busy = await expectError(other.put("x", Buffer.from("x")), "HomeBusy");
    expect(busy.pid).to.equal(process.pid);
    await drive.close();
    const more = randomBytes(70_000);
    await other.put("more.bin", more);
    await other.close();
    drive = await world.open(home);
    expect(Buffer.compare(await read(drive.get("more.bin")), more)).to.equal(0);
    expect(Buffer.compare(await read(drive.get("kept.bin")), bytes)).to.equal(0);
  });

  it("carries files that wait together in one change", async () => {
    const before = (await drive.status()).volumes[0]!.positions.map(({ number }) => number >> 16n);
    await Promise.all(Array.from({ length: 40 }, (_, index) => drive.put(`many/${index}`, randomBytes(1_000))));
    const after = (await drive.status()).volumes[0]!.positions.map(({ number }) => number >> 16n);
    for (const [position, number] of after.entries()) expect(Number(number - before[position]!)).to.be.lessThan(12);
    expect([...drive.list("many")]).to.have.length(40);
  });

  it("says that a path is missing, whichever is asked", async () => {
    expect(await expectError(read(drive.get("nowhere")), "NoSuchPath")).to.include({ path: "nowhere" });
    await expectError(drive.remove("nowhere"), "NoSuchPath");
    await expectError(drive.put("x", "/nonexistent/file"), "NoSuchPath");
  });

  it("refuses what does not fit before a byte moves", async () => {
    const folder = await world.folder();
    const small = await world.open(await world.home());
    await small.createVolume({ k: 2, n: 6, bytes: 4 * MIB, epochs: 5 });
    await writeFile(join(folder, "big"), randomBytes(6 * MIB));
    const sent = world.hosts.map(({ node }) => node.store.usage().usedBytes);
    const full = await expectError(small.put("big", join(folder, "big")), "VolumeFull");
    expect(full).to.include({ needSectors: 3, freeSectors: 2 });
    expect(world.hosts.map(({ node }) => node.store.usage().usedBytes)).to.deep.equal(sent);
    // What fits goes on fitting, and a full volume can still be emptied.
    await small.put("fits", randomBytes(4 * MIB));
    await expectError(small.put("more", randomBytes(1 * MIB)), "VolumeFull");
    expect(await small.remove("fits")).to.equal(1);
  });

  it("ends what is under way when told to", async () => {
    const stop = new AbortController();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        yield randomBytes(1_000);
        stop.abort();
      }
    };
    const ended = await drive.put("endless", endless(), { signal: stop.signal }).catch((error: unknown) => error);
    expect(ended).to.equal(stop.signal.reason);
    await expectError(read(drive.get("endless")), "NoSuchPath");
    await drive.put("after", Buffer.from("still works"));
    expect((await read(drive.get("after"))).toString()).to.equal("still works");
  });

  it("opens with its key alone, and with nothing else", async () => {
    await expectError(Sublet.open({ home, password: "wrong" }), "WrongPassword");
    await expectError(Sublet.open({ home }), "BadArgument");
    await expectError(Sublet.open({ home, key: randomBytes(32) }), "BadArgument");
    await expectError(Sublet.open({ home: join(home, "none"), password: PASSWORD }), "NotInitialized");
  });
});
