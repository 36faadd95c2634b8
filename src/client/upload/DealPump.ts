/**
 * Brings one provider up to what its volume should hold, and keeps it there: sends the bytes it lacks, then has it
 * countersign. The same code serves a put, a provider that was away, an interrupted process and a repaired position;
 * they differ only in where the bytes come from.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Hex } from "viem";
import type { Slab } from "../../codec/index.ts";
import type { Connection } from "../../network/Client.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { SignedRevision } from "../../protocol/Messages.ts";
import { slabName } from "../catalogue/Catalogue.ts";
import { type Change, type DealMirror, type Fill, headHash, type Pending } from "../volumes/DealMirror.ts";
import { UNREACHED } from "../volumes/Providers.ts";
import { heals, isOutOfStep, isRefusal } from "./failures.ts";
import type { Target } from "./Target.ts";

/** What a pump needs of the drive around it. */
export interface PumpSurroundings {
  readonly target: Target;
  connect(): Promise<Connection>;
  /** After a connection failed: whether the next one will go to another address. */
  moved(connection: Connection): Promise<boolean>;
  /** Bytes [from, to) of a slab's sector at this deal's position. */
  range(slab: Slab.SlabId, from: number, to: number): Promise<Uint8Array>;
  /** A slab's length and this position's root at that length. */
  fill(slab: Slab.SlabId): Promise<Fill>;
  /** Signs the revision that the change and the head lead to, and records it. */
  sign(mirror: DealMirror, change: Change, headBytes: Uint8Array): Promise<Pending>;
  /** The lane whose slabs this drive alone adds and drops. */
  readonly lane: bigint;
  /** @throws SubletException BadSignature unless the deal's provider signed */
  requireCountersigned(signed: SignedRevision): Promise<void>;
  /** Takes over what another writer of the same owner did to the deal. */
  adopt(mirror: DealMirror, connection: Connection, newest: SignedRevision): Promise<void>;
  /** The provider refuses bytes. @returns whether the deal was given notice, since it holds nothing */
  leave(mirror: DealMirror): Promise<boolean>;
  /** Something changed: progress, or a failure. */
  readonly changed: () => void;
  readonly signal: AbortSignal;
}

/** Sectors that one revision adds at most: what a provider keeps staged for one deal is bounded. */
const SECTORS_PER_REVISION = 16;
const DROPS_PER_REVISION = 512;
const APPEND_BYTES = 524_288;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

export class DealPump {
  readonly mirror: DealMirror;
  /** The version of the target that the provider has countersigned. */
  covered = 0;
  /** What went wrong last, until something goes right again; since when, by the process's clock. */
  failure: { readonly error: unknown; readonly sinceMs: number } | undefined;
  /** It will not try again. */
  ended = false;
  /** Since the last {@link retry} it was seen what the provider holds, or it was tried in vain. */
  looked = true;

  readonly #around: PumpSurroundings;
  /** How much of a slab the provider holds, countersigned or not, as far as this process sent it. */
  readonly #staged = new Map<string, number>();
  /** Every slab of the target before this one is countersigned in full. */
  #complete = 0;
  /** No slab of the mirror is unwanted. */
  #swept = false;
  #mismatches = 0;
  #failures = 0;
  #retries = 0;
  #wake = Promise.withResolvers<void>();
  #retry = Promise.withResolvers<void>();
  #connection: Connection | undefined;
  /** A first look before anything is sent: a home may be an old copy, or another device may have been here. */
  #looking = true;
  /** What the provider said last when it did not take what it is paid to take. */
  #refusal: unknown;
  /** What is being sent now. */
  #working: readonly Fill[] = [];

  constructor(mirror: DealMirror, around: PumpSurroundings) {
    this.mirror = mirror;
    this.#around = around;
  }

  /** The target changed from slab `index` on (the head only: left out). */
  touched(index = Number.POSITIVE_INFINITY): void {
    this.#complete = Math.min(this.#complete, index);
    if (index === 0) this.#swept = false;
    this.#wake.resolve();
  }

  /** Whether a slab's bytes may still be needed for what is under way. */
  works(slab: Slab.SlabId): boolean {
    const fills = [...this.#working, ...(this.mirror.pending()?.change.fills ?? [])];
    return fills.some((fill) => slabName(fill.slab) === slabName(slab));
  }

  /** Tries again at once, whatever went wrong before, and looks whether another device changed the deal. */
  retry(): void {
    this.#looking = true;
    this.looked = false;
    this.failure = undefined;
    this.#failures = 0;
    this.#retries++;
    this.#retry.resolve();
    this.#retry = Promise.withResolvers<void>();
    this.#wake.resolve();
  }

  /** Nothing more goes to this provider. */
  stop(): void {
    this.ended = true;
    this.#wake.resolve();
  }

  /** Until the signal aborts or the provider cannot be used any more. Throws nothing. */
  async run(): Promise<void> {
    const { signal, target, changed } = this.#around;
    while (!signal.aborted && !this.ended) {
      this.#wake = Promise.withResolvers<void>();
      const { version } = target;
      const retries = this.#retries;
      try {
        const step = await this.#step();
        this.#working = [];
        this.#failures = 0;
        this.failure = undefined;
        if (step === "revised") continue;
        if (step === "level") this.covered = version;
        changed();
        await this.#rest();
      } catch (error) {
        if (signal.aborted) return;
        this.#working = [];
        await this.#failed(error, retries);
      }
    }
  }

  /** "level": there is nothing to do; "sent": there is something to countersign, and it can wait. */
  async #step(): Promise<"level" | "sent" | "revised"> {
    const connection = await this.#around.connect();
    this.#connection = connection;
    if (this.#looking) await this.#look(connection);
    const pending = this.mirror.pending();
    if (pending) {
      await this.#send(connection, pending.change.fills);
      await this.#revise(connection, pending);
      return "revised";
    }
    const { headBytes, due } = this.#around.target;
    const change = { drops: this.#unwanted(), fills: await this.#plan() };
    const { drops, fills } = change;
    this.#working = fills;
    if (fills.length + drops.length === 0 && headHash(headBytes) === this.mirror.head) return "level";
    await this.#send(connection, fills);
    if (fills.length < SECTORS_PER_REVISION && drops.length === 0 && due <= this.covered) return "sent";
    await this.#revise(connection, await this.#around.sign(this.mirror, change, headBytes));
    return "revised";
  }

  /** Another device of the same owner may have moved the deal on. */
  async #look(connection: Connection): Promise<void> {
    const { newest } = await connection.head({ deal: this.mirror.deal.id }, { signal: this.#around.signal });
    if (this.mirror.lags(newest)) {
      await this.#around.adopt(this.mirror, connection, newest);
      this.#complete = 0;
      this.#swept = false;
    }
    this.#looking = false;
    this.looked = true;
    this.#around.changed();
  }

  /** Slabs of this drive that it wants no more. Another device's go when that device says so. */
  #unwanted(): Slab.SlabId[] {
    const { target, lane } = this.#around;
    if (this.#swept) return [];
    const unwanted = this.mirror.slabs.filter((slab) => slab.lane === lane && !target.wants(slab));
    this.#swept = unwanted.length <= DROPS_PER_REVISION;
    return unwanted.slice(0, DROPS_PER_REVISION);
  }

  async #plan(): Promise<Fill[]> {
    const fills: Fill[] = [];
    const { slabs } = this.#around.target;
    for (let index = this.#complete; index < slabs.length && fills.length < SECTORS_PER_REVISION; index++) {
      const { slab, length } = slabs[index]!;
      if ((this.mirror.held(slab)?.length ?? 0) < length) fills.push(await this.#around.fill(slab));
      else if (fills.length === 0) this.#complete = index + 1;
    }
    return fills;
  }

  async #send(connection: Connection, fills: readonly Fill[]): Promise<void> {
    const queue = fills.values();
    const lane = async (): Promise<void> => {
      for (const fill of queue) await this.#sendSlab(connection, fill);
    };
    await Promise.all(Array.from({ length: this.#around.target.parallel }, lane));
  }

  async #sendSlab(connection: Connection, { slab, length }: Fill): Promise<void> {
    const name = slabName(slab);
    const { signal } = this.#around;
    const countersigned = this.mirror.held(slab)?.length ?? 0;
    for (let at = Math.max(countersigned, this.#staged.get(name) ?? 0); at < length; this.#staged.set(name, at)) {
      const end = Math.min(length, at + APPEND_BYTES);
      const bytes = await this.#around.range(slab, at, end);
      try {
        await this.#taken(connection.append({ deal: this.mirror.deal.id, slab, offset: at, bytes }, { signal }));
        at = end;
      } catch (error) {
        if (!SubletException.is(error, "Behind")) throw error;
        const { length: held } = error.error;
        // What it countersigned it must have; what it only staged it may have dropped, or have more of: from an earlier
        // process, that was ended before the slab grew to what it is now. Whether that is right, the root will say.
        if (held < countersigned || held === at || held >= end) throw error;
        at = held;
      }
    }
  }

  async #revise(connection: Connection, pending: Pending): Promise<void> {
    const { revision, previousNumber, headBytes, clientSignature } = pending;
    const operations = this.mirror.operations(pending.change);
    const request = { revision, previousNumber, operations, headBytes, clientSignature };
    try {
      const { providerSignature } = await this.#taken(connection.revise(request, { signal: this.#around.signal }));
      await this.#confirm(pending, providerSignature);
    } catch (error) {
      if (SubletException.is(error, "Conflict")) return this.#conflict(connection, pending, error.error.newest);
      if (!isOutOfStep(error)) throw error;
      // First: its staged bytes expired, send them again. Then: it is the mirror that is wrong.
      this.#staged.clear();
      this.#mismatches++;
      if (this.#mismatches === 1) return;
      if (this.#mismatches > 2) throw error;
      const { newest } = await connection.head({ deal: this.mirror.deal.id }, { signal: this.#around.signal });
      await this.#conflict(connection, pending, newest);
    }
  }

  /** An answer to bytes or a revision, which are within the deal's capacity. */
  #taken<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return answer.catch((error: unknown) => {
      if (isRefusal(error)) this.#refusal = error;
      throw error;
    });
  }

  async #confirm(pending: Pending, providerSignature: Hex): Promise<void> {
    const { revision, clientSignature } = pending;
    await this.#around.requireCountersigned({ revision, clientSignature, providerSignature });
    this.mirror.confirm(pending, providerSignature);
    for (const { slab } of pending.change.fills) this.#staged.delete(slabName(slab));
    this.#mismatches = 0;
    this.#around.changed();
  }

  /** The provider stands at another revision: ours with the answer lost, another device's, or an old one. */
  async #conflict(connection: Connection, pending: Pending, newest: SignedRevision | undefined): Promise<void> {
    if (newest?.revision.number === pending.revision.number && newest.revision.root === pending.revision.root) {
      return this.#confirm(pending, newest.providerSignature);
    }
    if (newest === undefined || newest.revision.number < this.mirror.number) {
      const at = newest?.revision.number ?? "none at all";
      throw new SubletException({
        code: "BadReply",
        provider: this.mirror.deal.provider,
        verb: "revise",
        reason: `it countersigned revision ${this.mirror.number} and now says that its newest is ${at}`,
      });
    }
    await this.#around.adopt(this.mirror, connection, newest);
    this.touched(0);
  }

  /** @param retries of the attempt: one that began before the last {@link retry} says nothing of what is so since */
  async #failed(error: unknown, retries: number): Promise<void> {
    if (SubletException.is(error, ...UNREACHED) && this.#connection && (await this.#around.moved(this.#connection)))
      return;
    if (retries !== this.#retries && heals(error)) return;
    this.failure = { error, sinceMs: this.failure?.sinceMs ?? performance.now() };
    this.ended ||= !heals(error);
    // Where the notice fails, the next refusal brings it, in this process or another.
    if (error === this.#refusal) this.ended ||= await this.#around.leave(this.mirror).catch(() => false);
    this.looked = true;
    this.#swept = false;
    this.#around.changed();
    if (this.ended) return;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#around.signal]);
    await Promise.race([this.#retry.promise, sleep(pauseMs, undefined, { signal }).catch(() => undefined)]);
    stop.abort();
  }

  /** Until the target changes or the drive closes. */
  async #rest(): Promise<void> {
    const { signal } = this.#around;
    const stop = (): void => this.#wake.resolve();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    await this.#wake.promise;
    signal.removeEventListener("abort", stop);
  }
}
