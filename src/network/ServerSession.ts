/**
 * One stream of requests: serves so many at once and no more, strangers little, and ends with whoever breaks the protocol.
 * Until hello only open verbs are served, within small frames.
 */
import { randomBytes } from "node:crypto";
import type { PeerId, Stream } from "@libp2p/interface";
import type { Address } from "viem";
import {
  type AnyRequest,
  decodeRequest,
  encodeFailure,
  encodeResponse,
  type Parts,
  SESSION_ID,
} from "../protocol/Envelope.ts";
import { type ErrorCode, isWireError, type SubletError, SubletException } from "../protocol/Errors.ts";
import {
  MAX_HEADER_BYTES,
  MAX_IN_FLIGHT_BYTES,
  MAX_IN_FLIGHT_REQUESTS,
  MAX_PAYLOAD_BYTES,
  MAX_STRANGER_HEADER_BYTES,
} from "../protocol/limits.ts";
import type { TraceId } from "../protocol/TraceId.ts";
import type { Market } from "../protocol/TypedData.ts";
import { type RequestOf, type ResponseOf, VERBS, type Verb } from "../protocol/Verbs.ts";
import { within } from "./Deadline.ts";
import { FrameChannel, type Patience } from "./FrameChannel.ts";
import { type Answerer, answerGreeting, type Ends } from "./Greeting.ts";
import type { Context, Fault, Handlers } from "./Handlers.ts";
import { bulkBytes } from "./InFlight.ts";
import { SessionRecord, type Witness } from "./SessionRecord.ts";
import type { TokenBucket } from "./TokenBucket.ts";

/** A guess at when some of the bytes in flight will have left. */
const RETRY_BYTES_MS = 100;

export interface SessionLimits extends Patience {
  /** Bulk bytes that all sessions together may have in flight. */
  readonly heldBytes: number;
  readonly idleDeadlineMs: number;
}

export interface SessionOptions extends Answerer {
  readonly stream: Stream;
  readonly remotePeer: PeerId;
  readonly self: PeerId;
  readonly ip: string;
  readonly market: Market;
  readonly handlers: Handlers;
  readonly limits: SessionLimits;
  /** What strangers of this IP share, and what this session has once it said hello. */
  readonly strangerBucket: TokenBucket;
  readonly sessionBucket: TokenBucket;
  /** What the sessions of this server have in flight together. */
  readonly held: { bytes: number };
  readonly onFault: (fault: Fault) => void;
  readonly witness?: Witness;
}

export class ServerSession {
  readonly closed: Promise<void>;

  readonly #options: SessionOptions;
  readonly #ends: Ends;
  readonly #record: SessionRecord;
  readonly #channel: FrameChannel;
  readonly #inFlight = new Map<number, Promise<void>>();
  readonly #gone = new AbortController();
  readonly #idle: NodeJS.Timeout;
  #heldBytes = 0;
  #closing = false;
  #greeting: "none" | "checking" | "done" = "none";
  #caller: { readonly remote?: Address; readonly actingFor?: Address } = {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#ends = { caller: options.remotePeer, answerer: options.self };
    this.#record = new SessionRecord(options.witness ?? {}, options.remotePeer.toString(), options.ip);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    const { frameDeadlineMs, idleDeadlineMs } = options.limits;
    this.#idle = setTimeout(() => this.#onIdle(), idleDeadlineMs).unref();
    const events = {
      frame: (parts: Parts) => this.#onFrame(parts),
      violation: (error: SubletException) => this.refuse(error.error),
      end: () => void this.finish(frameDeadlineMs),
      closed: () => {
        clearTimeout(this.#idle);
        this.#gone.abort();
        this.#record.ended();
        resolve();
      },
    };
    this.#channel = new FrameChannel(options.stream, events, options.limits);
    this.#channel.limits = { headerBytes: MAX_STRANGER_HEADER_BYTES, payloadBytes: 0 };
  }

  /** Says why, and ends the session. */
  refuse(error: SubletError): void {
    this.#closing = true;
    this.#record.refused(error.code);
    void this.#channel.refuse(encodeFailure(SESSION_ID, error));
  }

  /** Ends the session after what is in flight, or after `graceMs`; new requests are answered with ShuttingDown. */
  async finish(graceMs: number): Promise<void> {
    this.#closing = true;
    await within(graceMs, Promise.all(this.#inFlight.values()));
    await within(
      this.#options.limits.lingerMs,
      this.#channel.finish().catch(() => {}),
    );
    await within(this.#options.limits.lingerMs, this.closed);
    this.#channel.abort(new Error("the session is over"));
  }

  #onFrame(parts: Parts): void {
    this.#idle.refresh();
    try {
      const { id, verb, trace, open } = decodeRequest(parts);
      if (this.#inFlight.has(id)) throw new SubletException({ code: "DuplicateRequest", id });
      if (trace) this.#record.traced(trace);
      const opened = attempt(open);
      const bytes = opened.request === undefined ? 0 : bulkBytes(opened.request);
      this.#hold(bytes);
      const asked = { ...(verb && { verb }), ...(trace && { trace }) };
      const served = this.#serve({ id, asked, opened, received: parts.payload.length });
      this.#inFlight.set(
        id,
        served.finally(() => this.#release(id, bytes)),
      );
    } catch (error) {
      if (!(error instanceof SubletException)) throw error;
      this.refuse(error.error);
    }
  }

  /** @throws SubletException TooMuchInFlight, from twice the limits on: honest callers keep within them */
  #hold(bytes: number): void {
    const limits = { limitRequests: MAX_IN_FLIGHT_REQUESTS, limitBytes: MAX_IN_FLIGHT_BYTES };
    if (this.#inFlight.size >= 2 * limits.limitRequests || this.#heldBytes + bytes > 2 * limits.limitBytes) {
      throw new SubletException({ code: "TooMuchInFlight", ...limits });
    }
    this.#heldBytes += bytes;
    this.#options.held.bytes += bytes;
  }

  #release(id: number, bytes: number): void {
    this.#inFlight.delete(id);
    this.#heldBytes -= bytes;
    this.#options.held.bytes -= bytes;
    this.#idle.refresh();
  }

  /** Never throws: the answer, good or bad, is sent, or the session is gone. */
  async #serve({ id, asked, opened, received }: Arrived): Promise<void> {
    const since = performance.now();
    const { answer, refused } = await this.#answer(id, asked, opened).then(
      (answer) => ({ answer, refused: {} }),
      (error: unknown) => this.#failure(id, asked, error),
    );
    await this.#channel.send(answer).catch(() => {});
    this.#record.answered({ ...asked, ...refused, since, received, sent: answer.payload.length });
  }

  async #answer(id: number, { trace }: Asked, { request, error }: Opened): Promise<Parts> {
    this.#spend();
    if (request === undefined) throw error;
    if (this.#closing) throw new SubletException({ code: "ShuttingDown" });
    if (bulkBytes(request) > 0 && this.#options.held.bytes > this.#options.limits.heldBytes) {
      throw new SubletException({ code: "RateLimited", what: "bytes in flight", retryAfterMs: RETRY_BYTES_MS });
    }
    if (request.verb === "hello") return encodeResponse(id, "hello", await this.#onHello(request.content));
    if (!VERBS[request.verb].open && this.#caller.remote === undefined) {
      throw new SubletException({ code: "HelloRequired", verb: request.verb });
    }
    const { handlers } = this.#options;
    const { ip, peerId, session } = this.#record.facts;
    const context: Context = {
      ...{ ...this.#caller, ip, peerId, session, signal: this.#gone.signal },
      ...(trace && { trace }),
    };
    // The verb ties handler, content and response together, which the compiler cannot follow through the union.
    const handle = handlers[request.verb] as (content: unknown, context: Context) => Promise<never>;
    const response = await handle(request.content, context);
    try {
      return encodeResponse(id, request.verb, response);
    } catch (cause) {
      throw new Error(`the answer of ${request.verb} does not fit the wire`, { cause });
    }
  }

  #spend(): void {
    const known = this.#caller.remote !== undefined;
    const { sessionBucket, strangerBucket } = this.#options;
    const retryAfterMs = (known ? sessionBucket : strangerBucket).take();
    if (retryAfterMs === 0) return;
    throw new SubletException({
      code: "RateLimited",
      what: known ? "requests" : "requests before hello",
      retryAfterMs,
    });
  }

  async #onHello(hello: RequestOf<"hello">): Promise<ResponseOf<"hello">> {
    if (this.#greeting !== "none") {
      throw new SubletException({ code: "MalformedMessage", where: "hello", reason: "said already in this session" });
    }
    this.#greeting = "checking";
    try {
      const answer = await answerGreeting(this.#options.market, this.#ends, hello, this.#options);
      this.#greeting = "done";
      this.#caller = { remote: hello.address, ...(hello.actingFor && { actingFor: hello.actingFor }) };
      this.#channel.limits = { headerBytes: MAX_HEADER_BYTES, payloadBytes: MAX_PAYLOAD_BYTES };
      this.#record.greeted(this.#caller);
      return answer;
    } finally {
      if (this.#greeting === "checking") this.#greeting = "none";
    }
  }

  /** What the peer is told: wire errors as they are, the rest by a reference into this side's log. */
  #failure(id: number, asked: Asked, error: unknown): { answer: Parts; refused: { refused: ErrorCode } } {
    const answered = (told: SubletError) => ({ answer: encodeFailure(id, told), refused: { refused: told.code } });
    if (error instanceof SubletException && isWireError(error.error)) return answered(error.error);
    const reference = randomBytes(4).toString("hex");
    this.#options.onFault({ reference, error, ...asked, session: this.#record.facts.session });
    return answered({ code: "InternalError", reference });
  }

  #onIdle(): void {
    if (this.#inFlight.size > 0) this.#idle.refresh();
    else void this.finish(0);
  }
}

/** What a request says of itself, whatever its content is. */
interface Asked {
  readonly verb?: Verb;
  readonly trace?: TraceId;
}

interface Arrived {
  readonly id: number;
  readonly asked: Asked;
  readonly opened: Opened;
  /** Bulk bytes that came with it. */
  readonly received: number;
}

type Opened =
  | { readonly request: AnyRequest; readonly error?: never }
  | { readonly request?: never; readonly error: unknown };

function attempt(open: () => AnyRequest): Opened {
  try {
    return { request: open() };
  } catch (error) {
    return { error };
  }
}
