/**
 * The provider's deals as the chain has them. A deal is accepted once it is seen open on chain; its record is on the disk
 * before the first byte is taken for it. What was dropped is freed when the revision without it is final, and all of a
 * deal when its end is.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Address, Hash, Hex } from "viem";
import { isAddressEqual } from "viem";
import { type Opened, OpeningJoin } from "../../chain/Events.ts";
import { type Deal, DealState, type MarketReader } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { DealRecord, Store } from "../storage/Store.ts";

export type BookChain = Pick<MarketReader, "deal" | "events" | "block" | "epochs">;

/** The newest block that the book has read; `timestamp` in unix seconds. */
export interface Seen {
  readonly number: bigint;
  readonly hash: Hash;
  readonly timestamp: bigint;
}

export interface KnownDeal {
  readonly record: DealRecord;
  /** As it stood when one of its events was last seen. */
  readonly onChain: Deal;
}

export interface BookOptions {
  readonly chain: BookChain;
  readonly store: Store;
  readonly provider: Address;
  readonly log: Logger;
  /** Blocks on top of one after which nothing takes it back. */
  readonly finalBlocks: number;
}

/** A stranger's unknown deal id makes the chain be read at most this often. */
const UNKNOWN_PAUSE_MS = 250;
const CURSOR_BLOCKS = 256n;

export class DealBook {
  readonly #options: BookOptions;
  readonly #deals = new Map<Hex, KnownDeal>();
  readonly #finalNumbers = new Map<Hex, bigint>();
  readonly #missingSince = new Map<Hex, bigint>();
  #records: Map<Hex, DealRecord>;
  #cursor: bigint;
  #savedCursor: bigint;
  #seen: Seen;
  #update: Promise<void> | null = null;
  #updatedAt = 0;

  private constructor(options: BookOptions, records: readonly DealRecord[], cursor: bigint, seen: Seen) {
    this.#options = options;
    this.#records = new Map(records.map((record) => [record.id, record]));
    this.#cursor = cursor;
    this.#savedCursor = cursor;
    this.#seen = seen;
  }

  /** Reads the chain from where it was left. @throws ChainUnavailable */
  static async open(options: BookOptions): Promise<DealBook> {
    const { chain, store } = options;
    const seen = await chain.block();
    let cursor = await store.cursor();
    if (cursor < chain.epochs.genesis) cursor = chain.epochs.genesis;
    const book = new DealBook(options, await store.deals(), cursor, seen);
    await book.#read(seen.number, new Set(book.#records.keys()));
    return book;
  }

  /** The newest block that all of {@link deals} is read as of. */
  get seen(): Seen {
    return this.#seen;
  }

  get epoch(): number {
    return this.#options.chain.epochs.at(this.#seen.number);
  }

  deals(): KnownDeal[] {
    return [...this.#deals.values()];
  }

  get(id: Hex): KnownDeal | undefined {
    return this.#deals.get(id);
  }

  /** A deal of this provider, looked for on the chain when it is not known yet. @throws UnknownDeal */
  async require(id: Hex): Promise<KnownDeal> {
    if (!this.#deals.has(id)) await this.#update;
    if (!this.#deals.has(id)) {
      await sleep(Math.max(0, this.#updatedAt + UNKNOWN_PAUSE_MS - performance.now()));
      await this.update();
    }
    const known = this.#deals.get(id);
    if (!known) throw new SubletException({ code: "UnknownDeal", deal: id });
    return known;
  }

  /** {@link require}, of a deal that still takes bytes and revisions. @throws UnknownDeal, NotOpen */
  async requireLive(id: Hex): Promise<KnownDeal> {
    const known = await this.require(id);
    const { state, stopAt } = known.onChain;
    if (isUnstopped(known.onChain) && this.epoch < stopAt) return known;
    const said = state === DealState.Closed ? "closed" : `stopped at epoch ${stopAt}`;
    throw new SubletException({ code: "NotOpen", deal: id, state: said });
  }

  /** A known deal as the chain has it at this moment. @throws UnknownDeal */
  async refresh(id: Hex): Promise<KnownDeal> {
    await this.#refresh(id, this.#seen.number);
    return this.require(id);
  }

  /**
   * Reads what the chain said since the last time; of `all` deals, not just of those with events, where the chain may
   * have taken something back.
   */
  async update(all = false): Promise<void> {
    // Calls at the same time share one reading, unless it reads less than was asked for.
    while (all && this.#update) await this.#update.catch(() => {});
    this.#update ??= this.#next(all).finally(() => {
      this.#updatedAt = performance.now();
      this.#update = null;
    });
    return this.#update;
  }

  async close(): Promise<void> {
    await this.#update?.catch(() => {});
    await this.#saveCursor();
  }

  async #next(all: boolean): Promise<void> {
    const { number, hash, timestamp } = await this.#options.chain.block();
    const changed = hash !== this.#seen.hash;
    if (changed || all) await this.#read(number, new Set(all ? this.#records.keys() : []));
    // Not before it was read: what fails half way is read again.
    this.#seen = { number, hash, timestamp };
  }

  /** Reads events up to block `to`, and anew the deals that they touch and those in `touched`. */
  async #read(to: bigint, touched: Set<Hex>): Promise<void> {
    const { chain, provider, finalBlocks } = this.#options;
    const join = new OpeningJoin();
    for await (const event of chain.events({ from: this.#cursor, to, names: [...EVENTS] })) {
      const opened = join.see(event);
      if (opened && isAddressEqual(opened.args.provider, provider)) await this.#opened(opened);
      if ("id" in event.args) touched.add(event.args.id);
    }
    for (const id of this.#missingSince.keys()) touched.add(id);
    for (const id of touched) await this.#refresh(id, to);
    const final = to - BigInt(finalBlocks);
    await this.#finalize(final);
    if (final > this.#cursor) this.#cursor = final;
    if (this.#cursor - this.#savedCursor >= CURSOR_BLOCKS) await this.#saveCursor();
  }

  async #opened({ args }: Opened): Promise<void> {
    if (this.#records.has(args.id)) return;
    const { chain, store, provider, log } = this.#options;
    const { id } = await chain.deal(provider, args.slot);
    if (id !== args.id) return;
    const { slot, client, clientSigner, volume, position, k, n, egressRate } = args;
    const record = { id, slot, client, clientSigner, volume, position, k, n, egressRate };
    await store.addDeal(record);
    this.#records.set(id, record);
    log.info({ deal: id, slot, client, capacity: args.capacity, endEpoch: args.endEpoch }, "deal opened");
  }

  async #refresh(id: Hex, at: bigint): Promise<void> {
    const record = this.#records.get(id);
    if (!record) return;
    const onChain = await this.#options.chain.deal(this.#options.provider, record.slot);
    if (onChain.id !== id) return this.#missing(record, at);
    this.#missingSince.delete(id);
    this.#deals.set(id, { record, onChain });
  }

  /** Its slot holds something else: closed long ago, or its opening was taken back and may come again. */
  async #missing({ id }: DealRecord, at: bigint): Promise<void> {
    this.#deals.delete(id);
    const since = this.#missingSince.get(id) ?? at;
    this.#missingSince.set(id, since);
    if (at - since >= BigInt(this.#options.finalBlocks)) await this.#forget(id, "it is not on the chain");
  }

  /** What is final on chain, as of block `at`, lets go of what came before it. */
  async #finalize(at: bigint): Promise<void> {
    const { chain, provider, store, log } = this.#options;
    if (at < chain.epochs.genesis) return;
    for (const { record, onChain } of this.#deals.values()) {
      const { id, slot } = record;
      const closed = onChain.state === DealState.Closed;
      if (!closed && onChain.number === (this.#finalNumbers.get(id) ?? 0n)) continue;
      const final = await chain.deal(provider, slot, at);
      if (final.id !== id) continue;
      if (final.state === DealState.Closed) {
        await this.#forget(id, "it is closed");
        continue;
      }
      if (final.number === (this.#finalNumbers.get(id) ?? 0n)) continue;
      this.#finalNumbers.set(id, final.number);
      if (await store.finalize(id, final.number)) continue;
      log.error(
        { deal: id, number: `${final.number}` },
        "the chain has a revision that is not known here: it cannot be proved",
      );
    }
  }

  async #forget(id: Hex, why: string): Promise<void> {
    this.#records.delete(id);
    this.#deals.delete(id);
    this.#missingSince.delete(id);
    this.#finalNumbers.delete(id);
    await this.#options.store.removeDeal(id);
    this.#options.log.info({ deal: id, why }, "deal forgotten");
  }

  async #saveCursor(): Promise<void> {
    await this.#options.store.saveCursor(this.#cursor);
    this.#savedCursor = this.#cursor;
  }
}

/** Events that change a deal, whose id is in them, and what comes before openings. */
const EVENTS = [
  "VolumeOpened",
  "DealOpened",
  "Committed",
  "Settled",
  "Extended",
  "Refilled",
  "ToppedUp",
  "NoticeGiven",
  "Stopped",
  "Closed",
  "Redeemed",
  "Challenged",
  "ChallengeClosed",
] as const;

export function isUnstopped({ state }: Deal): boolean {
  return state === DealState.Open || state === DealState.Active || state === DealState.Notice;
}
