/** Where sectors lie, on one disk or several, and how much of each quota is taken. */
import { join } from "node:path";
import type { Hex } from "viem";
import { idBytes, type SlabId } from "../../codec/Slab.ts";
import { SECTOR_BYTES } from "../../codec/sizes.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Usage } from "./Store.ts";

export interface StorageLimits {
  /** Bytes of sectors in the store's own folder, staged ones included. */
  readonly quotaBytes: number;
  readonly stagedBytes: number;
  readonly stagedBytesPerDeal: number;
}

/** What is kept in one folder, of one deal or of all. */
export interface Share {
  readonly folder: number;
  readonly bytes: number;
  readonly slabs: number;
}

/** A folder that sectors lie in; the store's own has key 0, one that was given up no quota. */
export interface Folder {
  readonly key: number;
  readonly path: string;
  readonly quotaBytes: number;
}

interface Filled extends Folder {
  usedBytes: number;
  slabs: number;
}

export class Space {
  readonly #folders: ReadonlyMap<number, Filled>;
  readonly #limits: StorageLimits;
  readonly #stagedByDeal = new Map<Hex, number>();
  #stagedBytes = 0;

  /** `kept`: what the journal has in each folder. */
  constructor(folders: readonly Folder[], limits: StorageLimits, kept: readonly Share[]) {
    this.#limits = limits;
    this.#folders = new Map(folders.map((folder) => [folder.key, { ...folder, usedBytes: 0, slabs: 0 }]));
    for (const { folder, bytes, slabs } of kept) {
      const filled = this.#folders.get(folder)!;
      filled.usedBytes = bytes;
      filled.slabs = slabs;
    }
  }

  get folders(): readonly Folder[] {
    return [...this.#folders.values()];
  }

  get usage(): Usage {
    const sum = (of: (folder: Filled) => number): number => {
      return [...this.#folders.values()].reduce((so, folder) => so + of(folder), 0);
    };
    return {
      usedBytes: sum(({ usedBytes }) => usedBytes),
      stagedBytes: this.#stagedBytes,
      quotaBytes: sum(({ quotaBytes }) => quotaBytes),
    };
  }

  stagedBytes(deal: Hex): number {
    return this.#stagedByDeal.get(deal) ?? 0;
  }

  /** For a new slab: the folder with most room when each slab has grown to a whole sector, else with most room now. */
  choose(): number {
    const folders = [...this.#folders.values()];
    const most = (room: (folder: Filled) => number): Filled => {
      return folders.reduce((best, one) => (room(one) > room(best) ? one : best));
    };
    const whole = (folder: Filled): number => folder.quotaBytes - folder.slabs * SECTOR_BYTES;
    const best = most(whole);
    return whole(best) >= SECTOR_BYTES ? best.key : most(({ quotaBytes, usedBytes }) => quotaBytes - usedBytes).key;
  }

  /** Takes room for bytes to be staged; `fresh`: the first of a slab. @throws StagingFull, DiskFull */
  reserve(deal: Hex, folder: number, bytes: number, fresh: boolean): void {
    const { stagedBytes, stagedBytesPerDeal } = this.#limits;
    if (this.stagedBytes(deal) + bytes > stagedBytesPerDeal) {
      throw new SubletException({ code: "StagingFull", limit: stagedBytesPerDeal });
    }
    if (this.#stagedBytes + bytes > stagedBytes) throw new SubletException({ code: "StagingFull", limit: stagedBytes });
    const filled = this.#folders.get(folder)!;
    const free = Math.max(0, filled.quotaBytes - filled.usedBytes);
    if (bytes > free) throw new SubletException({ code: "DiskFull", neededBytes: bytes, freeBytes: free });
    filled.usedBytes += bytes;
    if (fresh) filled.slabs++;
    this.count(deal, bytes);
  }

  /** Gives back room of staged bytes; `last`: nothing of the slab is left. */
  release(deal: Hex, folder: number, bytes: number, last: boolean): void {
    this.#give({ folder, bytes, slabs: last ? 1 : 0 });
    this.count(deal, -bytes);
  }

  /** What was kept is gone. */
  forget(kept: readonly Share[]): void {
    for (const share of kept) this.#give(share);
  }

  /** So many bytes more are staged, or fewer. */
  count(deal: Hex, staged: number): void {
    this.#stagedBytes += staged;
    const ofDeal = this.stagedBytes(deal) + staged;
    if (ofDeal === 0) this.#stagedByDeal.delete(deal);
    else this.#stagedByDeal.set(deal, ofDeal);
  }

  /** A deal's part of a folder, or a slab's file in it. */
  pathOf(folder: number, deal: Hex, slab?: SlabId): string {
    const { path } = this.#folders.get(folder)!;
    return slab ? sectorPath(path, deal, slab) : join(path, deal.slice(2));
  }

  #give({ folder, bytes, slabs }: Share): void {
    const filled = this.#folders.get(folder)!;
    filled.usedBytes -= bytes;
    filled.slabs -= slabs;
  }
}

/** A slab's file among the sectors of a folder. */
export function sectorPath(sectors: string, deal: Hex, slab: SlabId): string {
  const name = nameOf(slab);
  return join(sectors, deal.slice(2), name.slice(-2), name);
}

export function nameOf(slab: SlabId): string {
  return Buffer.from(idBytes(slab)).toString("hex");
}

export function slabOf(name: string): SlabId | undefined {
  if (!/^[0-9a-f]{24}$/.test(name)) return undefined;
  return { lane: BigInt(`0x${name.slice(0, 16)}`), sequence: Number.parseInt(name.slice(16), 16) };
}
