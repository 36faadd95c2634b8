/**
 * The bytes of slabs, one file each: <folder>/<deal>/<last byte>/<slab>. A slab is *held* up to some length; what a revision
 * holds of it is *kept*, the rest is *staged* and may expire. Lengths live in memory and in the journal, never in the
 * file: bytes beyond them mean nothing and are written over.
 */
import { join } from "node:path";
import type { Hex } from "viem";
import { requireInteger } from "../../codec/bounds.ts";
import type { SlabId } from "../../codec/Slab.ts";
import { CHUNK_BYTES, SECTOR_BYTES } from "../../codec/sizes.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { Turns } from "../Turns.ts";
import type { Disk } from "./Disk.ts";
import { nameOf, type Share, type Space, slabOf } from "./Space.ts";
import { SectorLostError, StorageFailure, type Usage } from "./Store.ts";

/** What the journal has of a slab. */
export interface Located {
  readonly length: number;
  readonly folder: number;
}

interface Held {
  readonly deal: Hex;
  readonly slab: SlabId;
  /** Chosen with its first byte. */
  folder: number;
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
  readonly #space: Space;
  readonly #located: (deal: Hex, slab: SlabId) => Located | undefined;
  /** Only slabs with something staged or under way: of all others the journal knows everything. */
  readonly #held = new Map<string, Held>();
  readonly #turns = new Turns();
  readonly #knownDirectories = new Set<string>();

  /** `located` asks the journal. */
  constructor(disk: Disk, space: Space, located: (deal: Hex, slab: SlabId) => Located | undefined) {
    this.#disk = disk;
    this.#space = space;
    this.#located = located;
  }

  get usage(): Usage {
    return this.#space.usage;
  }

  stagedBytes(deal: Hex): number {
    return this.#space.stagedBytes(deal);
  }

  heldBytes(deal: Hex, slab: SlabId): number {
    return this.#held.get(keyOf(deal, slab))?.held ?? this.#located(deal, slab)?.length ?? 0;
  }

  /** The folder that a slab which is held lies in. */
  folderOf(deal: Hex, slab: SlabId): number {
    return (this.#held.get(keyOf(deal, slab)) ?? this.#load(deal, slab)).folder;
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
      const fresh = held.held === 0;
      if (fresh) held.folder = this.#space.choose();
      this.#space.reserve(deal, held.folder, bytes.length, fresh);
      try {
        const path = this.#pathOf(held);
        if (fresh) await this.#disk.makeDirectory(join(path, ".."));
        await this.#disk.write(path, offset, bytes);
      } catch (error) {
        this.#space.release(deal, held.folder, bytes.length, fresh);
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
    const held = this.#held.get(keyOf(deal, slab)) ?? this.#load(deal, slab);
    if (offset + length > held.held) throw new SubletException({ code: "NoSuchSlab", deal, slab });
    return this.#read(held, offset, length);
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
    const directories = new Map<string, number>();
    await Promise.all(
      slabs.map((slab) =>
        this.#inTurn(deal, slab, async (held) => {
          try {
            const path = this.#pathOf(held);
            await this.#disk.sync(path);
            if (held.kept === 0) directories.set(join(path, ".."), held.folder);
          } catch (error) {
            this.#cut(held);
            throw this.#failure("flushing a sector", error, held.held - held.kept);
          }
        }),
      ),
    );
    try {
      for (const [directory, folder] of directories) await this.#syncDirectories(directory, folder);
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
      this.#space.count(deal, -more);
    });
  }

  /**
   * The journal has just forgotten what it had of a slab: at once they count as staged, so that a revision on its way
   * may still take them up; otherwise they go.
   */
  async free(deal: Hex, slab: SlabId, { length, folder }: Located): Promise<void> {
    const key = keyOf(deal, slab);
    const known = this.#held.get(key);
    if (known) known.kept = 0;
    else this.#held.set(key, { ...this.#load(deal, slab), folder, held: length });
    this.#space.count(deal, length);
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
  async removeDeal(deal: Hex, kept: readonly Share[]): Promise<void> {
    for (const held of [...this.#held.values()].filter((one) => one.deal === deal)) {
      await this.#inTurn(deal, held.slab, async (one) => this.#cut(one, 0));
    }
    this.#space.forget(kept);
    this.#knownDirectories.clear();
    for (const { key } of this.#space.folders) await this.#disk.remove(this.#space.pathOf(key, deal));
  }

  /** Removes files that the journal knows nothing of: what was staged when the process ended. */
  async removeStrays(deals: ReadonlySet<Hex>): Promise<void> {
    for (const { key, path } of this.#space.folders) {
      for (const name of await this.#disk.list(path)) {
        const deal = `0x${name}` as const;
        if (deals.has(deal)) await this.#removeStraysOf(deal, key);
        else await this.#disk.remove(join(path, name));
      }
    }
  }

  async #removeStraysOf(deal: Hex, folder: number): Promise<void> {
    const directory = this.#space.pathOf(folder, deal);
    for (const bucket of await this.#disk.list(directory)) {
      for (const file of await this.#disk.list(join(directory, bucket))) {
        const slab = slabOf(file);
        // In another folder than is known: somebody moved it, and a check of the store can find it.
        if (slab && this.heldBytes(deal, slab) > 0) continue;
        await this.#disk.remove(join(directory, bucket, file));
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
    const { length: kept, folder } = this.#located(deal, slab) ?? { length: 0, folder: 0 };
    return { deal, slab, folder, kept, held: kept, pins: 0, touchedAt: 0 };
  }

  /** Writing behind the end of a file that lost bytes would fill the gap with zeros and look whole. */
  async #requireKept(held: Held): Promise<void> {
    const { deal, slab, kept } = held;
    const path = this.#pathOf(held);
    const size = await this.#disk.size(path).then(
      (bytes) => bytes ?? 0,
      (error) => {
        throw this.#failure("looking at a sector", error, 0);
      },
    );
    if (size < kept) throw new SectorLostError(deal, slab, path, `it has ${size} bytes, not ${kept}`);
  }

  async #compare(held: Held, offset: number, bytes: Uint8Array): Promise<number> {
    const same = await this.#read(held, offset, bytes.length);
    if (Buffer.compare(same, bytes) !== 0) throw new SubletException({ code: "ContentMismatch", offset });
    return held.held;
  }

  async #read(held: Held, offset: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const { deal, slab } = held;
    const path = this.#pathOf(held);
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
      if (held.kept === 0) await this.#disk.remove(this.#pathOf(held));
      else await this.#disk.truncate(this.#pathOf(held), held.kept);
    } catch (error) {
      throw this.#failure("dropping staged bytes", error, 0);
    }
  }

  #cut(held: Held, kept = held.kept): void {
    const last = held.kept === 0 && held.held > 0;
    this.#space.release(held.deal, held.folder, held.held - held.kept, last);
    held.kept = kept;
    held.held = kept;
  }

  /** A directory's own names, and the names of those above it where this process may have made them. */
  async #syncDirectories(directory: string, folder: number): Promise<void> {
    const top = this.#space.folders.find(({ key }) => key === folder)!.path;
    await this.#disk.syncDirectory(directory);
    for (let at = directory; at !== top && !this.#knownDirectories.has(at); at = join(at, "..")) {
      await this.#disk.syncDirectory(join(at, ".."));
    }
    for (let at = directory; at !== top; at = join(at, "..")) this.#knownDirectories.add(at);
  }

  #failure(step: string, error: unknown, neededBytes: number): Error {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ENOSPC" && code !== "EDQUOT") return new StorageFailure(step, error);
    return new SubletException({ code: "DiskFull", neededBytes, freeBytes: 0 }, { cause: error });
  }

  #pathOf({ folder, deal, slab }: Held): string {
    return this.#space.pathOf(folder, deal, slab);
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
