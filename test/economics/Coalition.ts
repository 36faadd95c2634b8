/**
 * Who acts together in one strategy: a provider and, where that helps, a client, which is the same account. The customer is
 * somebody else, who stores something that has to be kept. Whatever is done is a call to the market.
 */
import type { ContractTransactionResponse } from "ethers";
import { ChallengeProof } from "../../src/codec/index.ts";
import { type Content, contentOf, hex } from "../contracts/Content.ts";
import {
  type Agreement,
  LEDGER,
  NO_HEAD,
  type Party,
  RATE,
  type Terms,
  type World,
  ZERO_ROOT,
} from "../contracts/fixture.ts";
import { answer, isThere } from "./remains.ts";
import type { Term } from "./Term.ts";

/** As the contract numbers them. */
const STOPPED = 4n;
const CLOSED = 5n;
/** Between the numbers of two revisions of one writer. */
const LANES = 65_536n;

/** Different sectors of a customer's; beyond them they repeat. What is deleted is deleted of all of them. */
const CUSTOMER_PATTERN = 4;

/** A deal of the coalition. */
export interface Holding {
  readonly deal: Agreement;
  /** The client is the provider itself. */
  readonly own: boolean;
  readonly content: Content;
  sectors: number;
  /** The epoch from which it holds something; 0: it never did. */
  since: number;
  /** The share of its bytes that is not there. */
  lost: number;
  revisions: bigint;
  /** Epochs that its collateral has paid for. */
  misses: number;
  stopAt: number;
  stopped: boolean;
  closed: boolean;
}

/** What the recorded seed challenges, as far as it is there, and whether all of it is. */
export interface Proof {
  readonly bytes: string;
  readonly whole: boolean;
}

export class Coalition {
  readonly world: World;
  readonly term: Term;
  readonly host: Party;
  readonly customer: Party;
  readonly holdings: Holding[] = [];
  /** Epochs in a row, up to the last one, in which something had to be proven and was not. */
  missedInARow = 0;
  /** Tries that the gate refused. */
  refusals = 0;

  private constructor(world: World, term: Term, host: Party) {
    [this.world, this.term, this.host, this.customer] = [world, term, host, world.alice];
  }

  static async gather(world: World, term: Term, name: string): Promise<Coalition> {
    const { penaltyRate, stake } = term;
    return new Coalition(world, term, await world.newcomer(name, { penaltyRate, stake }));
  }

  // ---------------------------------------------------------------- storing

  /** What a customer has it keep from now on, committed at once. */
  async rent(sectors: number, terms: Partial<Terms> = {}): Promise<Holding> {
    const holding = await this.open(sectors, terms);
    await this.hold(holding, sectors);
    return holding;
  }

  /** A customer's deal that holds nothing yet. */
  open(capacity: number, terms: Partial<Terms> = {}): Promise<Holding> {
    return this.#open(capacity, false, terms);
  }

  /** A deal with itself, at no price, of bytes that can be made up whenever they are asked for. */
  async pretend(sectors: number): Promise<Holding> {
    const holding = await this.#open(sectors, true, { rate: 0n, noticeEpochs: 1 });
    await this.hold(holding, sectors);
    return holding;
  }

  async #open(capacity: number, own: boolean, overrides: Partial<Terms>): Promise<Holding> {
    const { world, host, term } = this;
    const client = own ? host : this.customer;
    const terms = { rate: RATE, capacity, endEpoch: term.end, noticeEpochs: term.notice, ...overrides };
    const escrow = (BigInt(capacity) * terms.rate * BigInt(terms.endEpoch - (await world.epoch()))) / LEDGER;
    const deal = await world.open(terms, { client, host, escrow });
    const content = contentOf(deal.id, capacity, own ? 1 : CUSTOMER_PATTERN);
    const empty = { sectors: 0, since: 0, lost: 0, revisions: 0n, misses: 0 };
    const holding = { deal, own, content, ...empty, stopAt: terms.endEpoch, stopped: false, closed: false };
    this.holdings.push(holding);
    return holding;
  }

  /** Commits all of the deal's content, or that it holds nothing. */
  async hold(holding: Holding, sectors: number): Promise<void> {
    const skipped = await this.#commit(holding, sectors);
    if (skipped.length > 0) throw new Error(`a revision was skipped: ${skipped}`);
    if (holding.sectors === 0) holding.since = await this.world.epoch();
    holding.sectors = sectors;
  }

  async #commit(holding: Holding, sectors: number): Promise<[number, string][]> {
    const { deal, content } = holding;
    const number = ++holding.revisions * LANES;
    const revision = { deal: deal.id, number, root: sectors === 0 ? ZERO_ROOT : content.root, sectors, head: NO_HEAD };
    const item = await this.world.countersigned(deal, revision);
    return this.world.skipped(this.world.commitAll([item]));
  }

  /** Makes a deal's collateral whole, so that it stands for as many misses as at first. */
  async refill(holding: Holding): Promise<void> {
    await this.world.as(this.host).refill(holding.deal);
    holding.misses = 0;
  }

  async proof(): Promise<Proof> {
    const challenged = await this.world.challenged(this.host.address);
    const answers = challenged.map(({ slot, chunkIndex }) => {
      const holding = this.live().find(({ deal }) => deal.slot === slot)!;
      return { bytes: answer(holding, chunkIndex), whole: isThere(holding, chunkIndex) };
    });
    const bytes = ChallengeProof.join(
      challenged,
      answers.map(({ bytes }) => bytes),
    );
    return { bytes: hex(bytes), whole: answers.every(({ whole }) => whole) };
  }

  // ---------------------------------------------------------------- how it stands

  /** Deals that nothing has stopped. */
  live(): Holding[] {
    return this.holdings.filter(({ stopped }) => !stopped);
  }

  customers(): Holding[] {
    return this.live().filter(({ own }) => !own);
  }

  own(): Holding[] {
    return this.live().filter(({ own }) => own);
  }

  /** Sectors that can be challenged, and how many of them are not there. */
  standing(): { total: number; missing: number } {
    const sum = (of: (holding: Holding) => number) => this.live().reduce((total, holding) => total + of(holding), 0);
    return { total: sum(({ sectors }) => sectors), missing: sum(({ sectors, lost }) => sectors * lost) };
  }

  /** Customers' sectors that are there in `epoch`. */
  kept(epoch: number): number {
    const paid = this.customers().filter(({ stopAt }) => epoch < stopAt);
    return paid.reduce((total, { sectors, lost }) => total + sectors * (1 - lost), 0);
  }

  /** What became of an epoch in which there was something to prove. */
  count(proven: boolean): void {
    this.missedInARow = proven ? 0 : this.missedInARow + 1;
    if (!proven) for (const holding of this.live()) if (holding.sectors > 0) holding.misses++;
  }

  // ---------------------------------------------------------------- ending

  /** A call that may end a deal, and what it made of the deal. */
  async end(holding: Holding, call: Promise<ContractTransactionResponse>): Promise<void> {
    await call;
    const { state, stopAt } = await this.world.deal(holding.deal);
    [holding.stopped, holding.closed] = [state === STOPPED || state === CLOSED, state === CLOSED];
    holding.stopAt = Number(stopAt);
  }

  resign(holding: Holding): Promise<void> {
    return this.end(holding, this.world.as(this.host).resign(holding.deal));
  }

  abandon(holding: Holding): Promise<void> {
    return this.end(holding, this.world.as(this.host).abandon(holding.deal));
  }

  convict(holding: Holding): Promise<void> {
    return this.end(holding, this.world.market.convict(holding.deal));
  }

  /** The client's notice, whoever that is. */
  terminate(holding: Holding): Promise<void> {
    return this.end(holding, this.world.as(holding.deal.client).terminate(holding.deal));
  }

  /** Names the deal's first chunk, on the client's behalf. */
  async challenge({ deal }: Holding): Promise<void> {
    await this.world.as(deal.client).challenge(deal, 0);
  }

  /** In a commit phase: leaves where a customer has reason to, takes out what has ended, closes what can be closed. */
  async tidy(epoch: number, watchful: boolean): Promise<void> {
    const { world, term } = this;
    for (const holding of this.live()) {
      const { deal, own, since, stopAt, misses } = holding;
      const missed = since > 0 && Math.min(this.missedInARow, epoch - since) >= term.missed;
      if (!own && watchful && missed && epoch <= stopAt) {
        await this.end(holding, world.as(this.customer).terminateMissed(deal));
      } else if (epoch >= stopAt || misses >= term.cover) {
        await this.end(holding, world.market.prune([deal]));
      }
    }
    for (const holding of this.holdings) {
      const due = holding.stopped && !holding.closed && epoch > holding.stopAt + term.final;
      if (due) await this.end(holding, world.market.close([holding.deal]));
    }
  }

  /** Everything that the market lets go of, taken home. */
  async withdraw(): Promise<void> {
    const { free } = await this.world.ledger(this.host.address);
    await this.world.as(this.host).withdraw(free / LEDGER, this.host.account);
  }

  // ---------------------------------------------------------------- tries

  /** Tries what the gate has to refuse. @throws Error where it works, or fails for another reason */
  async refused(call: Promise<unknown>): Promise<void> {
    const outcome = await call.then(
      () => "it went through",
      (error: Error) => error.message,
    );
    this.#refusal(outcome);
  }

  /** The same for taking out a deal that has ended or whose cover is used up. */
  async refusedToPrune({ deal }: Holding): Promise<void> {
    this.#refusal(`${await this.world.skipped(this.world.market.prune([deal]))}`);
  }

  /** The same for a revision, signed by both sides, by which nothing is stored. */
  async refusedToEmpty(holding: Holding): Promise<void> {
    this.#refusal(`${await this.#commit(holding, 0)}`);
  }

  #refusal(outcome: string): void {
    if (!outcome.includes("Market_WrongPhase")) throw new Error(`the gate did not refuse: ${outcome}`);
    this.refusals++;
  }
}
