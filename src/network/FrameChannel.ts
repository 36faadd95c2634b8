/**
 * Frames over one libp2p stream. What comes is read at once. Writing: one frame at a time, the next when the transport has
 * taken enough of the last.
 */
import type { Stream } from "@libp2p/interface";
import { Uint8ArrayList } from "uint8arraylist";
import type { Parts } from "../protocol/Envelope.ts";
import { SubletException } from "../protocol/Errors.ts";
import { FRAME_DEADLINE_MS, FRAME_PREFIX_BYTES, LINGER_MS, WRITE_HIGH_WATER_BYTES } from "../protocol/limits.ts";
import { within } from "./Deadline.ts";
import { type FrameLimits, FrameReader } from "./FrameReader.ts";

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

/** How long a frame may take to pass, and a last one to be read. */
export interface Patience {
  readonly frameDeadlineMs: number;
  readonly lingerMs: number;
}

const PATIENCE: Patience = { frameDeadlineMs: FRAME_DEADLINE_MS, lingerMs: LINGER_MS };

export class FrameChannel {
  readonly #stream: Stream;
  readonly #events: FrameEvents;
  readonly #patience: Patience;
  readonly #reader = new FrameReader();
  #isReading = true;
  #deadline: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(stream: Stream, events: FrameEvents, patience: Patience = PATIENCE) {
    this.#stream = stream;
    this.#events = events;
    this.#patience = patience;
    stream.addEventListener("message", ({ data }) => {
      this.#guarded(() => {
        for (const chunk of data instanceof Uint8Array ? [data] : data) this.#read(chunk);
        if (this.#isReading && this.#reader.pendingBytes > 0) this.#startDeadline();
      });
    });
    // Of a connection that is lost it ends too; what was on its way then is nobody's fault.
    stream.addEventListener("end", () => {
      if (stream.status === "open") this.#guarded(() => this.#finishReading());
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

  /** What the next frame may measure; the owner raises it when it trusts the peer more. */
  set limits(limits: FrameLimits) {
    this.#reader.limits = limits;
  }

  get open(): boolean {
    return this.#stream.status === "open" && this.#stream.writeStatus === "writable";
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

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof SubletException)) throw error;
      this.#violate(error);
    }
  }

  #read(chunk: Uint8Array): void {
    for (let at = 0; this.#isReading && at < chunk.length; ) {
      const { end, frame } = this.#reader.take(chunk, at);
      at = end;
      if (frame === undefined) continue;
      this.#clearDeadline();
      this.#events.frame(frame);
    }
  }

  #finishReading(): void {
    if (!this.#isReading) return;
    const pending = this.#reader.pendingBytes;
    if (pending > 0) {
      throw new SubletException({ code: "MalformedMessage", where: "frame", reason: `it ends after ${pending} bytes` });
    }
    this.#stopReading();
    this.#events.end();
  }

  #violate(error: SubletException): void {
    this.#stopReading();
    this.#events.violation(error);
  }

  #stopReading(): void {
    this.#isReading = false;
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

function framed({ header, payload }: Parts): Uint8ArrayList {
  const prefix = new Uint8Array(FRAME_PREFIX_BYTES);
  const view = new DataView(prefix.buffer);
  view.setUint32(0, header.length);
  view.setUint32(4, payload.length);
  return new Uint8ArrayList(prefix, header, payload);
}
