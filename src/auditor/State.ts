/** What the market must hold if it followed its rules: rebuilt from events, with maths of its own. Ledger units. */
import type { Address, Hash, Hex } from "viem";
import type { Member } from "./Challenges.ts";

export const NO_ROOT: Hex = `0x${"00".repeat(24)}`;
export const ONE = 2n ** 32n;

export const lesser = (one: bigint, other: bigint): bigint => (one < other ? one : other);

export interface Challenge {
  readonly challenger: string;
  readonly chunk: bigint;
  readonly deadline: number;
}

export interface DealState {
  readonly id: Hash;
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
  activeSince: number;
  number: bigint;
  sectors: number;
  root: Hex;
  escrow: bigint;
  egress: bigint;
  /** What is left of it: out of the provider's balance from the opening to the end. */
  collateral: bigint;
  /** With sectors: the provider's miss count when they began to count; without: misses used up so far. */
  missMark: number;
  /** A number of the contract's Reason. */
  reason: number;
  inTree: boolean;
  stopped: boolean;
  closed: boolean;
  challenge: Challenge | undefined;
  /** The last challenge that ended without an answer, and in which transaction. */
  voided: { readonly deadline: number; readonly transaction: Hash } | undefined;
  /** What the settlement to come takes from collateral. */
  penalty: bigint;
}

export interface ProviderState {
  readonly address: Address;
  penaltyRate: bigint;
  signer: string;
  nextSigner: { signer: string; from: number } | undefined;
  /** By slot: the deal that is or was there last. */
  readonly slots: (DealState | undefined)[];
  /** Of terms and extensions: what was signed for an earlier one is void. */
  series: number;
  unclosed: number;
  missCount: number;
  countedThrough: number;
  relay: string;
  tip: bigint;
  /** Epochs whose proof was checked here and holds. */
  readonly proven: Set<number>;
  /** Epochs that the market says are proven. */
  readonly claimed: Set<number>;
  /** T in sectors, and the epoch it holds from, in order. */
  readonly sizes: { readonly from: number; readonly sectors: number }[];
  /** Over the whole history: settlements and vouchers, penalties, forfeits and exit fees. */
  earned: bigint;
  penalties: bigint;
  forfeited: bigint;
}

export interface DelegationState {
  readonly scopes: number;
  untilEpoch: number;
  /** Token base units. */
  repairBudget: bigint;
  readonly maxRate: bigint;
  readonly maxEgressRate: bigint;
  egressCap: bigint;
}

export class State {
  /** What everybody may use or take out. */
  readonly accounts = new Map<string, bigint>();
  /** Whose account changed since this was last emptied. */
  readonly touched = new Set<string>();
  readonly providers = new Map<string, ProviderState>();
  readonly deals = new Map<Hash, DealState>();
  /** By client: the blocks it opened deals in, oldest first. */
  readonly openings = new Map<string, bigint[]>();
  readonly redeemed = new Map<string, bigint>();
  readonly delegations = new Map<string, DelegationState>();
  burnt = 0n;
  /** Bonds of open challenges, token base units. */
  bonds = 0n;
  seed: { epoch: number; value: Hex } | undefined;

  free(owner: string): bigint {
    return this.accounts.get(owner.toLowerCase()) ?? 0n;
  }

  credit(owner: string, units: bigint): void {
    const key = owner.toLowerCase();
    this.touched.add(key);
    this.accounts.set(key, this.free(key) + units);
  }

  debit(owner: string, units: bigint): void {
    this.credit(owner, -units);
  }

  provider(address: Address): ProviderState {
    const key = address.toLowerCase();
    let provider = this.providers.get(key);
    if (!provider) {
      provider = {
        address,
        penaltyRate: 0n,
        signer: "",
        nextSigner: undefined,
        slots: [],
        series: 0,
        unclosed: 0,
        missCount: 0,
        countedThrough: 0,
        relay: "",
        tip: 0n,
        proven: new Set(),
        claimed: new Set(),
        sizes: [],
        earned: 0n,
        penalties: 0n,
        forfeited: 0n,
      };
      this.providers.set(key, provider);
    }
    return provider;
  }

  providerOf(deal: DealState): ProviderState {
    return this.provider(deal.provider as Address);
  }

  /** Everything that the market owes or holds for somebody, and what is burnt. */
  total(): bigint {
    let sum = this.burnt + this.bonds * ONE;
    for (const free of this.accounts.values()) sum += free;
    for (const { escrow, egress, collateral } of this.deals.values()) sum += escrow + egress + collateral;
    return sum;
  }
}

/** Sectors in a provider's set as it stands. */
export function sectorsOf(provider: ProviderState): number {
  return provider.slots.reduce<number>((sum, deal) => sum + (deal?.inTree ? deal.sectors : 0), 0);
}

/** Who signs for a provider in an epoch. */
export function signerIn(provider: ProviderState, epoch: number): string {
  const { nextSigner } = provider;
  return nextSigner && epoch >= nextSigner.from ? nextSigner.signer : provider.signer;
}

/** Missed epochs that count against a deal's cover. */
export function missesOf(deal: DealState, missCount: number): number {
  return deal.sectors > 0 ? missCount - deal.missMark : deal.missMark;
}

/** The provider's set in slot order, with what bars a deal from epoch `epoch`'s sample. */
export function membersOf(provider: ProviderState, epoch: number, missCount: number, coverEpochs: number): Member[] {
  const members: Member[] = [];
  for (const deal of provider.slots) {
    if (!deal?.inTree || deal.sectors === 0) continue;
    const ended = epoch >= deal.stopAt;
    const uncovered = missesOf(deal, missCount) >= coverEpochs;
    const barred = ended ? `stopped at epoch ${deal.stopAt}` : uncovered ? "has used up its cover" : undefined;
    members.push({ slot: deal.slot, sectors: deal.sectors, root: deal.root, barred });
  }
  return members;
}

/** Remembers T as it stands from epoch `effective` on. */
export function noteSize(provider: ProviderState, effective: number): void {
  if (provider.sizes.at(-1)?.from === effective) provider.sizes.pop();
  provider.sizes.push({ from: effective, sectors: sectorsOf(provider) });
}

/** Counts misses up to epoch `through`: what has to happen before the set changes and when a proof arrives. */
export function countMisses(provider: ProviderState, through: number): void {
  provider.missCount = missCountThrough(provider, through);
  provider.countedThrough = Math.max(through, provider.countedThrough);
}

/** The miss count as it is once it is complete to epoch `through`. */
export function missCountThrough(provider: ProviderState, through: number): number {
  const uncounted = sectorsOf(provider) > 0 ? Math.max(through - provider.countedThrough, 0) : 0;
  return provider.missCount + uncounted;
}

/** The full collateral of a capacity. `minCollateral`: token base units. */
export function fullCollateral(capacity: number, penaltyRate: bigint, cover: number, minCollateral: bigint): bigint {
  const covering = BigInt(capacity) * penaltyRate * BigInt(cover);
  const least = minCollateral * ONE;
  return covering > least ? covering : least;
}

export interface Settlement {
  readonly paid: bigint;
  readonly penalty: bigint;
}

/** What epochs after `settledThrough` up to `through` come to, one epoch after another. */
export function settlement(deal: DealState, provider: ProviderState, through: number): Settlement {
  let paid = 0n;
  let penalty = 0n;
  const billed = BigInt(Math.max(deal.sectors, deal.minSectors));
  for (let epoch = deal.settledThrough + 1; epoch <= through && epoch < deal.stopAt; epoch++) {
    if (provider.proven.has(epoch)) paid += billed * deal.rate;
    else penalty += BigInt(deal.sectors) * provider.penaltyRate;
  }
  return { paid, penalty: lesser(penalty, deal.collateral) };
}
