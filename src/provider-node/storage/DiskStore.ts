/**
 * The store on a disk: sector files beside one SQLite database, in a folder that one process uses at a time. A revision is
 * answered only after its bytes, then its names, then its journal entry were flushed, in that order. While one flush is
 * under way further revisions gather, and share the next.
 */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Hex } from "viem";
import type { SlabId } from "../../codec/Slab.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { SignedRevision } from "../../protocol/Messages.ts";
import { isSqlite, openDatabase, SQLITE_FULL, STORE_FILE } from "./Database.ts";
import { type Disk, nodeDisk } from "./Disk.ts";
import { type FolderQuota, settle } from "./Folders.ts";
import { Journal } from "./Journal.ts";
import { SectorFiles } from "./SectorFiles.ts";
import { Space, type StorageLimits } from "./Space.ts";
import {
  type CapabilityUse,
  type Change,
  type DealRecord,
  type Kept,
  type ReadAccount,
  type Sector,
  StorageFailure,
  type Store,
  type Usage,
} from "./Store.ts";

export interface DiskStoreOptions {
  readonly directory: string;
  readonly limits: StorageLimits;
  /** More room, on other disks. */
  readonly folders?: readonly FolderQuota[];
  readonly disk?: Disk;
  readonly Database?: typeof DatabaseSync;
}

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class DiskStore implements Store {
  readonly #journal: Journal;
  readonly #files: SectorFiles;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | null = null;

  private constructor(journal: Journal, files: SectorFiles) {
    this.#journal = journal;
    this.#files = files;
  }

  /** @throws SubletException HomeBusy when another process has it open, StateCorrupt, FolderMissing, BadArgument */
  static async open(options: DiskStoreOptions): Promise<DiskStore> {
    const { directory, limits, folders = [], disk = nodeDisk, Database } = options;
    const sectors = join(directory, "sectors");
    await disk.makeDirectory(sectors);
    await disk.syncDirectory(directory);
    const journal = new Journal(openDatabase(join(directory, STORE_FILE), Database));
    try {
      const own = { key: 0, path: sectors, quotaBytes: limits.quotaBytes };
      const space = new Space([own, ...(await settle(journal, disk, folders))], limits, journal.shares());
      const files = new SectorFiles(disk, space, (deal, slab) => journal.located(deal, slab));
      await files.removeStrays(new Set(journal.deals().map(({ id }) => id)));
      return new DiskStore(journal, files);
    } catch (error) {
      journal.close();
      throw error;
    }
  }

  async addDeal(deal: DealRecord): Promise<void> {
    this.#write("remembering a deal", () => this.#journal.addDeal(deal));
  }

  async removeDeal(deal: Hex): Promise<void> {
    const kept = this.#journal.shares(deal);
    this.#write("forgetting a deal", () => this.#journal.removeDeal(deal));
    await this.#files.removeDeal(deal, kept);
  }

  async deals(): Promise<DealRecord[]> {
    return this.#journal.deals();
  }

  async cursor(): Promise<bigint> {
    return this.#journal.cursor();
  }

  async saveCursor(block: bigint): Promise<void> {
    this.#write("remembering the block", () => this.#journal.saveCursor(block));
  }

  async append(deal: Hex, slab: SlabId, offset: number, bytes: Uint8Array): Promise<number> {
    return this.#files.append(deal, slab, offset, bytes);
  }

  async heldBytes(deal: Hex, slab: SlabId): Promise<number> {
    return this.#files.heldBytes(deal, slab);
  }

  async keptBytes(deal: Hex): Promise<number> {
    return this.#journal.shares(deal).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  stagedBytes(deal: Hex): number {
    return this.#files.stagedBytes(deal);
  }

  async expire(before: number): Promise<void> {
    await this.#files.expire(before);
  }

  async read(deal: Hex, slab: SlabId, offset: number, length: number): Promise<Uint8Array> {
    return this.#files.read(deal, slab, offset, length);
  }

  async kept(deal: Hex, slab: SlabId): Promise<Kept | undefined> {
    return this.#journal.kept(deal, slab);
  }

  async revise(change: Change): Promise<void> {
    const { deal } = change.receipt.revision;
    const pinned: SlabId[] = [];
    try {
      for (const { slab, length } of change.kept) {
        await this.#files.pin(deal, slab, length);
        pinned.push(slab);
      }
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push({ change, resolve, reject });
        this.#flushing ??= this.#flush();
      });
    } catch (error) {
      for (const slab of pinned) await this.#files.unpin(deal, slab);
      throw error;
    }
    for (const { slab, length } of change.kept) await this.#files.keep(deal, slab, length);
  }

  async receipts(deal: Hex): Promise<SignedRevision[]> {
    return this.#journal.receipts(deal);
  }

  async receiptCount(deal: Hex): Promise<number> {
    return this.#journal.receiptCount(deal);
  }

  async newest(deal: Hex): Promise<SignedRevision | undefined> {
    return this.#journal.newest(deal);
  }

  async receipt(deal: Hex, number: bigint): Promise<SignedRevision | undefined> {
    return this.#journal.receipt(deal, number);
  }

  async head(deal: Hex): Promise<Uint8Array> {
    return this.#journal.head(deal);
  }

  async roots(deal: Hex, number: bigint): Promise<Uint8Array[]> {
    return this.#journal.roots(deal, number);
  }

  async sectors(deal: Hex, number: bigint, from: number, limit: number): Promise<Sector[]> {
    return this.#journal.sectors(deal, number, from, limit);
  }

  async find(deal: Hex, slab: SlabId): Promise<{ index: number; sector: Sector } | undefined> {
    return this.#journal.find(deal, slab);
  }

  async finalize(deal: Hex, number: bigint): Promise<boolean> {
    const freed = this.#write("forgetting revisions", () => this.#journal.finalize(deal, number));
    if (!freed) return false;
    const outcomes = await Promise.allSettled(
      freed.map(({ slab, ...located }) => this.#files.free(deal, slab, located)),
    );
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    return true;
  }

  async readAccounts(): Promise<ReadAccount[]> {
    return this.#journal.readAccounts();
  }

  async capabilities(): Promise<CapabilityUse[]> {
    return this.#journal.capabilities();
  }

  async forgetCapabilities(before: number): Promise<void> {
    this.#write("forgetting capabilities", () => this.#journal.forgetCapabilities(before));
  }

  async saveReads(accounts: readonly ReadAccount[], uses: readonly CapabilityUse[]): Promise<void> {
    this.#write("remembering vouchers", () => this.#journal.saveReads(accounts, uses));
  }

  usage(): Usage {
    return this.#files.usage;
  }

  async close(): Promise<void> {
    while (this.#flushing) await this.#flushing;
    this.#journal.close();
  }

  // ---------------------------------------------------------------- group commit

  async #flush(): Promise<void> {
    // One turn of the event loop, so that requests of one packet share a flush.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const synced = new Set<Waiting>();
      await Promise.all(
        group.map(async (one) => {
          try {
            await this.#files.sync(
              one.change.receipt.revision.deal,
              one.change.kept.map(({ slab }) => slab),
            );
            synced.add(one);
          } catch (error) {
            one.reject(error);
          }
        }),
      );
      this.#record(group.filter((one) => synced.has(one)));
    }
    this.#flushing = null;
  }

  /** Journals a group in one transaction. A stale change fails alone; a failure of the database fails all. */
  #record(group: readonly Waiting[]): void {
    const stale = new Map<Waiting, unknown>();
    try {
      this.#write("recording a revision", () => {
        for (const one of group) {
          try {
            const { deal } = one.change.receipt.revision;
            this.#journal.revise(one.change, (slab) => this.#files.folderOf(deal, slab));
          } catch (error) {
            if (!SubletException.is(error, "Conflict", "Behind", "UnknownDeal")) throw error;
            stale.set(one, error);
          }
        }
      });
    } catch (error) {
      for (const { reject } of group) reject(error);
      return;
    }
    for (const one of group) {
      if (stale.has(one)) one.reject(stale.get(one));
      else one.resolve();
    }
  }

  #write<Result>(step: string, write: () => Result): Result {
    try {
      return this.#journal.transaction(write);
    } catch (error) {
      if (isSqlite(error, SQLITE_FULL)) {
        throw new SubletException({ code: "DiskFull", neededBytes: 0, freeBytes: 0 }, { cause: error });
      }
      throw error instanceof SubletException ? error : new StorageFailure(step, error);
    }
  }
}
