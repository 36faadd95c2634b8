/** A market on a chain inside the test's process, whose blocks the test makes, and providers and a client on it. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import hre from "hardhat";
import { pino } from "pino";
import { type Address, bytesToHex, type EIP1193RequestFn, type Hex, TimeoutError } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Market } from "../../src/chain/Market.ts";
import type { Deal } from "../../src/chain/MarketReader.ts";
import { type Connection, connect } from "../../src/network/Client.ts";
import { createNode } from "../../src/network/Node.ts";
import type { Operation, Terms } from "../../src/protocol/Messages.ts";
import { type Market as Place, revisionDigest, signDigest } from "../../src/protocol/TypedData.ts";
import { type ProviderConfig, ProviderNode } from "../../src/provider-node/main.ts";
import type { Policy } from "../../src/provider-node/pricing/Policy.ts";
import type { KeepingPolicy } from "../../src/provider-node/proving/Keeper.ts";
import { type Step, Writer } from "../conformance/Writer.ts";

export const PARAMETERS = {
  ...{ epochBlocks: 60, commitBlocks: 20, gapBlocks: 2, multiplier: 1, coverEpochs: 8, missedEpochs: 3 },
  ...{ exitEpochs: 2, finalEpochs: 1, rotateEpochs: 2, maxDealEpochs: 4096, minCollateral: 1_000_000n },
};
export const FINAL_BLOCKS = 3;

export const policy: Policy = {
  ...{ rate: 1_000n << 32n, egressRate: 0n, minSectors: 0, maxEpochs: 1_000, noticeEpochs: 2, answerBond: 1_000n },
  ...{ allowanceBytes: 0, creditBytes: 2 ** 20, operator: "test", region: "local" },
};
export const keeping: KeepingPolicy = {
  ...{ commitAfterEpochs: 1, commitGain: 0n, settleEveryEpochs: 1_000, redeemEveryEpochs: 1, redeemLeast: 1n },
};

interface Mintable {
  mint(to: string, amount: bigint): Promise<unknown>;
}

type Hre = Awaited<ReturnType<typeof hre.network.create>>;

export class Ground {
  /** What the test asks; always answered. */
  readonly request: EIP1193RequestFn;
  readonly market: Address;
  /** Set while providers get no answer from the chain. */
  outage = false;
  readonly #connection: Hre;
  readonly #token: Mintable;
  readonly #endings: (() => Promise<unknown>)[] = [];

  private constructor(connection: Hre, market: Address, token: Mintable) {
    this.#connection = connection;
    this.request = connection.provider.request.bind(connection.provider) as EIP1193RequestFn;
    this.market = market;
    this.#token = token;
  }

  static async create(): Promise<Ground> {
    const connection = await hre.network.create("hardhat");
    const { ethers } = connection;
    const token = await ethers.deployContract("MarketToken");
    const seedSource = await ethers.deployContract("HeaderSeedSource");
    const forwarder = await ethers.deployContract("ERC2771Forwarder", ["Sublet"]);
    const market = await ethers.deployContract("StorageMarket", [PARAMETERS, token, seedSource, forwarder]);
    return new Ground(connection, (await market.getAddress()) as Address, token as unknown as Mintable);
  }

  /** Ends everything, the last begun first. */
  async end(): Promise<void> {
    for (const end of this.#endings.splice(0).reverse()) await end();
    await this.#connection.close();
  }

  onEnd(end: () => Promise<unknown>): void {
    this.#endings.push(end);
  }

  /** A new account with 10 ether and 1,000 tokens, unless told. */
  async account(tokens = 1_000_000_000n, wei = 10n ** 19n): Promise<Hex> {
    const key = bytesToHex(randomBytes(32));
    const { address } = privateKeyToAccount(key);
    await this.#connection.provider.request({
      method: "hardhat_setBalance",
      params: [address, `0x${wei.toString(16)}`],
    });
    if (tokens > 0n) await this.#token.mint(address, tokens);
    return key;
  }

  reach(account: Hex): Promise<Market> {
    return Market.connect({ rpcUrl: "in-process", request: this.request, market: this.market, account, pollMs: 10 });
  }

  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), "sublet-provider-"));
    this.onEnd(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  async provider(given: Partial<ProviderConfig> = {}): Promise<Host> {
    const config: ProviderConfig = {
      dataDir: given.dataDir ?? (await this.directory()),
      account: given.account ?? (await this.account()),
      ...{ rpcUrl: "in-process", request: this.#outwards, market: this.market, pollMs: 10 },
      ...{ listen: ["/ip4/127.0.0.1/tcp/0"], policy, keeping, quotaBytes: 2 ** 30, stake: 500_000_000n },
      ...{
        finalBlocks: FINAL_BLOCKS,
        log: pino({ level: process.env.SUBLET_TEST_LOG ?? "silent" }, pino.destination(2)),
      },
      ...given,
    };
    const host = new Host(config, await ProviderNode.start(config));
    this.onEnd(() => host.node.stop());
    return host;
  }

  /** The chain as providers reach it. */
  #outwards: EIP1193RequestFn = (async (asked: Parameters<EIP1193RequestFn>[0]) => {
    if (this.outage) throw new TimeoutError({ body: {}, url: "in-process" });
    return this.request(asked);
  }) as EIP1193RequestFn;

  // ---------------------------------------------------------------- time

  async block(): Promise<bigint> {
    return BigInt(await this.#connection.ethers.provider.getBlockNumber());
  }

  async mine(blocks = 1): Promise<void> {
    // One by one: a block in the midst of many mined at once has no randomness.
    for (let at = 0; at < blocks; at++) await this.#connection.networkHelpers.mine(1);
  }

  /** Makes `block` the newest one, at least. */
  async to(block: bigint): Promise<void> {
    const missing = block - (await this.block());
    if (missing > 0n) await this.mine(Number(missing));
  }

  /** Gives providers the time to look at the newest block and to do what they would do about it. */
  async rest(): Promise<void> {
    // Each looks every 10 ms, and what it does makes a block: with none for a while, nothing is under way.
    for (let before = await this.block(), quiet = 0; quiet < 15; quiet++) {
      await sleep(20);
      const block = await this.block();
      if (block !== before) quiet = 0;
      before = block;
    }
  }

  snapshot() {
    return this.#connection.networkHelpers.takeSnapshot();
  }

  /** Waits for something that happens without a new block. */
  async until<Value>(what: string, look: () => Promise<Value | undefined | false>, limitMs = 60_000): Promise<Value> {
    for (const deadline = Date.now() + limitMs; ; ) {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
      await sleep(10);
    }
  }
}

/** A provider that can be stopped and started again. */
export class Host {
  readonly config: ProviderConfig;
  node: ProviderNode;

  constructor(config: ProviderConfig, node: ProviderNode) {
    this.config = config;
    this.node = node;
  }

  get address(): Address {
    return this.node.address;
  }

  async restart(changed: Partial<ProviderConfig> = {}): Promise<void> {
    await this.node.stop();
    this.node = await ProviderNode.start({ ...this.config, ...changed });
  }
}

/** A client with one deal at one provider. */
export class Tenant {
  readonly market: Market;
  readonly key: Hex;
  readonly place: Place;
  readonly deal: Hex;
  readonly slot: number;
  readonly terms: Terms;
  readonly writer: Writer;
  wire: Connection;
  readonly #ground: Ground;
  readonly #host: Host;

  private constructor(ground: Ground, host: Host, market: Market, key: Hex, wire: Connection, opened: OpenedDeal) {
    this.#ground = ground;
    this.#host = host;
    this.market = market;
    this.key = key;
    this.wire = wire;
    this.place = { chainId: market.chainId, address: market.address };
    this.deal = opened.id;
    this.slot = opened.slot;
    this.terms = opened.terms;
    this.writer = new Writer(opened.id);
  }

  static async open(ground: Ground, host: Host, draft: Partial<Terms> = {}, egress = 0n, key?: Hex): Promise<Tenant> {
    const account = key ?? (await ground.account());
    const market = await ground.reach(account);
    const wire = await dial(ground, host, account);
    const epoch = market.epochs.at(await ground.block());
    const { address: client } = privateKeyToAccount(account);
    const { terms, signature } = await wire.offer({
      terms: {
        ...{ client, clientSigner: client, provider: host.address, volume: 7n, position: 0, k: 1, n: 3 },
        ...{ rate: policy.rate, egressRate: host.config.policy.egressRate, capacity: 16, minSectors: 0 },
        ...{ endEpoch: epoch + 40, noticeEpochs: 2, answerBond: 1_000n },
        ...draft,
      },
    });
    const sent = await market.openDeals([{ terms, signature, escrow: 10_000_000n, egress }], 1);
    const event = sent.events.find(({ name }) => name === "DealOpened");
    if (event?.name !== "DealOpened") throw new Error("the deal did not open");
    return new Tenant(ground, host, market, account, wire, { ...event.args, terms });
  }

  onChain(): Promise<Deal> {
    return this.market.deal(this.#host.address, this.slot);
  }

  get ref() {
    return { provider: this.#host.address, slot: this.slot, id: this.deal };
  }

  async redial(): Promise<void> {
    await this.wire.close();
    this.wire = await dial(this.#ground, this.#host, this.key);
  }

  /** Sends what is missing of a slab up to `length`. */
  async append(slab: Step & { op: "add" | "grow" }): Promise<void> {
    const bytes = this.writer.content(slab.slab, slab.length);
    const step = 65_536;
    const before = this.writer.sectors.find((one) => one.slab.sequence === slab.slab.sequence)?.length ?? 0;
    for (let at = before; at < slab.length; at += step) {
      const part = bytes.subarray(at, Math.min(slab.length, at + step));
      await this.wire.append({ deal: this.deal, slab: slab.slab, offset: at, bytes: part });
    }
  }

  /** What to send to move on by `steps`, without sending it. */
  async request(steps: readonly Step[], number?: bigint) {
    const head = createHash("sha256").update(randomBytes(8)).digest();
    const change = this.writer.change(steps, number, head);
    const { revision } = change.receipt;
    const bound = { ...revision, head: bytesToHex(createHash("sha256").update(head).digest()) };
    return {
      change,
      sent: {
        previousNumber: this.writer.number,
        revision: bound,
        operations: steps as readonly Operation[],
        headBytes: new Uint8Array(head),
        clientSignature: await signDigest(this.key, revisionDigest(this.place, bound)),
      },
    };
  }

  /** Sends bytes and revision, and remembers that it was countersigned. */
  async revise(steps: readonly Step[], number?: bigint) {
    for (const step of steps) if (step.op !== "drop") await this.append(step);
    const { change, sent } = await this.request(steps, number);
    const { providerSignature } = await this.wire.revise(sent);
    this.writer.made(change);
    return { ...sent, providerSignature };
  }
}

interface OpenedDeal {
  readonly id: Hex;
  readonly slot: number;
  readonly terms: Terms;
}

/** Ledger units that a provider has in the market, what its deals lock among them. */
export async function balanceOf(market: Market, provider: Address): Promise<bigint> {
  const deals = await market.unclosedDeals(provider);
  return deals.reduce((sum, { collateral }) => sum + collateral, await market.freeBalance(provider));
}

/** A connection of its own to a provider, for `account`. */
export async function dial(ground: Ground, host: Host, account?: Hex, actingFor?: Address): Promise<Connection> {
  const node = await createNode();
  const market = { chainId: 31_337, address: ground.market };
  const caller = account && { account, ...(actingFor && { actingFor }) };
  const wire = connect(node, host.node.multiaddrs, { market, ...(caller && { caller }), provider: host.address });
  ground.onEnd(async () => {
    await wire.close();
    await node.stop();
  });
  return wire;
}
