/** A libp2p node as Sublet uses it: TCP, noise, yamux, with windows and counts bounded by protocol/limits.ts. */
import { identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import {
  DIAL_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_IP,
  MAX_CONNECTIONS_PER_SECOND,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS,
} from "../protocol/limits.ts";
import type { TraceId } from "../protocol/TraceId.ts";
import { originOf } from "./Origin.ts";
import type { PrivateKey } from "./PeerKey.ts";
import { boundedYamux } from "./Yamux.ts";

export interface Node extends Libp2p {
  /** What those who are called by this node find its calls by in their logs. */
  readonly trace?: TraceId;
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
  /** Sent with all of its calls; without one they bear none. */
  readonly trace?: TraceId;
}

/** A started node; `await node.stop()` ends it and every connection. Its addresses are `node.getMultiaddrs()`. */
export async function createNode(options: NodeOptions = {}): Promise<Node> {
  const { privateKey, listen = [], announce = [], connectionsPerIp = MAX_CONNECTIONS_PER_IP, trace } = options;
  const libp2p: Libp2p = await createLibp2p({
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
        const same = libp2p.getConnections().filter((open) => originOf(open.remoteAddr) === origin);
        return same.length >= connectionsPerIp;
      },
    },
    services: { identify: identify(), ping: ping() },
  });
  const stop = libp2p.stop.bind(libp2p);
  const node = Object.assign(libp2p, { stop: () => holdingProcess(stop()), ...(trace && { trace }) });
  await node.start();
  return node;
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
