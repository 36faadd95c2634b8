/** Renting space: a new volume. */
import { randomBytes } from "node:crypto";
import { MAX_DEAL_SECTORS, SECTOR_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Parts } from "../Parts.ts";
import type { Allowance } from "./Allowance.ts";
import { openDeals } from "./Openings.ts";
import type { Wish } from "./Search.ts";
import type { Volume } from "./Volume.ts";

/** A volume to be rented. */
export interface VolumeOptions {
  /** Any k of n providers bring everything back. */
  readonly k: number;
  readonly n: number;
  /** Bytes of files that fit, the catalogue's own included; 1 GiB unless told. */
  readonly bytes?: number;
  /** For how long, from the next epoch on; 30 unless told. */
  readonly epochs?: number;
  readonly signal?: AbortSignal;
}

const DEFAULT_BYTES = 2 ** 30;
export const DEFAULT_EPOCHS = 30;
/** What one transaction opens at most. */
const MAX_POSITIONS = 64;

/** @param allowance what pays for it; whatever the account has unless told */
export async function createVolume(parts: Parts, options: VolumeOptions, allowance?: Allowance): Promise<Volume> {
  const wish = await wishOf(parts, options);
  await openDeals({ ...parts, localNetwork: parts.config.localNetwork }, wish, options.signal, allowance);
  return wish.volume;
}

/** What providers are asked for. @throws SubletException BadArgument */
export async function wishOf(parts: Parts, options: VolumeOptions): Promise<Wish> {
  const { k, n, bytes = DEFAULT_BYTES, epochs = DEFAULT_EPOCHS } = options;
  requireShape(parts, { k, n, epochs });
  requireWithin("bytes", bytes, 1, MAX_DEAL_SECTORS * k * SECTOR_BYTES);
  // One sector more than the files fill, for the catalogue.
  const capacity = Math.max(2, Math.ceil(bytes / (k * SECTOR_BYTES)) + 1);
  const volume: Volume = { id: randomBytes(8).readBigUInt64BE(), k, n, capacity };
  const epoch = await parts.market.epoch();
  const positions = Array.from({ length: n }, (_, position) => position);
  return { volume, positions, endEpoch: epoch + 1 + epochs, taken: [], least: n };
}

/** @throws SubletException BadArgument for what no volume of this market can be */
export function requireShape({ market }: Parts, { k, n, epochs }: { k: number; n: number; epochs: number }): void {
  requireWithin("n", n, 1, MAX_POSITIONS);
  requireWithin("k", k, 1, n);
  requireWithin("epochs", epochs, 1, market.parameters.maxDealEpochs - 1);
}

/** @throws SubletException BadArgument */
export function requireWithin(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const reason = `it is a whole number from ${least} to ${most}`;
  throw new SubletException({ code: "BadArgument", name, value: `${value}`, reason });
}
