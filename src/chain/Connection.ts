/** Reaching a node, and making sure that it is the right chain and holds a market. */
import {
  type Address,
  type Client,
  type ContractFunctionReturnType,
  createClient,
  custom,
  type EIP1193RequestFn,
  http,
  type PublicActions,
  parseAbi,
  publicActions,
} from "viem";
import { SubletException } from "../protocol/Errors.ts";
import { storageMarketAbi } from "./abi.ts";
import { Epochs } from "./Epochs.ts";
import { chainFailure, isUnanswered } from "./Failure.ts";

/** Fixed at deployment; see the contract's struct. */
export type Parameters = ContractFunctionReturnType<typeof storageMarketAbi, "view", "parameters">;

export interface Connection {
  readonly rpcUrl: string;
  readonly market: Address;
  /** What the node has to be on; any chain if left out. */
  readonly chainId?: number;
  /** Milliseconds between two looks at the chain while waiting for it. */
  readonly pollMs?: number;
  /** Milliseconds that one request may take. */
  readonly timeoutMs?: number;
  /** Answers requests in place of `rpcUrl`, which then only names it: a node inside the same process. */
  readonly request?: EIP1193RequestFn;
}

export type Node = Client & PublicActions;

/** What every reader knows from the start: read once, fixed at deployment. */
export interface Facts {
  readonly node: Node;
  readonly url: string;
  readonly address: Address;
  readonly chainId: number;
  readonly pollMs: number;
  readonly parameters: Parameters;
  readonly epochs: Epochs;
  readonly token: Address;
  readonly seedSource: Address;
  /** Whom the market believes about the true caller (ERC-2771), if it tells. */
  readonly forwarder: Address | undefined;
}

const forwardedAbi = parseAbi(["function trustedForwarder() view returns (address)"]);
const POLL_MS = 250;
const REQUEST_TIMEOUT_MS = 10_000;

/**
 * Reaches the node and makes sure that it is the right chain.
 * @throws SubletException ChainUnavailable, WrongChain
 */
export async function nodeAt(connection: Omit<Connection, "market">): Promise<{ node: Node; chainId: number }> {
  const { rpcUrl: url, pollMs = POLL_MS, timeoutMs = REQUEST_TIMEOUT_MS } = connection;
  const transport = connection.request ? custom({ request: connection.request }) : http(url, { timeout: timeoutMs });
  // No cache: what is "latest" decides whether a call is in time.
  const node = createClient({ transport, cacheTime: 0, pollingInterval: pollMs }).extend(publicActions);
  const chainId = await node.getChainId().catch((thrown: unknown) => {
    throw chainUnavailable(thrown, url);
  });
  if (connection.chainId !== undefined && connection.chainId !== chainId) {
    throw new SubletException({ code: "WrongChain", expected: connection.chainId, actual: chainId });
  }
  return { node, chainId };
}

/**
 * Reaches the node and makes sure that it is the right chain and holds a market.
 * @throws SubletException ChainUnavailable, WrongChain, NotAMarket
 */
export async function reach(connection: Connection): Promise<Facts> {
  const { rpcUrl: url, market: address, pollMs = POLL_MS } = connection;
  const { node, chainId } = await nodeAt(connection);
  const view = { address, abi: storageMarketAbi } as const;
  try {
    const [parameters, genesis, token, seedSource, forwarder] = await Promise.all([
      node.readContract({ ...view, functionName: "parameters" }),
      node.readContract({ ...view, functionName: "genesis" }),
      node.readContract({ ...view, functionName: "token" }),
      node.readContract({ ...view, functionName: "seedSource" }),
      node.readContract({ address, abi: forwardedAbi, functionName: "trustedForwarder" }).catch(() => undefined),
    ]);
    const epochs = new Epochs(genesis, parameters);
    return { node, url, address, chainId, pollMs, parameters, epochs, token, seedSource, forwarder };
  } catch (thrown) {
    if (isUnanswered(thrown)) throw chainUnavailable(thrown, url);
    throw new SubletException({ code: "NotAMarket", address }, { cause: thrown });
  }
}

function chainUnavailable(thrown: unknown, url: string): Error {
  const failure = chainFailure(thrown, "eth_chainId", url);
  if (SubletException.is(failure, "ChainUnavailable")) return failure;
  const reason = thrown instanceof Error ? thrown.message.split("\n", 1)[0]! : String(thrown);
  return new SubletException({ code: "ChainUnavailable", url, reason }, { cause: thrown });
}
