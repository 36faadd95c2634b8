/** A storage market on its chain, for reading. Everything that the node says goes through here. */
import {
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  type Hash,
  type Hex,
  isAddressEqual,
} from "viem";
import { marketTokenAbi, storageMarketAbi } from "./abi.ts";
import { type Block, type Head, heads } from "./Blocks.ts";
import type { Call } from "./Calls.ts";
import { type Connection, type Facts, type Node, type Parameters, reach } from "./Connection.ts";
import type { Epochs } from "./Epochs.ts";
import * as Events from "./Events.ts";
import { chainFailure, isUnanswered } from "./Failure.ts";
import * as Header from "./Header.ts";
import { type CallTrace, messagesTo } from "./Trace.ts";

export type { Parameters } from "./Connection.ts";

type Abi = typeof storageMarketAbi;
type View = ContractFunctionName<Abi, "pure" | "view">;
type ViewArgs<Name extends View> = ContractFunctionArgs<Abi, "pure" | "view", Name>;
type ViewResult<Name extends View> = ContractFunctionReturnType<Abi, "pure" | "view", Name, ViewArgs<Name>>;

export type Deal = ViewResult<"deal">;
export type Provider = ViewResult<"providerOf">;
export type Delegation = ViewResult<"delegationOf">;
/** Where a deal is kept, and its id: a reused slot is never mistaken for it. */
export interface DealRef {
  readonly provider: Address;
  readonly slot: number;
  readonly id: Hash;
}

/** `Deal.state`, as the contract numbers it. */
export const DealState = { None: 0, Open: 1, Active: 2, Notice: 3, Stopped: 4, Closed: 5 } as const;
/** Whether there is a deal that has its slot to itself. */
export function isUnclosed({ state }: Pick<Deal, "state">): boolean {
  return state !== DealState.None && state !== DealState.Closed;
}

/** `Deal.reason`, as the contract numbers it. */
export const StopReason = {
  None: 0,
  Ended: 1,
  Terminated: 2,
  Resigned: 3,
  Missed: 4,
  Abandoned: 5,
  Convicted: 6,
  Exhausted: 7,
} as const;

/** What a delegation allows: bits of `Delegation.scopes`. */
export const Scope = { Read: 1, Write: 2, Repair: 4, Audit: 8 } as const;

/** Ledger units in one token base unit. */
export const LEDGER_ONE = 1n << 32n;
/** Token base units that pay for so many ledger units. */
export function baseUnits(ledger: bigint): bigint {
  return (ledger + LEDGER_ONE - 1n) / LEDGER_ONE;
}
/** The most that a sector may cost in an epoch, ledger units. */
export const MAX_RATE = 2n ** 80n - 1n;
/** Deals that a provider may have at a time, each in a slot of its own. */
export const MAX_SLOTS = 4_096;
export const MAX_NOTICE_EPOCHS = 30;
/** Views asked for at once. */
const ASKED_TOGETHER = 16;

export class MarketReader implements Facts {
  readonly node: Node;
  readonly url: string;
  readonly address: Address;
  readonly chainId: number;
  readonly pollMs: number;
  readonly parameters: Parameters;
  readonly epochs: Epochs;
  readonly token: Address;
  readonly seedSource: Address;
  readonly forwarder: Address | undefined;

  constructor(facts: Facts) {
    this.node = facts.node;
    this.url = facts.url;
    this.address = facts.address;
    this.chainId = facts.chainId;
    this.pollMs = facts.pollMs;
    this.parameters = facts.parameters;
    this.epochs = facts.epochs;
    this.token = facts.token;
    this.seedSource = facts.seedSource;
    this.forwarder = facts.forwarder;
  }

  /** {@link reach}, then a reader. Every method throws ChainUnavailable when the node stops answering. */
  static async connect(connection: Connection): Promise<MarketReader> {
    return new MarketReader(await reach(connection));
  }

  // ---------------------------------------------------------------- the market's views; `at` a block, latest if left out

  /** Ledger units that `owner` may use or take out. What a provider has locked is its deals' collateral. */
  freeBalance(owner: Address, at?: bigint): Promise<bigint> {
    return this.view("freeBalance", [owner], at);
  }

  provider(address: Address, at?: bigint): Promise<Provider> {
    return this.view("providerOf", [address], at);
  }

  deal(provider: Address, slot: number, at?: bigint): Promise<Deal> {
    return this.view("deal", [provider, slot], at);
  }

  /** A provider's deals that are not closed, by slot. */
  async unclosedDeals(provider: Address): Promise<(Deal & { readonly slot: number })[]> {
    const { slots } = await this.provider(provider);
    const deals: (Deal & { readonly slot: number })[] = [];
    for (let from = 0; from < slots; from += ASKED_TOGETHER) {
      const some = Array.from({ length: Math.min(ASKED_TOGETHER, slots - from) }, (_, index) => from + index);
      deals.push(...(await Promise.all(some.map(async (slot) => ({ slot, ...(await this.deal(provider, slot)) })))));
    }
    return deals.filter(isUnclosed);
  }

  /** Sector counts by slot, from slot `from`: the leaves of the sum tree. */
  leaves(provider: Address, from: number, count: number, at?: bigint): Promise<readonly number[]> {
    return this.view("leaves", [provider, BigInt(from), BigInt(count)], at);
  }

  proven(provider: Address, epoch: number, at?: bigint): Promise<boolean> {
    return this.view("proven", [provider, epoch], at);
  }

  /** Bit i of the word is epoch 256 `word` + i. */
  provenWord(provider: Address, word: number, at?: bigint): Promise<bigint> {
    return this.view("provenWord", [provider, BigInt(word)], at);
  }

  /** The last recorded seed and its epoch. */
  async seed(at?: bigint): Promise<{ epoch: number; seed: Hex }> {
    const [epoch, seed] = await this.view("seed", [], at);
    return { epoch, seed };
  }

  delegation(client: Address, delegate: Address, at?: bigint): Promise<Delegation> {
    return this.view("delegationOf", [client, delegate], at);
  }

  /** Ledger units that `signer`'s vouchers for a deal have been paid. */
  redeemed(deal: Hash, signer: Address, at?: bigint): Promise<bigint> {
    return this.view("redeemed", [deal, signer], at);
  }

  /** The block of the client's last opening; 0: none. */
  lastOpening(client: Address, at?: bigint): Promise<bigint> {
    return this.view("lastOpening", [client], at);
  }

  /** Ledger units. */
  burnt(at?: bigint): Promise<bigint> {
    return this.view("burnt", [], at);
  }

  view<Name extends View>(functionName: Name, args: ViewArgs<Name>, at?: bigint): Promise<ViewResult<Name>> {
    const call = { address: this.address, abi: storageMarketAbi, functionName, args, ...(at && { blockNumber: at }) };
    return this.asked(functionName, () => this.node.readContract(call as never)) as Promise<ViewResult<Name>>;
  }

  // ---------------------------------------------------------------- balances

  /** Token base units. */
  tokenBalance(owner: Address, at?: bigint): Promise<bigint> {
    return this.#token("balanceOf", [owner], at);
  }

  /** Token base units that the market may take from `owner`. */
  tokenAllowance(owner: Address): Promise<bigint> {
    return this.#token("allowance", [owner, this.address]);
  }

  tokenDecimals(): Promise<number> {
    return this.#token("decimals", []);
  }

  tokenSymbol(): Promise<string> {
    return this.#token("symbol", []);
  }

  /** Wei. */
  gasBalance(owner: Address): Promise<bigint> {
    return this.asked("eth_getBalance", () => this.node.getBalance({ address: owner }));
  }

  /** What a call would take if `from` sent it now: gas, and wei at today's price. */
  async costOf(from: Address, { name, data }: Call): Promise<{ gas: bigint; fee: bigint }> {
    const [gas, price] = await this.asked(name, () =>
      Promise.all([this.node.estimateGas({ account: from, to: this.address, data }), this.node.getGasPrice()]),
    );
    return { gas, fee: gas * price };
  }

  // ---------------------------------------------------------------- blocks

  blockNumber(): Promise<bigint> {
    return this.asked("eth_blockNumber", () => this.node.getBlockNumber());
  }

  /** The epoch of the newest block. */
  async epoch(): Promise<number> {
    return this.epochs.at(await this.blockNumber());
  }

  block(number?: bigint): Promise<Block> {
    return this.asked("eth_getBlockByNumber", () =>
      this.node.getBlock(number === undefined ? {} : { blockNumber: number }),
    );
  }

  /** The header's RLP, checked against the block's hash: what `recordSeed` takes. */
  header(number: bigint): Promise<{ header: Hex; hash: Hash; prevRandao: Hex }> {
    return this.asked("eth_getBlockByNumber", () => Header.rlp(this.node, number));
  }

  /** A mined transaction: whom it was sent to (null: a deployment) and what it asked. */
  async transaction(hash: Hash): Promise<{ from: Address; to: Address | null; input: Hex }> {
    return this.asked("eth_getTransactionByHash", () => this.node.getTransaction({ hash }));
  }

  /**
   * The messages that reached the market from within other contracts in a transaction, in order, those that failed left
   * out; undefined where the node does not trace.
   */
  async innerMessages(hash: Hash): Promise<{ from: Address; input: Hex }[] | undefined> {
    const trace = await this.node
      .request({ method: "debug_traceTransaction" as never, params: [hash, { tracer: "callTracer" }] as never })
      .catch((thrown: unknown) => {
        if (isUnanswered(thrown)) throw chainFailure(thrown, "debug_traceTransaction", this.url);
        return undefined;
      });
    return trace && messagesTo(this.address, trace as CallTrace);
  }

  /** Movements of the market's token into the market and out of it, in chain order, both blocks included. */
  async *tokenTransfers(from: bigint, to: bigint): AsyncGenerator<Events.Transfer> {
    try {
      yield* Events.transfers(this.node, this.token, this.address, from, to);
    } catch (thrown) {
      throw chainFailure(thrown, "eth_getLogs", this.url);
    }
  }

  /** Every new head from now on, by polling; goes on through outages of the node. See {@link heads}. */
  heads(signal?: AbortSignal): AsyncGenerator<Head> {
    return heads(this.node, this.pollMs, signal);
  }

  /**
   * How many blocks, its own among them, stand on a mined transaction: 1 in the newest block; 0: not on the chain
   * (any more), so a reorganisation may have taken it out.
   */
  async depth(transaction: Hash): Promise<number> {
    return this.asked("eth_getTransactionReceipt", async () => {
      const receipt = await this.node.getTransactionReceipt({ hash: transaction }).catch((thrown: Error) => {
        if (thrown.name === "TransactionReceiptNotFoundError") return undefined;
        throw thrown;
      });
      if (!receipt) return 0;
      const block = await this.node.getBlock({ blockNumber: receipt.blockNumber });
      if (block.hash !== receipt.blockHash) return 0;
      return Number((await this.node.getBlockNumber()) - receipt.blockNumber) + 1;
    });
  }

  // ---------------------------------------------------------------- events

  /** Events in chain order; the market's whole past unless `from` and `to` say otherwise. */
  async *events<Name extends Events.EventName>(
    filter: Partial<Events.EventFilter<Name>> = {},
  ): AsyncGenerator<Events.EventOf<Name>> {
    try {
      const to = filter.to ?? (await this.blockNumber());
      yield* Events.read(this.node, this.address, { ...filter, from: filter.from ?? this.epochs.genesis, to });
    } catch (thrown) {
      throw chainFailure(thrown, "eth_getLogs", this.url);
    }
  }

  /** A client's openings, newest first, by their back links: reads only the blocks that hold some. */
  async *openings(client: Address): AsyncGenerator<Events.Opened> {
    let block = await this.lastOpening(client);
    while (block > 0n) {
      const opened: Events.Opened[] = [];
      const join = new Events.OpeningJoin();
      const filter = { from: block, to: block, names: ["VolumeOpened", "DealOpened"] } as const;
      for await (const event of this.events(filter)) {
        const one = join.see(event);
        if (one && isAddressEqual(one.args.client, client)) opened.push(one);
      }
      if (opened.length === 0) throw new Error(`block ${block} holds no opening of ${client}: the node lacks its logs`);
      // Several transactions of one block name different predecessors: the earliest leads out of the block.
      let before = block;
      for (const { args } of opened) if (args.previousBlock < before) before = args.previousBlock;
      yield* opened.reverse();
      if (before >= block) return;
      block = before;
    }
  }

  /** The last announcement of each provider, with the block it was made in, from block `from` on. */
  async announcements(from?: bigint): Promise<Map<Address, { data: Hex; block: bigint }>> {
    const latest = new Map<Address, { data: Hex; block: bigint }>();
    for await (const { args, block } of this.events({ ...(from !== undefined && { from }), names: ["Announced"] })) {
      latest.set(args.provider, { data: args.data, block });
    }
    return latest;
  }

  // ---------------------------------------------------------------- inside

  /** Does what it is given and throws the project's errors for what viem throws. */
  protected async asked<T>(call: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (thrown) {
      throw chainFailure(thrown, call, this.url);
    }
  }

  #token<T>(functionName: string, args: readonly unknown[], at?: bigint): Promise<T> {
    const call = { address: this.token, abi: marketTokenAbi, functionName, args, ...(at && { blockNumber: at }) };
    return this.asked(`token.${functionName}`, () => this.node.readContract(call as never)) as Promise<T>;
  }
}
