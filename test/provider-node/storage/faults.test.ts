/** Every step that a revision takes on its way to the disk fails in turn: nothing kept is lost, and the same again works. */
import { readdir, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "chai";
import { type Disk, nodeDisk } from "../../../src/provider-node/storage/Disk.ts";
import { DiskStore } from "../../../src/provider-node/storage/DiskStore.ts";
import { SectorLostError, StorageFailure, type Store } from "../../../src/provider-node/storage/Store.ts";
import { expectProvable, failure, roomy } from "../../conformance/store.ts";
import { record, slab, Writer } from "../../conformance/Writer.ts";
import { type DiskHome, temporaryHome } from "./temporary.ts";

const BLOCK = 65_536;

/** Fails the `at`-th call of one of its methods from now on, with the errno `code`. */
class FaultyDisk implements Disk {
  #fault: { method: keyof Disk; at: number; code: string } | null = null;
  readonly calls: (keyof Disk)[] = [];

  fail(method: keyof Disk, at: number, code: string): void {
    this.#fault = { method, at, code };
  }

  #check(method: keyof Disk): void {
    this.calls.push(method);
    if (this.#fault?.method !== method || --this.#fault.at > 0) return;
    const { code } = this.#fault;
    this.#fault = null;
    throw Object.assign(new Error(`${code}: made to fail`), { code });
  }

  async makeDirectory(path: string) {
    this.#check("makeDirectory");
    return nodeDisk.makeDirectory(path);
  }
  async list(path: string) {
    this.#check("list");
    return nodeDisk.list(path);
  }
  async size(path: string) {
    this.#check("size");
    return nodeDisk.size(path);
  }
  async read(path: string, offset: number, length: number) {
    this.#check("read");
    return nodeDisk.read(path, offset, length);
  }
  /** Half of what was to be written is there after a failure. */
  async write(path: string, offset: number, bytes: Uint8Array) {
    try {
      this.#check("write");
    } catch (error) {
      await nodeDisk.write(path, offset, bytes.subarray(0, bytes.length / 2));
      throw error;
    }
    return nodeDisk.write(path, offset, bytes);
  }
  async truncate(path: string, length: number) {
    this.#check("truncate");
    return nodeDisk.truncate(path, length);
  }
  async sync(path: string) {
    this.#check("sync");
    return nodeDisk.sync(path);
  }
  async syncDirectory(path: string) {
    this.#check("syncDirectory");
    return nodeDisk.syncDirectory(path);
  }
  async remove(path: string) {
    this.#check("remove");
    return nodeDisk.remove(path);
  }
}

class FaultyDatabase extends DatabaseSync {
  static failing: string | null = null;
  override exec(sql: string): void {
    if (FaultyDatabase.failing !== null && sql === FaultyDatabase.failing) {
      FaultyDatabase.failing = null;
      throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 });
    }
    super.exec(sql);
  }
}

describe("DiskStore when the disk fails", () => {
  let disk: FaultyDisk;
  let home: DiskHome;
  let store: Store;
  let writer: Writer;

  beforeEach(async () => {
    disk = new FaultyDisk();
    home = await temporaryHome({ disk, Database: FaultyDatabase });
    store = await home.open();
    await store.addDeal(record());
    writer = new Writer(record().id);
    await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK + 64 }]);
  });

  afterEach(async () => {
    FaultyDatabase.failing = null;
    await store.close();
    await home.remove();
  });

  const steps = [
    { op: "grow", slab: slab(0), length: 3 * BLOCK },
    { op: "add", slab: slab(256), length: BLOCK },
    { op: "add", slab: slab(1), length: 2 * BLOCK },
  ] as const;

  const expectRecovered = async (): Promise<void> => {
    await expectProvable(store, writer);
    await writer.revise(store, steps);
    await expectProvable(store, writer);
    await store.close();
    store = await home.open();
    expect((await store.newest(writer.deal))?.revision.number).to.equal(writer.number);
    await expectProvable(store, writer);
    expect(store.usage()).to.include({ usedBytes: 6 * BLOCK, stagedBytes: 0 });
  };

  /** A store with one revision, whose calls to the disk are counted from here on. */
  const begin = async (): Promise<void> => {
    await store.close();
    await home.remove();
    home = await temporaryHome({ disk, Database: FaultyDatabase });
    store = await home.open();
    await store.addDeal(record());
    writer = new Writer(record().id);
    await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK + 64 }]);
    disk.calls.length = 0;
  };

  for (const method of ["size", "makeDirectory", "write", "sync", "syncDirectory"] as const) {
    it(`loses nothing whichever ${method} of a revision fails, for want of space or otherwise`, async () => {
      await begin();
      await writer.revise(store, steps);
      const times = disk.calls.filter((call) => call === method).length;
      expect(times).to.be.greaterThan(0);
      for (let at = 1; at <= times; at++) {
        for (const code of ["EIO", "ENOSPC"]) {
          await begin();
          disk.fail(method, at, code);
          const error = await writer.revise(store, steps).catch((thrown) => thrown);
          if (code === "EIO") expect(error).to.be.instanceOf(StorageFailure);
          else expect(error.error).to.include({ code: "DiskFull" });
          await expectProvable(store, writer);
          expect((await store.newest(writer.deal))?.revision.number).to.equal(writer.number);
          await store.expire(Number.MAX_SAFE_INTEGER);
          expect(store.usage()).to.include({ usedBytes: BLOCK + 64, stagedBytes: 0 });
          await expectRecovered();
        }
      }
    });
  }

  for (const statement of ["BEGIN IMMEDIATE", "COMMIT"]) {
    it(`loses nothing when ${statement} fails`, async () => {
      for (const step of steps) await writer.stage(store, step.slab, step.length);
      FaultyDatabase.failing = statement;
      const error = await store.revise(writer.change(steps)).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(StorageFailure);
      await expectRecovered();
    });
  }

  it("says that the disk is full when the database cannot grow, and goes on when it can", async () => {
    await store.close();
    class SmallDatabase extends DatabaseSync {
      override exec(sql: string): void {
        super.exec(sql);
        if (sql.includes("journal_mode")) super.exec(`PRAGMA max_page_count = 40`);
      }
    }
    const small = await temporaryHome({ Database: SmallDatabase });
    try {
      const full = await small.open();
      await full.addDeal(record());
      const other = new Writer(record().id);
      const many = Array.from({ length: 300 }, (_, one) => ({ op: "add", slab: slab(one), length: 32 }) as const);
      await other.revise(full, many.slice(0, 3));
      for (const { slab: one } of many) await other.stage(full, one, 32);
      expect(await failure(full.revise(other.change(many.slice(3))))).to.include({ code: "DiskFull" });
      await expectProvable(full, other);
      await full.close();
      const larger = await DiskStore.open({ directory: small.directory, limits: roomy });
      await other.revise(larger, many.slice(3));
      await expectProvable(larger, other);
      await larger.close();
    } finally {
      await small.remove();
      store = await home.open();
    }
  });

  it("goes on without staged bytes that it could not flush", async () => {
    await writer.stage(store, slab(1), BLOCK);
    disk.fail("sync", 1, "EIO");
    await store.revise(writer.change([{ op: "add", slab: slab(1), length: BLOCK }])).catch(() => {});
    expect(await store.heldBytes(writer.deal, slab(1))).to.equal(0);
  });

  describe("given sector files that are gone", () => {
    it("names the slab that cannot be read, and serves the others", async () => {
      await writer.revise(store, [{ op: "add", slab: slab(1), length: BLOCK }]);
      const directory = join(home.directory, "sectors", writer.deal.slice(2), "00");
      await rm(join(directory, (await readdir(directory))[0]!));
      const error = await store.read(writer.deal, slab(0), 0, 32).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(SectorLostError);
      expect(error).to.include({ code: "SECTOR_LOST", deal: writer.deal });
      expect(error.slab).to.deep.equal(slab(0));
      expect(await store.read(writer.deal, slab(1), 0, 32)).to.have.length(32);
    });

    it("does not grow what it lost, as if the gap were zeros", async () => {
      const directory = join(home.directory, "sectors", writer.deal.slice(2), "00");
      await truncate(join(directory, (await readdir(directory))[0]!), BLOCK);
      const error = await store.append(writer.deal, slab(0), BLOCK + 64, new Uint8Array(32)).catch((thrown) => thrown);
      expect(error).to.be.instanceOf(SectorLostError);
    });

    it("still opens, and keeps its receipts", async () => {
      await store.close();
      await rm(join(home.directory, "sectors"), { recursive: true });
      store = await home.open();
      expect((await store.newest(writer.deal))?.revision.number).to.equal(writer.number);
    });
  });

  describe("given another process with the folder open", () => {
    it("refuses, and names the folder", async () => {
      const error = await failure(home.open(roomy));
      expect(error).to.include({ code: "HomeBusy" });
    });
  });

  describe("given a database that is none", () => {
    it("says which file", async () => {
      const broken = await temporaryHome();
      await nodeDisk.write(join(broken.directory, "store.sqlite"), 0, new Uint8Array(8192).fill(7));
      const error = await failure(broken.open());
      expect(error).to.include({ code: "StateCorrupt", file: join(broken.directory, "store.sqlite") });
      await broken.remove();
    });
  });
});
