/**
 * All providers of one volume on the way to one target. Durable: w = ceil((n + k) / 2) positions have countersigned;
 * complete: all n. A slow or absent provider holds nobody up; it goes on from the journal when it is back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Slab } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { quorum, type Volume } from "../volumes/Volume.ts";
import type { DealPump } from "./DealPump.ts";
import type { Target, Wanted } from "./Target.ts";

/** How far a version of the target has come. */
export type Reach = "durable" | "complete";

/** Without any progress of a provider for this long, and with too few others, the outcome is unknown. */
export const PATIENCE_MS = 20_000;
/** Slabs that may be journaled ahead of what w positions have countersigned. */
const SLABS_AHEAD = 64;

export class VolumeUpload {
  readonly volume: Volume;
  readonly target: Target;
  #pumps: DealPump[] = [];
  readonly #running: Promise<void>[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #signal: AbortSignal;
  readonly #patienceMs: number;

  constructor(volume: Volume, target: Target, signal: AbortSignal, patienceMs: number) {
    this.volume = volume;
    this.target = target;
    this.#signal = signal;
    this.#patienceMs = patienceMs;
  }

  get pumps(): readonly DealPump[] {
    return this.#pumps;
  }

  /** A provider more; one that served its position before is given up. */
  start(pump: DealPump): void {
    const { position } = pump.mirror.deal;
    for (const older of this.#pumps) if (older.mirror.deal.position === position) older.stop();
    this.#pumps = this.#pumps.filter((older) => older.mirror.deal.position !== position);
    this.#pumps.push(pump);
    this.#running.push(pump.run());
  }

  /**
   * Gives every provider that failed another chance now, and sees what other devices did to the deals.
   * @param enough positions to see; all unless told
   * @returns how many were seen
   */
  async look(signal?: AbortSignal, enough = this.volume.n): Promise<number> {
    for (const pump of this.#pumps) pump.retry();
    const seen = (): number => {
      const pumps = this.#pumps.filter(({ looked, failure, ended }) => looked && !failure && !ended);
      return new Set(pumps.map(({ mirror }) => mirror.deal.position)).size;
    };
    const all = (): boolean => this.#pumps.every(({ looked, ended }) => looked || ended);
    await this.#until(signal, () => seen() >= enough || all());
    return seen();
  }

  /** More is wanted of every provider. */
  want(wanted: Wanted): void {
    if (!this.target.lacks(wanted)) return;
    const index = this.target.want(wanted);
    for (const pump of this.#pumps) pump.touched(index);
  }

  /** These are wanted of nobody any more. */
  unwant(slabs: readonly Slab.SlabId[]): void {
    this.target.unwant(slabs);
    for (const pump of this.#pumps) pump.touched(0);
  }

  setHead(bytes: Uint8Array): void {
    this.target.setHead(bytes);
    for (const pump of this.#pumps) pump.touched();
  }

  /** A provider made progress or failed. */
  readonly changed = (): void => {
    for (const watcher of this.#watchers) watcher();
  };

  /** Positions whose provider has countersigned everything up to `version`. */
  covered(version: number): number[] {
    const positions = this.#pumps.filter((pump) => pump.covered >= version).map((pump) => pump.mirror.deal.position);
    return [...new Set(positions)].sort((a, b) => a - b);
  }

  /**
   * Waits until w positions cover the version. @throws SubletException NotDurable when too many providers cannot be
   * used, or none that is missing has answered for PATIENCE_MS: the outcome is unknown then, and nothing is lost
   */
  async durable(version: number, signal?: AbortSignal): Promise<void> {
    const need = quorum(this.volume);
    this.#hurry(version);
    await this.#until(signal, () => {
      const have = this.covered(version).length;
      if (have >= need) return true;
      this.#requireFresh();
      if (!this.#hopeless(version)) return false;
      throw new SubletException({ code: "NotDurable", have, need }, { cause: this.#firstFailure() });
    });
  }

  /** Waits as long as the providers that do not cover the version yet are answering. */
  async complete(version: number, signal?: AbortSignal): Promise<Reach> {
    // What was learned since may have changed the head: that is countersigned now, too.
    this.#hurry(version);
    await this.#until(signal, () => this.#pumps.every((pump) => pump.covered >= version || pump.failure || pump.ended));
    return this.covered(version).length === this.volume.n ? "complete" : "durable";
  }

  /** Waits until not too much lies in the journal that w positions do not have yet. @throws SubletException NotDurable */
  async room(signal?: AbortSignal): Promise<void> {
    const need = quorum(this.volume);
    await this.#until(signal, () => {
      const counts = this.#pumps.map(({ mirror }) => mirror.sectors).sort((a, b) => b - a);
      if ((counts[need - 1] ?? 0) + SLABS_AHEAD >= this.target.slabs.length) return true;
      if (!this.#hopeless(this.target.version)) return false;
      throw new SubletException({ code: "NotDurable", have: this.covered(this.target.version).length, need });
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #hurry(version: number): void {
    if (this.target.due >= version) return;
    this.target.due = version;
    for (const pump of this.#pumps) pump.touched();
  }

  /** A home that is older than what its providers hold can never catch up: say so, and not only that too few signed. */
  #requireFresh(): void {
    const stale = this.#pumps.find(({ failure }) => SubletException.is(failure?.error, "StateCorrupt"));
    if (stale) throw stale.failure!.error;
  }

  /** Too few are left that have, or may soon have, the version. */
  #hopeless(version: number): boolean {
    const now = performance.now();
    const promising = this.#pumps.filter(
      ({ covered, ended, failure }) =>
        covered >= version || (!ended && (failure === undefined || now - failure.sinceMs < this.#patienceMs)),
    );
    return new Set(promising.map(({ mirror }) => mirror.deal.position)).size < quorum(this.volume);
  }

  #firstFailure(): unknown {
    return this.#pumps.find(({ failure }) => failure)?.failure?.error;
  }

  /** Looks at `reached` whenever something changed, and now and then, since patience ends by itself. */
  async #until(signal: AbortSignal | undefined, reached: () => boolean): Promise<void> {
    for (;;) {
      this.#signal.throwIfAborted();
      signal?.throwIfAborted();
      if (reached()) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const stop = new AbortController();
      this.#watchers.add(resolve);
      const signals = [stop.signal, this.#signal, ...(signal ? [signal] : [])];
      const pause = sleep(this.#patienceMs / 20, undefined, { signal: AbortSignal.any(signals) }).catch(
        () => undefined,
      );
      await Promise.race([promise, pause]);
      this.#watchers.delete(resolve);
      stop.abort();
    }
  }
}
