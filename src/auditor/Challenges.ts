/** Which chunks an epoch challenges: written from the protocol's text, not from anybody's code. */
import { type Address, encodeAbiParameters, type Hex, keccak256 } from "viem";
import { CHUNKS_A_SECTOR, proofBytes, showsChunk } from "./Trees.ts";

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

/** Chunk `i` of CHALLENGES out of `total`, one in each of as many equal strata. */
export function position(draw: Draw, i: number, total: bigint): bigint {
  const { seed, chainId, market, epoch, provider } = draw;
  const digest = keccak256(encodeAbiParameters(DRAW, [seed, BigInt(chainId), market, epoch, provider, BigInt(i)]));
  const random = BigInt(digest) & ((1n << 128n) - 1n);
  return (((BigInt(i) << 128n) + random) * total) / (BigInt(CHALLENGES) << 128n);
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

/** What is wrong with a proof of a whole set for an epoch; undefined: nothing. */
export function flaw(draw: Draw, members: readonly Member[], proof: Buffer): string | undefined {
  const total = members.reduce((sum, { sectors }) => sum + BigInt(sectors), 0n) * CHUNKS_A_SECTOR;
  if (total === 0n) return proof.length === 0 ? undefined : `${proof.length} bytes prove an empty set`;
  let at = 0;
  for (let i = 0; i < CHALLENGES; i++) {
    const { member, index } = locate(members, position(draw, i, total));
    if (member.barred) return `challenge ${i} lands in slot ${member.slot}, which ${member.barred}`;
    const width = proofBytes(member.sectors);
    if (!showsChunk(proof.subarray(at, at + width), index, member.root, member.sectors)) {
      return `challenge ${i}: chunk ${index} of slot ${member.slot} is not shown under root ${member.root}`;
    }
    at += width;
  }
  return at === proof.length ? undefined : `${proof.length - at} bytes too many`;
}
