/**
 * Leaving a market in good order: notice for every deal, then, as their ends come, out of the set, closed, and the money
 * home. Each call does what is due now; the provider has to run and prove until the last deal has stopped.
 */
import type { Hex } from "viem";
import { call } from "../chain/Calls.ts";
import type { Market } from "../chain/Market.ts";
import { type Deal, type DealRef, DealState, LEDGER_ONE } from "../chain/MarketReader.ts";
import { isUnstopped } from "./deals/DealBook.ts";

export type Chain = Pick<
  Market,
  | "sender"
  | "epochs"
  | "parameters"
  | "unclosedDeals"
  | "blockNumber"
  | "proven"
  | "freeBalance"
  | "sendAll"
  | "withdraw"
>;

export interface Left {
  readonly resigned: number;
  readonly pruned: number;
  readonly closed: number;
  /** Token base units that went to the provider's own wallet. */
  readonly withdrawn: bigint;
  /** Deals that are not closed yet: each must be proved through `provenThrough`, and closes in `closesIn`. */
  readonly remaining: readonly { readonly deal: Hex; readonly provenThrough: number; readonly closesIn: number }[];
}

const BATCH = 64;

/** @throws SubletException ChainUnavailable, ChainRejected, InsufficientFunds of gas */
export async function leave(chain: Chain): Promise<Left> {
  const { epochs } = chain;
  const next = (await chain.blockNumber()) + 1n;
  const epoch = epochs.at(next);
  const effective = epochs.effective(next, await chain.proven(chain.sender, epoch));
  const resigned = await each(chain, "resign", (deal) => {
    return (deal.state === DealState.Open || deal.state === DealState.Active) && deal.stopAt > epoch;
  });
  const pruned = await batched(chain, "prune", (deal) => {
    return isUnstopped(deal) && effective !== undefined && effective >= deal.stopAt;
  });
  const { finalEpochs } = chain.parameters;
  const closed = await batched(chain, "close", (deal) => {
    return deal.state === DealState.Stopped && epoch > deal.stopAt + finalEpochs && deal.challengeDeadline === 0;
  });
  const withdrawn = (await chain.freeBalance(chain.sender)) / LEDGER_ONE;
  if (withdrawn > 0n) await chain.withdraw(withdrawn, chain.sender);
  const remaining = (await chain.unclosedDeals(chain.sender)).map(({ id, stopAt }) => {
    return { deal: id, provenThrough: stopAt - 1, closesIn: stopAt + finalEpochs + 1 };
  });
  return { resigned, pruned, closed, withdrawn, remaining };
}

/** The sender's deals that are wanted. */
export async function refs(chain: Chain, wanted: (deal: Deal) => boolean): Promise<DealRef[]> {
  const provider = chain.sender;
  return (await chain.unclosedDeals(provider)).filter(wanted).map(({ slot, id }) => ({ provider, slot, id }));
}

async function each(chain: Chain, name: "resign", due: (deal: Deal) => boolean): Promise<number> {
  const deals = await refs(chain, due);
  for (let at = 0; at < deals.length; at += BATCH) {
    await chain.sendAll(deals.slice(at, at + BATCH).map((ref) => call(name, [ref])));
  }
  return deals.length;
}

async function batched(chain: Chain, name: "prune" | "close", due: (deal: Deal) => boolean): Promise<number> {
  const deals = await refs(chain, due);
  for (let at = 0; at < deals.length; at += BATCH) await chain.sendAll([call(name, [deals.slice(at, at + BATCH)])]);
  return deals.length;
}
