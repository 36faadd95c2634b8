/** What renting space, or paying more in, would cost, before money moves. */
import type { Address, Hash } from "viem";
import { LEDGER_ONE } from "../../chain/MarketReader.ts";
import { leftToOpen } from "../devices/Delegations.ts";
import { isOwner } from "../home/Identity.ts";
import type { Parts } from "../Parts.ts";
import { type VolumeOptions, wishOf } from "./Creation.ts";
import { sharesOf } from "./Funding.ts";
import { escrowLeft } from "./Prices.ts";
import { Search } from "./Search.ts";
import { liveDeals } from "./Standing.ts";
import { tooFewProviders } from "./tooFew.ts";

/** Token base units. `missing`: what the account lacks for it; its gas is not looked at. */
interface Payment {
  readonly total: bigint;
  readonly have: bigint;
  readonly missing: bigint;
  /** Of this account. */
  readonly transactions: number;
}

/** What a provider signed for. `rate`: ledger units a sector-epoch. */
export interface PlannedDeal {
  readonly position: number;
  readonly provider: Address;
  readonly rate: bigint;
  readonly escrow: bigint;
  readonly egress: bigint;
}

/** `escrow`: for storing all that fits, to the end; `egress`: to have every byte sent back once. What is not used comes back. */
export interface VolumePlan extends Payment {
  readonly k: number;
  readonly n: number;
  /** Sectors at each position. */
  readonly capacity: number;
  readonly endEpoch: number;
  readonly escrow: bigint;
  readonly egress: bigint;
  readonly deals: readonly PlannedDeal[];
}

/** `lasts`, `wouldLast`: epochs, of the deal with the least, were the deals full; to its end at most. */
export interface TopUpPlan extends Payment {
  readonly deals: readonly { readonly deal: Hash; readonly provider: Address; readonly amount: bigint }[];
  readonly lasts?: number;
  readonly wouldLast?: number;
}

/**
 * Providers are found and sign as for {@link createVolume}, which reserves nothing; others may be drawn when it is created.
 * @throws SubletException TooFewProviders, BadArgument
 */
export async function planVolume(parts: Parts, options: VolumeOptions): Promise<VolumePlan> {
  const wish = await wishOf(parts, options);
  const { k, n, capacity } = wish.volume;
  const around = { ...parts, localNetwork: parts.config.localNetwork };
  const search = await Search.begin(around, wish, new Set(), options.signal);
  const offers = await search.offers();
  if (offers.length < n) throw tooFewProviders(offers.length, n, search.refusals);
  const deals = offers.map(({ terms: { position, provider, rate }, escrow, egress }) => {
    return { position, provider, rate, escrow, egress };
  });
  const [escrow, egress] = [deals.map((one) => one.escrow), deals.map((one) => one.egress)].map(sum) as [
    bigint,
    bigint,
  ];
  const free = (await parts.market.freeBalance(parts.client)) / LEDGER_ONE;
  return {
    ...{ k, n, capacity, endEpoch: wish.endEpoch, escrow, egress, deals },
    ...(await payment(parts, escrow + egress, free)),
  };
}

/** @throws SubletException NoVolume, BadArgument */
export async function planTopUp(parts: Parts, amount: bigint, egress: boolean): Promise<TopUpPlan> {
  const { market, volumes } = parts;
  const shares = await sharesOf(parts, amount, egress);
  const deals = shares.map(({ deal: { id: deal, provider }, amount }) => ({ deal, provider, amount }));
  const paid = await payment(parts, amount, 0n);
  if (egress) return { deals, ...paid };
  const epoch = await market.epoch();
  const onChain = new Map(
    (await Promise.all(volumes.all().map((volume) => liveDeals(parts, volume)))).flatMap((live) => [...live]),
  );
  const lasting = (more: (index: number) => bigint): number =>
    Math.min(
      ...shares.map(({ deal }, index) => {
        const standing = onChain.get(deal.id)!;
        const whole = deal.rate * BigInt(deal.capacity);
        const left = standing.stopAt - epoch;
        if (whole === 0n) return left;
        return Math.min(left, Number((escrowLeft(standing, epoch) + more(index) * LEDGER_ONE) / whole));
      }),
    );
  return { deals, ...paid, lasts: lasting(() => 0n), wouldLast: lasting((index) => shares[index]!.amount) };
}

async function payment(parts: Parts, total: bigint, free: bigint): Promise<Payment> {
  // A device pays out of what its owner has in the market, within its budget.
  const have = isOwner(parts) ? (await parts.market.tokenBalance(parts.client)) + free : await leftToOpen(parts);
  return { total, have, missing: total > have ? total - have : 0n, transactions: 1 };
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}
