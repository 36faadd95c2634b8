/** A node that others find one another through. It has no account and no part in the market. */
import { multiaddr } from "@multiformats/multiaddr";
import { createNode, type Node } from "../network/Node.ts";
import type { PrivateKey } from "../network/PeerKey.ts";
import { SubletException } from "../protocol/Errors.ts";

export interface BootnodeOptions {
  readonly privateKey: PrivateKey;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  /** Multiaddrs to tell others instead of those; none: those. */
  readonly announce: readonly string[];
  /** Other bootnodes, each ending in /p2p/ and its peer id. */
  readonly bootnodes: readonly string[];
  /** Tells of private addresses too. */
  readonly privateNetwork: boolean;
  /** Relays circuits to hosts that nobody can call otherwise. */
  readonly circuits: boolean;
}

/** @throws SubletException BadArgument when it cannot listen there, or an address is none */
export async function start(options: BootnodeOptions): Promise<Node> {
  const { privateKey, listen, announce, bootnodes, privateNetwork, circuits } = options;
  for (const address of announce) attempt("--announce", address, () => multiaddr(address));
  for (const address of listen) attempt("--listen", address, () => multiaddr(address));
  const discovery = { bootnodes, answers: "always", privateNetwork } as const;
  try {
    return await createNode({ privateKey, listen, announce, discovery, ...(circuits && { circuitRelay: {} }) });
  } catch (cause) {
    throw SubletException.is(cause) ? cause : bad("--listen", listen.join(" "), cause);
  }
}

function attempt(name: string, value: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    throw bad(name, value, cause);
  }
}

function bad(name: string, value: string, cause: unknown): SubletException {
  const reason = cause instanceof Error ? cause.message : `${cause}`;
  return new SubletException({ code: "BadArgument", name, value, reason }, { cause });
}
