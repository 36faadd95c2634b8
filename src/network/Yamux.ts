/**
 * yamux as @libp2p/yamux has it, but for how frames are read. Its decoder collects a data frame of any length a peer
 * claims, up to 4 GiB, before it looks at the stream's window. Here every piece goes on as it comes, and the window counts
 * at once; a stream of libp2p's own protocols gets no more than their few messages need, since their handlers leave what
 * they do not read in memory; and nobody calls up answers for ever that he does not read.
 */
import type { MessageStream, StreamMuxer, StreamMuxerFactory } from "@libp2p/interface";
import { yamux } from "@libp2p/yamux";
import { Uint8ArrayList } from "uint8arraylist";
import {
  MAX_DHT_STREAM_BYTES,
  MAX_LIBP2P_STREAM_BYTES,
  MAX_MUXED_STREAMS,
  MAX_SESSIONS_PER_IP,
  MAX_UNREAD_FRAMES,
  READ_BUFFER_BYTES,
  STREAM_WINDOW_BYTES,
} from "../protocol/limits.ts";

/** Of Sublet's own DHT, which mixes with no other. */
export const DHT_PROTOCOL = "/sublet/kad/1.0.0";

const HEADER_BYTES = 12;
const DATA = 0;
const OPENING_FLAGS = 0x1 | 0x2; // SYN, ACK: belong to the first piece
const CLOSING_FLAGS = 0x4 | 0x8; // FIN, RST: belong to the last

interface Frame {
  readonly header: { readonly type: number; readonly flag: number; readonly streamID: number; readonly length: number };
  readonly data?: Uint8ArrayList;
}

/** What a peer may open, where that is not the usual. */
export interface MuxerBounds {
  /** Streams of circuits besides the others, on connections that the peer opened. */
  readonly accepted?: number;
  /** The same on connections that this node opened. */
  readonly dialled?: number;
  /** What may be on its way on one stream. */
  readonly windowBytes?: number;
}

/** The muxer of Sublet's nodes. */
export function boundedYamux({ accepted = 0, dialled = 0, windowBytes }: MuxerBounds = {}): StreamMuxerFactory {
  const streamOptions = {
    maxStreamWindowSize: windowBytes ?? STREAM_WINDOW_BYTES,
    maxReadBufferLength: READ_BUFFER_BYTES,
  };
  const muxers = (circuits: number): StreamMuxerFactory =>
    yamux({
      maxInboundStreams: MAX_MUXED_STREAMS + circuits,
      // Also while this end is not done with the handshake, and the other is: it may open all of them at once.
      maxEarlyStreams: MAX_MUXED_STREAMS + circuits,
      // These are this node's own doing.
      maxOutboundStreams: MAX_MUXED_STREAMS + MAX_SESSIONS_PER_IP,
      streamOptions,
    })();
  const factories = { inbound: muxers(accepted), outbound: muxers(dialled) };
  const create: StreamMuxerFactory["createStreamMuxer"] = (connection) => {
    const factory = factories[connection.direction];
    const muxer = factory.createStreamMuxer(connection) as unknown as StreamMuxer & { decoder?: unknown };
    // The decoder is private to the package; a version without it must not go unnoticed.
    if (typeof (muxer.decoder as { emitFrames?: unknown })?.emitFrames !== "function") {
      throw new Error("@libp2p/yamux no longer has the decoder that boundedYamux replaces");
    }
    muxer.decoder = new PieceDecoder(connection, muxer);
    return muxer;
  };
  return { protocol: factories.inbound.protocol, createStreamMuxer: create };
}

/** Emits data frames in the pieces they come in; the other frames have no body. Whatever it throws ends the connection. */
class PieceDecoder {
  readonly #connection: MessageStream;
  readonly #muxer: StreamMuxer;
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerFilled = 0;
  #frame: Frame["header"] | undefined;
  #left = 0;
  /** Frames that came while the peer did not read. */
  #unread = 0;
  /** Bytes of each stream of libp2p's own, as long as it lives. */
  readonly #libp2pBytes = new WeakMap<object, number>();

  constructor(connection: MessageStream, muxer: StreamMuxer) {
    this.#connection = connection;
    this.#muxer = muxer;
  }

  *emitFrames(received: Uint8Array | Uint8ArrayList): Generator<Frame> {
    for (const chunk of received instanceof Uint8Array ? [received] : received) {
      for (let at = 0; at < chunk.length; ) {
        let frame: Frame | undefined;
        if (this.#frame === undefined) {
          at += this.#fillHeader(chunk.subarray(at));
          frame = this.#start();
        } else {
          const piece = chunk.subarray(at, at + this.#left);
          at += piece.length;
          frame = this.#piece(this.#frame, piece);
        }
        if (frame === undefined) continue;
        this.#limitUnread();
        yield frame;
        // The stream has it now, and exists if this was its first.
        this.#limitLibp2p(frame.header);
      }
    }
  }

  #fillHeader(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, HEADER_BYTES - this.#headerFilled);
    this.#header.set(taken, this.#headerFilled);
    this.#headerFilled += taken.length;
    return taken.length;
  }

  /** A frame without body as soon as its header is whole; one with a body when that comes. */
  #start(): Frame | undefined {
    if (this.#headerFilled < HEADER_BYTES) return undefined;
    this.#headerFilled = 0;
    const view = new DataView(this.#header.buffer);
    if (view.getUint8(0) !== 0) throw new Error(`yamux version ${view.getUint8(0)}`);
    const type = view.getUint8(1);
    const header = { type, flag: view.getUint16(2), streamID: view.getUint32(4), length: view.getUint32(8) };
    if (type !== DATA) return { header };
    if (header.length === 0) return { header, data: new Uint8ArrayList() };
    if (header.length > STREAM_WINDOW_BYTES)
      throw new Error(`a data frame of ${header.length} bytes exceeds any window`);
    this.#frame = header;
    this.#left = header.length;
    return undefined;
  }

  #piece(frame: Frame["header"], bytes: Uint8Array): Frame {
    this.#left -= bytes.length;
    const isLast = this.#left === 0;
    const flag = isLast ? frame.flag : frame.flag & ~CLOSING_FLAGS;
    this.#frame = isLast ? undefined : { ...frame, flag: frame.flag & ~OPENING_FLAGS };
    return { header: { ...frame, flag, length: bytes.length }, data: new Uint8ArrayList(bytes) };
  }

  /** Most frames call for one in answer: a pong, a window, a reset. They queue up while the peer reads nothing. */
  #limitUnread(): void {
    this.#unread = this.#connection.writableNeedsDrain ? this.#unread + 1 : 0;
    if (this.#unread > MAX_UNREAD_FRAMES) throw new Error(`${this.#unread} frames came and nothing was read`);
  }

  #limitLibp2p({ type, streamID, length }: Frame["header"]): void {
    if (type !== DATA || length === 0) return;
    const name = `${streamID}`;
    const stream = this.#muxer.streams.find(({ id }) => id === name);
    const most = stream && mostBytes(stream.protocol);
    if (stream === undefined || most === undefined) return;
    const bytes = (this.#libp2pBytes.get(stream) ?? 0) + length;
    if (bytes > most) throw new Error(`${bytes} bytes on a stream of ${stream.protocol || "nothing"}`);
    this.#libp2pBytes.set(stream, bytes);
  }
}

/** What a stream may carry that libp2p reads by itself, or that has not said yet what it is; undefined: whatever it likes. */
function mostBytes(protocol: string): number | undefined {
  if (protocol === "" || protocol.startsWith("/ipfs/")) return MAX_LIBP2P_STREAM_BYTES;
  return protocol === DHT_PROTOCOL ? MAX_DHT_STREAM_BYTES : undefined;
}
