/**
 * The bytes of slabs, one file each: sectors/<deal>/<last byte>/<slab>. A slab is *held* up to some length; what a revision
 * holds of it is *kept*, the rest is *staged* and may expire. Lengths live in memory and in the journal, never in the
 * file: bytes beyond them mean nothing and are written over.
 */
import { join } from "node:path";
import type { Hex } from "viem";
import { requireInteger } from "../../codec/bounds.ts";
import { idBytes, type SlabId } from "../../codec/Slab.ts";
import { CHUNK_BYTES, SECTOR_BYTES } from "../../codec/sizes.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { Turns } from "../Turns.ts";
import type { Disk } from "./Disk.ts";
import { SectorLostError, StorageFailure, type Usage } from "./Store.ts";

export interface StorageLimits {
  /** Bytes of sectors in all, staged ones included. */
  readonly quotaBytes: number;
  readonly stagedBytes: number;
  readonly stagedBytesPerDeal: number;
}

interface Held {
  readonly deal: Hex;
  readonly slab: SlabId;
  readonly path: string;
  /** Bytes of it that the journal has. */
  kept: number;
  /** Bytes of it that were written. */
  held: number;
  /** Revisions on their way that need what is held now. */
  pins: number;
  touchedAt: number;
}

export class SectorFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #limits: StorageLimits;
  readonly #keptBytes: (deal: Hex, slab: SlabId) => number;
  /** Only slabs with something staged or under way: of all others the journal knows everything. */
  readonly #held = new Map<string, Held>();
  readonly #turns = new Turns();
  readonly #stagedByDeal = new Map<Hex, number>();
  readonly #knownDirectories = new Set<string>();
  #usedBytes: number;
  #stagedBytes = 0;

  /** `keptBytes` asks the journal; `usedBytes` is what is kept of all slabs together. */
  constructor(
    disk: Disk,
    directory: string,
    limits: StorageLimits,
    keptBytes: (deal: Hex, slab: SlabId) => number,
    usedBytes: number,
  ) {
    this.#disk = disk;
    this.#directory = directory;
    this.#limits = limits;
    this.#keptBytes = keptBytes;
    this.#usedBytes = usedBytes;
  }

  get usage(): Usage {
    return { usedBytes: this.#usedBytes, stagedBytes: this.#stagedBytes, quotaBytes: this.#limits.quotaBytes };
  }

  stagedBytes(deal: Hex): number {
    return this.#stagedByDeal.get(deal) ?? 0;
  }

  heldBytes(deal: Hex, slab: SlabId): number {
    return this.#held.get(keyOf(deal, slab))?.held ?? this.#keptBytes(deal, slab);
  }

  async append(deal: Hex, slab: SlabId, offset: number, bytes: Uint8Array): Promise<number> {
    requireAligned("an offset in a sector", offset);
    requireAligned("the length of an append", bytes.length);
    const end = offset + bytes.length;
    requireAligned("the end of an append", end);
    return this.#inTurn(deal, slab, async (held) => {
      if (end <= held.held) return this.#compare(held, offset, bytes);
      if (offset !== held.held) throw new SubletException({ code: "Behind", length: held.held });
      if (held.held === held.kept) await this.#requireKept(held);
      this.#reserve(deal, bytes.length);
      try {
        if (held.held === 0) await this.#disk.makeDirectory(join(held.path, ".."));
        await this.#disk.write(held.path, offset, bytes);
      } catch (error) {
        this.#release(deal, bytes.length);
        throw this.#failure("writing a sector", error, bytes.length);
      }
      held.held = end;
      held.touchedAt = Date.now();
      return end;
    });
  }

  async read(deal: Hex, slab: SlabId, offset: number, length: number): Promise<Uint8Array> {
    requireInteger("an offset in a sector", offset, 0, SECTOR_BYTES);
    requireInteger("the length of a read", length, 0, SECTOR_BYTES - offset);
    if (offset + length > this.heldBytes(deal, slab)) throw new SubletException({ code: "NoSuchSlab", deal, slab });
    return this.#read(deal, slab, offset, length);
  }

  /** Keeps `length` bytes of a slab from expiring until {@link keep} or {@link unpin}. @throws Behind */
  pin(deal: Hex, slab: SlabId, length: number): Promise<void> {
    return this.#inTurn(deal, slab, async (held) => {
      if (held.held < length) throw new SubletException({ code: "Behind", length: held.held });
      held.pins++;
    });
  }

  unpin(deal: Hex, slab: SlabId): Promise<void> {
    return this.#inTurn(deal, slab, async (held) => {
      held.pins--;
    });
  }

  /**
   * Returns once all bytes held of pinned slabs would survive a power cut. After a failure nobody knows what of the
   * staged bytes is on the disk, so they are dropped and have to be sent again.
   */
  async sync(deal: Hex, slabs: readonly SlabId[]): Promise<void> {
    const directories = new Set<string>();
    await Promise.all(
      slabs.map((slab) =>
        this.#inTurn(deal, slab, async (held) => {
          try {
            await this.#disk.sync(held.path);
            if (held.kept === 0) directories.add(join(held.path, ".."));
          } catch (error) {
            this.#cut(held);
            throw this.#failure("flushing a sector", error, held.held - held.kept);
          }
        }),
      ),
    );
    try {
      for (const directory of directories) await this.#syncDirectories(directory);
    } catch (error) {
      throw this.#failure("flushing a directory", error, 0);
    }
  }

  /** The journal has `length` bytes of a pinned slab. */
  keep(deal: Hex, slab: SlabId, length: number): Promise<void> {
    return this.#inTurn(deal, slab, async (held) => {
      held.pins--;
      const more = Math.max(0, length - held.kept);
      held.kept += more;
      this.#count(deal, -more);
    });
  }

  /**
   * The journal has just forgotten `length` bytes of a slab: at once they count as staged, so that a revision on its way
   * may still take them up; otherwise they go.
   */
  async free(deal: Hex, slab: SlabId, length: number): Promise<void> {
    const key = keyOf(deal, slab);
    const known = this.#held.get(key);
    if (known) known.kept = 0;
    else this.#held.set(key, { ...this.#load(deal, slab), held: length });
    this.#count(deal, length);
    await this.#inTurn(deal, slab, async (held) => {
      if (held.pins === 0) await this.#drop(held);
    });
  }

  /** Drops what was staged and not touched since `before` (unix milliseconds). */
  async expire(before: number): Promise<void> {
    for (const { deal, slab } of [...this.#held.values()]) {
      await this.#inTurn(deal, slab, async (held) => {
        if (held.pins === 0 && held.touchedAt < before) await this.#drop(held);
      });
    }
  }

  /** Removes all bytes of a deal of which the journal has nothing any more; `kept` is what it had. */
  async removeDeal(deal: Hex, kept: number): Promise<void> {
    for (const held of [...this.#held.values()].filter((one) => one.deal === deal)) {
      await this.#inTurn(deal, held.slab, async (one) => this.#cut(one, 0));
    }
    this.#usedBytes -= kept;
    this.#knownDirectories.clear();
    await this.#disk.remove(this.#pathOf(deal));
  }

  /** Removes files that the journal knows nothing of: what was staged when the process ended. */
  async removeStrays(deals: ReadonlySet<Hex>): Promise<void> {
    for (const name of await this.#disk.list(this.#directory)) {
      const deal = `0x${name}` as const;
      if (!deals.has(deal)) {
        await this.#disk.remove(join(this.#directory, name));
        continue;
      }
      for (const bucket of await this.#disk.list(this.#pathOf(deal))) {
        for (const file of await this.#disk.list(join(this.#pathOf(deal), bucket))) {
          const slab = slabOf(file);
          if (slab && this.heldBytes(deal, slab) > 0) continue;
          await this.#disk.remove(join(this.#pathOf(deal), bucket, file));
        }
      }
    }
  }

  // ---------------------------------------------------------------- one slab at a time

  /** Runs tasks on one slab one after another, in the order they came. */
  #inTurn<Result>(deal: Hex, slab: SlabId, task: (held: Held) => Promise<Result>): Promise<Result> {
    const key = keyOf(deal, slab);
    return this.#turns.take(key, async () => {
      const held = this.#held.get(key) ?? this.#load(deal, slab);
      this.#held.set(key, held);
      try {
        return await task(held);
      } finally {
        if (held.held === held.kept && held.pins === 0) this.#held.delete(key);
      }
    });
  }

  #load(deal: Hex, slab: SlabId): Held {
    const kept = this.#keptBytes(deal, slab);
    return { deal, slab, path: this.#pathOf(deal, slab), kept, held: kept, pins: 0, touchedAt: 0 };
  }

  /** Writing behind the end of a file that lost bytes would fill the gap with zeros and look whole. */
  async #requireKept({ deal, slab, path, kept }: Held): Promise<void> {
    const size = await this.#disk.size(path).then(
      (bytes) => bytes ?? 0,
      (error) => {
        throw this.#failure("looking at a sector", error, 0);
      },
    );
    if (size < kept) throw new SectorLostError(deal, slab, path, `it has ${size} bytes, not ${kept}`);
  }

  async #compare(held: Held, offset: number, bytes: Uint8Array): Promise<number> {
    const same = await this.#read(held.deal, held.slab, offset, bytes.length);
    if (Buffer.compare(same, bytes) !== 0) throw new SubletException({ code: "ContentMismatch", offset });
    return held.held;
  }

  async #read(deal: Hex, slab: SlabId, offset: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const path = this.#pathOf(deal, slab);
    let bytes: Uint8Array;
    try {
      bytes = await this.#disk.read(path, offset, length);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SectorLostError(deal, slab, path, reason);
    }
    if (bytes.length === length) return bytes;
    throw new SectorLostError(deal, slab, path, `it ends at ${offset + bytes.length}, not behind ${offset + length}`);
  }

  /** Drops what is staged of a slab, on the disk too. */
  async #drop(held: Held): Promise<void> {
    if (held.held === held.kept) return;
    this.#cut(held);
    try {
      if (held.kept === 0) await this.#disk.remove(held.path);
      else await this.#disk.truncate(held.path, held.kept);
    } catch (error) {
      throw this.#failure("dropping staged bytes", error, 0);
    }
  }

  #cut(held: Held, kept = held.kept): void {
    this.#release(held.deal, held.held - held.kept);
    held.kept = kept;
    held.held = kept;
  }

  /** A directory's own names, and the names of those above it where this process may have made them. */
  async #syncDirectories(directory: string): Promise<void> {
    await this.#disk.syncDirectory(directory);
    for (let at = directory; at !== this.#directory && !this.#knownDirectories.has(at); at = join(at, "..")) {
      await this.#disk.syncDirectory(join(at, ".."));
    }
    for (let at = directory; at !== this.#directory; at = join(at, "..")) this.#knownDirectories.add(at);
  }

  // ---------------------------------------------------------------- space

  #reserve(deal: Hex, bytes: number): void {
    const { stagedBytes, stagedBytesPerDeal } = this.#limits;
    if (this.stagedBytes(deal) + bytes > stagedBytesPerDeal) {
      throw new SubletException({ code: "StagingFull", limit: stagedBytesPerDeal });
    }
    if (this.#stagedBytes + bytes > stagedBytes) throw new SubletException({ code: "StagingFull", limit: stagedBytes });
    const free = Math.max(0, this.#limits.quotaBytes - this.#usedBytes);
    if (bytes > free) throw new SubletException({ code: "DiskFull", neededBytes: bytes, freeBytes: free });
    this.#usedBytes += bytes;
    this.#count(deal, bytes);
  }

  #release(deal: Hex, bytes: number): void {
    this.#usedBytes -= bytes;
    this.#count(deal, -bytes);
  }

  #count(deal: Hex, staged: number): void {
    this.#stagedBytes += staged;
    const ofDeal = this.stagedBytes(deal) + staged;
    if (ofDeal === 0) this.#stagedByDeal.delete(deal);
    else this.#stagedByDeal.set(deal, ofDeal);
  }

  #failure(step: string, error: unknown, neededBytes: number): Error {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOSPC" && code !== "EDQUOT") return new StorageFailure(step, error);
    return new SubletException({ code: "DiskFull", neededBytes, freeBytes: 0 }, { cause: error });
  }

  #pathOf(deal: Hex, slab?: SlabId): string {
    const directory = join(this.#directory, deal.slice(2));
    if (!slab) return directory;
    const name = nameOf(slab);
    return join(directory, name.slice(-2), name);
  }
}

function requireAligned(what: string, bytes: number): void {
  if (bytes >= 0 && bytes <= SECTOR_BYTES && bytes % CHUNK_BYTES === 0) return;
  const most = BigInt(SECTOR_BYTES);
  throw new SubletException({
    code: "OutOfRange",
    what: `${what}, whole chunks,`,
    least: 0n,
    most,
    actual: BigInt(bytes),
  });
}

function keyOf(deal: Hex, slab: SlabId): string {
  return `${deal}/${nameOf(slab)}`;
}

function nameOf(slab: SlabId): string {
  return Buffer.from(idBytes(slab)).toString("hex");
}

function slabOf(name: string): SlabId | undefined {
  if (!/^[0-9a-f]{24}$/.test(name)) return undefined;
  return { lane: BigInt(`0x${name.slice(0, 16)}`), sequence: Number.parseInt(name.slice(16), 16) };
}
