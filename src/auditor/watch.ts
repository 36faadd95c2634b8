/** Following a market: each wrong is told once, as soon as the chain shows it. */
import { setTimeout as sleep } from "node:timers/promises";
import { keccak256, stringToHex } from "viem";
import { MarketReader } from "../chain/MarketReader.ts";
import { SubletException } from "../protocol/Errors.ts";
import { type AuditOptions, holders, reportOf } from "./audit.ts";
import { Comparison } from "./Comparison.ts";
import { Follower, type Point } from "./Follower.ts";
import type { Difference, Report, SpotCheck } from "./Report.ts";
import { spotCheck } from "./SpotCheck.ts";

/** What is wrong and was not told before. */
export interface Wrong {
  readonly type: "wrong";
  readonly block: string;
  readonly differences: readonly Difference[];
  /** Providers that did not show what they were asked for. */
  readonly spotChecks: readonly SpotCheck[];
  /** By which the differences are known again: for `told` of a later watch. */
  readonly keys: readonly string[];
}

export type Happening =
  | Wrong
  /** A whole audit: at the beginning, when an epoch begins, and when an event was wrong. */
  | { readonly type: "audited"; readonly report: Report }
  /** Blocks were taken back; everything after this one is judged anew. */
  | { readonly type: "reorganised"; readonly block: string }
  | { readonly type: "unreachable"; readonly reason: string }
  | { readonly type: "reachable" }
  | { readonly type: "stopped"; readonly ok: boolean; readonly block: string };

export interface WatchOptions extends AuditOptions {
  /** Keys of differences that were told before. */
  readonly told?: Iterable<string>;
}

const POLL_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Replays the market from its beginning, then block by block as they come: events at once, the contract's views and the
 * providers at each new epoch. Goes on through outages of the node and reorganisations, until `signal` aborts.
 * @throws SubletException ChainUnavailable, WrongChain, NotAMarket, before anything is told
 */
export async function* watch(options: WatchOptions): AsyncGenerator<Happening, void, void> {
  const { signal } = options;
  const reader = await MarketReader.connect({ pollMs: POLL_MS, ...options });
  const watching = new Watching(reader, options);
  let pause = reader.pollMs;
  let down = false;
  while (!signal?.aborted) {
    try {
      for await (const happening of watching.look()) {
        if (down) yield { type: "reachable" };
        down = false;
        yield happening;
      }
      if (down) yield { type: "reachable" };
      [down, pause] = [false, reader.pollMs];
    } catch (thrown) {
      if (!SubletException.is(thrown, "ChainUnavailable", "TransactionFailed")) throw thrown;
      if (!down) yield { type: "unreachable", reason: thrown.message };
      [down, pause] = [true, Math.min(2 * pause, LONGEST_PAUSE_MS)];
    }
    await sleep(pause, undefined, signal ? { signal } : undefined).catch(() => undefined);
  }
  yield watching.stopped();
}

class Watching {
  readonly #reader: MarketReader;
  readonly #options: WatchOptions;
  readonly #follower: Follower;
  readonly #told: Set<string>;
  /** Providers that did not show what they hold when they were asked last. */
  #silent = new Set<string>();
  #checks: readonly SpotCheck[] = [];
  /** That of the last whole audit. */
  #epoch = 0;
  /** A whole audit is due before the next epoch. */
  #due = false;
  #ok = true;
  #block = 0n;

  constructor(reader: MarketReader, options: WatchOptions) {
    this.#reader = reader;
    this.#options = options;
    this.#follower = new Follower(reader);
    this.#told = new Set(options.told);
  }

  /** One look at the chain: what came of it. May throw what the node throws; the next look makes up for it. */
  async *look(): AsyncGenerator<Happening, void, void> {
    for (let behind = true; behind && !this.#options.signal?.aborted; ) {
      const advance = await this.#follower.advance();
      behind = advance?.behind ?? false;
      if (!advance) continue;
      this.#block = advance.block;
      if (advance.replacedAfter !== undefined) {
        this.#due = true;
        yield { type: "reorganised", block: `${advance.replacedAfter}` };
      }
      yield* this.#tell(advance.block, advance.replay.found, []);
    }
    const { level } = this.#follower;
    if (level && (this.#due || this.#reader.epochs.at(level.block) !== this.#epoch)) yield* this.#audit(level);
  }

  stopped(): Happening {
    return { type: "stopped", ok: this.#ok, block: `${this.#block}` };
  }

  async *#audit({ block, hash, replay }: Point): AsyncGenerator<Happening, void, void> {
    const { signal } = this.#options;
    const epoch = this.#reader.epochs.at(block);
    const comparison = new Comparison(this.#reader, replay, block);
    await comparison.run();
    // Replaced while its views were read: they are of no one chain.
    if ((await this.#reader.block(block)).hash !== hash) return;
    if (epoch !== this.#epoch && this.#options.spotCheck !== false) {
      const checks = await spotCheck(this.#reader, holders(replay), this.#options);
      if (signal?.aborted) return;
      this.#checks = checks;
    }
    yield* this.#tell(block, comparison.differences, this.#checks);
    const report = await reportOf(this.#reader, replay, comparison, block, this.#checks);
    [this.#epoch, this.#due, this.#ok] = [epoch, false, report.ok];
    yield { type: "audited", report };
  }

  /** Tells what was not told yet, all at once; it counts as told when whoever was told comes back for more. */
  async *#tell(
    block: bigint,
    differences: readonly Difference[],
    checks: readonly SpotCheck[],
  ): AsyncGenerator<Happening, void, void> {
    const fresh = new Map(differences.map((one): [string, Difference] => [this.#key(one), one]));
    for (const key of fresh.keys()) if (this.#told.has(key)) fresh.delete(key);
    const silent = checks.filter(({ ok }) => !ok);
    const newly = silent.filter(({ provider }) => !this.#silent.has(provider));
    if (fresh.size + newly.length > 0) {
      [this.#ok, this.#due] = [false, true];
      const keys = [...fresh.keys()];
      yield { type: "wrong", block: `${block}`, differences: [...fresh.values()], spotChecks: newly, keys };
      for (const key of keys) this.#told.add(key);
    }
    for (const { provider, ok } of checks) {
      if (ok) this.#silent.delete(provider);
      else this.#silent.add(provider);
    }
  }

  /**
   * What makes a difference the same one when it is found again: in a view, whatever the figures are by then; in an
   * event, whatever block its transaction is in after a reorganisation.
   */
  #key({ what, transaction, provider, deal, expected, actual, epoch, block }: Difference): string {
    const past = epoch === this.#reader.epochs.at(BigInt(block)) ? undefined : epoch;
    const which = transaction ? [transaction, expected, actual] : [past];
    const { chainId, address } = this.#reader;
    return keccak256(stringToHex(JSON.stringify([chainId, address, what, provider?.toLowerCase(), deal, ...which])));
  }
}
