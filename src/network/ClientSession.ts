/** The calling end of one stream: ids, answers that find their calls, and a bounded number of calls in flight. */
import type { Stream } from "@libp2p/interface";
import { decodeResponse, encodeRequest, type Parts, type ReadResponse, SESSION_ID } from "../protocol/Envelope.ts";
import { SubletException } from "../protocol/Errors.ts";
import { MAX_IN_FLIGHT_REQUESTS } from "../protocol/limits.ts";
import type { RequestOf, ResponseOf, Verb } from "../protocol/Verbs.ts";
import { within } from "./Deadline.ts";
import { FrameChannel } from "./FrameChannel.ts";

type Answer = PromiseWithResolvers<ReadResponse>;

const MAX_ID = 0xffffffff;
/** A peer that leaves so many unanswered is not worth remembering more for. */
const MAX_ABANDONED = 4 * MAX_IN_FLIGHT_REQUESTS;

export class ClientSession {
  /** Frames heard so far: silence since a call was made tells a dead peer from a busy one. */
  heard = 0;

  readonly #channel: FrameChannel;
  readonly #peer: string;
  readonly #waiting = new Map<number, Answer>();
  /** Ids whose callers gave up before the answer came. */
  readonly #abandoned = new Set<number>();
  readonly #calls = new Set<Promise<unknown>>();
  readonly #queue: PromiseWithResolvers<void>[] = [];
  #taken = 0;
  #lastId = SESSION_ID;
  #end: SubletException | undefined;

  constructor(stream: Stream, peer: string) {
    this.#peer = peer;
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
    const call = this.#inTurn(signal, () => this.#exchange(verb, content, signal));
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

  /** As many at once as the peer takes; the others wait in order. */
  async #inTurn<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    if (this.#taken < MAX_IN_FLIGHT_REQUESTS) {
      this.#taken += 1;
    } else {
      const place = Promise.withResolvers<void>();
      this.#queue.push(place);
      const leave = (): void => {
        const index = this.#queue.indexOf(place);
        if (index < 0) return;
        this.#queue.splice(index, 1);
        place.reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      await place.promise.finally(() => signal.removeEventListener("abort", leave));
    }
    try {
      return await work();
    } finally {
      // The turn passes on as it is; only with nobody waiting it is given back.
      const next = this.#queue.shift();
      if (next === undefined) this.#taken -= 1;
      else next.resolve();
    }
  }

  async #exchange<V extends Verb>(verb: V, content: RequestOf<V>, signal: AbortSignal): Promise<ResponseOf<V>> {
    signal.throwIfAborted();
    if (this.#end !== undefined) throw this.#end;
    const id = this.#nextId();
    const request = encodeRequest(id, verb, content);
    const answer = Promise.withResolvers<ReadResponse>();
    this.#waiting.set(id, answer);
    const giveUp = (): void => {
      this.#waiting.delete(id);
      this.#abandoned.add(id);
      answer.reject(signal.reason);
      if (this.#abandoned.size > MAX_ABANDONED) this.abort("too many requests without an answer");
    };
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      // The answer counts whatever becomes of the sending: a peer may refuse a request before it has all of it.
      this.#channel.send(request).catch((error: Error) => answer.reject(this.#end ?? error));
      return (await answer.promise).open(verb);
    } finally {
      this.#waiting.delete(id);
      signal.removeEventListener("abort", giveUp);
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
      } else if (!this.#abandoned.delete(response.id)) {
        throw new SubletException({ code: "MalformedMessage", where: "response.id", reason: "nobody asked" });
      }
    } catch (error) {
      if (!(error instanceof SubletException)) throw error;
      this.#break(error);
    }
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
    for (const place of this.#queue.splice(0)) place.reject(error);
  }

  #lost(reason: string): SubletException {
    return new SubletException({ code: "ConnectionLost", peer: this.#peer, reason });
  }
}
