/**
 * The answer to one challenge: the chunk, the chunk beside it, and the siblings above up to the deal root, tightly packed
 * from the bottom up. Its length follows from the deal's number of sectors, never from the bytes; left or right follows
 * from the index. A proof of an epoch is the answers to its challenges, one behind the other; of one that follows another
 * in the same deal, only what lies below the node where their ways up meet.
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

/** A challenge of an epoch. `slot` tells its deal from others, which may hold the same. */
export interface PlacedChallenge extends Challenge {
  readonly slot: number;
}

/** Levels from a chunk to the root of a deal of so many sectors. */
export function proofHeight(sectors: number): number {
  return SECTOR_HEIGHT + dealHeight(sectors);
}

/** Bytes of the answer to one challenge of a deal of so many sectors. */
export function proofBytes(sectors: number): number {
  return pathBytes(proofHeight(sectors));
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
  requireRoot(root, climb(proof, chunkIndex, proofHeight(sectors)));
}

/** The proof of an epoch from the whole answers to its challenges, in their order. */
export function join(
  challenges: readonly Pick<PlacedChallenge, "slot" | "chunkIndex">[],
  answers: readonly Uint8Array[],
): Uint8Array {
  const own = answers.map((answer, index) => {
    const met = meetingBefore(challenges, index);
    return met === undefined ? answer : answer.subarray(0, pathBytes(met - 1));
  });
  return Uint8Array.from(Buffer.concat(own));
}

/**
 * The whole answers that a proof of an epoch stands for: {@link join} undone.
 * @throws LengthError when `proof` is longer or shorter than the challenges ask
 */
export function split(
  challenges: readonly Pick<PlacedChallenge, "slot" | "chunkIndex" | "sectors">[],
  proof: Uint8Array,
): Uint8Array[] {
  const own = challenges.map(({ sectors }, index) => {
    const met = meetingBefore(challenges, index);
    return { met, bytes: pathBytes(met === undefined ? proofHeight(sectors) : met - 1) };
  });
  const total = own.reduce((sum, { bytes }) => sum + bytes, 0);
  requireLength("an epoch proof", proof, total);
  const answers: Uint8Array[] = [];
  let at = 0;
  for (const [index, { met, bytes }] of own.entries()) {
    const part = proof.subarray(at, at + bytes);
    at += bytes;
    answers.push(
      met === undefined ? part : continued(part, met, answers[index - 1]!, challenges[index - 1]!.chunkIndex),
    );
  }
  return answers;
}

/** Checks a proof of an epoch: the answers to `challenges`, in their order. @throws as {@link verify} */
export function verifyAll(challenges: readonly PlacedChallenge[], proof: Uint8Array): void {
  for (const [index, answer] of split(challenges, proof).entries()) verify(challenges[index]!, answer);
}

/** The whole answer that begins with `part` and goes on as `before` does, the answer for chunk `index`, once they met. */
function continued(part: Uint8Array, met: number, before: Uint8Array, index: number): Uint8Array {
  if (met === 0) return before;
  const beside = climb(before, index, met - 1);
  if (met > 1) return Uint8Array.from(Buffer.concat([part, beside, before.subarray(pathBytes(met))]));
  const pair = [before.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES), beside];
  return Uint8Array.from(Buffer.concat([...pair, before.subarray(2 * CHUNK_BYTES)]));
}

/** The node `levels` up from chunk `index`, as its answer has it. */
function climb(answer: Uint8Array, chunkIndex: number, levels: number): Uint8Array {
  let node = answer.subarray(0, CHUNK_BYTES);
  let index = chunkIndex;
  let at = CHUNK_BYTES;
  for (let height = 0; height < levels; height++) {
    const sibling = answer.subarray(at, at + (height === 0 ? CHUNK_BYTES : NODE_BYTES));
    node = index % 2 === 0 ? parent(node, sibling) : parent(sibling, node);
    index = Math.floor(index / 2);
    at += sibling.length;
  }
  return node;
}

/** Bytes of an answer up to a node so many levels up. */
function pathBytes(levels: number): number {
  return levels <= 0 ? 0 : 2 * CHUNK_BYTES + (levels - 1) * NODE_BYTES;
}

/** How many levels up the ways of a challenge and of the one before it are one; undefined: it is another deal's. */
function meetingBefore(
  challenges: readonly Pick<PlacedChallenge, "slot" | "chunkIndex">[],
  index: number,
): number | undefined {
  const [before, here] = [challenges[index - 1], challenges[index]!];
  if (before?.slot !== here.slot) return undefined;
  let met = 0;
  for (let [a, b] = [before.chunkIndex, here.chunkIndex]; a !== b; met++) {
    [a, b] = [Math.floor(a / 2), Math.floor(b / 2)];
  }
  return met;
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
