/**
 * One layer of a tree at a time, in slots of 32 bytes: a chunk, or a node of 24 bytes and 8 zeros. A layer that ends
 * before its tree does goes on in zero chunks, whose nodes are known beforehand.
 */
import { createHash } from "node:crypto";
import { CHUNK_BYTES, MAX_DEAL_SECTORS, NODE_BYTES, SECTOR_HEIGHT } from "./sizes.ts";

/** Hashes each 64 bytes of `input` to 32 of `output`, which is exactly half as long and does not overlap it. */
export type HashPairs = (input: Uint8Array, output: Uint8Array) => void;

const PAIR_BYTES = 2 * CHUNK_BYTES;

/** The binding of `@chainsafe/hashtree`, about 2 GB/s; null where it is not built for the platform. */
export const native: HashPairs | null = await import("@chainsafe/hashtree").then(
  (binding) => binding.hashInto,
  () => null,
);

/** The same bytes, slower, from node:crypto. */
export const portable: HashPairs = (input, output) => {
  for (let pair = 0; pair * PAIR_BYTES < input.length; pair++) {
    const digest = createHash("sha256")
      .update(input.subarray(pair * PAIR_BYTES, (pair + 1) * PAIR_BYTES))
      .digest();
    output.set(digest, pair * CHUNK_BYTES);
  }
};

const hashPairs = native ?? portable;

const zeroSlots = [new Uint8Array(CHUNK_BYTES)];
for (let height = 0; height < SECTOR_HEIGHT + Math.log2(MAX_DEAL_SECTORS); height++) {
  const slot = new Uint8Array(CHUNK_BYTES);
  hashWhole(pairOf(zeroSlots[height]!, zeroSlots[height]!), slot);
  zeroSlots.push(slot);
}

/** The slot of a subtree of zero chunks, `height` levels above them. Not to be written to. */
export function zeroSlot(height: number): Uint8Array {
  return zeroSlots[height]!;
}

/**
 * Hashes the slots of the layer at `height` into those above it; an odd layer is completed by a zero subtree. `above`
 * must be 8-byte aligned and hold half of `below`, rounded up to a slot. Returns the part of `above` that was filled.
 */
export function hashLayer(below: Uint8Array, height: number, above: Uint8Array): Uint8Array {
  const whole = Math.floor(below.length / PAIR_BYTES);
  const pairs = Math.ceil(below.length / PAIR_BYTES);
  hashWhole(below.subarray(0, whole * PAIR_BYTES), above.subarray(0, whole * CHUNK_BYTES));
  if (pairs > whole) {
    const last = new Uint8Array(PAIR_BYTES);
    last.set(zeroSlot(height), CHUNK_BYTES);
    last.set(below.subarray(whole * PAIR_BYTES));
    hashWhole(last, above.subarray(whole * CHUNK_BYTES, pairs * CHUNK_BYTES));
  }
  return above.subarray(0, pairs * CHUNK_BYTES);
}

/** The node above two chunks or two nodes: 24 bytes. */
export function parent(left: Uint8Array, right: Uint8Array): Uint8Array {
  const slot = new Uint8Array(CHUNK_BYTES);
  hashWhole(pairOf(left, right), slot);
  return slot.subarray(0, NODE_BYTES);
}

function pairOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = new Uint8Array(PAIR_BYTES);
  pair.set(left, 0);
  pair.set(right, CHUNK_BYTES);
  return pair;
}

function hashWhole(input: Uint8Array, output: Uint8Array): void {
  hashPairs(input, output);
  // A node is 24 bytes of its digest: whole words, because clearing 16,384 tails byte by byte costs as much as hashing.
  const words = new Float64Array(output.buffer, output.byteOffset, output.length / 8);
  for (let tail = NODE_BYTES / 8; tail < words.length; tail += CHUNK_BYTES / 8) words[tail] = 0;
}
