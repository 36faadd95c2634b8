/**
 * The tree over one deal's sector roots, kept ready to change: every layer is stored, so a changed, added or dropped
 * sector costs one path. 64 bytes a sector.
 */
import { requireInteger, requireLength } from "./bounds.ts";
import { hashLayer, zeroSlot } from "./Layer.ts";
import { CHUNK_BYTES, MAX_DEAL_SECTORS, NODE_BYTES, SECTOR_HEIGHT } from "./sizes.ts";

/** Levels from the sector roots to the deal root: ceil(log2(sectors)). */
export function dealHeight(sectors: number): number {
  requireInteger("the number of sectors", sectors, 1, MAX_DEAL_SECTORS);
  return 32 - Math.clz32(sectors - 1);
}

export class DealTree {
  /**
   * Slots, layer by layer from the sector roots up. A layer of an odd number of nodes is followed by the zero subtree
   * that completes its last pair; what lies behind is not in the tree.
   */
  #layers: Uint8Array[] = [new Uint8Array(2 * CHUNK_BYTES)];
  #sectors = 0;

  /** The tree over sector roots (24 bytes each) in order. */
  static of(roots: readonly Uint8Array[]): DealTree {
    requireInteger("the number of sectors", roots.length, 0, MAX_DEAL_SECTORS);
    const tree = new DealTree();
    if (roots.length === 0) return tree;
    tree.#sectors = roots.length;
    tree.#reserve();
    for (const [index, root] of roots.entries()) tree.#setLeaf(index, root);
    for (let height = 0; height < dealHeight(roots.length); height++) {
      const below = tree.#layers[height]!.subarray(0, tree.#count(height) * CHUNK_BYTES);
      hashLayer(below, SECTOR_HEIGHT + height, tree.#layers[height + 1]!);
    }
    tree.#rehash(roots.length - 1);
    return tree;
  }

  get sectors(): number {
    return this.#sectors;
  }

  /** The deal root: 24 bytes, all zero when there is no sector. */
  get root(): Uint8Array {
    if (this.#sectors === 0) return new Uint8Array(NODE_BYTES);
    return this.#node(dealHeight(this.#sectors), 0);
  }

  /** The root of sector `index`. */
  sectorRoot(index: number): Uint8Array {
    this.#requireIndex(index);
    return this.#node(0, index);
  }

  /** The siblings of sector `index`, from the one beside it up. */
  siblings(index: number): Uint8Array[] {
    this.#requireIndex(index);
    return Array.from({ length: dealHeight(this.#sectors) }, (_, height) =>
      this.#node(height, Math.floor(index / 2 ** height) ^ 1),
    );
  }

  /** Adds a sector behind the last. */
  append(root: Uint8Array): void {
    requireInteger("the number of sectors", this.#sectors + 1, 1, MAX_DEAL_SECTORS);
    requireLength("a sector root", root, NODE_BYTES);
    this.#sectors++;
    this.#reserve();
    this.#setLeaf(this.#sectors - 1, root);
    this.#rehash(this.#sectors - 1);
  }

  /** Sector `index` was filled up further: its root is another now. */
  fill(index: number, root: Uint8Array): void {
    this.#requireIndex(index);
    this.#setLeaf(index, root);
    this.#rehash(index);
  }

  /** Drops sector `index`; the last one takes its place, unless it is the last itself. */
  drop(index: number): void {
    this.#requireIndex(index);
    const last = this.#sectors - 1;
    this.#setLeaf(index, this.#node(0, last));
    this.#sectors--;
    if (last === 0) return;
    if (index < last) this.#rehash(index);
    this.#rehash(last - 1);
  }

  /** A copy that changes by itself. */
  clone(): DealTree {
    const copy = new DealTree();
    copy.#layers = this.#layers.map((layer) => layer.slice());
    copy.#sectors = this.#sectors;
    return copy;
  }

  #requireIndex(index: number): void {
    requireInteger("a sector index", index, 0, this.#sectors - 1);
  }

  #count(height: number): number {
    return Math.ceil(this.#sectors / 2 ** height);
  }

  #node(height: number, index: number): Uint8Array {
    return this.#layers[height]!.slice(index * CHUNK_BYTES, index * CHUNK_BYTES + NODE_BYTES);
  }

  #setLeaf(index: number, root: Uint8Array): void {
    requireLength("a sector root", root, NODE_BYTES);
    this.#layers[0]!.set(root, index * CHUNK_BYTES);
  }

  /** Makes room for every node and the zero subtree beside the last, doubling so that appending stays cheap. */
  #reserve(): void {
    for (let height = 0; height <= dealHeight(this.#sectors); height++) {
      const layer = this.#layers[height];
      const needed = (this.#count(height) + 1) * CHUNK_BYTES;
      if (layer && layer.length >= needed) continue;
      const wider = new Uint8Array(Math.max(needed, 2 * (layer?.length ?? 0)));
      if (layer) wider.set(layer);
      this.#layers[height] = wider;
    }
  }

  /** Hashes the path of one leaf anew, laying down the zero subtree where the path runs along the tree's edge. */
  #rehash(index: number): void {
    for (let height = 0, at = index; height < dealHeight(this.#sectors); height++, at >>>= 1) {
      const layer = this.#layers[height]!;
      const left = at & ~1;
      if (left + 1 === this.#count(height)) layer.set(zeroSlot(SECTOR_HEIGHT + height), (left + 1) * CHUNK_BYTES);
      const above = this.#layers[height + 1]!.subarray((at >>> 1) * CHUNK_BYTES, ((at >>> 1) + 1) * CHUNK_BYTES);
      hashLayer(layer.subarray(left * CHUNK_BYTES, (left + 2) * CHUNK_BYTES), SECTOR_HEIGHT + height, above);
    }
  }
}
