/** A market on Hardhat's node behind JSON-RPC, with accounts whose keys are known. */
import { type Address, type Hex, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { Market } from "../../src/chain/Market.ts";
import { createWorld, type Party, type World } from "../contracts/fixture.ts";
import { RpcServer } from "./RpcServer.ts";

export class LocalMarket {
  readonly world: World;
  readonly rpc: RpcServer;
  readonly address: Address;

  private constructor(world: World, rpc: RpcServer, address: Address) {
    this.world = world;
    this.rpc = rpc;
    this.address = address;
  }

  static async start(): Promise<LocalMarket> {
    const world = await createWorld();
    const rpc = await RpcServer.start(world.connection.provider);
    return new LocalMarket(world, rpc, (await world.market.getAddress()) as Address);
  }

  get provider() {
    return this.world.connection.provider;
  }

  /** As one of the world's parties, or a reader. */
  connect(party?: Party): Promise<Market> {
    const account = party && keyOf(party);
    return Market.connect({
      rpcUrl: this.rpc.url,
      market: this.address,
      chainId: 31_337,
      pollMs: 10,
      ...(account && { account }),
    });
  }

  /** One block after another from now on, as on a chain that does not wait for transactions. */
  async byTheClock(milliseconds: number): Promise<void> {
    await this.provider.request({ method: "evm_setAutomine", params: [false] });
    await this.provider.request({ method: "evm_setIntervalMining", params: [milliseconds] });
  }

  async automatic(): Promise<void> {
    await this.provider.request({ method: "evm_setIntervalMining", params: [0] });
    await this.provider.request({ method: "evm_setAutomine", params: [true] });
  }

  async setBalance(owner: Address, wei: bigint): Promise<void> {
    await this.provider.request({ method: "hardhat_setBalance", params: [owner, toHex(wei)] });
  }

  async stop(): Promise<void> {
    await this.rpc.stop();
    await this.world.connection.close();
  }
}

/** The key behind one of the node's own accounts. */
export function keyOf({ address }: { readonly address: string }): Hex {
  for (let index = 0; index < 20; index++) {
    const account = mnemonicToAccount("test test test test test test test test test test test junk", {
      addressIndex: index,
    });
    if (account.address === address) return toHex(account.getHdKey().privateKey!);
  }
  throw new Error(`${address} is no account of the node`);
}
