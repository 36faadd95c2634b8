/**
 * Frames over one libp2p stream. Reading: a length is checked before its bytes are waited for, and only bytes that came
 * take memory. Writing: one frame at a time, the next when the transport has taken enough of the last.
 */
import type { Stream } from "@libp2p/interface";
import { Uint8ArrayList } from "uint8arraylist";
import type { Parts } from "../protocol/Envelope.ts";
import { SubletException } from "../protocol/Errors.ts";
import {
  FRAME_DEADLINE_MS,
  FRAME_PREFIX_BYTES,
  LINGER_MS,
  MAX_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  WRITE_HIGH_WATER_BYTES,
} from "../protocol/limits.ts";
import { within } from "./Deadline.ts";

export interface FrameEvents {
  /** A whole frame, within the limits in force. */
  frame(parts: Parts): void;
  /** The peer's bytes broke the protocol; nothing more is read. Answer with `refuse`. */
  violation(error: SubletException): void;
  /** The peer will send nothing more; it may still read. */
  end(): void;
  /** Nothing goes either way any more. Called once. */
  closed(error?: Error): void;
}

export interface FrameLimits {
  readonly headerBytes: number;
  readonly payloadBytes: number;
}

/** How long a frame may take to pass, and a last one to be read. */
export interface Patience {
  readonly frameDeadlineMs: number;
  readonly lingerMs: number;
}

const PATIENCE: Patience = { frameDeadlineMs: FRAME_DEADLINE_MS, lingerMs: LINGER_MS };

export class FrameChannel {
  /** What the next frame may measure; the owner raises it when it trusts the peer more. */
  limits: FrameLimits = { headerBytes: MAX_HEADER_BYTES, payloadBytes: MAX_PAYLOAD_BYTES };

  readonly #stream: Stream;
  readonly #events: FrameEvents;
  readonly #patience: Patience;
  readonly #received = new Uint8ArrayList();
  #reading: "on" | "paused" | "over" = "on";
  #ended = false;
  #deadline: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(stream: Stream, events: FrameEvents, patience: Patience = PATIENCE) {
    this.#stream = stream;
    this.#events = events;
    this.#patience = patience;
    stream.addEventListener("message", ({ data }) => {
      if (this.#reading === "over") return;
      this.#received.append(data);
      this.#take();
    });
    stream.addEventListener("end", () => {
      this.#ended = true;
      this.#take();
    });
    stream.addEventListener("close", ({ error }) => {
      this.#stopReading();
      this.#events.closed(error);
    });
    if (stream.status === "open" && !stream.readableEnded) return;
    // It ended before anyone listened.
    queueMicrotask(() => {
      this.#stopReading();
      if (stream.status === "open") this.#events.end();
      else this.#events.closed();
    });
  }

  get open(): boolean {
    return this.#stream.status === "open" && this.#stream.writeStatus === "writable";
  }

  /** Stops the peer by the stream's window; what has arrived stays where it is. */
  pause(): void {
    if (this.#reading !== "on") return;
    this.#reading = "paused";
    this.#clearDeadline();
    if (this.#stream.readStatus === "readable") this.#stream.pause();
  }

  resume(): void {
    if (this.#reading !== "paused") return;
    this.#reading = "on";
    this.#take();
    if (this.#reading === "on" && this.#stream.readStatus === "paused") this.#stream.resume();
  }

  /**
   * Resolves when the transport has taken the frame, but for at most WRITE_HIGH_WATER_BYTES. Frames leave whole and in
   * the order of the calls.
   * @throws SubletException ConnectionLost when the stream is closed, TooSlow when the peer does not read
   */
  send(parts: Parts): Promise<void> {
    const sent = this.#sending.then(() => this.#write(parts));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  /**
   * A last frame, then the end, for a peer that broke the protocol: it may hang up itself, or is cut off after a moment.
   * Closing at once could overtake the frame.
   */
  async refuse(parts: Parts): Promise<void> {
    this.#stopReading();
    const stream = this.#stream;
    if (stream.status !== "open") return;
    if (stream.readStatus === "readable") stream.pause();
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.addEventListener("close", () => resolve());
    if (stream.writeStatus === "writable") stream.send(framed(parts));
    await within(this.#patience.lingerMs, promise);
    stream.abort(new Error("the peer broke the protocol"));
  }

  /** Sends what is queued and then no more; the peer may still send. */
  async finish(): Promise<void> {
    await this.#sending;
    await this.#stream.close({ signal: AbortSignal.timeout(this.#patience.lingerMs) });
  }

  abort(error: Error): void {
    this.#stopReading();
    this.#stream.abort(error);
  }

  #take(): void {
    try {
      while (this.#reading === "on" && this.#received.byteLength >= FRAME_PREFIX_BYTES) {
        const frame = this.#next();
        if (frame === undefined) break;
        this.#clearDeadline();
        this.#events.frame(frame);
      }
      if (this.#reading !== "on") return;
      if (this.#ended) this.#close();
      else if (this.#received.byteLength > 0) this.#startDeadline();
    } catch (error) {
      if (!(error instanceof SubletException)) throw error;
      this.#violate(error);
    }
  }

  #next(): Parts | undefined {
    const received = this.#received;
    const headerBytes = received.getUint32(0);
    const payloadBytes = received.getUint32(4);
    requireWithin(headerBytes, this.limits.headerBytes);
    requireWithin(payloadBytes, this.limits.payloadBytes);
    const headerEnd = FRAME_PREFIX_BYTES + headerBytes;
    const frameEnd = headerEnd + payloadBytes;
    if (received.byteLength < frameEnd) return undefined;
    // Copies: a view would keep the transport's much larger buffers alive.
    const parts = {
      header: received.slice(FRAME_PREFIX_BYTES, headerEnd),
      payload: received.slice(headerEnd, frameEnd),
    };
    received.consume(frameEnd);
    return parts;
  }

  #close(): void {
    const left = this.#received.byteLength;
    if (left === 0) {
      this.#stopReading();
      this.#events.end();
    } else {
      throw new SubletException({ code: "MalformedMessage", where: "frame", reason: `it ends after ${left} bytes` });
    }
  }

  #violate(error: SubletException): void {
    this.#stopReading();
    this.#events.violation(error);
  }

  #stopReading(): void {
    this.#reading = "over";
    this.#received.consume(this.#received.byteLength);
    this.#clearDeadline();
  }

  #startDeadline(): void {
    const limitMs = this.#patience.frameDeadlineMs;
    this.#deadline ??= setTimeout(() => this.#violate(new SubletException({ code: "TooSlow", limitMs })), limitMs);
  }

  #clearDeadline(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }

  async #write(parts: Parts): Promise<void> {
    const stream = this.#stream;
    if (stream.writeStatus !== "writable") throw this.#lost();
    stream.send(framed(parts));
    await this.#until(() => stream.writeBufferLength <= WRITE_HIGH_WATER_BYTES, this.#patience.frameDeadlineMs);
  }

  /** Waits for the transport until `done`; one that does not get there in time is cut off. */
  async #until(done: () => boolean, limitMs: number): Promise<void> {
    if (done()) return;
    const stream = this.#stream;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = (): void => {
      // The stream moves its queue on in a microtask of its own after 'drain'.
      queueMicrotask(() => done() && resolve());
    };
    const lost = (): void => reject(this.#lost());
    const timer = setTimeout(() => {
      const error = new SubletException({ code: "TooSlow", limitMs });
      reject(error);
      this.abort(error);
    }, limitMs);
    stream.addEventListener("drain", look);
    stream.addEventListener("idle", look);
    stream.addEventListener("close", lost);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      stream.removeEventListener("drain", look);
      stream.removeEventListener("idle", look);
      stream.removeEventListener("close", lost);
    }
  }

  #lost(): SubletException {
    return new SubletException({ code: "ConnectionLost", peer: "the peer", reason: `stream ${this.#stream.status}` });
  }
}

function requireWithin(actual: number, limit: number): void {
  if (actual > limit) throw new SubletException({ code: "MessageTooLarge", limit, actual });
}

function framed({ header, payload }: Parts): Uint8ArrayList {
  const prefix = new Uint8Array(FRAME_PREFIX_BYTES);
  const view = new DataView(prefix.buffer);
  view.setUint32(0, header.length);
  view.setUint32(4, payload.length);
  return new Uint8ArrayList(prefix, header, payload);
}
