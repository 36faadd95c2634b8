/** A provider's public record, epoch by epoch. */
import type { Outcome, ProviderRecord } from "./Report.ts";
import { type ProviderState, sectorsOf } from "./State.ts";

/** What each epoch from the provider's first sector to `last` came to. */
export function outcomes(provider: ProviderState, last: number): { epoch: number; outcome: Outcome }[] {
  const first = provider.sizes[0]?.from;
  const all: { epoch: number; outcome: Outcome }[] = [];
  if (first === undefined) return all;
  let at = 0;
  for (let epoch = first; epoch <= last; epoch++) {
    while ((provider.sizes[at + 1]?.from ?? Number.POSITIVE_INFINITY) <= epoch) at++;
    const sectors = provider.sizes[at]!.sectors;
    const outcome = sectors === 0 ? "no sectors" : provider.proven.has(epoch) ? "proven" : "missed";
    all.push({ epoch, outcome });
  }
  return all;
}

/** `epoch`: the one running, which counts only once it is proven. */
export function recordOf(provider: ProviderState, epoch: number): ProviderRecord {
  const all = outcomes(provider, provider.proven.has(epoch) ? epoch : epoch - 1);
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
    earned: `${provider.earned}`,
    penalties: `${provider.penalties}`,
    forfeited: `${provider.forfeited}`,
  };
}
