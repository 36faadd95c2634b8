/** A fresh chain behind JSON-RPC, and a folder for what is deployed on it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import hre from "hardhat";
import { type Address, type Hex, type LocalAccount, parseEther, toHex } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import type { Order } from "../../scripts/deployment/index.ts";
import { RpcServer } from "../chain/RpcServer.ts";

/** None of the local chains' ids, so nothing is taken for granted. */
const CHAIN_ID = 7_357;

type Connection = Awaited<ReturnType<typeof hre.network.create>>;

export class Chain {
  readonly chainId = CHAIN_ID;
  readonly folder: string;
  readonly key: Hex = generatePrivateKey();
  readonly account: LocalAccount = privateKeyToAccount(this.key);
  readonly rpc: RpcServer;
  readonly #connection: Connection;

  private constructor(connection: Connection, rpc: RpcServer, folder: string) {
    this.#connection = connection;
    this.rpc = rpc;
    this.folder = folder;
  }

  static async start(): Promise<Chain> {
    const connection = await hre.network.create({ override: { chainId: CHAIN_ID } });
    const folder = await mkdtemp(join(tmpdir(), "sublet-deploy-"));
    const chain = new Chain(connection, await RpcServer.start(connection.provider), folder);
    await chain.request("hardhat_setBalance", [chain.account.address, toHex(parseEther("1"))]);
    await chain.request("hardhat_mine", ["0x2"]); // two headers to compare
    return chain;
  }

  async stop(): Promise<void> {
    await this.rpc.stop();
    await this.#connection.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A demo market with a token of its own, unless told. */
  order(more: Partial<Order> = {}): Order {
    const { chainId, account, folder } = this;
    const place = { rpcUrl: this.rpc.url, chainId, account, folder: join(folder, "market") };
    return { ...place, preset: "demo", confirmations: 1, pollMs: 10, ...more };
  }

  request<Answer>(method: string, params: unknown[] = []): Promise<Answer> {
    return this.#connection.provider.request({ method, params }) as Promise<Answer>;
  }

  /** Of the deploying account: how many transactions it has sent. */
  async sent(): Promise<number> {
    return Number(await this.request<Hex>("eth_getTransactionCount", [this.account.address, "latest"]));
  }

  /** Every contract that a transaction made, in order. */
  async created(): Promise<Address[]> {
    const made: Address[] = [];
    const newest = Number(await this.request<Hex>("eth_blockNumber"));
    for (let number = 1; number <= newest; number++) {
      const block = await this.request<{ transactions: Hex[] }>("eth_getBlockByNumber", [toHex(number), false]);
      for (const hash of block.transactions) {
        const receipt = await this.request<{ contractAddress: Address | null }>("eth_getTransactionReceipt", [hash]);
        if (receipt.contractAddress) made.push(receipt.contractAddress);
      }
    }
    return made;
  }
}
