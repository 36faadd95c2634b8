/** What every call of the {@link Reference} stands on: time, money, finding a deal, settling it. */
import { ChallengeProof, LengthError, RangeProof } from "../../src/codec/index.ts";
import type { MarketParameters } from "../contracts/fixture.ts";
import {
  type Books,
  type Deal,
  type Delegation,
  missesOf,
  note,
  outcome,
  type Provider,
  total,
  UNIT,
} from "./Books.ts";

export type Event = readonly [name: string, ...args: unknown[]];

export class Refusal extends Error {
  /** Not looked at where there are none. */
  readonly args: readonly unknown[];

  constructor(name: string, ...args: unknown[]) {
    super(name);
    this.args = args;
  }
}

export interface Ref {
  readonly provider: string;
  readonly slot: number;
  readonly id: string;
}

export const NO_ROOT = `0x${"00".repeat(24)}`;

export class Ground {
  readonly rules: MarketParameters;
  readonly #genesis: number;
  readonly #place: { readonly chainId: bigint; readonly market: Uint8Array };
  books: Books;
  block = 0;
  #said: Event[] = [];

  constructor(rules: MarketParameters, genesis: number, place: Ground["place"], books: Books) {
    this.rules = rules;
    this.#genesis = genesis;
    this.#place = place;
    this.books = books;
  }

  get place(): { readonly chainId: bigint; readonly market: Uint8Array } {
    return this.#place;
  }

  /** `call`'s events in the block it is made in. @throws Refusal */
  run(block: number, call: () => void): readonly Event[] {
    const before = structuredClone(this.books);
    this.block = block;
    this.#said = [];
    try {
      call();
    } catch (thrown) {
      this.books = before;
      throw thrown;
    }
    return this.#said;
  }

  // ---------------------------------------------------------------- time

  get epoch(): number {
    return 1 + Math.floor((this.block - this.#genesis) / this.rules.epochBlocks);
  }

  get #offset(): number {
    return (this.block - this.#genesis) % this.rules.epochBlocks;
  }

  get committing(): boolean {
    return this.#offset < this.rules.commitBlocks;
  }

  get challengeBlock(): number {
    return this.block - this.#offset + this.rules.commitBlocks + this.rules.gapBlocks;
  }

  /** E, and whether what is sampled may change now. */
  gate(provider: Provider): { effective: number; open: boolean } {
    if (this.committing) return { effective: this.epoch, open: true };
    const open = provider.proven.has(this.epoch);
    return { effective: open ? this.epoch + 1 : this.epoch, open };
  }

  // ---------------------------------------------------------------- money

  free(owner: string): bigint {
    return this.books.free.get(owner) ?? 0n;
  }

  protected credit(owner: string, units: bigint): void {
    this.books.free.set(owner, this.free(owner) + units);
  }

  /** Out of the free balance; what is missing there comes in whole tokens from the allowance. */
  protected charge(payer: string, units: bigint): void {
    if (this.free(payer) < units) {
      const missing = (units - this.free(payer) + UNIT - 1n) / UNIT;
      this.credit(payer, missing * UNIT);
      this.say("Deposited", payer, payer, missing);
    }
    this.credit(payer, -units);
  }

  protected say(...event: Event): void {
    this.#said.push(event);
  }

  // ---------------------------------------------------------------- who and what

  provider(address: string): Provider {
    return this.books.providers.get(address)!;
  }

  protected delegation(client: string, delegate: string): Delegation | undefined {
    return this.books.delegations.get(`${client} ${delegate}`);
  }

  protected inForce({ scopes, untilEpoch }: Delegation, scope: number): boolean {
    return (scopes & scope) !== 0 && this.epoch < untilEpoch;
  }

  /** The deal that `ref` names, if it is one that something can be done with. */
  protected find({ provider, slot, id }: Ref): { deal?: Deal; problem?: string } {
    const deal = this.provider(provider).deals.get(slot);
    if (deal?.id !== id) return { problem: "Market_WrongDeal" };
    return deal.closed ? { problem: "Market_WrongState" } : { deal };
  }

  protected demand(ref: Ref): Deal {
    const { deal, problem } = this.find(ref);
    if (deal) return deal;
    const { id = NO_ID } = this.provider(ref.provider).deals.get(ref.slot) ?? {};
    throw problem === "Market_WrongDeal" ? new Refusal(problem, id, ref.id) : new Refusal(problem!, ref.id);
  }

  /** E, of a deal that takes new figures now. */
  protected live(deal: Deal): number {
    const { effective, open } = this.gate(this.provider(deal.provider));
    if (!open) throw new Refusal("Market_WrongPhase", effective, false);
    if (deal.stopped || effective >= deal.stopAt) throw wrongState(deal);
    return effective;
  }

  // ---------------------------------------------------------------- figures

  usedUp(deal: Deal, through: number): boolean {
    const { coverEpochs } = this.rules;
    return missesOf(deal, this.provider(deal.provider), through, coverEpochs) >= coverEpochs;
  }

  protected settleOne(deal: Deal, through: number): void {
    const { last, paid, penalty } = outcome(deal, this.provider(deal.provider), through);
    if (last <= deal.settledThrough) return;
    this.move(deal, last, paid, penalty);
    this.say("Settled", deal.id, last, paid);
  }

  protected move(deal: Deal, last: number, paid: bigint, penalty: bigint): void {
    deal.settledThrough = last;
    deal.escrow -= paid;
    deal.collateral -= penalty;
    this.credit(deal.provider, paid);
    this.credit(deal.client, penalty / 2n);
    this.books.burnt += penalty / 2n;
    if (penalty > 0n) this.say("Penalised", deal.id, penalty);
  }

  protected resize(deal: Deal, sectors: number, effective: number): void {
    const provider = this.provider(deal.provider);
    deal.sectors = sectors;
    note(deal.held, effective, sectors);
    note(provider.held, effective, total(provider));
  }
}

const NO_ID = `0x${"00".repeat(32)}`;

export function wrongState({ id }: Deal): Refusal {
  return new Refusal("Market_WrongState", id);
}

/** @throws Refusal where the answer does not show that chunk of the deal */
export function verify({ root, sectors }: Deal, chunkIndex: number, answer: Uint8Array): void {
  try {
    ChallengeProof.verify({ root: Buffer.from(root.slice(2), "hex"), sectors, chunkIndex }, answer);
  } catch (thrown) {
    if (thrown instanceof RangeProof.RootMismatchError)
      throw new Refusal("Market_ProofRoot", thrown.expected, thrown.actual);
    if (!(thrown instanceof LengthError)) throw thrown;
    throw new Refusal("Market_ProofLength", ChallengeProof.proofBytes(sectors), answer.length);
  }
}
