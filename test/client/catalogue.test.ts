import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { Catalogue, type StoredObject } from "../../src/client/catalogue/Catalogue.ts";
import { decodeHead, encodeHead, Lanes, openListing, sealListing } from "../../src/client/catalogue/Heads.ts";
import { foldersOf, normalize } from "../../src/client/catalogue/Path.ts";
import { Segments } from "../../src/client/catalogue/Segments.ts";
import { Versions } from "../../src/client/catalogue/Versions.ts";
import { Database } from "../../src/client/home/Database.ts";
import { USUAL_KEEP } from "../../src/client/home/Home.ts";
import { Journal } from "../../src/client/upload/Journal.ts";
import { slabsNeeded } from "../../src/client/upload/Storing.ts";
import { Volumes } from "../../src/client/volumes/Volume.ts";
import { SECTOR_BYTES, Slab } from "../../src/codec/index.ts";
import { expectError } from "./failures.ts";

const VOLUME = 77n;

describe("the catalogue", () => {
  const master = randomBytes(32);
  let folder: string;
  let database: Database;
  let catalogue: Catalogue;
  let lanes: Lanes;
  let segments: Segments;
  let versions: Versions;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-catalogue-"));
    open("one.sqlite");
  });

  afterEach(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });

  function open(name: string): void {
    database = new Database(join(folder, name));
    catalogue = new Catalogue(database);
    lanes = new Lanes(database);
    segments = new Segments(database, catalogue, master);
    versions = new Versions(database, catalogue, new Volumes(database), USUAL_KEEP);
  }

  function object(): StoredObject {
    const slab = { lane: 9n, sequence: 4 };
    return { id: randomBytes(16), length: 5, sha256: randomBytes(32), extents: [{ slab, offset: 64, length: 5 }] };
  }

  /** One change, brought to the providers and into the heads, as the publisher does it. @returns the sealed segment */
  function publish(path: string, removed = false): { salt: Uint8Array; sealed: Uint8Array } {
    const lane = lanes.own();
    const added = object();
    if (!removed) catalogue.addObject(added, VOLUME, null);
    catalogue.setName(path, removed ? null : added.id, VOLUME);
    const composed = segments.compose(lane, VOLUME);
    segments.record(composed, [{ slab: { lane, sequence: 0 }, offset: 0, length: composed.sealed.length }]);
    segments.markDurable([composed.salt]);
    lanes.advance(sealListing(master, { lane, sequence: lanes.sequence() + 1, segments: segments.live(lane) }));
    const named = catalogue.forgettings([composed.salt]);
    segments.markPublished(VOLUME);
    catalogue.settle(named);
    return composed;
  }

  it("shows a name only once heads name its segment", () => {
    const lane = lanes.own();
    const added = object();
    catalogue.addObject(added, VOLUME, null);
    catalogue.setName("a", added.id, VOLUME);
    expect(catalogue.find("a")).to.equal(undefined);
    const composed = segments.compose(lane, VOLUME);
    segments.record(composed, []);
    expect(segments.live(lane), "named by a head before it is durable").to.deep.equal([]);
    expect(catalogue.find("a")).to.equal(undefined);
    segments.markDurable([composed.salt]);
    expect(segments.live(lane)).to.have.length(1);
    segments.markPublished(VOLUME);
    expect(catalogue.find("a")?.object).to.deep.equal(added.id);
  });

  it("keeps a lane's live segments few, and loses nothing of what they say", () => {
    const sealed = new Map<string, Uint8Array>();
    const key = (salt: Uint8Array): string => Buffer.from(salt).toString("hex");
    const expected = new Set<string>();
    for (let change = 0; change < 150; change++) {
      const removed = change % 7 === 6;
      const path = removed ? `file/${change - 1}` : `file/${change}`;
      const { salt, sealed: bytes } = publish(path, removed);
      sealed.set(key(salt), bytes);
      if (removed) expected.delete(path);
      else expected.add(path);
    }
    const [entry] = lanes.entries();
    const { segments: live } = openListing(master, entry!);
    expect(live.length).to.be.lessThan(24);
    expect(encodeHead([entry!]).length).to.be.lessThan(4_096);
    const before = [...catalogue.list("")];
    expect(new Set(before.map(({ path }) => path))).to.deep.equal(expected);

    database.close();
    open("two.sqlite");
    lanes.own();
    for (const reference of live.toReversed()) segments.apply(entry!.lane, reference, sealed.get(key(reference.salt))!);
    catalogue.settle(catalogue.forgettings([]));
    expect([...catalogue.list("")]).to.deep.equal(before);
    expect(catalogue.object(catalogue.find(before[0]!.path)!.object!)!.extents).to.have.length(1);
  });

  it("drops a version only once heads say that it is forgotten, and then everywhere", () => {
    const first = publish("a");
    const second = publish("a");
    const older = catalogue.find("a")!.stamp - 1;
    expect(versions.forget("", VOLUME)).to.equal(1);
    expect(versions.expire(VOLUME), "asked for already").to.equal(0);
    expect(catalogue.forgettings([])).to.deep.equal([]);
    expect([...versions.list("")].map(({ version }) => version)).to.deep.equal([1, 2]);
    expect(segments.pending(VOLUME)).to.equal(true);
    expect(segments.unfinishedVolumes()).to.deep.equal([VOLUME]);
    const third = publish("b");
    expect([...versions.list("a")].map(({ version, stamp }) => [version, stamp > older])).to.deep.equal([[1, true]]);
    expect(database.get("SELECT count(*) AS count FROM object")).to.deep.include({ count: 2 });

    const [entry] = lanes.entries();
    const { segments: live } = openListing(master, entry!);
    const before = [...versions.list("")];
    database.close();
    open("two.sqlite");
    lanes.own();
    for (const one of [third, first, second]) {
      const reference = live.find(({ salt }) => Buffer.compare(salt, one.salt) === 0)!;
      segments.apply(entry!.lane, reference, one.sealed);
    }
    // Hidden at once, and held until a head of its own has said so too.
    expect([...versions.list("")]).to.deep.equal(before);
    expect(database.get("SELECT count(*) AS count FROM object")).to.deep.include({ count: 3 });
    catalogue.settle(catalogue.forgettings([]));
    expect([...versions.list("")]).to.deep.equal(before);
    expect(database.get("SELECT count(*) AS count FROM object")).to.deep.include({ count: 2 });
  });

  it("takes over a drive of version 1, where a removal had everything before it forgotten", () => {
    publish("a");
    const removed = publish("a", true);
    publish("b");
    database.transaction(() => {
      database.run("DELETE FROM name WHERE path = 'a' AND object IS NOT NULL");
      database.run("DROP TABLE forgotten");
      database.run("DROP INDEX name_of_object");
      database.run("PRAGMA user_version = 1");
    });
    database.close();
    open("one.sqlite");
    expect([...catalogue.list("")].map(({ path }) => path)).to.deep.equal(["b"]);
    const { stamp } = database.get<{ stamp: number }>("SELECT stamp FROM name WHERE path = 'a'")!;
    expect(database.get("SELECT stamp FROM forgotten WHERE path = 'a'")).to.deep.include({ stamp: stamp - 1 });
    expect(segments.pending(VOLUME)).to.equal(true);
    expect(segments.knows(removed.salt)).to.equal(true);
  });

  it("does not take a segment or an entry that another key sealed, nor one entry for another", () => {
    const { sealed } = publish("a");
    const [entry] = lanes.entries();
    const [reference] = openListing(master, entry!).segments;
    const stranger = new Segments(database, catalogue, randomBytes(32));
    expect(() => stranger.apply(1n, reference!, sealed)).to.throw(/do not open/);
    expect(() => openListing(randomBytes(32), entry!)).to.throw(/do not open/);
    for (const forged of [
      { ...entry!, sequence: entry!.sequence + 1 },
      { ...entry!, lane: entry!.lane ^ 1n },
    ]) {
      expect(() => openListing(master, forged)).to.throw(/holds another one/);
      expect(() => decodeHead(master, encodeHead([forged]))).to.throw();
    }
    expect(decodeHead(master, encodeHead([entry!]))).to.deep.equal([entry]);
  });

  it("goes back in no lane, and never writes its own from outside", () => {
    const lane = 5n;
    const at = (sequence: number) => sealListing(master, { lane, sequence, segments: [] });
    expect(lanes.learn(at(3))).to.equal(true);
    expect(lanes.learn(at(2))).to.equal(false);
    expect(lanes.learn(at(3))).to.equal(false);
    expect(lanes.learn(at(4))).to.equal(true);
    const own = lanes.own();
    expect(lanes.learn(sealListing(master, { lane: own, sequence: 9, segments: [] }))).to.equal(false);
    expect(own & 0xffffn).to.not.equal(lane & 0xffffn);
  });

  it("refuses a head that is too large, and changes nothing", async () => {
    const slab = { lane: 1n, sequence: 0 };
    const segment = { salt: randomBytes(16), ordinal: 1, level: 0, volume: VOLUME, length: 1 };
    const extents = Array.from({ length: 1_200 }, () => ({ slab, offset: 0, length: 1 }));
    const entry = sealListing(master, { lane: 1n, sequence: 1, segments: [{ ...segment, extents }] });
    await expectError((async () => encodeHead([entry]))(), "CatalogueTooLarge");
  });

  it("gives each slab once, whatever happens", () => {
    const given = Array.from({ length: 3 }, () => lanes.nextSlab().sequence);
    database.close();
    open("one.sqlite");
    expect([...given, lanes.nextSlab().sequence]).to.deep.equal([0, 1, 2, 3]);
  });

  it("orders changes even when the clock goes back", () => {
    const { now } = Date;
    publish("a");
    try {
      Date.now = () => 1_000;
      publish("a", true);
      expect(catalogue.find("a")).to.equal(undefined);
    } finally {
      Date.now = now;
    }
  });

  it("undoes a transaction that fails, whole", () => {
    expect(() =>
      database.transaction(() => {
        catalogue.addObject(object(), VOLUME, null);
        throw new Error("in the middle");
      }),
    ).to.throw("in the middle");
    expect(database.get("SELECT count(*) AS count FROM object")).to.deep.include({ count: 0 });
  });

  it("knows a file that is no database of this version", async () => {
    database.transaction(() => database.run("PRAGMA user_version = 99"));
    database.close();
    await expectError((async () => open("one.sqlite"))(), "StateCorrupt");
    open("two.sqlite");
  });
});

describe("paths", () => {
  it("have one spelling", () => {
    expect(normalize("/a/b/")).to.equal("a/b");
    expect(normalize("u\u0308")).to.equal("ü");
    expect(foldersOf("a/b/c")).to.deep.equal(["a", "a/b"]);
    for (const bad of ["", "/", "a//b", ".", "a/..", "\ud800", "a\0"]) expect(() => normalize(bad)).to.throw();
  });
});

describe("the journal", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-journal-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("gives back what was written, zeros where nothing was, and nothing after it was dropped", async () => {
    const journal = new Journal(join(folder, "journal"));
    const slab: Slab.SlabId = { lane: 2n ** 64n - 1n, sequence: 7 };
    const blocks = [randomBytes(64), randomBytes(64)];
    await journal.write(slab, 128, blocks);
    await journal.sync(slab);
    const columns = await new Journal(join(folder, "journal")).read(slab, 2, 96, 224);
    for (const [column, bytes] of columns.entries()) {
      expect(Buffer.from(bytes)).to.deep.equal(Buffer.concat([Buffer.alloc(32), blocks[column]!, Buffer.alloc(32)]));
    }
    await journal.drop(slab);
    expect(await journal.size()).to.equal(0);
  });
});

describe("planning slabs", () => {
  it("counts the slabs that files begin as the codec lays them", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 3 * 2 * SECTOR_BYTES }), { maxLength: 8 });
    fc.assert(
      fc.property(lengths, (files) => {
        const volume = { id: 1n, k: 2, n: 3, capacity: 100 };
        let begun = 0;
        // The slab that small files share: 0, none.
        let shared = 0;
        for (const length of files) {
          const large = length >= 2 * SECTOR_BYTES;
          let at = large ? 0 : shared;
          for (let left = length; left > 0; ) {
            if (at === 0) begun++;
            const taken = Math.min(left, (SECTOR_BYTES - at) * 2);
            at = (at + Slab.extentWidth(taken, 2)) % SECTOR_BYTES;
            left -= taken;
          }
          const emptier = [shared, at].filter((offset) => offset > 0);
          shared = large ? Math.min(...emptier, SECTOR_BYTES) % SECTOR_BYTES : at;
        }
        expect(slabsNeeded(files, volume, undefined)).to.equal(begun);
      }),
    );
    expect(slabsNeeded([32], { k: 1 }, SECTOR_BYTES - 64)).to.equal(0);
  });
});
