/**
 * Which of the provider's slots an offer names. A slot has one unclosed deal at most, and terms name the closed one that
 * was there before, so of two offers for one slot only one can be opened: as long as few are out, each has its own.
 */
import { type Address, type Hash, type Hex, zeroHash } from "viem";
import {
  type Deal,
  DealState,
  isUnclosed,
  MAX_SLOTS,
  type MarketReader,
  type Provider,
} from "../../chain/MarketReader.ts";
import { Turns } from "../Turns.ts";
import type { DealBook } from "./DealBook.ts";

type Chain = Pick<MarketReader, "provider" | "deal">;

/** `previous`: the id of the deal that was there last, zero where there was none. */
export interface Place {
  readonly slot: number;
  readonly previous: Hex;
  readonly series: number;
}

/** Beyond so many offers out, the slots of the oldest are shared: higher ones would make every proof dearer for ever. */
const MOST_OUTSTANDING = 64;

export class Slots {
  readonly #chain: Chain;
  readonly #book: DealBook;
  readonly #provider: Address;
  readonly #turns = new Turns();
  /** The newest offer of a slot: the deal before it, and until when it holds (unix seconds). The oldest offer first. */
  readonly #outstanding = new Map<number, { previous: Hex; until: bigint }>();
  /** What the chain said as of block `#asOf`: strangers may ask often. */
  readonly #deals = new Map<number, Deal>();
  #standing: Provider | undefined;
  #asOf: Hash | undefined;

  constructor(chain: Chain, book: DealBook, provider: Address) {
    this.#chain = chain;
    this.#book = book;
    this.#provider = provider;
  }

  /** The place of an offer made `now` that holds `until`. @returns undefined where every slot has a deal */
  take(now: bigint, until: bigint): Promise<Place | undefined> {
    return this.#turns.take("slots", async () => {
      this.#forgetOlderBlocks();
      this.#standing ??= await this.#chain.provider(this.#provider);
      const { slots, series } = this.#standing;
      const taken = new Set<number>();
      for (const { record, onChain } of this.#book.deals()) {
        const { slot, id } = record;
        if (isUnclosed(onChain)) taken.add(slot);
        // Opened since, and maybe closed again: what was offered there opens nothing any more.
        const offer = this.#outstanding.get(slot);
        if (offer && offer.previous !== id) this.#outstanding.delete(slot);
      }
      for (const [slot, offer] of this.#outstanding) if (offer.until < now) this.#outstanding.delete(slot);
      const place = (await this.#shared()) ?? (await this.#own(slots, taken));
      if (!place) return undefined;
      this.#outstanding.delete(place.slot);
      this.#outstanding.set(place.slot, { previous: place.previous, until });
      return { ...place, series };
    });
  }

  /** The slot offered longest ago, where there are too many. */
  async #shared(): Promise<Omit<Place, "series"> | undefined> {
    if (this.#outstanding.size < MOST_OUTSTANDING) return undefined;
    for (const slot of this.#outstanding.keys()) {
      const deal = await this.#deal(slot);
      if (!isUnclosed(deal)) return { slot, previous: deal.id };
    }
    return undefined;
  }

  /** The lowest slot that no other offer names: one that had a deal, which costs less, before one that never had. */
  async #own(slots: number, taken: ReadonlySet<number>): Promise<Omit<Place, "series"> | undefined> {
    let fresh: number | undefined;
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      if (slot >= slots && fresh !== undefined) break;
      if (taken.has(slot) || this.#outstanding.has(slot)) continue;
      const { state, id } = await this.#deal(slot);
      if (state === DealState.Closed) return { slot, previous: id };
      if (state === DealState.None) fresh ??= slot;
    }
    return fresh === undefined ? undefined : { slot: fresh, previous: zeroHash };
  }

  async #deal(slot: number): Promise<Deal> {
    const deal = this.#deals.get(slot) ?? (await this.#chain.deal(this.#provider, slot));
    this.#deals.set(slot, deal);
    return deal;
  }

  #forgetOlderBlocks(): void {
    const { hash } = this.#book.seen;
    if (hash === this.#asOf) return;
    this.#asOf = hash;
    this.#standing = undefined;
    this.#deals.clear();
  }
}
