/** Serves the verbs to whoever connects: counts sessions and strangers by IP, and hands each stream to a session. */
import type { Connection, Stream } from "@libp2p/interface";
import {
  CLOSE_GRACE_MS,
  FRAME_DEADLINE_MS,
  IDLE_DEADLINE_MS,
  LINGER_MS,
  MAX_HELD_BYTES,
  MAX_SESSIONS_PER_IP,
  MAX_STREAMS_PER_CONNECTION,
  MAX_TRACKED_IPS,
  SESSION_BURST_REQUESTS,
  SESSION_REQUESTS_PER_SECOND,
  STRANGER_BURST_REQUESTS,
  STRANGER_REQUESTS_PER_SECOND,
} from "../protocol/limits.ts";
import type { Market } from "../protocol/TypedData.ts";
import type { Answerer } from "./Greeting.ts";
import type { Fault, Handlers } from "./Handlers.ts";
import { type Node, PROTOCOL } from "./Node.ts";
import { originOf } from "./Origin.ts";
import { ServerSession, type SessionLimits } from "./ServerSession.ts";
import type { Witness } from "./SessionRecord.ts";
import { TokenBucket } from "./TokenBucket.ts";

export interface ServeLimits extends SessionLimits {
  readonly sessionsPerIp: number;
  readonly strangerBurstRequests: number;
  readonly strangerRequestsPerSecond: number;
  readonly sessionBurstRequests: number;
  readonly sessionRequestsPerSecond: number;
}

const SERVE_LIMITS: ServeLimits = {
  heldBytes: MAX_HELD_BYTES,
  frameDeadlineMs: FRAME_DEADLINE_MS,
  lingerMs: LINGER_MS,
  idleDeadlineMs: IDLE_DEADLINE_MS,
  sessionsPerIp: MAX_SESSIONS_PER_IP,
  strangerBurstRequests: STRANGER_BURST_REQUESTS,
  strangerRequestsPerSecond: STRANGER_REQUESTS_PER_SECOND,
  sessionBurstRequests: SESSION_BURST_REQUESTS,
  sessionRequestsPerSecond: SESSION_REQUESTS_PER_SECOND,
};

export interface ServeOptions extends Answerer {
  readonly market: Market;
  readonly handlers: Handlers;
  /** Called with what a handler threw that was not meant for the peer. */
  readonly onFault: (fault: Fault) => void;
  /** Hears of everything else that goes on, for logs and counts. */
  readonly witness?: Witness;
  readonly limits?: Partial<ServeLimits>;
}

export interface Server {
  /** Sessions open now. */
  readonly sessions: number;
  /** Takes no more requests, lets those in flight finish for up to CLOSE_GRACE_MS, and closes every session. */
  close(): Promise<void>;
}

/** Serves `handlers` on the node until closed. */
export async function serve(node: Node, options: ServeOptions): Promise<Server> {
  const limits: ServeLimits = { ...SERVE_LIMITS, ...options.limits };
  const visitors = new Visitors(limits);
  const sessions = new Set<ServerSession>();
  const held = { bytes: 0 };

  const admit = (stream: Stream, connection: Connection): void => {
    const ip = originOf(connection.remoteAddr);
    const visitor = visitors.of(ip);
    const session = new ServerSession({
      ...options,
      limits,
      held,
      stream,
      ip,
      remotePeer: connection.remotePeer,
      self: node.peerId,
      strangerBucket: visitor.bucket,
      sessionBucket: new TokenBucket(limits.sessionBurstRequests, limits.sessionRequestsPerSecond),
    });
    sessions.add(session);
    visitor.sessions += 1;
    if (visitor.sessions > limits.sessionsPerIp)
      session.refuse({ code: "TooManySessions", limit: limits.sessionsPerIp });
    void session.closed.then(() => {
      sessions.delete(session);
      visitor.sessions -= 1;
    });
  };
  await node.handle(PROTOCOL, admit, {
    maxInboundStreams: MAX_STREAMS_PER_CONNECTION,
    // Through a circuit too: it ends when its relay has had enough of it, and the caller opens another.
    runOnLimitedConnection: true,
  });

  return {
    get sessions() {
      return sessions.size;
    },
    async close() {
      await node.unhandle(PROTOCOL);
      await Promise.all([...sessions].map((session) => session.finish(CLOSE_GRACE_MS)));
    },
  };
}

interface Visitor {
  sessions: number;
  readonly bucket: TokenBucket;
}

/** What is remembered of IPs: bounded, the longest unseen without a session forgotten first. */
class Visitors {
  readonly #limits: ServeLimits;
  readonly #byIp = new Map<string, Visitor>();

  constructor(limits: ServeLimits) {
    this.#limits = limits;
  }

  of(ip: string): Visitor {
    const { strangerBurstRequests, strangerRequestsPerSecond } = this.#limits;
    const visitor = this.#byIp.get(ip) ?? {
      sessions: 0,
      bucket: new TokenBucket(strangerBurstRequests, strangerRequestsPerSecond),
    };
    this.#byIp.delete(ip);
    this.#byIp.set(ip, visitor);
    for (const [old, { sessions }] of this.#byIp) {
      if (this.#byIp.size <= MAX_TRACKED_IPS) break;
      if (sessions === 0 && old !== ip) this.#byIp.delete(old);
    }
    return visitor;
  }
}
