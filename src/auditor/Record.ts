/** A provider's public record, epoch by epoch. */
import type { MarketReader } from "../chain/MarketReader.ts";
import type { Outcome, ProviderRecord, Run } from "./Report.ts";
import { type ProviderState, sectorsOf } from "./State.ts";

/** Epochs in a row of a calendar. */
export const ROW = 30;

/** The first epoch of the row that an epoch is in. */
export function rowOf(epoch: number): number {
  return epoch - ((epoch - 1) % ROW);
}

/** When each row's first epoch began. */
export async function rowTimes(reader: MarketReader, now: number): Promise<{ epoch: number; time: string }[]> {
  const times: { epoch: number; time: string }[] = [];
  for (let epoch = 1; epoch <= now; epoch += ROW) {
    const { timestamp } = await reader.block(reader.epochs.start(epoch));
    times.push({ epoch, time: new Date(Number(timestamp) * 1_000).toISOString() });
  }
  return times;
}

/** What each epoch from the provider's first sector to the running one, `now`, came to. */
export function outcomes(provider: ProviderState, now: number): { epoch: number; outcome: Outcome }[] {
  const first = provider.sizes[0]?.from;
  const all: { epoch: number; outcome: Outcome }[] = [];
  if (first === undefined) return all;
  let at = 0;
  for (let epoch = first; epoch <= now; epoch++) {
    while ((provider.sizes[at + 1]?.from ?? Number.POSITIVE_INFINITY) <= epoch) at++;
    all.push({ epoch, outcome: outcomeOf(provider.sizes[at]!.sectors, provider.proven.has(epoch), epoch < now) });
  }
  return all;
}

function outcomeOf(sectors: number, proven: boolean, over: boolean): Outcome {
  if (!over && !proven) return "not yet";
  if (sectors === 0) return "no sectors";
  return proven ? "proven" : "missed";
}

/** The record of the epochs up to the running one, `now`. */
export function recordOf(provider: ProviderState, now: number): ProviderRecord {
  const all = outcomes(provider, now);
  const count = (wanted: Outcome) => all.filter(({ outcome }) => outcome === wanted).length;
  return {
    provider: provider.address,
    sectors: sectorsOf(provider),
    deals: provider.unclosed,
    firstEpoch: all[0]?.epoch ?? 0,
    proven: count("proven"),
    missed: count("missed"),
    empty: count("no sectors"),
    missedEpochs: all.filter(({ outcome }) => outcome === "missed").map((each) => each.epoch),
    epochs: runs(all),
    earned: `${provider.earned}`,
    penalties: `${provider.penalties}`,
    forfeited: `${provider.forfeited}`,
  };
}

function runs(all: readonly { epoch: number; outcome: Outcome }[]): Run[] {
  const found: { first: number; last: number; outcome: Outcome }[] = [];
  for (const { epoch, outcome } of all) {
    const before = found.at(-1);
    if (before?.outcome === outcome) before.last = epoch;
    else found.push({ first: epoch, last: epoch, outcome });
  }
  return found;
}
