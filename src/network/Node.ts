/** A libp2p node as Sublet uses it: TCP or WebSocket, noise, yamux, with windows and counts bounded by protocol/limits.ts. */
import type { CircuitRelayServerComponents, CircuitRelayTransportComponents } from "@libp2p/circuit-relay-v2";
import { identify } from "@libp2p/identify";
import type { Libp2p, PeerId } from "@libp2p/interface";
import type { KadDHTComponents } from "@libp2p/kad-dht";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import {
  DIAL_TIMEOUT_MS,
  MAX_CIRCUITS_PER_IP,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_IP,
  MAX_CONNECTIONS_PER_SECOND,
  MAX_SESSIONS_PER_IP,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
  READ_BUFFER_BYTES,
} from "../protocol/limits.ts";
import type { TraceId } from "../protocol/TraceId.ts";
import type { CircuitLimits } from "./CircuitRelay.ts";
import type { CircuitOptions } from "./Circuits.ts";
import type { DiscoveryOptions } from "./Discovery.ts";
import { originOf } from "./Origin.ts";
import type { PrivateKey } from "./PeerKey.ts";
import { dialGate, transports } from "./Transports.ts";
import { boundedYamux, type MuxerBounds } from "./Yamux.ts";

export interface Node extends Libp2p {
  /** What those who are called by this node find its calls by in their logs. */
  readonly trace?: TraceId;
  /** Addresses that others tell of a peer, best first; only of a node that has whom to ask. */
  readonly find?: (peer: PeerId) => Promise<Multiaddr[]>;
}

/** Any time does: the timer is there, and does nothing. */
const HOLD_MS = 60_000;

/** The protocol of a session; a version that old peers cannot talk to gets another. */
export const PROTOCOL = "/sublet/1.0.0";

export interface NodeOptions {
  /** Who the node is; without one it is somebody new. */
  readonly privateKey?: PrivateKey;
  /** Multiaddrs to listen on, such as `/ip4/127.0.0.1/tcp/0`, with `/ws` at its end for pages; none: it only dials. */
  readonly listen?: readonly string[];
  /** Multiaddrs to tell others instead of those it listens on; those of its circuits are told besides. */
  readonly announce?: readonly string[];
  /** Connections that one IP may have open to it. */
  readonly connectionsPerIp?: number;
  /** Sent with all of its calls; without one they bear none. */
  readonly trace?: TraceId;
  /** How it finds peers of which it has no address that serves; without it, it does not. */
  readonly discovery?: DiscoveryOptions;
  /** Whether it calls through circuits and is called through some; one that does not listen calls only, unless told. */
  readonly circuits?: CircuitOptions;
  /** Makes it a relay of circuits for others. */
  readonly circuitRelay?: Partial<CircuitLimits>;
}

/**
 * A started node; `await node.stop()` ends it and every connection. Its addresses are `node.getMultiaddrs()`.
 * @throws SubletException BadArgument when a bootnode or a relay is none
 */
export async function createNode(options: NodeOptions = {}): Promise<Node> {
  const { privateKey, listen = [], announce = [], connectionsPerIp = MAX_CONNECTIONS_PER_IP, trace } = options;
  const { discovery, circuits, relay } = await loadParts(options);
  const through = options.circuits?.relays ?? [];
  const node: Libp2p = await createLibp2p({
    start: false,
    ...(privateKey && { privateKey }),
    addresses: { listen: [...listen], announce: [...announce, ...through.map((one) => `${one}/p2p-circuit`)] },
    transports: [
      ...(await transports([...listen, ...through, ...(options.discovery?.bootnodes ?? [])])),
      ...(circuits ? [(components: CircuitRelayTransportComponents) => circuits.transport(components)] : []),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [() => boundedYamux(muxerBounds(options))],
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: MAX_CONNECTIONS_PER_SECOND,
      maxIncomingPendingConnections: 2 * MAX_CONNECTIONS_PER_SECOND,
      dialTimeout: DIAL_TIMEOUT_MS,
    },
    connectionMonitor: {
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: { minTimeout: PING_TIMEOUT_MS, maxTimeout: 2 * PING_TIMEOUT_MS },
    },
    connectionGater: {
      ...dialGate,
      denyInboundConnection({ remoteAddr }) {
        const origin = originOf(remoteAddr);
        const same = node.getConnections().filter((open) => originOf(open.remoteAddr) === origin);
        return same.length >= connectionsPerIp;
      },
      ...relay?.gates(() => node),
    },
    services: {
      identify: identify(),
      ping: ping(),
      ...(discovery && { dht: (components: KadDHTComponents) => discovery.service(components) }),
      ...(relay && { circuitRelay: (components: CircuitRelayServerComponents) => relay.service(components) }),
    },
  });
  const stop = node.stop.bind(node);
  node.stop = () => {
    discovery?.end();
    circuits?.end();
    return holdingProcess(stop());
  };
  await node.start();
  await circuits?.begin(node);
  discovery?.begin(node, listen.length > 0 || through.length > 0);
  return Object.assign(
    node,
    discovery && { find: (peer: PeerId) => discovery.find(peer) },
    trace !== undefined && { trace },
  );
}

/** What makes a node that only dials find peers through these bootnodes, if there are any. */
export function askingAt(bootnodes: readonly string[] = []): NodeOptions {
  return bootnodes.length > 0 ? { discovery: { bootnodes, answers: "never" } } : {};
}

/** Each only for who needs it: the others do without the time and memory that it takes. */
async function loadParts({ listen = [], discovery, circuits, circuitRelay }: NodeOptions) {
  const calls = circuits ?? (listen.length === 0 ? { relays: [] } : undefined);
  return {
    discovery: discovery && new (await import("./Discovery.ts")).Discovery(discovery),
    circuits: calls && new (await import("./Circuits.ts")).Circuits(calls),
    relay: circuitRelay && new (await import("./CircuitRelay.ts")).CircuitRelay(circuitRelay),
  };
}

/** A circuit is a stream of its own: on connections to a host's relays, and on those that a relay accepts. */
function muxerBounds({ circuits, circuitRelay }: NodeOptions): MuxerBounds {
  return {
    ...(circuits && circuits.relays.length > 0 && { dialled: MAX_SESSIONS_PER_IP }),
    // A relay pauses those whose far end does not read, and has to hold what is on its way by then.
    ...(circuitRelay && { accepted: MAX_CIRCUITS_PER_IP, windowBytes: READ_BUFFER_BYTES }),
  };
}

/**
 * A connection that goes at the wrong moment is waited for until a deadline of libp2p's, whose timer holds no process:
 * one with nothing else to do would end there, in the midst of its work.
 */
async function holdingProcess(work: void | Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, HOLD_MS);
  try {
    await work;
  } finally {
    clearInterval(timer);
  }
}
