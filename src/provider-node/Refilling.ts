/** Filling up the collateral of deals of which misses have used half: for the owner's key, where the provider has it not. */
import type { Hex } from "viem";
import { call } from "../chain/Calls.ts";
import { isUnstopped } from "./deals/DealBook.ts";
import { type Chain, refs } from "./Leaving.ts";

/** Answers the deals that were refilled; none while the gate is closed. @throws SubletException InsufficientFunds, ChainRejected */
export async function refill(chain: Chain): Promise<Hex[]> {
  const { epochs, parameters, sender } = chain;
  const next = (await chain.blockNumber()) + 1n;
  const effective = epochs.effective(next, await chain.proven(sender, epochs.at(next)));
  if (effective === undefined) return [];
  const low = await refs(chain, (deal) => {
    return isUnstopped(deal) && effective < deal.stopAt && 2 * deal.misses >= parameters.coverEpochs;
  });
  for (const ref of low) await chain.sendAll([call("refill", [ref])]);
  return low.map(({ id }) => id);
}
