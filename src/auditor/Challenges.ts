/** Which chunks an epoch challenges: written from the protocol's text, not from anybody's code. */
import { type Address, encodeAbiParameters, type Hex, keccak256 } from "viem";
import {
  CHUNK_BYTES,
  CHUNKS_A_SECTOR,
  type Climb,
  climb,
  meeting,
  NODE_BYTES,
  pathBytes,
  proofBytes,
} from "./Trees.ts";

export const CHALLENGES = 5;

/** One deal's place in a provider's set, in slot order. */
export interface Member {
  readonly slot: number;
  readonly sectors: number;
  readonly root: Hex;
  /** Why a challenge that lands here cannot be answered; undefined: it can. */
  readonly barred?: string | undefined;
}

export interface Draw {
  /** First 28 bytes of the challenge block's randomness. */
  readonly seed: Hex;
  readonly chainId: number;
  readonly market: Address;
  readonly epoch: number;
  readonly provider: Address;
}

const DRAW = [
  { type: "bytes28" },
  { type: "uint256" },
  { type: "address" },
  { type: "uint32" },
  { type: "address" },
  { type: "uint256" },
] as const;

const RANDOM_BITS = 128n;

/** The 128 bits that choose challenge `i`. */
export function randomness({ seed, chainId, market, epoch, provider }: Draw, i: number): bigint {
  const digest = keccak256(encodeAbiParameters(DRAW, [seed, BigInt(chainId), market, epoch, provider, BigInt(i)]));
  return BigInt(digest) & ((1n << RANDOM_BITS) - 1n);
}

/** Chunk `i` of CHALLENGES out of `total`, one in each of as many equal strata. */
export function position(draw: Draw, i: number, total: bigint): bigint {
  return scaled(i, randomness(draw, i), total);
}

/** The first and the last chunk that challenge `i` can fall on. */
export function stratum(i: number, total: bigint): { first: bigint; last: bigint } {
  return { first: scaled(i, 0n, total), last: scaled(i, (1n << RANDOM_BITS) - 1n, total) };
}

function scaled(i: number, random: bigint, total: bigint): bigint {
  return (((BigInt(i) << RANDOM_BITS) + random) * total) / (BigInt(CHALLENGES) << RANDOM_BITS);
}

/** The member that holds chunk `x` of the set, and where in it. */
export function locate(members: readonly Member[], x: bigint): { member: Member; index: bigint } {
  let before = 0n;
  for (const member of members) {
    const chunks = BigInt(member.sectors) * CHUNKS_A_SECTOR;
    if (x - before < chunks) return { member, index: x - before };
    before += chunks;
  }
  throw new RangeError(`chunk ${x} lies beyond the set's ${before}`);
}

/** One of a proof's answers, and what checking it comes to. Its levels are all those up to the deal's root. */
export interface Step extends Climb {
  readonly i: number;
  /** Which chunk of the whole set. */
  readonly x: bigint;
  readonly member: Member;
  /** Which chunk of the member's deal. */
  readonly index: bigint;
  /** Its bytes, those that the proof has for the challenge before it included. */
  readonly answer: Buffer;
  /** How many of its bytes are its own. */
  readonly bytes: number;
  /** The level where it meets the way of the challenge before it; undefined where that is another deal's. */
  readonly met: number | undefined;
  readonly wrong: string | undefined;
}

/** Chunks in a whole set: T. */
export function chunksOf(members: readonly Member[]): bigint {
  return members.reduce((sum, { sectors }) => sum + BigInt(sectors), 0n) * CHUNKS_A_SECTOR;
}

/** Checks the answers of a proof one by one, as far as they are asked for; an empty set has none. */
export function* steps(draw: Draw, members: readonly Member[], proof: Buffer): Generator<Step> {
  const total = chunksOf(members);
  if (total === 0n) return;
  let at = 0;
  let before: Step | undefined;
  for (let i = 0; i < CHALLENGES; i++) {
    const x = position(draw, i, total);
    const { member, index } = locate(members, x);
    const met = before?.member === member ? meeting(before.index, index) : undefined;
    const bytes = met === undefined ? proofBytes(member.sectors) : pathBytes(met - 1);
    const own = proof.subarray(at, at + bytes);
    at += bytes;
    const answer = before && met !== undefined ? continued(own, met, before) : own;
    const path = climb(answer, index, member.root, member.sectors);
    const wrong = member.barred
      ? `challenge ${i} lands in slot ${member.slot}, which ${member.barred}`
      : path.shown
        ? undefined
        : `challenge ${i}: chunk ${index} of slot ${member.slot} is not shown under root ${member.root}`;
    before = { i, x, member, index, answer, bytes, met, ...path, wrong };
    yield before;
  }
}

/** The answer that begins with `own` and goes on, `met` levels up, as the one before does. */
function continued(own: Buffer, met: number, { answer, levels }: Step): Buffer {
  if (met === 0) return answer;
  const above = answer.subarray(pathBytes(met));
  if (met === 1)
    return Buffer.concat([answer.subarray(CHUNK_BYTES, 2 * CHUNK_BYTES), answer.subarray(0, CHUNK_BYTES), above]);
  const beside = levels[met - 2]?.node ?? Buffer.alloc(0);
  return Buffer.concat([own, beside.subarray(0, NODE_BYTES), above]);
}

/** What is wrong with a proof of a whole set for an epoch; undefined: nothing. */
export function flaw(draw: Draw, members: readonly Member[], proof: Buffer): string | undefined {
  if (chunksOf(members) === 0n) return proof.length === 0 ? undefined : `${proof.length} bytes prove an empty set`;
  let at = 0;
  for (const { bytes, wrong } of steps(draw, members, proof)) {
    if (wrong) return wrong;
    at += bytes;
  }
  return at === proof.length ? undefined : `${proof.length - at} bytes too many`;
}
