/** What an audit knows, kept level with a chain that grows, takes blocks back, and is out of reach at times. */
import type { Hash } from "viem";
import type { MarketReader } from "../chain/MarketReader.ts";
import { Replay } from "./Replay.ts";
import { lesser } from "./State.ts";

/** Blocks judged at most before a copy is laid aside: what a failure on the way costs. */
const STRIDE = 5_000n;
/** Blocks between two copies at the head of the chain, and copies kept: reorganisations are seldom as deep. */
const BETWEEN_COPIES = 64n;
const COPIES = 3;

/** Everything up to a block, judged. */
export interface Point {
  readonly block: bigint;
  readonly hash: Hash;
  readonly replay: Replay;
}

interface Advance extends Point {
  /** There are newer blocks, to be judged at once. */
  readonly behind: boolean;
  /** Blocks were taken back: the last one that still stands of what was judged before. */
  readonly replacedAfter?: bigint;
}

export class Follower {
  readonly #reader: MarketReader;
  /** Oldest first; never judged on, only copied. */
  readonly #copies: Point[] = [];
  #at: Point | undefined;
  #behind = true;

  constructor(reader: MarketReader) {
    this.#reader = reader;
  }

  /** What was reached, where that was the newest block; undefined after a failure, until all is judged again. */
  get level(): Point | undefined {
    return this.#behind ? undefined : this.#at;
  }

  /**
   * Judges what is new, or a part of it; undefined: nothing is. Whatever this throws, it can be called again and misses
   * nothing.
   */
  async advance(): Promise<Advance | undefined> {
    const newest = await this.#reader.block();
    const before = this.#at;
    // A node behind the one that answered last: it will catch up, or a chain of its own will outgrow this one.
    if (before && (newest.hash === before.hash || newest.number < before.block)) return undefined;
    const base = await this.#base(newest.number);
    this.#at = undefined;
    const from = base ? base.block + 1n : this.#reader.epochs.genesis;
    const to = lesser(newest.number, from + STRIDE - 1n);
    const { hash } = to === newest.number ? newest : await this.#reader.block(to);
    const replay = base?.replay ?? new Replay(this.#reader);
    await replay.run(to);
    // Replaced while it was read: what was judged is of no one chain. The next call begins from a copy.
    if ((await this.#reader.block(to)).hash !== hash) return undefined;
    this.#at = { block: to, hash, replay };
    this.#behind = to < newest.number;
    this.#lay(this.#at);
    const replaced = before !== undefined && base?.replay !== before.replay;
    return {
      ...this.#at,
      behind: this.#behind,
      ...(replaced && { replacedAfter: from - 1n }),
    };
  }

  /** The furthest that was judged and is still on the chain: what was reached itself, or a copy to go on from. */
  async #base(newest: bigint): Promise<Point | undefined> {
    if (this.#at && (await this.#stands(this.#at, newest))) return this.#at;
    for (let copy = this.#copies.at(-1); copy; copy = this.#copies.at(-1)) {
      if (await this.#stands(copy, newest)) return { ...copy, replay: copy.replay.copy() };
      this.#copies.pop();
    }
    return undefined;
  }

  async #stands({ block, hash }: Point, newest: bigint): Promise<boolean> {
    return block <= newest && (await this.#reader.block(block)).hash === hash;
  }

  #lay({ block, hash, replay }: Point): void {
    const last = this.#copies.at(-1);
    if (last && block < last.block + BETWEEN_COPIES) return;
    this.#copies.push({ block, hash, replay: replay.copy() });
    if (this.#copies.length > COPIES) this.#copies.shift();
  }
}
