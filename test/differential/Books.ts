/**
 * What the market must know, kept as plainly as PROTOCOL has it: in whole numbers and lists, epoch by epoch, nothing packed,
 * counted or summed beforehand. Money is in ledger units.
 */
import type { MarketParameters } from "../contracts/fixture.ts";

export const UNIT = 1n << 32n;
export const REASONS = ["None", "Ended", "Terminated", "Resigned", "Missed", "Abandoned", "Convicted", "Exhausted"];
export type Reason = (typeof REASONS)[number];

/** A figure that holds from an epoch on. */
interface Since {
  readonly from: number;
  readonly sectors: number;
}

export interface Deal {
  readonly id: string;
  readonly provider: string;
  readonly slot: number;
  readonly client: string;
  readonly clientSigner: string;
  readonly minSectors: number;
  readonly noticeEpochs: number;
  /** Token base units. */
  readonly answerBond: bigint;
  rate: bigint;
  capacity: number;
  /** Exclusive. */
  stopAt: number;
  settledThrough: number;
  number: bigint;
  sectors: number;
  /** Of `sectors`: the last one is what it is. */
  readonly held: Since[];
  root: string;
  activeSince: number;
  /** Its cover counts misses from here. */
  wholeSince: number;
  escrow: bigint;
  egress: bigint;
  collateral: bigint;
  reason: Reason;
  stopped: boolean;
  closed: boolean;
  challenge: { readonly challenger: string; readonly chunk: number; readonly deadline: number } | undefined;
}

export interface Provider {
  readonly address: string;
  readonly penaltyRate: bigint;
  signer: string;
  next: { readonly signer: string; readonly from: number } | undefined;
  series: number;
  relay: string;
  tip: bigint;
  readonly proven: Set<number>;
  /** T, of everything it has committed. */
  readonly held: Since[];
  /** The last deal of each slot. */
  readonly deals: Map<number, Deal>;
  /** The highest slot that ever had sectors at the end of a call: what a batch takes back itself need not raise the tree. */
  tallest: number;
}

export interface Delegation {
  readonly scopes: number;
  untilEpoch: number;
  repairBudget: bigint;
  readonly maxRate: bigint;
  readonly maxEgressRate: bigint;
  egressCap: bigint;
}

export interface Books {
  readonly free: Map<string, bigint>;
  readonly providers: Map<string, Provider>;
  readonly delegations: Map<string, Delegation>;
  readonly redeemed: Map<string, bigint>;
  /** By client: the block of its last opening. */
  readonly openings: Map<string, number>;
  burnt: bigint;
  seed: { readonly epoch: number; readonly value: string };
}

export const lesser = (one: bigint, other: bigint): bigint => (one < other ? one : other);

export function note(held: Since[], from: number, sectors: number): void {
  if (held.at(-1)?.from === from) held.pop();
  held.push({ from, sectors });
}

function heldIn(held: readonly Since[], epoch: number): number {
  return held.findLast(({ from }) => from <= epoch)?.sectors ?? 0;
}

/** Of a provider: epochs up to `through` that it did not prove although there was something to prove. */
export function missCount({ held, proven }: Provider, through: number): number {
  let misses = 0;
  for (let epoch = 1; epoch <= through; epoch++) if (!proven.has(epoch) && heldIn(held, epoch) > 0) misses++;
  return misses;
}

/** Of a deal: what its cover had to bear, which is not more than it can. */
export function missesOf(deal: Deal, { proven }: Provider, through: number, cover: number): number {
  let misses = 0;
  for (let epoch = deal.wholeSince; epoch <= through; epoch++) {
    if (!proven.has(epoch) && heldIn(deal.held, epoch) > 0) misses++;
  }
  return Math.min(misses, cover);
}

/** To be called at the end of each call. */
export function raise(provider: Provider): void {
  const highest = sectorsBySlot(provider).findLastIndex((sectors) => sectors > 0);
  provider.tallest = Math.max(provider.tallest, highest);
}

export function sectorsBySlot({ deals }: Provider): number[] {
  const slots = Math.max(-1, ...deals.keys()) + 1;
  return Array.from({ length: slots }, (_, slot) => {
    const deal = deals.get(slot);
    return deal && !deal.stopped ? deal.sectors : 0;
  });
}

export function total(provider: Provider): number {
  return sectorsBySlot(provider).reduce((sum, sectors) => sum + sectors, 0);
}

export function signerIn({ signer, next }: Provider, epoch: number): string {
  return next && epoch >= next.from ? next.signer : signer;
}

export function billed(sectors: number, { minSectors }: Deal): bigint {
  return BigInt(Math.max(sectors, minSectors));
}

export function fullCollateral(capacity: number, penaltyRate: bigint, rules: MarketParameters): bigint {
  const covering = BigInt(capacity) * penaltyRate * BigInt(rules.coverEpochs);
  const least = rules.minCollateral * UNIT;
  return covering > least ? covering : least;
}

/** What the epochs after the last settled one, up to `through` and before the deal's end, pay and cost. */
export function outcome(deal: Deal, { proven, penaltyRate }: Provider, through: number) {
  const last = Math.min(through, deal.stopAt - 1);
  let [paid, penalty] = [0n, 0n];
  for (let epoch = deal.settledThrough + 1; epoch <= last; epoch++) {
    if (proven.has(epoch)) paid += billed(deal.sectors, deal) * deal.rate;
    else penalty += lesser(BigInt(deal.sectors) * penaltyRate, deal.collateral - penalty);
  }
  return { last, paid, penalty };
}

/** All that the market owes or holds for somebody, and what is burnt. */
export function owed({ free, providers, burnt }: Books): bigint {
  let sum = burnt;
  for (const units of free.values()) sum += units;
  for (const { deals } of providers.values()) {
    for (const deal of deals.values()) {
      if (deal.closed) continue;
      sum += deal.escrow + deal.egress + deal.collateral + (deal.challenge ? deal.answerBond * UNIT : 0n);
    }
  }
  return sum;
}
