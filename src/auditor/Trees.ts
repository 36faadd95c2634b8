/**
 * Merkle paths checked by merkletreejs, whose hash function gets the protocol's one peculiarity: of an inner node only
 * the first 24 bytes count, the tail is zero.
 */
import { createHash } from "node:crypto";
import { MerkleTree } from "merkletreejs";
import { type Hex, hexToBytes } from "viem";

export const CHUNK_BYTES = 32;
export const NODE_BYTES = 24;
/** From a chunk up to its sector's root. */
export const SECTOR_LEVELS = 15;
export const CHUNKS_A_SECTOR = 1n << BigInt(SECTOR_LEVELS);

export function hashNode(pair: Buffer): Buffer {
  return createHash("sha256").update(pair).digest().fill(0, NODE_BYTES);
}

/** One level of a path, bottom up: what stood beside, on which side, and what the pair hashed to. */
export interface Level {
  readonly side: "left" | "right";
  readonly sibling: Buffer;
  readonly node: Buffer;
}

/** What a proof's bytes come to. No levels: they are no path to that chunk at all. */
export interface Climb {
  readonly levels: readonly Level[];
  readonly shown: boolean;
}

/** Levels from a chunk up to the root of a deal with so many sectors. */
export function levels(sectors: number): number {
  let above = 0;
  while (2 ** above < sectors) above++;
  return SECTOR_LEVELS + above;
}

/** Bytes of a path so many levels up: the chunk, its sibling chunk, and a 24-byte node for each level above. */
export function pathBytes(height: number): number {
  return height <= 0 ? 0 : 2 * CHUNK_BYTES + (height - 1) * NODE_BYTES;
}

/** Bytes of one challenge's proof. */
export function proofBytes(sectors: number): number {
  return pathBytes(levels(sectors));
}

/** Levels up to where the ways from two chunks of a deal are one; 0 for one chunk. */
export function meeting(index: bigint, other: bigint): number {
  const apart = index ^ other;
  return apart === 0n ? 0 : apart.toString(2).length;
}

/** Whether `proof` shows chunk `index` under `root` (24 bytes) of a deal with `sectors` sectors. */
export function showsChunk(proof: Buffer, index: bigint, root: Hex, sectors: number): boolean {
  return climb(proof, index, root, sectors).shown;
}

/**
 * The path from chunk `index` to the root, level by level, as merkletreejs hashes it. Length and sides come from the
 * arguments alone; a proof of another length shows nothing.
 */
export function climb(proof: Buffer, index: bigint, root: Hex, sectors: number): Climb {
  if (sectors < 1 || index >= BigInt(sectors) * CHUNKS_A_SECTOR || proof.length !== proofBytes(sectors))
    return { levels: [], shown: false };
  const path: { position: "left" | "right"; data: Buffer }[] = [];
  let at = CHUNK_BYTES;
  for (let level = 0; level < levels(sectors); level++) {
    const width = level === 0 ? CHUNK_BYTES : NODE_BYTES;
    const data = Buffer.alloc(CHUNK_BYTES);
    proof.copy(data, 0, at, at + width);
    at += width;
    path.push({ position: (index >> BigInt(level)) & 1n ? "left" : "right", data });
  }
  const padded = Buffer.alloc(CHUNK_BYTES);
  padded.set(hexToBytes(root));
  const nodes: Buffer[] = [];
  const hash = (pair: Buffer) => {
    const node = hashNode(pair);
    nodes.push(node);
    return node;
  };
  // A tree without leaves of its own: its verify() is what is used.
  const shown = new MerkleTree([], hash, { sortPairs: false }).verify(path, proof.subarray(0, CHUNK_BYTES), padded);
  return { shown, levels: path.map(({ position, data }, i) => ({ side: position, sibling: data, node: nodes[i]! })) };
}
