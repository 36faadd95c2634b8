/** What one session asked for and got, told to whoever keeps logs and counts of a server. */
import { randomBytes } from "node:crypto";
import type { Address } from "viem";
import type { ErrorCode } from "../protocol/Errors.ts";
import type { TraceId } from "../protocol/TraceId.ts";
import type { Verb } from "../protocol/Verbs.ts";

/** Who calls, as far as is known by then. */
export interface SessionFacts {
  /** Drawn at random: tells a server's sessions apart in its logs. */
  readonly session: string;
  readonly peerId: string;
  readonly ip: string;
  readonly remote?: Address;
  readonly actingFor?: Address;
  /** Of the newest request that bore one. */
  readonly trace?: TraceId;
}

/** One request that was answered, well or with a failure. */
export interface Answered {
  /** Left out: one that this version does not know. */
  readonly verb?: Verb;
  readonly trace?: TraceId;
  /** The failure's code. */
  readonly refused?: ErrorCode;
  /** From the request's arrival until the transport took its answer. */
  readonly ms: number;
  /** Bulk bytes. */
  readonly received: number;
  readonly sent: number;
}

/** All of a session, once it is over. */
export interface SessionSum {
  readonly requests: number;
  /** How many were answered with which failure. */
  readonly refused: Readonly<Record<string, number>>;
  readonly ms: number;
  readonly received: number;
  readonly sent: number;
}

/** Hears of everything that a server's sessions do. */
export interface Witness {
  /** The caller has said hello, and is who it says. */
  greeted?(by: SessionFacts): void;
  answered?(by: SessionFacts, answered: Answered): void;
  /** The session was ended with a failure of the whole of it. */
  refused?(by: SessionFacts, code: ErrorCode): void;
  ended?(by: SessionFacts, sum: SessionSum): void;
}

export class SessionRecord {
  readonly #witness: Witness;
  readonly #since = performance.now();
  readonly #refused: Record<string, number> = {};
  #facts: SessionFacts;
  #requests = 0;
  #received = 0;
  #sent = 0;

  constructor(witness: Witness, peerId: string, ip: string) {
    this.#witness = witness;
    this.#facts = { session: randomBytes(4).toString("hex"), peerId, ip };
  }

  get facts(): SessionFacts {
    return this.#facts;
  }

  /** The session's requests bear this from now on. */
  traced(trace: TraceId): void {
    if (this.#facts.trace !== trace) this.#facts = { ...this.#facts, trace };
  }

  greeted(caller: Pick<SessionFacts, "remote" | "actingFor">): void {
    this.#facts = { ...this.#facts, ...caller };
    this.#witness.greeted?.(this.#facts);
  }

  answered({ since, ...answered }: Omit<Answered, "ms"> & { readonly since: number }): void {
    const { refused, received, sent } = answered;
    this.#requests += 1;
    this.#received += received;
    this.#sent += sent;
    if (refused) this.#refused[refused] = (this.#refused[refused] ?? 0) + 1;
    this.#witness.answered?.(this.#facts, { ...answered, ms: performance.now() - since });
  }

  refused(code: ErrorCode): void {
    this.#witness.refused?.(this.#facts, code);
  }

  ended(): void {
    this.#witness.ended?.(this.#facts, {
      ...{ requests: this.#requests, refused: { ...this.#refused }, ms: performance.now() - this.#since },
      ...{ received: this.#received, sent: this.#sent },
    });
  }
}
