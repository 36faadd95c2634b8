/** What the market asks now, by asking its providers; and what it costs to keep something, there or in a volume. */
import { randomInt } from "node:crypto";
import { baseUnits, type Deal } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import type { Parts } from "../Parts.ts";
import type { Announced } from "./Providers.ts";
import { liveDeals } from "./Standing.ts";
import { tooFewProviders } from "./tooFew.ts";
import type { Volume } from "./Volume.ts";

/** Token base units; the median is what half of the providers ask at most. */
export interface Spread {
  readonly least: bigint;
  readonly median: bigint;
  readonly most: bigint;
}

/** Of the providers that answered and have room. `storage`: for 10^12 bytes at one provider and a month; `egress`: to read as many. */
export interface Prices {
  readonly asked: number;
  readonly answered: number;
  readonly storage: Spread;
  readonly egress: Spread;
}

/** What something costs to keep, over all positions, in token base units; `epochs`: the term. */
export interface Cost {
  readonly k: number;
  readonly n: number;
  /** More at each position. */
  readonly sectors: number;
  readonly month: bigint;
  readonly term: bigint;
  readonly epochs: number;
  readonly deals: number;
  /** What has to be paid in first: it is not in the deals' escrow yet. */
  readonly missing: bigint;
}

/** Epochs of the month that prices are told for. */
export const MONTH_EPOCHS = 30n;
const TERABYTE = 10n ** 12n;
/** Providers asked; of more, as many at random. */
const MAX_ASKED = 64;
const ASK_TIMEOUT_MS = 10_000;

interface Offer {
  readonly rate: bigint;
  readonly egressRate: bigint;
}

/** @throws SubletException TooFewProviders when nobody answers who has room */
export async function pricesNow(parts: Parts, signal?: AbortSignal): Promise<Prices> {
  const { asked, offers } = await offersNow(parts, signal);
  const month = (rate: bigint) => baseUnits((rate * MONTH_EPOCHS * TERABYTE) / BigInt(SECTOR_BYTES));
  return {
    ...{ asked, answered: offers.length },
    storage: spread(offers.map(({ rate }) => month(rate))),
    egress: spread(offers.map(({ egressRate }) => baseUnits(egressRate * TERABYTE))),
  };
}

/** At the deals of a volume, until each of them ends. */
export async function costInVolume(parts: Parts, volume: Volume, sectors: number): Promise<Cost> {
  const { market, volumes, catalogue } = parts;
  const { id, k, n } = volume;
  const live = await liveDeals(parts, volume);
  const epoch = await market.epoch();
  const held = catalogue.slabCount(id);
  let [perEpoch, term, missing, epochs, deals] = [0n, 0n, 0n, 0, 0];
  for (const { id: known, startEpoch } of volumes.serving(id)) {
    const deal = live.get(known);
    if (!deal) continue;
    const { rate, minSectors, stopAt } = deal;
    // What is reserved is paid for anyhow.
    const billed = Math.max(minSectors, held + sectors);
    const more = BigInt(billed - Math.max(minSectors, held));
    const left = stopAt - Math.max(epoch, startEpoch);
    const short = rate * BigInt(billed) * BigInt(stopAt - epoch) - escrowLeft(deal, epoch);
    perEpoch += rate * more;
    term += rate * more * BigInt(left);
    if (short > 0n) missing += baseUnits(short);
    epochs = Math.max(epochs, left);
    deals++;
  }
  const month = baseUnits(perEpoch * MONTH_EPOCHS);
  return { k, n, sectors, month, term: baseUnits(term), epochs, deals, missing };
}

/** Ledger units of a deal's escrow that no epoch before `epoch` can claim any more. */
export function escrowLeft({ escrow, rate, minSectors, sectors, settledThrough }: Deal, epoch: number): bigint {
  const unsettled = Math.max(0, epoch - 1 - settledThrough);
  const left = escrow - rate * BigInt(Math.max(minSectors, sectors)) * BigInt(unsettled);
  return left > 0n ? left : 0n;
}

/** At what the middle one of the market's providers asks. @throws SubletException TooFewProviders */
export async function costOnMarket(
  parts: Parts,
  { n, epochs, ...shape }: Pick<Cost, "k" | "n" | "sectors" | "epochs">,
  signal?: AbortSignal,
): Promise<Cost> {
  const { offers } = await offersNow(parts, signal);
  const perEpoch = spread(offers.map(({ rate }) => rate)).median * BigInt(n * shape.sectors);
  const term = baseUnits(perEpoch * BigInt(epochs));
  return { ...shape, n, epochs, month: baseUnits(perEpoch * MONTH_EPOCHS), term, deals: n, missing: term };
}

async function offersNow(
  { market, providers }: Parts,
  signal?: AbortSignal,
): Promise<{ asked: number; offers: Offer[] }> {
  const candidates = some(await providers.announced());
  const options = { timeoutMs: ASK_TIMEOUT_MS, ...(signal && { signal }) };
  const answers = await Promise.allSettled(
    candidates.map(async ({ provider }) => {
      const ask = await providers.call(provider, (connection) => connection.ask({}, options));
      const { penaltyRate } = await market.provider(provider);
      // No deal could be opened at more.
      const real = ask.rate * BigInt(market.parameters.multiplier) <= penaltyRate;
      return real && ask.freeSectors > 0 ? [ask] : [];
    }),
  );
  signal?.throwIfAborted();
  const offers = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (offers.length > 0) return { asked: candidates.length, offers };
  const failures = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
  throw tooFewProviders(0, 1, failures);
}

function some(announced: Announced[]): Announced[] {
  const left = [...announced];
  return Array.from({ length: Math.min(left.length, MAX_ASKED) }, () => left.splice(randomInt(left.length), 1)[0]!);
}

function spread(prices: readonly bigint[]): Spread {
  const sorted = prices.toSorted((a, b) => (a < b ? -1 : 1));
  return { least: sorted[0]!, median: sorted[(sorted.length - 1) >> 1]!, most: sorted.at(-1)! };
}
