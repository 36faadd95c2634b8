/**
 * Calls over circuits: out through whatever relay an address names, and in through the relays that this node has a place
 * at. Only those may bring callers: what libp2p does by itself when anybody else does is to ask that one for a place too.
 */

import { type CircuitRelayTransportComponents, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import type { Connection, Libp2p, PeerId, Stream, TopologyFilter, Transport } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { DIAL_TIMEOUT_MS, MAX_SESSIONS_PER_IP, RELAY_CHECK_MS } from "../protocol/limits.ts";
import { peerMultiaddr, peerOf } from "./PeerMultiaddr.ts";

export interface CircuitOptions {
  /** Through whom it is called, each ending in /p2p/ and its peer id; none: it only calls. */
  readonly relays: readonly string[];
  /** Told whenever a relay keeps a place for it, or does not any more, and why. */
  readonly onRelay?: (relay: string, failure?: unknown) => void;
  /** Milliseconds between two looks at whether they still do. */
  readonly checkMs?: number;
}

/** What of the package's transport is used and not in its types. */
interface Inner {
  onStop?(stream: Stream, connection: Connection): Promise<void>;
  readonly reservationStore?: { addRelay?(relay: PeerId, type: "configured"): Promise<unknown> };
}

/** Has seen every peer before, so that none is looked at. */
const EVERYBODY: TopologyFilter = { has: () => true, add: () => {}, remove: () => {} };

export class Circuits {
  readonly #options: CircuitOptions;
  readonly #relays: readonly Multiaddr[];
  #transport: Inner | undefined;
  readonly #held = new Map<string, boolean>();
  #keeping: NodeJS.Timeout | undefined;

  /** @throws SubletException BadArgument when a relay is none */
  constructor(options: CircuitOptions) {
    this.#options = options;
    this.#relays = options.relays.map((relay) => peerMultiaddr("circuit-relays", relay));
  }

  /** What libp2p takes as one of its transports. */
  transport(components: CircuitRelayTransportComponents): Transport {
    const transport = circuitRelayTransport({
      maxInboundStopStreams: MAX_SESSIONS_PER_IP,
      reservationCompletionTimeout: DIAL_TIMEOUT_MS,
      // It would look at everybody who says that it relays.
      discoveryFilter: EVERYBODY,
    })(components);
    const inner = transport as Inner;
    const { onStop, reservationStore } = inner;
    if (!onStop || !reservationStore?.addRelay) {
      throw new Error("@libp2p/circuit-relay-v2 no longer has what Circuits replaces and calls");
    }
    const relays = new Set(this.#relays.map(peerOf));
    inner.onStop = async (stream, connection) => {
      if (relays.has(`${connection.remotePeer}`)) await onStop.call(transport, stream, connection);
      else stream.abort(new Error("it is none of this node's relays"));
    };
    this.#transport = inner;
    return transport;
  }

  /** Asks the relays for a place each, and again whenever one is lost. Resolves when each has answered or not. */
  async begin(node: Pick<Libp2p, "dial">): Promise<void> {
    const { checkMs = RELAY_CHECK_MS } = this.#options;
    if (this.#relays.length === 0) return;
    const look = (): Promise<unknown> => Promise.all(this.#relays.map((relay) => this.#reserve(node, relay)));
    this.#keeping = setInterval(() => void look(), checkMs).unref();
    await look();
  }

  end(): void {
    clearInterval(this.#keeping);
  }

  async #reserve(node: Pick<Libp2p, "dial">, relay: Multiaddr): Promise<void> {
    try {
      const { remotePeer } = await node.dial(relay, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) });
      // It answers at once while there is one that lasts.
      await this.#transport!.reservationStore!.addRelay!(remotePeer, "configured");
      this.#tell(`${relay}`);
    } catch (error) {
      this.#tell(`${relay}`, error);
    }
  }

  #tell(relay: string, failure?: unknown): void {
    const holds = failure === undefined;
    if (this.#held.get(relay) === holds) return;
    this.#held.set(relay, holds);
    this.#options.onRelay?.(relay, failure);
  }
}
