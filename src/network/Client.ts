/**
 * Calls a provider: one long-lived session to one peer, opened by the first call and again by the next one after it was
 * lost. Many calls may be in flight; a lost one is never repeated by itself.
 */
import type { PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { type Address, isAddressEqual } from "viem";
import { SubletException } from "../protocol/Errors.ts";
import {
  CLOSE_GRACE_MS,
  DIAL_TIMEOUT_MS,
  FOUND_DIAL_TIMEOUT_MS,
  LINGER_MS,
  REQUEST_TIMEOUT_MS,
} from "../protocol/limits.ts";
import type { Market } from "../protocol/TypedData.ts";
import { type RequestOf, type ResponseOf, VERBS, type Verb } from "../protocol/Verbs.ts";
import { ClientSession } from "./ClientSession.ts";
import { orAborted, within } from "./Deadline.ts";
import { type Caller, checkAnswer, greet } from "./Greeting.ts";
import type { ServedVerb } from "./Handlers.ts";
import { type Node, PROTOCOL } from "./Node.ts";

export interface ConnectOptions {
  readonly market: Market;
  /** Without one only ask, offer and prove can be called. */
  readonly caller?: Caller;
  /** The provider it must be; another is WrongPeer. */
  readonly provider?: Address;
  readonly timeoutMs?: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds until RequestTimeout, connecting included. */
  readonly timeoutMs?: number;
}

type Calls = {
  readonly [V in ServedVerb]: (request: RequestOf<V>, options?: CallOptions) => Promise<ResponseOf<V>>;
};

/** Who answered hello. Whether `signer` is in force for `provider` is for the chain to say. */
export interface Remote {
  readonly provider: Address;
  readonly signer: Address;
}

export interface Connection extends Calls {
  readonly peerId: string;
  /** Says hello, if that was not done yet, and tells who is there. */
  hello(options?: CallOptions): Promise<Remote>;
  /** Lets calls under way finish for up to CLOSE_GRACE_MS. The next call would connect again. */
  close(): Promise<void>;
}

interface Live {
  readonly session: ClientSession;
  /** The connection's own peer id, proved by its encryption. */
  readonly peer: PeerId;
  readonly abort: (reason: string) => void;
  remote?: Promise<Remote>;
}

/**
 * A connection to the peer at `target`: multiaddrs of one peer, each ending in `/p2p/<peer id>`. Dials nothing yet.
 * @throws SubletException BadArgument when the target is no such thing
 */
export function connect(node: Node, target: string | readonly string[], options: ConnectOptions): Connection {
  const link = new Link(node, parseTarget(target), options);
  const verbs = (Object.keys(VERBS) as Verb[]).filter((verb) => verb !== "hello");
  const calls = verbs.map((verb) => [verb, (request: never, how?: CallOptions) => link.call(verb, request, how)]);
  return {
    ...(Object.fromEntries(calls) as Calls),
    peerId: link.target.peer.toString(),
    hello: (how) => link.hello(how),
    close: () => link.close(),
  };
}

class Link {
  readonly target: Target;
  readonly #node: Node;
  readonly #options: ConnectOptions;
  #live: Promise<Live> | undefined;

  constructor(node: Node, target: Target, options: ConnectOptions) {
    this.#node = node;
    this.target = target;
    this.#options = options;
  }

  call<V extends Verb>(verb: V, content: RequestOf<V>, options: CallOptions = {}): Promise<ResponseOf<V>> {
    return this.#timed(verb, options, async (signal, on) => {
      const live = on(await this.#connected(signal));
      if (!VERBS[verb].open) await this.#greeted(live, verb, signal);
      return live.session.call(verb, content, signal);
    });
  }

  hello(options: CallOptions = {}): Promise<Remote> {
    return this.#timed("hello", options, async (signal, on) => {
      const live = on(await this.#connected(signal));
      return this.#greeted(live, "hello", signal);
    });
  }

  async close(): Promise<void> {
    const dialled = this.#live?.catch(() => undefined);
    const finished = dialled?.then((live) => {
      this.#live = undefined;
      return live?.session.finish(CLOSE_GRACE_MS);
    });
    // A dial that still goes on is not waited for: with a lookup it takes a while. What comes of it is closed then.
    if (finished) await within(CLOSE_GRACE_MS + LINGER_MS, finished);
  }

  /** Gives `work` a signal for its timeout and the caller's; a peer that was silent all along is hung up on. */
  async #timed<Result>(
    verb: Verb,
    options: CallOptions,
    work: (signal: AbortSignal, on: (live: Live) => Live) => Promise<Result>,
  ): Promise<Result> {
    const limitMs = options.timeoutMs ?? this.#options.timeoutMs ?? REQUEST_TIMEOUT_MS;
    options.signal?.throwIfAborted();
    const stop = new AbortController();
    const cancel = (): void => stop.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", cancel, { once: true });
    let used: { live: Live; heard: number } | undefined;
    const timer = setTimeout(() => {
      stop.abort(new SubletException({ code: "RequestTimeout", verb, limitMs }));
      if (used?.live.session.heard === used?.heard) used?.live.abort(`silent for ${limitMs} ms`);
    }, limitMs);
    try {
      return await work(stop.signal, (live) => {
        used = { live, heard: live.session.heard };
        return live;
      });
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  /** The live session, or a new one; a dial that several calls wait for goes on when one of them gives up. */
  async #connected(signal: AbortSignal): Promise<Live> {
    signal.throwIfAborted();
    const held = this.#live;
    const live = await held?.catch(() => undefined);
    // Of several calls that find the same dead session, the first dials and the others join it.
    if (this.#live === held && live?.session.open !== true) this.#live = undefined;
    signal.throwIfAborted();
    this.#live ??= this.#dial();
    return orAborted(this.#live, signal);
  }

  /** By the addresses that were announced or, where none serves, by those that others tell of the same peer. */
  async #dial(): Promise<Live> {
    const { peer, addresses } = this.target;
    try {
      return await this.#open(addresses, DIAL_TIMEOUT_MS);
    } catch (cause) {
      const causes: unknown[] = [cause];
      const told = (await this.#node.find?.(peer)) ?? [];
      const found = told.filter((address) => !addresses.some((tried) => tried.equals(address)));
      for (const address of found) {
        try {
          return await this.#open([address], FOUND_DIAL_TIMEOUT_MS);
        } catch (another) {
          causes.push(another);
        }
      }
      throw dialError([...addresses, ...found], causes);
    }
  }

  async #open(addresses: Multiaddr[], limitMs: number): Promise<Live> {
    const signal = AbortSignal.timeout(limitMs);
    // libp2p would open another circuit, only to find that it has one.
    const circuit = this.#node
      .getConnections(this.target.peer)
      .find(({ status, limits }) => status === "open" && limits);
    const connection = circuit ?? (await this.#node.dial(addresses, { signal }));
    const stream = await connection.newStream(PROTOCOL, { signal, runOnLimitedConnection: true });
    return {
      session: new ClientSession(stream, this.target.peer.toString(), this.#node.trace),
      peer: connection.remotePeer,
      abort: (reason) => connection.abort(new Error(reason)),
    };
  }

  #greeted(live: Live, verb: Verb, signal: AbortSignal): Promise<Remote> {
    const { caller } = this.#options;
    if (caller === undefined) throw new SubletException({ code: "HelloRequired", verb });
    live.remote ??= this.#greet(live, caller).catch((error: unknown) => {
      // A session has one hello; the next call opens another.
      live.session.abort("hello failed");
      throw error;
    });
    return orAborted(live.remote, signal);
  }

  async #greet({ session, peer }: Live, caller: Caller): Promise<Remote> {
    const { market, provider } = this.#options;
    const ends = { caller: this.#node.peerId, answerer: peer };
    const greeting = await greet(market, ends, caller);
    const answer = await session.call("hello", greeting, AbortSignal.timeout(REQUEST_TIMEOUT_MS));
    const remote = await checkAnswer(market, ends, greeting.nonce, answer);
    if (provider !== undefined && !isAddressEqual(provider, remote.provider)) {
      throw new SubletException({ code: "WrongPeer", expected: provider, actual: remote.provider });
    }
    return remote;
  }
}

// ---------------------------------------------------------------- targets

interface Target {
  readonly peer: PeerId;
  readonly addresses: Multiaddr[];
}

function parseTarget(target: string | readonly string[]): Target {
  const texts = typeof target === "string" ? [target] : target;
  const bad = (reason: string): never => {
    throw new SubletException({ code: "BadArgument", name: "peer address", value: texts.join(" "), reason });
  };
  try {
    const addresses = texts.map((text) => multiaddr(text));
    const ids = addresses.map((address) => address.getComponents().findLast(({ name }) => name === "p2p")?.value);
    const [id] = ids;
    if (id === undefined) return bad("it must end in /p2p/ and a peer id");
    if (ids.some((other) => other !== id)) return bad("all addresses must be of one peer");
    return { peer: peerIdFromString(id), addresses };
  } catch (error) {
    if (error instanceof SubletException) throw error;
    return bad(error instanceof Error ? error.message : String(error));
  }
}

function dialError(addresses: readonly Multiaddr[], causes: readonly unknown[]): SubletException {
  const each: unknown[] = causes.flatMap((cause) => (cause instanceof AggregateError ? cause.errors : [cause]));
  const reason = each.map((one) => (one instanceof Error ? one.message : String(one))).join("; ");
  const address = addresses.map(String).join(" ");
  return new SubletException({ code: "DialFailed", address, reason }, { cause: causes[0] });
}
