/** Where an event is judged: what was known before it, what was asked for, and the rules. */
import type { Hash, Hex } from "viem";
import type { Epochs, Phase } from "../chain/Epochs.ts";
import type { EventName, EventOf, MarketEvent } from "../chain/Events.ts";
import type { Parameters } from "../chain/MarketReader.ts";
import type { ArgsOf, Call, CallName } from "./Calls.ts";
import type { Draw, Member } from "./Challenges.ts";
import type { Digests } from "./Digests.ts";
import type { Difference } from "./Report.ts";
import { countMisses, type DealState, type ProviderState, type State, settlement } from "./State.ts";

export interface Rules {
  readonly chainId: number;
  readonly market: `0x${string}`;
  readonly parameters: Parameters;
  readonly epochs: Epochs;
  readonly digests: Digests;
}

/** How much was recomputed. */
export interface Tally {
  events: number;
  proofs: number;
  challenges: number;
  settlements: number;
  signatures: number;
}

export interface Transaction {
  readonly hash: Hash;
  readonly calls: readonly Call[];
  /** All that the market said in it, in order. */
  readonly events: readonly MarketEvent[];
}

/** A proof that somebody sent in, and all that it is judged by. */
export interface SentProof {
  readonly draw: Draw;
  readonly members: readonly Member[];
  /** The seed that it says it answers. */
  readonly answered: Hex;
  readonly proof: Buffer;
}

/** What lasts over all events. */
export interface World {
  readonly rules: Rules;
  readonly state: State;
  readonly tally: Tally;
  readonly found: Difference[];
  readonly randomness: (block: bigint) => Promise<Hex>;
  /** A block's time, unix seconds. */
  readonly timeOf: (block: bigint) => Promise<bigint>;
  /** Is shown each proof before it is judged. */
  readonly onProof?: ((sent: SentProof) => void) | undefined;
}

export interface Place {
  readonly provider?: string | undefined;
  readonly deal?: Hash | undefined;
}

/** What every event's judgement has at hand, whatever the event. */
export class Judgement {
  readonly rules: Rules;
  readonly state: State;
  readonly tally: Tally;
  readonly transaction: Transaction;
  readonly epoch: number;
  readonly phase: Phase;
  /** First 28 bytes of a block's randomness, from its header as hashed here. */
  readonly randomness: (block: bigint) => Promise<Hex>;
  readonly #event: MarketEvent;
  readonly #timeOf: World["timeOf"];
  readonly #found: Difference[];
  readonly #onProof: World["onProof"];

  constructor(world: World, transaction: Transaction, event: MarketEvent) {
    this.rules = world.rules;
    this.state = world.state;
    this.tally = world.tally;
    this.randomness = world.randomness;
    this.#timeOf = world.timeOf;
    this.transaction = transaction;
    this.epoch = world.rules.epochs.at(event.block);
    this.phase = world.rules.epochs.phase(event.block);
    this.#event = event;
    this.#found = world.found;
    this.#onProof = world.onProof;
  }

  differ(what: string, expected: unknown, actual: unknown, { provider, deal }: Place = {}): void {
    this.#found.push({
      epoch: this.epoch,
      block: `${this.#event.block}`,
      transaction: this.#event.transaction,
      ...(provider && { provider }),
      ...(deal && { deal }),
      what,
      expected: words(expected),
      actual: words(actual),
    });
  }

  /** Names a difference unless the two are the same; addresses and hashes by value, not by case. */
  same(what: string, expected: unknown, actual: unknown, place?: Place): boolean {
    const alike = words(expected) === words(actual);
    if (!alike) this.differ(what, expected, actual, place);
    return alike;
  }

  holds(what: string, rule: boolean, expected: unknown, actual: unknown, place?: Place): void {
    if (!rule) this.differ(what, expected, actual, place);
  }

  /** Unix seconds of the event's block. */
  time(): Promise<bigint> {
    return this.#timeOf(this.#event.block);
  }

  /** Shows a proof to whoever wants to see them. */
  show(sent: SentProof): void {
    this.#onProof?.(sent);
  }

  /** The deal that an event speaks of. Undefined, and named, where it was never opened or is closed. */
  deal(id: Hash): DealState | undefined {
    const deal = this.state.deals.get(id);
    if (!deal) this.differ("an event of a deal that was never opened", "no event", this.#event.name, { deal: id });
    else if (deal.closed) {
      this.differ("a closed deal changes", "nothing after closing", this.#event.name, placeOf(deal));
    }
    return deal;
  }

  /** E, where a provider's set may be written now; named where it may not. */
  gate(provider: ProviderState, place: Place): number {
    if (this.phase === "commit") return this.epoch;
    this.holds(
      "a provider's set is written while it is frozen",
      provider.claimed.has(this.epoch),
      "the commit phase, or this epoch proven",
      `${this.phase} phase, not proven`,
      place,
    );
    return this.epoch + 1;
  }

  /** What has to have happened before a deal changes with effect from epoch `effective`. */
  upToDate(deal: DealState, effective: number): void {
    const provider = this.state.providerOf(deal);
    const through = Math.min(effective, deal.stopAt) - 1;
    if (deal.settledThrough < through) {
      const { paid, penalty } = settlement(deal, provider, through);
      this.differ(
        "a deal changes before it is settled",
        `settled through epoch ${through}: ${paid} paid, ${penalty} penalty`,
        `settled through epoch ${deal.settledThrough}`,
        placeOf(deal),
      );
      deal.settledThrough = through;
    }
    countMisses(provider, effective - 1);
  }

  /** This transaction's calls of that name: their arguments, and who made them. */
  asked<Name extends CallName>(name: Name): { readonly args: ArgsOf<Name>; readonly caller: string }[] {
    return this.transaction.calls.flatMap((call) =>
      call.functionName === name ? [{ args: call.args as ArgsOf<Name>, caller: call.caller.toLowerCase() }] : [],
    );
  }

  /** Names a difference unless `who` made a call of that name with such arguments in this transaction. */
  askedBy<Name extends CallName>(
    who: string,
    name: Name,
    matches: (args: ArgsOf<Name>) => boolean,
    place?: Place,
  ): void {
    const callers = this.asked(name).flatMap(({ args, caller }) => (matches(args) ? [caller] : []));
    if (callers.includes(who.toLowerCase())) return;
    this.differ(`who called ${name}`, who, callers.length > 0 ? callers.join(", ") : "no such call", place);
  }
}

/** One event and where it is judged. */
export class Scene<Name extends EventName> extends Judgement {
  readonly event: EventOf<Name>;

  constructor(world: World, transaction: Transaction, event: EventOf<Name>) {
    super(world, transaction, event as unknown as MarketEvent);
    this.event = event;
  }
}

/** What is done with each kind of event. */
export type Handlers = { readonly [Name in EventName]?: (scene: Scene<Name>) => void | Promise<void> };

export function placeOf(deal: DealState): Place {
  return { provider: deal.provider, deal: deal.id };
}

function words(value: unknown): string {
  return typeof value === "string" && value.startsWith("0x") ? value.toLowerCase() : String(value);
}
