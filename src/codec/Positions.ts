/**
 * Which chunks of a provider's set an epoch's seed challenges: one in each of K strata. The set is all sectors of all
 * committed deals, by deal slot and then sector, counted in chunks.
 */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { BoundsError, requireInteger, requireLength, requireUint } from "./bounds.ts";
import { MAX_DEAL_SECTORS, MAX_PROVIDER_SECTORS, SECTOR_CHUNKS } from "./sizes.ts";

/** Challenges of one provider and epoch: K. */
export const CHALLENGES = 5;
/** Bytes of prevRandao that are kept as the seed: its first ones, so that seed and epoch share one word on chain. */
export const SEED_BYTES = 28;
export const ADDRESS_BYTES = 20;

const WORD = 32;
const DRAW_BITS = 128n;

/** All that an epoch's positions depend on, besides how much the provider holds. */
export interface Draw {
  readonly seed: Uint8Array;
  readonly chainId: bigint;
  readonly market: Uint8Array;
  readonly epoch: number;
  readonly provider: Uint8Array;
}

/** Where a challenged chunk lies: `chunkIndex` counts from the first chunk of the deal in `slot`. */
export interface Position {
  readonly slot: number;
  readonly sector: number;
  readonly chunkIndex: number;
}

/** The seed that a block's prevRandao (32 bytes) gives. */
export function seedOf(prevRandao: Uint8Array): Uint8Array {
  requireLength("prevRandao", prevRandao, WORD);
  return prevRandao.slice(0, SEED_BYTES);
}

/** The challenged chunks, ascending, of a provider that holds so many sectors; none when it holds none. */
export function draw(from: Draw, sectors: number): number[] {
  requireInteger("the number of a provider's sectors", sectors, 0, MAX_PROVIDER_SECTORS);
  if (sectors === 0) return [];
  const chunks = BigInt(sectors) * BigInt(SECTOR_CHUNKS);
  return Array.from({ length: CHALLENGES }, (_, stratum) => {
    const random = randomAt(from, stratum);
    return Number((((BigInt(stratum) << DRAW_BITS) + random) * chunks) / (BigInt(CHALLENGES) << DRAW_BITS));
  });
}

/** `r_i`: the low 128 bits of keccak256(abi.encode(bytes28, uint256, address, uint32, address, uint256)). */
export function randomAt(from: Draw, stratum: number): bigint {
  requireLength("a seed", from.seed, SEED_BYTES);
  requireUint("a chain id", from.chainId, 256);
  requireLength("a market address", from.market, ADDRESS_BYTES);
  requireInteger("an epoch", from.epoch, 0, 0xffffffff);
  requireLength("a provider address", from.provider, ADDRESS_BYTES);
  requireInteger("a stratum", stratum, 0, CHALLENGES - 1);
  const encoded = new Uint8Array(6 * WORD);
  encoded.set(from.seed, 0);
  encoded.set(word(from.chainId), WORD);
  encoded.set(from.market, 3 * WORD - ADDRESS_BYTES);
  encoded.set(word(BigInt(from.epoch)), 3 * WORD);
  encoded.set(from.provider, 5 * WORD - ADDRESS_BYTES);
  encoded.set(word(BigInt(stratum)), 5 * WORD);
  const digest = keccak_256(encoded);
  return BigInt(`0x${Buffer.from(digest.subarray(WORD / 2)).toString("hex")}`);
}

/** Finds chunk `x` of a provider's set, given its deals' sector counts by slot (empty slots hold 0). */
export function locate(x: number, sectorsBySlot: readonly number[]): Position {
  requireInteger("a position", x, 0, Number.MAX_SAFE_INTEGER);
  let chunkIndex = x;
  for (const [slot, sectors] of sectorsBySlot.entries()) {
    requireInteger("the number of sectors", sectors, 0, MAX_DEAL_SECTORS);
    const chunks = sectors * SECTOR_CHUNKS;
    if (chunkIndex < chunks) return { slot, sector: Math.floor(chunkIndex / SECTOR_CHUNKS), chunkIndex };
    chunkIndex -= chunks;
  }
  throw new BoundsError("a position", 0, x - chunkIndex - 1, x);
}

function word(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * WORD, "0"), "hex");
}
