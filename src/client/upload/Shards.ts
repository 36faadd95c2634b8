/**
 * What each position of a slab holds, computed from the journal: n masked blocks at a time, kept for a while, because n
 * providers ask for the same ones at about the same time.
 */
import { BLOCK_BYTES, Cipher, Keys, ReedSolomon, type Slab } from "../../codec/index.ts";
import { slabName } from "../catalogue/Catalogue.ts";
import type { Volume } from "../volumes/Volume.ts";
import type { Journal } from "./Journal.ts";

const CACHE_BYTES = 48 * 1_048_576;

export class Shards {
  readonly #journal: Journal;
  readonly #drive: Uint8Array;
  readonly #maskRoots = new Map<bigint, Uint8Array>();
  /** Least recently used first. */
  readonly #cache = new Map<string, { bytes: number; blocks: Promise<Uint8Array[]> }>();
  #cachedBytes = 0;

  constructor(journal: Journal, drive: Uint8Array) {
    this.#journal = journal;
    this.#drive = drive;
  }

  maskKeys(volume: Volume, slab: Slab.SlabId): Uint8Array[] {
    let root = this.#maskRoots.get(volume.id);
    if (!root) {
      root = Keys.maskRoot(this.#drive, volume.id);
      this.#maskRoots.set(volume.id, root);
    }
    return Keys.maskKeys(root, slab, volume.n);
  }

  /** Bytes [from, to) of one position's sector, 1 to 1 MiB. */
  async range(volume: Volume, slab: Slab.SlabId, position: number, from: number, to: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(to - from);
    for (let at = from; at < to; ) {
      const block = Math.floor(at / BLOCK_BYTES);
      const end = Math.min(to, (block + 1) * BLOCK_BYTES);
      const blocks = await this.block(volume, slab, block, end);
      bytes.set(blocks[position]!.subarray(at - block * BLOCK_BYTES, end - block * BLOCK_BYTES), at - from);
      at = end;
    }
    return bytes;
  }

  /** Block `index` of every position, from its start to sector offset `end`, masked. */
  block(volume: Volume, slab: Slab.SlabId, index: number, end: number): Promise<Uint8Array[]> {
    const key = `${slabName(slab)}/${index}/${end}`;
    const held = this.#cache.get(key);
    const start = index * BLOCK_BYTES;
    const entry = held ?? { bytes: volume.n * (end - start), blocks: this.#encode(volume, slab, start, end) };
    this.#cache.delete(key);
    this.#cache.set(key, entry);
    if (!held) {
      this.#cachedBytes += entry.bytes;
      entry.blocks.catch(() => this.#forget(key));
      for (const oldest of this.#cache.keys()) {
        if (this.#cachedBytes <= CACHE_BYTES || oldest === key) break;
        this.#forget(oldest);
      }
    }
    return entry.blocks;
  }

  async #encode(volume: Volume, slab: Slab.SlabId, start: number, end: number): Promise<Uint8Array[]> {
    const data = await this.#journal.read(slab, volume.k, start, end);
    const keys = this.maskKeys(volume, slab);
    return [...data, ...ReedSolomon.encode(volume, data)].map((block, position) =>
      Cipher.crypt(keys[position]!, start, block),
    );
  }

  #forget(key: string): void {
    const entry = this.#cache.get(key);
    if (!entry) return;
    this.#cache.delete(key);
    this.#cachedBytes -= entry.bytes;
  }
}
