/**
 * The answer to one challenge: the chunk, the chunk beside it, and the siblings above up to the deal root, tightly packed
 * from the bottom up. Its length follows from the deal's number of sectors, never from the bytes; left or right follows
 * from the index. A proof of an epoch is the answers to its challenges, one behind the other.
 */
import { requireInteger, requireLength } from "./bounds.ts";
import { type DealTree, dealHeight } from "./DealTree.ts";
import { parent } from "./Layer.ts";
import { blocksRead as blocksReadFor, prove, requireRoot, type StoredSector } from "./RangeProof.ts";
import { BLOCK_BYTES, BLOCK_CHUNKS, CHUNK_BYTES, NODE_BYTES, SECTOR_CHUNKS, SECTOR_HEIGHT } from "./sizes.ts";

/** A chunk of a deal that a proof has to show: `chunkIndex` counts from the deal's first chunk. */
export interface Challenge {
  readonly root: Uint8Array;
  readonly sectors: number;
  readonly chunkIndex: number;
}

/** Levels from a chunk to the root of a deal of so many sectors. */
export function proofHeight(sectors: number): number {
  return SECTOR_HEIGHT + dealHeight(sectors);
}

/** Bytes of the answer to one challenge of a deal of so many sectors. */
export function proofBytes(sectors: number): number {
  return 2 * CHUNK_BYTES + (proofHeight(sectors) - 1) * NODE_BYTES;
}

/** The sector that holds a chunk of a deal. */
export function sectorOf(chunkIndex: number): number {
  return Math.floor(chunkIndex / SECTOR_CHUNKS);
}

/** The blocks of the challenged sector that {@link build} reads for the same arguments, ascending. */
export function blocksRead(length: number, chunkIndex: number, asOf = length): number[] {
  const chunk = chunkIndex % SECTOR_CHUNKS;
  return blocksReadFor(length, chunk, chunk + 1, asOf);
}

/**
 * The answer for one chunk of the deal `tree` stands for. `sector` is the challenged one, `asOf` its length in that tree
 * when it has grown since.
 */
export function build(tree: DealTree, chunkIndex: number, sector: StoredSector, asOf = sector.length): Uint8Array {
  requireChunk(tree.sectors, chunkIndex);
  const chunk = chunkIndex % SECTOR_CHUNKS;
  const proof = new Uint8Array(proofBytes(tree.sectors));
  proof.set(chunkAt(sector, chunk, asOf));
  const inSector = prove(sector, chunk, chunk + 1, asOf);
  proof.set(inSector, CHUNK_BYTES);
  let at = CHUNK_BYTES + inSector.length;
  for (const sibling of tree.siblings(sectorOf(chunkIndex))) {
    proof.set(sibling, at);
    at += NODE_BYTES;
  }
  return proof;
}

/** @throws LengthError when `proof` is longer or shorter than the deal asks; RootMismatchError when it is wrong */
export function verify(challenge: Challenge, proof: Uint8Array): void {
  const { root, sectors, chunkIndex } = challenge;
  requireChunk(sectors, chunkIndex);
  requireLength("a deal root", root, NODE_BYTES);
  requireLength("a challenge proof", proof, proofBytes(sectors));
  let node = proof.subarray(0, CHUNK_BYTES);
  let index = chunkIndex;
  let at = CHUNK_BYTES;
  for (let height = 0; height < proofHeight(sectors); height++) {
    const sibling = proof.subarray(at, at + (height === 0 ? CHUNK_BYTES : NODE_BYTES));
    node = index % 2 === 0 ? parent(node, sibling) : parent(sibling, node);
    index = Math.floor(index / 2);
    at += sibling.length;
  }
  requireRoot(root, node);
}

/** Checks a proof of an epoch: the answers to `challenges`, in their order. @throws as {@link verify} */
export function verifyAll(challenges: readonly Challenge[], proof: Uint8Array): void {
  const lengths = challenges.map(({ sectors }) => proofBytes(sectors));
  requireLength(
    "an epoch proof",
    proof,
    lengths.reduce((sum, length) => sum + length, 0),
  );
  let at = 0;
  for (const [index, challenge] of challenges.entries()) {
    const end = at + lengths[index]!;
    verify(challenge, proof.subarray(at, end));
    at = end;
  }
}

function chunkAt(sector: StoredSector, chunk: number, asOf: number): Uint8Array {
  const start = chunk * CHUNK_BYTES;
  if (start >= asOf) return new Uint8Array(CHUNK_BYTES);
  const inBlock = (chunk % BLOCK_CHUNKS) * CHUNK_BYTES;
  const bytes = sector.readBlock(Math.floor(start / BLOCK_BYTES)).subarray(inBlock, inBlock + CHUNK_BYTES);
  return bytes.subarray(0, asOf - start);
}

function requireChunk(sectors: number, chunkIndex: number): void {
  dealHeight(sectors);
  requireInteger("a chunk index", chunkIndex, 0, sectors * SECTOR_CHUNKS - 1);
}
