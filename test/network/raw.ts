/** Both ends of the protocol with nothing of src/network in between: for what no honest peer sends. */
import type { Connection, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { bytesToHex, type Hex } from "viem";
import { PROTOCOL } from "../../src/network/Node.ts";
import { decodeRequest, decodeResponse, encodeResponse, type Parts } from "../../src/protocol/Envelope.ts";
import type { SubletException } from "../../src/protocol/Errors.ts";
import { helloDigest, signDigest } from "../../src/protocol/TypedData.ts";
import type { RequestOf, ResponseOf, Verb } from "../../src/protocol/Verbs.ts";
import { addressOf, failure, MARKET, node, PROVIDER, SIGNER, SIGNER_KEY } from "./fixtures.ts";

export class RawSession {
  /** Multihash bytes of the two peer ids. */
  readonly self: Hex;
  readonly peer: Hex;
  readonly stream: Stream;
  readonly closed: Promise<void>;
  /** What lies under the stream: `muxer.send` writes past it. */
  readonly muxer: { send(bytes: Uint8Array): boolean };
  readonly maConn: Pick<Stream, "pause" | "status">;
  readonly #frames: Parts[] = [];
  #received = Buffer.alloc(0);
  #look: () => void = () => {};
  #isClosed = false;

  constructor(self: Connection["remotePeer"], connection: Connection, stream: Stream) {
    this.self = bytesToHex(self.toMultihash().bytes);
    this.peer = bytesToHex(connection.remotePeer.toMultihash().bytes);
    this.stream = stream;
    // Paused, it holds whatever the window lets through: only the other side ends it.
    stream.maxReadBufferLength = Number.POSITIVE_INFINITY;
    ({ muxer: this.muxer, maConn: this.maConn } = connection as unknown as Pick<RawSession, "muxer" | "maConn">);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    const end = (): void => {
      this.#isClosed = true;
      this.#look();
      resolve();
    };
    stream.addEventListener("message", ({ data }) => {
      this.#received = Buffer.concat([this.#received, data.subarray()]);
      this.#parse();
    });
    stream.addEventListener("close", end);
    stream.addEventListener("remoteCloseWrite", end);
  }

  static async to(address: string): Promise<RawSession> {
    const own = await node();
    const connection = await own.dial(multiaddr(address));
    return new RawSession(own.peerId, connection, await connection.newStream(PROTOCOL));
  }

  send(bytes: Uint8Array): void {
    this.stream.send(bytes);
  }

  sendParts(parts: Parts): void {
    this.send(frameOf(parts));
  }

  /** The next frame; fails when the peer closes instead. */
  async next(): Promise<Parts> {
    while (this.#frames.length === 0) {
      if (this.#isClosed) throw new Error("closed without another frame");
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
    return this.#frames.shift()!;
  }

  /** The failure that the next frame must be. */
  async failure(verb: Verb): Promise<SubletException["error"]> {
    const response = decodeResponse(await this.next());
    return failure((async () => response.open(verb))());
  }

  #parse(): void {
    for (;;) {
      if (this.#received.length < 8) return;
      const headerEnd = 8 + this.#received.readUInt32BE(0);
      const end = headerEnd + this.#received.readUInt32BE(4);
      if (this.#received.length < end) return;
      this.#frames.push({
        header: this.#received.subarray(8, headerEnd),
        payload: this.#received.subarray(headerEnd, end),
      });
      this.#received = this.#received.subarray(end);
      this.#look();
    }
  }
}

export function frameOf({ header, payload }: Parts): Buffer {
  return Buffer.concat([prefix(header.length, payload.length), header, payload]);
}

export function prefix(headerBytes: number, payloadBytes: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(headerBytes, 0);
  bytes.writeUInt32BE(payloadBytes, 4);
  return bytes;
}

/** A server that does with each frame what `onFrame` says. */
export async function rawServer(
  onFrame: (session: RawSession, parts: Parts) => void | Promise<void>,
): Promise<{ address: string }> {
  const listening = await node(["/ip4/127.0.0.1/tcp/0"]);
  await listening.handle(PROTOCOL, (stream, connection) => {
    const session = new RawSession(listening.peerId, connection, stream);
    const loop = async (): Promise<void> => {
      for (;;) await onFrame(session, await session.next());
    };
    loop().catch(() => {});
  });
  return { address: addressOf(listening) };
}

/** A provider's answer to hello, altered after signing if told so. */
export async function answerHello(
  session: RawSession,
  parts: Parts,
  altered?: Partial<ResponseOf<"hello">>,
): Promise<void> {
  const { id, open } = decodeRequest(parts);
  const { nonce } = open().content as RequestOf<"hello">;
  const hello = { from: session.self, to: session.peer, account: SIGNER, actingFor: PROVIDER, nonce };
  const signature = await signDigest(SIGNER_KEY, helloDigest(MARKET, hello));
  const market = { chainId: MARKET.chainId, market: MARKET.address };
  session.sendParts(
    encodeResponse(id, "hello", { ...market, provider: PROVIDER, signer: SIGNER, signature, ...altered }),
  );
}
