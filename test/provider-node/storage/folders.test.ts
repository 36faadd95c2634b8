/** Sectors on several disks, each with a quota of its own. */
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "chai";
import { openDatabase } from "../../../src/provider-node/storage/Database.ts";
import { nodeDisk } from "../../../src/provider-node/storage/Disk.ts";
import { DiskStore } from "../../../src/provider-node/storage/DiskStore.ts";
import { type FolderQuota, giveUp } from "../../../src/provider-node/storage/Folders.ts";
import { Journal } from "../../../src/provider-node/storage/Journal.ts";
import { SectorLostError } from "../../../src/provider-node/storage/Store.ts";
import { describeStore, expectProvable, failure, roomy } from "../../conformance/store.ts";
import { record, type Step, slab, Writer } from "../../conformance/Writer.ts";
import { temporaryHome } from "./temporary.ts";

const BLOCK = 65_536;
const SECTOR = 1_048_576;
const add = (sequence: number, length = SECTOR): Step => ({ op: "add", slab: slab(sequence), length });

describeStore("DiskStore with its sectors on another disk", async () => {
  const home = await temporaryHome();
  const path = join(home.directory, "disk");
  return {
    ...home,
    open: (limits = roomy) => {
      const folders = [{ path, quotaBytes: limits.quotaBytes }];
      return DiskStore.open({ directory: home.directory, limits: { ...limits, quotaBytes: 0 }, folders });
    },
  };
});

describe("DiskStore on several disks", () => {
  let parent: string;
  let directory: string;
  let folders: FolderQuota[];
  let store: DiskStore;
  let writer: Writer;

  const open = (more: readonly FolderQuota[] = folders, quotaBytes = 2 * SECTOR): Promise<DiskStore> => {
    return DiskStore.open({ directory, limits: { ...roomy, quotaBytes }, folders: more });
  };

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), "sublet-folders-"));
    directory = join(parent, "data");
    await mkdir(directory);
    folders = ["one", "two"].map((name) => ({ path: join(parent, name), quotaBytes: 3 * SECTOR }));
    store = await open();
    await store.addDeal(record());
    writer = new Writer(record().id);
  });

  afterEach(async () => {
    await store.close();
    await rm(parent, { recursive: true });
  });

  /** How many sectors lie where. */
  async function spread(): Promise<number[]> {
    const places = [directory, ...folders.map(({ path }) => path)];
    return Promise.all(
      places.map(async (path) => {
        const entries = await readdir(join(path, "sectors"), { recursive: true, withFileTypes: true });
        return entries.filter((entry) => entry.isFile()).length;
      }),
    );
  }

  it("offers the room of all, and fills each to its quota", async () => {
    expect(store.usage()).to.deep.equal({ usedBytes: 0, stagedBytes: 0, quotaBytes: 8 * SECTOR });
    for (let sequence = 0; sequence < 8; sequence++) await writer.revise(store, [add(sequence)]);
    expect(await spread()).to.deep.equal([2, 3, 3]);
    expect(store.usage().usedBytes).to.equal(8 * SECTOR);
    expect(await failure(writer.stage(store, slab(8), 32))).to.include({ code: "DiskFull", freeBytes: 0 });
    await expectProvable(store, writer);
    await store.close();
    store = await open();
    expect(store.usage().usedBytes).to.equal(8 * SECTOR);
    await expectProvable(store, writer);
  });

  it("leaves each slab room to grow to a whole sector where it lies", async () => {
    const steps = Array.from({ length: 8 }, (_, sequence) => add(sequence, 32));
    for (const step of steps) await writer.revise(store, [step]);
    expect(await spread()).to.deep.equal([2, 3, 3]);
    await store.close();
    store = await open();
    for (const step of steps) await writer.revise(store, [{ ...step, op: "grow", length: SECTOR } as Step]);
    await expectProvable(store, writer);
  });

  it("gives room back where it was taken, whatever becomes of a slab", async () => {
    await writer.revise(
      store,
      [0, 1, 2, 3, 4, 5].map((sequence) => add(sequence)),
    );
    await writer.stage(store, slab(6), 2 * BLOCK);
    await store.expire(Number.MAX_SAFE_INTEGER);
    await writer.revise(store, [
      { op: "drop", index: 0 },
      { op: "drop", index: 0 },
    ]);
    await store.finalize(writer.deal, writer.number);
    for (let sequence = 10; sequence < 14; sequence++) await writer.revise(store, [add(sequence)]);
    expect(await spread()).to.deep.equal([2, 3, 3]);
    await store.removeDeal(writer.deal);
    expect(await spread()).to.deep.equal([0, 0, 0]);
    expect(store.usage()).to.include({ usedBytes: 0, stagedBytes: 0 });
    await store.addDeal(record());
    const again = new Writer(record().id);
    for (let sequence = 0; sequence < 8; sequence++) await again.revise(store, [add(sequence)]);
    expect(await spread()).to.deep.equal([2, 3, 3]);
  });

  it("drops what was staged when the process ended, on every disk", async () => {
    for (let sequence = 0; sequence < 3; sequence++) await writer.stage(store, slab(sequence), BLOCK);
    expect(await spread()).to.deep.equal([1, 1, 1]);
    await store.close();
    store = await open();
    expect(await spread()).to.deep.equal([0, 0, 0]);
  });

  describe("given sectors on all of them", () => {
    const [one, two] = [0, 1].map((index) => () => folders[index]!);

    beforeEach(async () => {
      for (let sequence = 0; sequence < 6; sequence++) await writer.revise(store, [add(sequence, BLOCK)]);
      await store.close();
    });

    it("takes the empty folder of a disk that is not mounted for none", async () => {
      await rename(one!().path, join(parent, "unmounted"));
      await mkdir(one!().path);
      expect(await failure(open())).to.deep.equal({ code: "FolderMissing", folder: one!().path, sectors: 2 });
      await rm(one!().path, { recursive: true });
      expect(await failure(open())).to.include({ code: "FolderMissing", folder: one!().path });
      await rename(join(parent, "unmounted"), one!().path);
      store = await open();
      await expectProvable(store, writer);
    });

    it("goes on where a disk is mounted elsewhere", async () => {
      const path = join(parent, "elsewhere");
      await rename(one!().path, path);
      store = await open([{ ...one!(), path }, two!()]);
      await expectProvable(store, writer);
    });

    it("does not forget a folder that is no longer named", async () => {
      expect(await failure(open([one!()]))).to.deep.equal({ code: "FolderMissing", folder: two!().path, sectors: 2 });
      store = await open();
    });

    it("lets one go that holds nothing any more, and takes it again", async () => {
      store = await open();
      await store.removeDeal(writer.deal);
      await store.close();
      store = await open([two!()]);
      expect(store.usage().quotaBytes).to.equal(5 * SECTOR);
      await store.close();
      store = await open();
      expect(store.usage().quotaBytes).to.equal(8 * SECTOR);
    });

    it("refuses a folder of another provider, and one named twice", async () => {
      const other = await DiskStore.open({
        ...{ directory: join(parent, "other"), limits: roomy },
        folders: [{ path: join(parent, "theirs"), quotaBytes: SECTOR }],
      });
      await other.close();
      const theirs = { path: join(parent, "theirs"), quotaBytes: SECTOR };
      expect(await failure(open([...folders, theirs]))).to.include({ code: "BadArgument", value: theirs.path });
      expect(await failure(open([...folders, one!()]))).to.include({
        code: "BadArgument",
        reason: "it is named twice",
      });
      store = await open();
    });

    it("goes on without a disk that was given up, and with it when it comes back", async () => {
      await rename(one!().path, join(parent, "broken"));
      const database = openDatabase(join(directory, "store.sqlite"));
      giveUp(new Journal(database), one!().path);
      database.close();
      store = await open([two!()]);
      const sectors = await store.sectors(writer.deal, writer.number, 0, 6);
      const outcomes = await Promise.allSettled(
        sectors.map(({ slab, length }) => store.read(writer.deal, slab, 0, length)),
      );
      const lost = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      expect(lost).to.have.length(2);
      for (const error of lost) {
        expect(error).to.be.instanceOf(SectorLostError);
        expect(error.file).to.match(new RegExp(`^${one!().path}/sectors/`));
      }
      await writer.revise(store, [add(7, BLOCK)]);
      await store.close();
      await rename(join(parent, "broken"), one!().path);
      store = await open();
      await expectProvable(store, writer);
    });
  });

  it("takes over a store from before there were folders", async () => {
    await store.close();
    store = await open([]);
    await writer.revise(store, [add(0, BLOCK)]);
    await store.close();
    const old = new DatabaseSync(join(directory, "store.sqlite"));
    old.exec("ALTER TABLE kept DROP COLUMN folder; DROP TABLE folder; PRAGMA user_version = 1");
    old.close();
    store = await open([{ path: join(parent, "new"), quotaBytes: SECTOR }]);
    await expectProvable(store, writer);
    await writer.revise(store, [{ op: "grow", slab: slab(0), length: 2 * BLOCK }, add(1), add(2)]);
    await expectProvable(store, writer);
  });

  it("refuses a store of a later version", async () => {
    await store.close();
    const later = new DatabaseSync(join(directory, "store.sqlite"));
    later.exec("PRAGMA user_version = 3");
    later.close();
    expect(await failure(open())).to.include({ code: "StateCorrupt" });
    expect(await nodeDisk.size(join(directory, "store.sqlite"))).to.be.greaterThan(0);
    const back = new DatabaseSync(join(directory, "store.sqlite"));
    back.exec("PRAGMA user_version = 2");
    back.close();
    store = await open();
  });
});
