/**
 * Frames out of chunks of any size. A length is checked before its memory is taken, and what came is copied at once: a
 * kept chunk would keep the transport's buffers, and a frame sent byte by byte would cost a hundred times its size.
 */
import type { Parts } from "../protocol/Envelope.ts";
import { SubletException } from "../protocol/Errors.ts";
import { FRAME_PREFIX_BYTES, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES } from "../protocol/limits.ts";

export interface FrameLimits {
  readonly headerBytes: number;
  readonly payloadBytes: number;
}

export class FrameReader {
  /** What the next frame may measure. */
  limits: FrameLimits = { headerBytes: MAX_HEADER_BYTES, payloadBytes: MAX_PAYLOAD_BYTES };

  /** Bytes of the frame that is not whole yet. */
  pendingBytes = 0;

  readonly #prefix = new Uint8Array(FRAME_PREFIX_BYTES);
  #header: Uint8Array | undefined;
  #payload: Uint8Array | undefined;
  #filled = 0;

  /**
   * Takes bytes of `chunk` from index `from` on, until it is used up or a frame is whole.
   * @throws SubletException MessageTooLarge
   */
  take(chunk: Uint8Array, from: number): { end: number; frame?: Parts } {
    let end = from;
    for (;;) {
      const part = this.#payload ?? this.#header ?? this.#prefix;
      const bytes = Math.min(part.length - this.#filled, chunk.length - end);
      part.set(chunk.subarray(end, end + bytes), this.#filled);
      this.#filled += bytes;
      this.pendingBytes += bytes;
      end += bytes;
      if (this.#filled < part.length) return { end };
      this.#filled = 0;
      const frame = this.#nextPart();
      if (frame !== undefined) return { end, frame };
    }
  }

  #nextPart(): Parts | undefined {
    const lengths = new DataView(this.#prefix.buffer);
    if (this.#header === undefined) {
      requireWithin(lengths.getUint32(0), this.limits.headerBytes);
      requireWithin(lengths.getUint32(4), this.limits.payloadBytes);
      this.#header = new Uint8Array(lengths.getUint32(0));
    } else if (this.#payload === undefined) {
      this.#payload = new Uint8Array(lengths.getUint32(4));
    } else {
      const frame = { header: this.#header, payload: this.#payload };
      this.#header = undefined;
      this.#payload = undefined;
      this.pendingBytes = 0;
      return frame;
    }
    return undefined;
  }
}

function requireWithin(actual: number, limit: number): void {
  if (actual > limit) throw new SubletException({ code: "MessageTooLarge", limit, actual });
}
