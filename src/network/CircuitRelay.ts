/**
 * A relay of circuits, for hosts that nobody can call: libp2p's, with limits by IP and with pacing. By itself libp2p reads
 * as fast as one end sends and keeps what the other does not take, up to all that a circuit may carry.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  type CircuitRelayServerComponents,
  type CircuitRelayService,
  circuitRelayServer,
  RELAY_V2_HOP_CODEC,
} from "@libp2p/circuit-relay-v2";
import type { Connection, ConnectionGater, Libp2p, PeerId, Stream } from "@libp2p/interface";
import {
  CIRCUIT_BUFFER_BYTES,
  CIRCUIT_BYTES,
  CIRCUIT_MS,
  MAX_CIRCUITS,
  MAX_CIRCUITS_PER_IP,
  MAX_RESERVATIONS,
  MAX_RESERVATIONS_PER_IP,
  MAX_SESSIONS_PER_IP,
  RESERVATION_MS,
} from "../protocol/limits.ts";
import { originOf } from "./Origin.ts";

export interface CircuitLimits {
  /** Hosts that it keeps a place for, and how many of one IP. */
  readonly reservations: number;
  readonly reservationsPerIp: number;
  /** Circuits at once, and those that one IP opened. */
  readonly circuits: number;
  readonly circuitsPerIp: number;
  /** Both ways together, in all of a circuit's life. */
  readonly circuitBytes: number;
  readonly circuitMs: number;
}

const CIRCUIT_LIMITS: CircuitLimits = {
  reservations: MAX_RESERVATIONS,
  reservationsPerIp: MAX_RESERVATIONS_PER_IP,
  circuits: MAX_CIRCUITS,
  circuitsPerIp: MAX_CIRCUITS_PER_IP,
  circuitBytes: CIRCUIT_BYTES,
  circuitMs: CIRCUIT_MS,
};

/** What of the package's server is used and not in its types. */
interface Inner {
  onHop?(stream: Stream, connection: Connection): Promise<void>;
  stopHop?(asked: unknown, options: unknown): Promise<Stream | undefined>;
}

export class CircuitRelay {
  readonly #limits: CircuitLimits;
  #service: CircuitRelayService | undefined;

  constructor(limits: Partial<CircuitLimits> = {}) {
    this.#limits = { ...CIRCUIT_LIMITS, ...limits };
  }

  /** What libp2p takes as one of its services. */
  service(components: CircuitRelayServerComponents): CircuitRelayService {
    const { reservations, circuitBytes, circuitMs } = this.#limits;
    this.#service = circuitRelayServer({
      reservations: {
        maxReservations: reservations,
        reservationTtl: RESERVATION_MS,
        defaultDataLimit: BigInt(circuitBytes),
        defaultDurationLimit: circuitMs,
      },
      maxInboundHopStreams: MAX_CIRCUITS_PER_IP,
      maxOutboundStopStreams: MAX_SESSIONS_PER_IP,
    })(components);
    pace(this.#service as Inner);
    return this.#service;
  }

  /** Whom it says no to. */
  gates(node: () => Pick<Libp2p, "getConnections">): ConnectionGater {
    const { reservationsPerIp, circuits, circuitsPerIp } = this.#limits;
    return {
      denyInboundRelayReservation: (host) => {
        const { reservations } = this.#service!;
        // A host that went has no use for its place.
        for (const peer of [...reservations.keys()]) {
          if (node().getConnections(peer).length > 0) continue;
          reservations.get(peer)!.signal.clear();
          reservations.delete(peer);
        }
        if (reservations.has(host)) return false;
        const origin = this.#origin(node(), host);
        return [...reservations.values()].filter(({ addr }) => originOf(addr) === origin).length >= reservationsPerIp;
      },
      denyOutboundRelayedConnection: (caller) => {
        const connections = node().getConnections();
        const origin = this.#origin(node(), caller);
        const own = connections.filter(({ remoteAddr }) => originOf(remoteAddr) === origin);
        // The one that is asked for is among them.
        return openCircuits(connections) > circuits || openCircuits(own) > circuitsPerIp;
      },
    };
  }

  #origin(node: Pick<Libp2p, "getConnections">, peer: PeerId): string {
    const [connection] = node.getConnections(peer);
    return connection ? originOf(connection.remoteAddr) : "";
  }
}

function openCircuits(connections: readonly Connection[]): number {
  const isCaller = ({ protocol, direction }: Stream): boolean =>
    protocol === RELAY_V2_HOP_CODEC && direction === "inbound";
  return connections.reduce((count, { streams }) => count + streams.filter(isCaller).length, 0);
}

/** Has each circuit that is joined from now on be read only as fast as its other end reads. */
function pace(inner: Inner): void {
  const { onHop, stopHop } = inner;
  if (!onHop || !stopHop) throw new Error("@libp2p/circuit-relay-v2 no longer has what CircuitRelay replaces");
  // The package joins two streams where nobody else comes by: the one that asked is remembered until the other is there.
  const asking = new AsyncLocalStorage<Stream>();
  inner.onHop = (stream, connection) => asking.run(stream, () => onHop.call(inner, stream, connection));
  inner.stopHop = async (asked, options) => {
    const [from, to] = [asking.getStore(), await stopHop.call(inner, asked, options)];
    if (from && to) {
      follow(from, to);
      follow(to, from);
    }
    return to;
  };
}

/** Pauses `from` while more than a buffer of what came from it has not left for `to`. */
function follow(from: Stream, to: Stream): void {
  /** Came, and was not handed to `to` yet. */
  let between = 0;
  const look = (): void => {
    const isFull = between + to.writeBufferLength > CIRCUIT_BUFFER_BYTES;
    if (isFull && from.readStatus === "readable") from.pause();
    if (!isFull && from.readStatus === "paused") from.resume();
  };
  const send = to.send.bind(to);
  to.send = (data) => {
    between -= data.byteLength;
    const takesMore = send(data);
    look();
    return takesMore;
  };
  from.addEventListener("message", ({ data }) => {
    between += data.byteLength;
    look();
  });
  // What waited leaves in a microtask of its own, which was asked for before this one.
  to.addEventListener("drain", () => queueMicrotask(look));
}
