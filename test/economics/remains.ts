/** What is left of a deal's content when a share of it was deleted. */
import { ChallengeProof, SECTOR_CHUNKS } from "../../src/codec/index.ts";
import type { Content } from "../contracts/Content.ts";

interface Kept {
  readonly content: Content;
  /** The share that is not there. */
  readonly lost: number;
}

/** The last part of every sector goes, so that each stratum misses the same share: no choice is challenged less often. */
export function isThere({ lost }: Kept, chunk: number): boolean {
  return chunk % SECTOR_CHUNKS < SECTOR_CHUNKS * (1 - lost);
}

/** The answer to a challenge of `chunk`, or as many zeros. */
export function answer(kept: Kept, chunk: number): Uint8Array {
  const { content } = kept;
  return isThere(kept, chunk) ? content.answer(chunk) : new Uint8Array(ChallengeProof.proofBytes(content.sectors));
}
