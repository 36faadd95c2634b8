/**
 * Finding where a peer is by its id, in a Kademlia DHT that its bootnodes lead into. What others tell is advice: it is
 * bounded in number and length whoever tells it, and only whoever has the key of a peer id can answer for it.
 */
import type { Libp2p, PeerId, PeerInfo } from "@libp2p/interface";
import { type KadDHT, type KadDHTComponents, kadDHT, removePrivateAddressesMapper } from "@libp2p/kad-dht";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import {
  BOOTNODE_CHECK_MS,
  DIAL_TIMEOUT_MS,
  LOOKUP_TIMEOUT_MS,
  MAX_ADDRESS_CHARACTERS,
  MAX_DHT_STREAMS_PER_CONNECTION,
  MAX_FOUND_ADDRESSES,
  MAX_PEER_ADDRESSES,
} from "../protocol/limits.ts";
import { peerMultiaddr, peerOf } from "./PeerMultiaddr.ts";
import { DHT_PROTOCOL } from "./Yamux.ts";

export interface DiscoveryOptions {
  /** Whom to ask first, each ending in /p2p/ and its peer id; of a bootnode: the others. */
  readonly bootnodes: readonly string[];
  /** Whether it answers others: always, never, or while it has an address that they can reach. */
  readonly answers: "always" | "never" | "when reachable";
  /** Whether addresses of private networks count; as they do for the bootnodes, unless told. */
  readonly privateNetwork?: boolean;
  /** Milliseconds between two looks at whether it is still connected to them. */
  readonly checkMs?: number;
}

type Dialer = Pick<Libp2p, "dial">;

/** Requests that are answered. The others have a node keep for strangers whatever they send. */
const ANSWERED: readonly string[] = ["FIND_NODE", "PING"];

export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #bootnodes: ReadonlyMap<string, Multiaddr[]>;
  readonly #private: boolean;
  #dht: KadDHT | undefined;
  #node: Dialer | undefined;
  #keeping: NodeJS.Timeout | undefined;

  /** @throws SubletException BadArgument */
  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const bootnodes = options.bootnodes.map((one) => peerMultiaddr("bootnodes", one));
    this.#bootnodes = Map.groupBy(bootnodes, (address) => peerOf(address));
    this.#private = options.privateNetwork ?? publicOnly(bootnodes).length === 0;
  }

  /** What libp2p takes as one of its services. */
  service(components: KadDHTComponents): KadDHT {
    const { answers } = this.#options;
    // Without a word libp2p looks for an address that is public.
    const clientMode = answers === "when reachable" && this.#private ? false : answers === "never";
    const dht = kadDHT({
      protocol: DHT_PROTOCOL,
      ...((answers !== "when reachable" || this.#private) && { clientMode }),
      maxInboundStreams: MAX_DHT_STREAMS_PER_CONNECTION,
      maxOutboundStreams: MAX_DHT_STREAMS_PER_CONNECTION,
      initialQuerySelfInterval: 0,
      peerInfoMapper: (peer) => ({ ...peer, multiaddrs: this.#bounded(peer) }),
    })(components);
    // They are private to the package; a version that has them elsewhere must not go unnoticed.
    const { handlers } = (dht as unknown as { rpc?: { handlers?: Record<string, unknown> } }).rpc ?? {};
    if (ANSWERED.some((name) => handlers?.[name] === undefined)) {
      throw new Error("@libp2p/kad-dht no longer has the handlers that Discovery takes out");
    }
    for (const name of Object.keys(handlers!)) if (!ANSWERED.includes(name)) delete handlers![name];
    believeItself(dht, components);
    this.#dht = dht;
    return dht;
  }

  /** `stays`: it is to be found itself, and so is connected to its bootnodes, and again whenever they are lost. */
  begin(node: Dialer, stays: boolean): void {
    this.#node = node;
    if (!stays) return;
    const join = (): void => void this.#join(AbortSignal.timeout(DIAL_TIMEOUT_MS));
    join();
    this.#keeping = setInterval(join, this.#options.checkMs ?? BOOTNODE_CHECK_MS).unref();
  }

  end(): void {
    clearInterval(this.#keeping);
  }

  /**
   * Addresses that others tell of a peer, each ending in its id; none where nobody knows any. The bootnodes' come first,
   * and of each who told some one in turn, so that nobody crowds out the others.
   */
  async find(peer: PeerId): Promise<Multiaddr[]> {
    const signal = AbortSignal.timeout(LOOKUP_TIMEOUT_MS);
    const told = new Map<string, Multiaddr[]>();
    try {
      if ((await this.#join(signal)) === 0) return [];
      for await (const event of this.#dht!.findPeer(peer, { signal, useCache: false })) {
        if (event.name === "FINAL_PEER") told.set(`${event.from}`, this.#bounded(event.peer));
      }
    } catch {
      // The time is over, or nobody knows it: what was told until then counts.
    }
    const { bootnodes = [], others = [] } = Object.groupBy([...told], ([teller]) =>
      this.#bootnodes.has(teller) ? "bootnodes" : "others",
    );
    const found = [bootnodes, others]
      .flatMap((tellers) => inTurn(tellers.map(([, addresses]) => addresses)))
      .flatMap((address) => endingIn(peer, address) ?? []);
    return [...new Set(found)].slice(0, MAX_FOUND_ADDRESSES).map((text) => multiaddr(text));
  }

  /** Answers how many bootnodes there is a connection to. */
  async #join(signal: AbortSignal): Promise<number> {
    const dials = [...this.#bootnodes.values()].map((addresses) => this.#node!.dial(addresses, { signal }));
    return (await Promise.allSettled(dials)).filter(({ status }) => status === "fulfilled").length;
  }

  #bounded({ multiaddrs }: PeerInfo): Multiaddr[] {
    const short = multiaddrs.filter((address) => address.toString().length <= MAX_ADDRESS_CHARACTERS);
    return (this.#private ? short : publicOnly(short)).slice(0, MAX_PEER_ADDRESSES);
  }
}

/** Of a peer that it is connected to, a node takes nobody's word but the peer's own, which the others would hear then. */
function believeItself(dht: KadDHT, { connectionManager }: KadDHTComponents): void {
  const target = dht as unknown as EventTarget;
  const dispatch = target.dispatchEvent.bind(target);
  target.dispatchEvent = (event) => {
    const { detail } = event as CustomEvent<PeerInfo>;
    return event.type === "peer" && connectionManager.getConnections(detail.id).length > 0 ? true : dispatch(event);
  };
}

function inTurn(lists: readonly Multiaddr[][]): Multiaddr[] {
  return Array.from({ length: MAX_PEER_ADDRESSES }, (_, at) => lists.flatMap((list) => list[at] ?? [])).flat();
}

/** undefined for the address of another peer. */
function endingIn(peer: PeerId, address: Multiaddr): string | undefined {
  const last = address.getComponents().at(-1);
  if (last?.name !== "p2p") return `${address}/p2p/${peer}`;
  return last.value === `${peer}` ? `${address}` : undefined;
}

function publicOnly(multiaddrs: Multiaddr[]): Multiaddr[] {
  // It looks at addresses only.
  return removePrivateAddressesMapper({ multiaddrs } as PeerInfo).multiaddrs;
}
