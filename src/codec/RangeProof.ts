/**
 * Proof that chunks [first, end) of a sector are what its root commits to. It holds, level by level from the chunks up,
 * the left and then the right sibling of the range where there is one: 32 bytes each at the bottom, 24 above. Its length
 * follows from the range alone.
 */
import { CodecError, requireInteger, requireLength } from "./bounds.ts";
import { hashLayer, zeroSlot } from "./Layer.ts";
import { blockLayers, blockSlots } from "./SectorTree.ts";
import {
  BLOCK_BYTES,
  BLOCK_CHUNKS,
  BLOCK_HEIGHT,
  BLOCKS_PER_SECTOR,
  CHUNK_BYTES,
  NODE_BYTES,
  SECTOR_BYTES,
  SECTOR_CHUNKS,
  SECTOR_HEIGHT,
} from "./sizes.ts";

/** What a provider holds of a sector: its length, its packed block nodes, and a way to read block `index` (the last one may be short). */
export interface StoredSector {
  readonly length: number;
  readonly blockNodes: Uint8Array;
  readBlock(index: number): Uint8Array;
}

/** Bytes of the proof of chunks [first, end). */
export function proofBytes(first: number, end: number): number {
  let bytes = 0;
  for (const { height } of siblingsOf(first, end)) bytes += slotBytes(height);
  return bytes;
}

/** The blocks {@link prove} reads for the same arguments, ascending: those the range cuts, and one cut by `asOf`. */
export function blocksRead(length: number, first: number, end: number, asOf = length): number[] {
  requireInteger("the length of a sector", length, 0, SECTOR_BYTES);
  requireInteger("asOf", asOf, 0, length);
  requireRange(first, end);
  const firstBlock = Math.floor(first / BLOCK_CHUNKS);
  const lastBlock = Math.floor((end - 1) / BLOCK_CHUNKS);
  const asOfBlock = Math.floor(asOf / BLOCK_BYTES);
  const blocks = new Set<number>();
  if (first % BLOCK_CHUNKS !== 0) blocks.add(firstBlock);
  if (end % BLOCK_CHUNKS !== 0) blocks.add(lastBlock);
  if (asOf < length && (asOfBlock < firstBlock || asOfBlock > lastBlock)) blocks.add(asOfBlock);
  return [...blocks].filter((block) => block * BLOCK_BYTES < asOf).sort((a, b) => a - b);
}

/**
 * The proof of chunks [first, end) against the root the sector had when it was `asOf` bytes long: later bytes count as
 * zero, so a growing sector can prove every root it ever had.
 */
export function prove(sector: StoredSector, first: number, end: number, asOf = sector.length): Uint8Array {
  const read = new Map(
    blocksRead(sector.length, first, end, asOf).map((block) => {
      const bytes = sector.readBlock(block).subarray(0, asOf - block * BLOCK_BYTES);
      requireLength("a block read", bytes, Math.min(BLOCK_BYTES, asOf - block * BLOCK_BYTES));
      return [block, blockLayers(bytes)];
    }),
  );
  const upper = upperLayers(sector.blockNodes, asOf, read);
  const proof = new Uint8Array(proofBytes(first, end));
  let at = 0;
  for (const { height, index } of siblingsOf(first, end)) {
    const slot =
      height < BLOCK_HEIGHT
        ? slotAt(read.get(index >> (BLOCK_HEIGHT - height))?.[height], height, index % 2 ** (BLOCK_HEIGHT - height))
        : slotAt(upper[height - BLOCK_HEIGHT], height, index);
    proof.set(slot.subarray(0, slotBytes(height)), at);
    at += slotBytes(height);
  }
  return proof;
}

/**
 * Checks `bytes`, which are exactly chunks [first, end), against a sector root.
 * @throws LengthError when bytes or proof are longer or shorter than the range asks; RootMismatchError when they are wrong
 */
export function verify(bytes: Uint8Array, first: number, end: number, proof: Uint8Array, root: Uint8Array): void {
  requireLength("a range proof", proof, proofBytes(first, end));
  requireLength("the proven bytes", bytes, (end - first) * CHUNK_BYTES);
  requireLength("a sector root", root, NODE_BYTES);
  let rest = proof;
  const sibling = (height: number): Uint8Array => {
    const taken = rest.subarray(0, slotBytes(height));
    rest = rest.subarray(taken.length);
    return taken;
  };
  let slots = bytes;
  for (let height = 0, left = first, right = end; height < SECTOR_HEIGHT; height++) {
    const before = left % 2;
    const after = right % 2;
    if (before + after > 0) {
      const widened = new Uint8Array(slots.length + (before + after) * CHUNK_BYTES);
      widened.set(slots, before * CHUNK_BYTES);
      if (before) widened.set(sibling(height), 0);
      if (after) widened.set(sibling(height), widened.length - CHUNK_BYTES);
      slots = widened;
    }
    slots = hashLayer(slots, height, new Uint8Array(slots.length / 2));
    left = Math.floor(left / 2);
    right = Math.ceil(right / 2);
  }
  requireRoot(root, slots.subarray(0, NODE_BYTES));
}

/** @throws RootMismatchError unless the two roots are equal */
export function requireRoot(expected: Uint8Array, actual: Uint8Array): void {
  if (Buffer.compare(expected, actual) !== 0) throw new RootMismatchError(expected, actual);
}

function* siblingsOf(first: number, end: number): Generator<{ height: number; index: number }> {
  requireRange(first, end);
  let left = first;
  let right = end;
  for (let height = 0; height < SECTOR_HEIGHT; height++) {
    if (left % 2 === 1) yield { height, index: left - 1 };
    if (right % 2 === 1) yield { height, index: right };
    left = Math.floor(left / 2);
    right = Math.ceil(right / 2);
  }
}

/** The layers from the block nodes up as they were at `asOf`. */
function upperLayers(blockNodes: Uint8Array, asOf: number, read: ReadonlyMap<number, Uint8Array[]>): Uint8Array[] {
  const nodes = blockSlots(blockNodes);
  for (let block = 0; block < BLOCKS_PER_SECTOR; block++) {
    const slot = nodes.subarray(block * CHUNK_BYTES, (block + 1) * CHUNK_BYTES);
    const layers = read.get(block);
    if (block * BLOCK_BYTES >= asOf) slot.set(zeroSlot(BLOCK_HEIGHT));
    else if (layers) slot.set(hashLayer(layers[BLOCK_HEIGHT - 1]!, BLOCK_HEIGHT - 1, new Uint8Array(CHUNK_BYTES)));
  }
  const layers = [nodes];
  for (let height = BLOCK_HEIGHT; height < SECTOR_HEIGHT - 1; height++) {
    const below = layers.at(-1)!;
    layers.push(hashLayer(below, height, new Uint8Array(below.length / 2)));
  }
  return layers;
}

function slotAt(layer: Uint8Array | undefined, height: number, index: number): Uint8Array {
  const slot = layer?.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  return slot === undefined || slot.length === 0 ? zeroSlot(height) : slot;
}

function slotBytes(height: number): number {
  return height === 0 ? CHUNK_BYTES : NODE_BYTES;
}

function requireRange(first: number, end: number): void {
  requireInteger("the end of a chunk range", end, 1, SECTOR_CHUNKS);
  requireInteger("the start of a chunk range", first, 0, end - 1);
}

/** Bytes and proof are well formed but lead to another root: whoever sent them does not hold what was committed. */
export class RootMismatchError extends CodecError {
  readonly code = "ROOT_MISMATCH";
  readonly expected: string;
  readonly actual: string;

  constructor(expected: Uint8Array, actual: Uint8Array) {
    const [want, got] = [expected, actual].map((root) => `0x${Buffer.from(root).toString("hex")}`) as [string, string];
    super(`the proof leads to root ${got}, not to ${want}: take these bytes from elsewhere`);
    this.name = "RootMismatchError";
    this.expected = want;
    this.actual = got;
  }
}
