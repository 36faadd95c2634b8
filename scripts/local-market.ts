/** What the demo and the system tests ask the market of a local network. */
import { join } from "node:path";
import type { Address } from "viem";
import { readKeystore } from "../src/chain/Keystore.ts";
import { Market } from "../src/chain/Market.ts";
import type { DealRef, MarketReader } from "../src/chain/MarketReader.ts";
import { accountOf } from "../src/client/home/Keystore.ts";
import { type LocalNetwork, until } from "./local-network.ts";

/** A client's deal, and which of its volume's positions it holds. */
export interface Placed extends DealRef {
  readonly position: number;
}

/** The market, as the owner of a client's home sees it. */
export async function marketOf({ chain, password }: LocalNetwork, home: string): Promise<Market> {
  const account = accountOf(await readKeystore(join(home, "keystore.json"), password));
  return Market.connect({ rpcUrl: chain.rpcUrl, market: chain.market, account });
}

/** The sender's deals, in the order of their positions. */
export async function dealsOf(market: Market): Promise<Placed[]> {
  const deals: Placed[] = [];
  for await (const { args } of market.openings(market.sender)) {
    deals.push({ provider: args.provider, slot: args.slot, id: args.id, position: args.position });
  }
  return deals.sort((left, right) => left.position - right.position);
}

export async function epochNow(market: MarketReader): Promise<number> {
  return market.epochs.at(await market.blockNumber());
}

/** The first epoch in which all of `providers` proved, from `from` on. */
export async function provenEpoch(
  market: MarketReader,
  providers: readonly Address[],
  from: number,
  milliseconds: number,
): Promise<number> {
  let found = 0;
  await until("every provider has proved an epoch", milliseconds, async () => {
    const now = await epochNow(market);
    for (let epoch = from; epoch <= now && !found; epoch++) {
      const proofs = await Promise.all(providers.map((provider) => market.proven(provider, epoch)));
      if (proofs.every(Boolean)) found = epoch;
    }
    return found > 0;
  });
  return found;
}
