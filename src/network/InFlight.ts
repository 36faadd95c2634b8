/**
 * How much a session has under way. Callers keep within the limits, and whoever goes beyond twice of them is cut off:
 * a stream that is not read would collect what comes in chunks as small as the peer likes.
 */
import { CHUNK_BYTES } from "../codec/sizes.ts";
import type { AnyRequest } from "../protocol/Envelope.ts";
import { MAX_IN_FLIGHT_BYTES, MAX_IN_FLIGHT_REQUESTS, MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";

/** Bulk bytes that a request is or calls up; counted before it is served, since a small read has a large answer. */
export function bulkBytes({ verb, content }: AnyRequest): number {
  if (verb === "append") return content.bytes.length;
  if (verb !== "read") return 0;
  return Math.max(0, Math.min(MAX_PAYLOAD_BYTES, (content.endChunk - content.firstChunk) * CHUNK_BYTES));
}

interface Place extends PromiseWithResolvers<void> {
  readonly bytes: number;
}

/** Lets calls in, in order, while they fit; one that is larger than all of it goes alone. */
export class InFlight {
  #requests = 0;
  #bytes = 0;
  readonly #queue: Place[] = [];

  /**
   * Resolves when there is room for a request of `bytes`, which the caller gives back with `leave`.
   * @throws the signal's reason, or the error of `close`
   */
  async enter(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const place = { bytes, ...Promise.withResolvers<void>() };
    this.#queue.push(place);
    const giveUp = (): void => {
      const index = this.#queue.indexOf(place);
      if (index < 0) return;
      this.#queue.splice(index, 1);
      place.reject(signal.reason);
      this.#admit();
    };
    signal.addEventListener("abort", giveUp, { once: true });
    this.#admit();
    await place.promise.finally(() => signal.removeEventListener("abort", giveUp));
  }

  leave(bytes: number): void {
    this.#requests -= 1;
    this.#bytes -= bytes;
    this.#admit();
  }

  /** Those who wait are told `error`. */
  close(error: Error): void {
    for (const place of this.#queue.splice(0)) place.reject(error);
  }

  #admit(): void {
    for (let next = this.#queue[0]; next !== undefined && this.#fits(next.bytes); next = this.#queue[0]) {
      this.#queue.shift();
      this.#requests += 1;
      this.#bytes += next.bytes;
      next.resolve();
    }
  }

  #fits(bytes: number): boolean {
    if (this.#requests === 0) return true;
    return this.#requests < MAX_IN_FLIGHT_REQUESTS && this.#bytes + bytes <= MAX_IN_FLIGHT_BYTES;
  }
}
