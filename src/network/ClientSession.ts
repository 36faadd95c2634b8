/** The calling end of one stream: ids, answers that find their calls, and a bounded number of calls in flight. */
import type { Stream } from "@libp2p/interface";
import {
  type AnyRequest,
  decodeResponse,
  encodeRequest,
  type Parts,
  type ReadResponse,
  SESSION_ID,
} from "../protocol/Envelope.ts";
import { SubletException } from "../protocol/Errors.ts";
import type { TraceId } from "../protocol/TraceId.ts";
import type { RequestOf, ResponseOf, Verb } from "../protocol/Verbs.ts";
import { within } from "./Deadline.ts";
import { FrameChannel } from "./FrameChannel.ts";
import { bulkBytes, InFlight } from "./InFlight.ts";

type Answer = PromiseWithResolvers<ReadResponse>;

const MAX_ID = 0xffffffff;

export class ClientSession {
  /** Frames heard so far: silence since a call was made tells a dead peer from a busy one. */
  heard = 0;

  readonly #channel: FrameChannel;
  readonly #peer: string;
  readonly #trace: TraceId | undefined;
  readonly #waiting = new Map<number, Answer>();
  /** Ids whose callers gave up, and the bytes they still take at the peer: their answers are to come. */
  readonly #abandoned = new Map<number, number>();
  readonly #calls = new Set<Promise<unknown>>();
  readonly #inFlight = new InFlight();
  #lastId = SESSION_ID;
  #end: SubletException | undefined;

  /** @param trace what all of its requests bear */
  constructor(stream: Stream, peer: string, trace?: TraceId) {
    this.#peer = peer;
    this.#trace = trace;
    this.#channel = new FrameChannel(stream, {
      frame: (parts) => this.#onFrame(parts),
      violation: (error) => this.#break(error),
      end: () => this.abort("the peer closed it"),
      closed: (error) => this.#over(this.#lost(error?.message ?? "closed")),
    });
  }

  get open(): boolean {
    return this.#end === undefined && this.#channel.open;
  }

  /**
   * Sends one request and resolves with its answer. `signal` gives up the answer, not the request.
   * @throws SubletException the peer's error, ConnectionLost, MalformedMessage; or the signal's reason
   */
  call<V extends Verb>(verb: V, content: RequestOf<V>, signal: AbortSignal): Promise<ResponseOf<V>> {
    const call = this.#exchange(verb, content, signal);
    const settled = call.then(
      () => {},
      () => {},
    );
    this.#calls.add(settled);
    void settled.then(() => this.#calls.delete(settled));
    return call;
  }

  /** Ends the session after the calls under way, or after `graceMs`. */
  async finish(graceMs: number): Promise<void> {
    await within(graceMs, Promise.all(this.#calls));
    await this.#channel.finish().catch(() => {});
    this.abort("closed on this side");
  }

  abort(reason: string): void {
    this.#over(this.#lost(reason));
    this.#channel.abort(new Error(reason));
  }

  async #exchange<V extends Verb>(verb: V, content: RequestOf<V>, signal: AbortSignal): Promise<ResponseOf<V>> {
    const bytes = bulkBytes({ verb, content } as AnyRequest);
    await this.#inFlight.enter(bytes, signal);
    if (this.#end !== undefined) throw this.#end;
    const id = this.#nextId();
    const answer = Promise.withResolvers<ReadResponse>();
    const giveUp = (): void => answer.reject(signal.reason);
    try {
      signal.throwIfAborted();
      const request = encodeRequest(id, verb, content, this.#trace);
      this.#waiting.set(id, answer);
      signal.addEventListener("abort", giveUp, { once: true });
      // The answer counts whatever becomes of the sending: a peer may refuse a request before it has all of it.
      this.#channel.send(request).catch((error: Error) => answer.reject(this.#end ?? error));
      return (await answer.promise).open(verb);
    } finally {
      signal.removeEventListener("abort", giveUp);
      if (this.#waiting.delete(id)) this.#abandoned.set(id, bytes);
      else this.#inFlight.leave(bytes);
    }
  }

  #nextId(): number {
    do this.#lastId = this.#lastId === MAX_ID ? 1 : this.#lastId + 1;
    while (this.#waiting.has(this.#lastId) || this.#abandoned.has(this.#lastId));
    return this.#lastId;
  }

  #onFrame(parts: Parts): void {
    this.heard += 1;
    try {
      const response = decodeResponse(parts);
      if (response.id === SESSION_ID) response.open("ask");
      const answer = this.#waiting.get(response.id);
      if (answer !== undefined) {
        this.#waiting.delete(response.id);
        answer.resolve(response);
      } else {
        this.#forget(response.id);
      }
    } catch (error) {
      if (!(error instanceof SubletException)) throw error;
      this.#break(error);
    }
  }

  /** An answer that came too late. */
  #forget(id: number): void {
    const bytes = this.#abandoned.get(id);
    if (bytes === undefined) {
      throw new SubletException({ code: "MalformedMessage", where: "response.id", reason: "nobody asked" });
    }
    this.#abandoned.delete(id);
    this.#inFlight.leave(bytes);
  }

  /** The session's own failure, told by the peer or found here: every call gets it. */
  #break(error: SubletException): void {
    this.#over(error);
    this.#channel.abort(error);
  }

  #over(error: SubletException): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    for (const answer of this.#waiting.values()) answer.reject(error);
    this.#waiting.clear();
    this.#inFlight.close(error);
  }

  #lost(reason: string): SubletException {
    return new SubletException({ code: "ConnectionLost", peer: this.#peer, reason });
  }
}
