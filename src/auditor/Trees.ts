/**
 * Merkle paths checked by merkletreejs, whose hash function gets the protocol's one peculiarity: of an inner node only
 * the first 24 bytes count, the tail is zero.
 */
import { createHash } from "node:crypto";
import { MerkleTree } from "merkletreejs";
import { type Hex, hexToBytes } from "viem";

const CHUNK = 32;
const NODE = 24;
const SECTOR_LEVELS = 15;
export const CHUNKS_A_SECTOR = 1n << BigInt(SECTOR_LEVELS);

export function hashNode(pair: Buffer): Buffer {
  return createHash("sha256").update(pair).digest().fill(0, NODE);
}

/** A tree without leaves of its own: its verify() is what is used. */
const verifier = new MerkleTree([], hashNode, { sortPairs: false });

/** Levels from a chunk up to the root of a deal with so many sectors. */
export function levels(sectors: number): number {
  let above = 0;
  while (2 ** above < sectors) above++;
  return SECTOR_LEVELS + above;
}

/** Bytes of one challenge's proof: the chunk, its sibling chunk, and a 24-byte node for each level above. */
export function proofBytes(sectors: number): number {
  return 2 * CHUNK + (levels(sectors) - 1) * NODE;
}

/**
 * Whether `proof` shows chunk `index` under `root` (24 bytes) of a deal with `sectors` sectors. Length and sides come
 * from the arguments alone; a proof of another length shows nothing.
 */
export function showsChunk(proof: Buffer, index: bigint, root: Hex, sectors: number): boolean {
  if (sectors < 1 || index >= BigInt(sectors) * CHUNKS_A_SECTOR || proof.length !== proofBytes(sectors)) return false;
  const path: { position: "left" | "right"; data: Buffer }[] = [];
  let at = CHUNK;
  for (let level = 0; level < levels(sectors); level++) {
    const width = level === 0 ? CHUNK : NODE;
    const data = Buffer.alloc(CHUNK);
    proof.copy(data, 0, at, at + width);
    at += width;
    path.push({ position: (index >> BigInt(level)) & 1n ? "left" : "right", data });
  }
  const padded = Buffer.alloc(CHUNK);
  padded.set(hexToBytes(root));
  return verifier.verify(path, proof.subarray(0, CHUNK), padded);
}
