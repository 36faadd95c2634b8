/** The market's whole history in order, each event judged by the rules before it changes what is known. */
import type { Hash, Hex } from "viem";
import type { EventName, EventOf, MarketEvent } from "../chain/Events.ts";
import type { MarketReader } from "../chain/MarketReader.ts";
import { accounts } from "./accounts.ts";
import { callsOf, forwarded, type Message } from "./Calls.ts";
import { Digests } from "./Digests.ts";
import { exits } from "./exits.ts";
import { openings } from "./openings.ts";
import { payments } from "./payments.ts";
import { proofs } from "./proofs.ts";
import type { Difference } from "./Report.ts";
import { revisions } from "./revisions.ts";
import { type Handlers, type Rules, Scene, type Tally, type Transaction, type World } from "./Scene.ts";
import { readSeed } from "./Seeds.ts";
import { State } from "./State.ts";
import { Tokens } from "./Tokens.ts";

const HANDLERS: Handlers = { ...accounts, ...openings, ...revisions, ...payments, ...proofs, ...exits };

/** Transactions fetched at once. */
const FETCHED_TOGETHER = 16;
/** Challenge blocks whose randomness is remembered: proofs of one epoch come together. */
const REMEMBERED_BLOCKS = 64;

export class Replay implements World {
  readonly rules: Rules;
  readonly state = new State();
  readonly tally: Tally = { events: 0, proofs: 0, challenges: 0, settlements: 0, signatures: 0 };
  readonly found: Difference[] = [];
  readonly randomness: (block: bigint) => Promise<Hex>;
  readonly timeOf: (block: bigint) => Promise<bigint>;
  readonly onProof: World["onProof"];
  readonly #reader: MarketReader;
  readonly #tokens: Tokens;
  #last: MarketEvent | undefined;
  /** The first block that is not judged yet. */
  #next: bigint;
  readonly #randomness = new Map<bigint, Promise<Hex>>();

  constructor(reader: MarketReader, onProof?: World["onProof"]) {
    this.#reader = reader;
    this.onProof = onProof;
    this.#next = reader.epochs.genesis;
    this.#tokens = new Tokens(reader);
    const { chainId, address: market, parameters, epochs } = reader;
    this.rules = { chainId, market, parameters, epochs, digests: new Digests(chainId, market) };
    this.randomness = (block) => this.#remembered(block);
    this.timeOf = async (block) => (await reader.block(block)).timestamp;
  }

  /**
   * Judges what happened since the last run, up to block `to`. Where this fails, half of it may be judged: nothing that
   * is known here can be used any more.
   */
  async run(to: bigint): Promise<void> {
    const from = this.#next;
    let batch: MarketEvent[][] = [];
    let current: MarketEvent[] = [];
    for await (const event of this.#reader.events({ from, to })) {
      const one = event as unknown as MarketEvent;
      if (current.length > 0 && current[0]?.transaction !== one.transaction) {
        batch.push(current);
        current = [];
        if (batch.length === FETCHED_TOGETHER) {
          await this.#judge(batch);
          batch = [];
        }
      }
      current.push(one);
    }
    if (current.length > 0) batch.push(current);
    await this.#judge(batch);
    this.found.push(...(await this.#tokens.compare(from, to)));
    this.#next = to + 1n;
  }

  /**
   * All that is known between two runs, again: what either goes on to judge is nothing to the other. A State is plain
   * fields and functions over them, so a copy of the fields is a copy of it.
   */
  copy(): Replay {
    const copy = new Replay(this.#reader, this.onProof);
    Object.assign(copy.state, structuredClone(this.state));
    Object.assign(copy.tally, this.tally);
    copy.found.push(...this.found);
    copy.#last = this.#last;
    copy.#next = this.#next;
    return copy;
  }

  async #judge(batch: readonly MarketEvent[][]): Promise<void> {
    const transactions = await Promise.all(batch.map((events) => this.#transaction(events)));
    for (const transaction of transactions) {
      this.state.touched.clear();
      for (const event of transaction.events) {
        this.#inOrder(transaction, event);
        this.tally.events++;
        this.#tokens.note(event);
        await this.#apply(transaction, event as unknown as EventOf<EventName>);
      }
      this.#checkBalances(transaction);
    }
  }

  async #apply<Name extends EventName>(transaction: Transaction, event: EventOf<Name>): Promise<void> {
    const handler = HANDLERS[event.name as Name] as ((scene: Scene<Name>) => void | Promise<void>) | undefined;
    await handler?.(new Scene(this, transaction, event));
  }

  async #transaction(events: readonly MarketEvent[]): Promise<Transaction> {
    const { transaction: hash } = events[0]!;
    const messages = await this.#messages(hash);
    return { hash, events, calls: messages.flatMap((message) => callsOf(message, this.#reader.forwarder)) };
  }

  /** What reached the market: by calldata where that tells, by a trace where another contract made the calls. */
  async #messages(hash: Hash): Promise<Message[]> {
    const { market } = this.rules;
    const { forwarder } = this.#reader;
    const { from, to, input } = await this.#reader.transaction(hash);
    if (to?.toLowerCase() === market.toLowerCase()) return [{ from, input }];
    if (forwarder && to?.toLowerCase() === forwarder.toLowerCase()) return forwarded(market, forwarder, input);
    return (await this.#reader.innerMessages(hash)) ?? [];
  }

  /** A node that tells an event twice, or late, tells another history. */
  #inOrder(transaction: Transaction, event: MarketEvent): void {
    const { block, logIndex } = event;
    const before = this.#last;
    if (before && (block < before.block || (block === before.block && logIndex <= before.logIndex))) {
      const scene = new Scene(this, transaction, event as unknown as EventOf<EventName>);
      scene.differ("order of events", `after ${before.block}/${before.logIndex}`, `${block}/${logIndex}`);
    }
    this.#last = event;
  }

  /** Nobody owes the market. */
  #checkBalances(transaction: Transaction): void {
    const last = transaction.events.at(-1)!;
    for (const owner of this.state.touched) {
      const free = this.state.free(owner);
      if (free >= 0n) continue;
      const scene = new Scene(this, transaction, last as unknown as EventOf<EventName>);
      scene.differ("an account after a transaction", ">= 0", free, { provider: owner });
    }
  }

  #remembered(block: bigint): Promise<Hex> {
    let value = this.#randomness.get(block);
    if (!value) {
      value = readSeed(this.#reader, block).then(({ seed }) => seed);
      this.#randomness.set(block, value);
      const [oldest] = this.#randomness.keys();
      if (this.#randomness.size > REMEMBERED_BLOCKS && oldest !== undefined) this.#randomness.delete(oldest);
    }
    return value;
  }
}
