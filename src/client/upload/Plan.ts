/** What a put would do and cost, without doing any of it. */
import { baseUnits } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { normalize } from "../catalogue/Path.ts";
import type { Failure } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import { volumeFor } from "../volumes/Growth.ts";
import { planVolume, type VolumePlan } from "../volumes/Payments.ts";
import { type Cost, costInVolume, MONTH_EPOCHS } from "../volumes/Prices.ts";
import { quorum, reservedSectors } from "../volumes/Volume.ts";
import { type Growing, placeOrGrowth } from "./Placing.ts";
import { filesOf } from "./Put.ts";
import { type Content, piecesOf, type Source } from "./Source.ts";

/** What a put to be planned would be told. */
export interface PlanOptions {
  /** The newest with enough room unless told. */
  readonly volume?: bigint;
  readonly signal?: AbortSignal;
}

/** The catalogue's own few bytes are not in it. */
export interface Plan extends Cost {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** Files that cannot be called so. */
  readonly failed: readonly Failure[];
  /** Where it would go; left out: into one that would be rented for it, as `rents` says. */
  readonly volume?: bigint;
  readonly rents?: VolumePlan;
  /** At each position, before. */
  readonly freeSectors: number;
  /** Of this account: providers put on chain what they sign for. */
  readonly transactions: number;
}

export async function plan(
  parts: Parts,
  path: string,
  source: Source,
  { volume: wanted, signal }: PlanOptions,
): Promise<Plan> {
  const { files, failed } = await filesOf(parts, path, source);
  const lengths: number[] = [];
  for (const { content } of files) lengths.push(content.bytes ?? (await lengthOf(content, signal)));
  const named = {
    path: normalize(path),
    files: files.length,
    failed,
    bytes: lengths.reduce((sum, one) => sum + one, 0),
  };
  const place = await placeOrGrowth(parts, { lengths, wanted });
  if ("growth" in place) return { ...named, ...(await planGrowth(parts, place, signal)) };
  const { volume, sectors, free } = place;
  const cost = await costInVolume(parts, volume, sectors);
  const need = quorum(volume);
  if (cost.deals < need) throw new SubletException({ code: "TooFewProviders", have: cost.deals, need });
  return { ...named, volume: volume.id, freeSectors: free, transactions: 0, ...cost };
}

/** @throws SubletException OverBudget, TooFewProviders */
async function planGrowth(parts: Parts, { growth, model, sectors }: Growing, signal?: AbortSignal) {
  const rents = await planVolume(parts, { ...volumeFor(growth, model, sectors), ...(signal && { signal }) });
  const { budget, epochs } = growth;
  const { k, n, total, capacity, transactions } = rents;
  if (total > budget) throw new SubletException({ code: "OverBudget", need: total, budget });
  const perEpoch = rents.deals.reduce((sum, { rate }) => sum + rate, 0n) * BigInt(sectors);
  const [month, term] = [MONTH_EPOCHS, BigInt(epochs)].map((some) => baseUnits(perEpoch * some)) as [bigint, bigint];
  const freeSectors = capacity - reservedSectors(capacity);
  return { rents, freeSectors, transactions, k, n, sectors, month, term, epochs, deals: n, missing: 0n };
}

async function lengthOf(content: Content, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const piece of piecesOf(content, signal)) bytes += piece.length;
  return bytes;
}
