/** What the market's views must tell, and its sum tree hold, by the reference's books. */
import { ZeroAddress } from "ethers";
import { type Deal, missCount, missesOf, type Provider, REASONS, sectorsBySlot, signerIn, total } from "./Books.ts";
import type { Reference } from "./Reference.ts";

const LANES = 8;
const LANE_BITS = 32n;
const LEVEL = 1 << 12;

function stateOf({ closed, stopped, reason, sectors }: Deal): bigint {
  if (closed) return 5n;
  if (stopped) return 4n;
  if (reason !== "None") return 3n;
  return sectors > 0 ? 2n : 1n;
}

export function dealView({ rules, epoch, books }: Reference, deal: Deal): Record<string, unknown> {
  const { id, client, clientSigner, rate, number, root, escrow, egress, collateral, answerBond, challenge } = deal;
  const provider = books.providers.get(deal.provider)!;
  return {
    ...{ id, client, clientSigner, rate, number, root, escrow, egress, collateral, answerBond },
    state: stateOf(deal),
    reason: BigInt(REASONS.indexOf(deal.reason)),
    capacity: BigInt(deal.capacity),
    minSectors: BigInt(deal.minSectors),
    noticeEpochs: BigInt(deal.noticeEpochs),
    activeSince: deal.stopped ? 0n : BigInt(deal.activeSince),
    stopAt: BigInt(deal.stopAt),
    settledThrough: BigInt(deal.settledThrough),
    sectors: BigInt(deal.sectors),
    misses: deal.stopped ? 0n : BigInt(missesOf(deal, provider, epoch - 1, rules.coverEpochs)),
    challengeDeadline: BigInt(challenge?.deadline ?? 0),
    challengedChunk: BigInt(challenge?.chunk ?? 0),
    challenger: challenge?.challenger ?? ZeroAddress,
  };
}

export function providerView({ epoch }: Reference, provider: Provider): Record<string, unknown> {
  const { penaltyRate, relay, tip, next } = provider;
  const unclosed = [...provider.deals.values()].filter(({ closed }) => !closed);
  const toCome = next && next.from > epoch ? next : undefined;
  return {
    signer: signerIn(provider, epoch),
    nextSigner: toCome?.signer ?? ZeroAddress,
    nextSignerFrom: BigInt(toCome?.from ?? 0),
    ...{ penaltyRate, relay, tip },
    deals: BigInt(unclosed.length),
    slots: BigInt(Math.max(-1, ...provider.deals.keys()) + 1),
    sectors: BigInt(total(provider)),
    capacity: BigInt(unclosed.reduce((sum, { capacity }) => sum + capacity, 0)),
    missCount: BigInt(missCount(provider, epoch - 1)),
    series: BigInt(provider.series),
  };
}

/** Each word of the sum tree that a deal ever had a lane in or above, by its number: eight counts, or eight sums of words. */
export function lanes(provider: Provider): Map<number, bigint> {
  const words = new Map<number, bigint>();
  let counts = sectorsBySlot(provider);
  let lanesUsed = [...provider.deals.keys()];
  for (let level = 0, reach = 1; level === 0 || reach <= provider.tallest; level++) {
    reach *= LANES;
    lanesUsed = [...new Set(lanesUsed.map((lane) => Math.floor(lane / LANES)))];
    const within = (word: number) => counts.slice(word * LANES, (word + 1) * LANES);
    for (const word of lanesUsed) {
      const packed = within(word).reduce(
        (whole, count, lane) => whole | (BigInt(count) << (LANE_BITS * BigInt(lane))),
        0n,
      );
      words.set(level * LEVEL + word, packed);
    }
    const above = Math.ceil(counts.length / LANES);
    counts = Array.from({ length: above }, (_, word) => within(word).reduce((sum, count) => sum + count, 0));
  }
  return words;
}
