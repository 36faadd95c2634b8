/** A libp2p node as Sublet uses it: TCP, noise, yamux, with windows and counts bounded by protocol/limits.ts. */
import { identify } from "@libp2p/identify";
import type { Libp2p, PeerId } from "@libp2p/interface";
import type { KadDHTComponents } from "@libp2p/kad-dht";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import {
  DIAL_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_IP,
  MAX_CONNECTIONS_PER_SECOND,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
} from "../protocol/limits.ts";
import type { Discovery, DiscoveryOptions } from "./Discovery.ts";
import { originOf } from "./Origin.ts";
import type { PrivateKey } from "./PeerKey.ts";
import { boundedYamux } from "./Yamux.ts";

export interface Node extends Libp2p {
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
  /** Multiaddrs to listen on, such as `/ip4/127.0.0.1/tcp/0`; none: it only dials. */
  readonly listen?: readonly string[];
  /** Multiaddrs to tell others instead of those it listens on. */
  readonly announce?: readonly string[];
  /** Connections that one IP may have open to it. */
  readonly connectionsPerIp?: number;
  /** How it finds peers of which it has no address that serves; without it, it does not. */
  readonly discovery?: DiscoveryOptions;
}

/**
 * A started node; `await node.stop()` ends it and every connection. Its addresses are `node.getMultiaddrs()`.
 * @throws SubletException BadArgument when a bootnode is none
 */
export async function createNode(options: NodeOptions = {}): Promise<Node> {
  const { privateKey, listen = [], announce = [], connectionsPerIp = MAX_CONNECTIONS_PER_IP } = options;
  const discovery = options.discovery && (await loadDiscovery(options.discovery));
  const node: Libp2p = await createLibp2p({
    start: false,
    ...(privateKey && { privateKey }),
    addresses: { listen: [...listen], announce: [...announce] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [boundedYamux],
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
      denyInboundConnection({ remoteAddr }) {
        const origin = originOf(remoteAddr);
        const same = node.getConnections().filter((open) => originOf(open.remoteAddr) === origin);
        return same.length >= connectionsPerIp;
      },
    },
    services: {
      identify: identify(),
      ping: ping(),
      ...(discovery && { dht: (components: KadDHTComponents) => discovery.service(components) }),
    },
  });
  const stop = node.stop.bind(node);
  node.stop = () => {
    discovery?.end();
    return holdingProcess(stop());
  };
  await node.start();
  discovery?.begin(node, listen.length > 0);
  return Object.assign(node, discovery && { find: (peer: PeerId) => discovery.find(peer) });
}

/** What makes a node that only dials find peers through these bootnodes, if there are any. */
export function askingAt(bootnodes: readonly string[] = []): NodeOptions {
  return bootnodes.length > 0 ? { discovery: { bootnodes, answers: "never" } } : {};
}

/** Only for who has whom to ask: the others do without the time and memory that it takes. */
async function loadDiscovery(options: DiscoveryOptions): Promise<Discovery> {
  const { Discovery } = await import("./Discovery.ts");
  return new Discovery(options);
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
