import type { Command } from "commander";
import { DealState, MarketReader } from "../../chain/MarketReader.ts";
import { command, type Flags, homeOf, print, type Shell, settingsOf, tokens } from "./Shell.ts";

const STATES = Object.fromEntries(Object.entries(DealState).map(([name, state]) => [state, name.toLowerCase()]));

export function statusCommand(shell: Shell): Command {
  return command("status", "what the chain knows of this provider").action((_: unknown, own: Command) =>
    status(own.optsWithGlobals<Flags>(), shell),
  );
}

async function status(flags: Flags, shell: Shell): Promise<void> {
  const settings = await settingsOf(homeOf(flags, shell), flags, shell);
  const chain = await MarketReader.connect(settings);
  const provider = settings.address;
  const [standing, free, held, decimals, block] = await Promise.all([
    chain.provider(provider),
    chain.freeBalance(provider),
    chain.unclosedDeals(provider),
    chain.tokenDecimals(),
    chain.blockNumber(),
  ]);
  const epoch = chain.epochs.at(block);
  const locked = held.reduce((sum, { collateral }) => sum + collateral, 0n);
  const deals = held.map(({ id, slot, client, state, sectors, capacity, stopAt, misses }) => {
    return { id, slot, client, state: STATES[state]!, sectors, capacity, stopAt, misses };
  });
  const [provenBefore, provenNow] = [
    epoch > 1 && (await chain.proven(provider, epoch - 1)),
    await chain.proven(provider, epoch),
  ];
  const registered = standing.penaltyRate > 0n;
  const document = {
    ...{ address: provider, registered, epoch, provenBefore, provenNow, sectors: standing.sectors },
    ...{ balance: tokens(free + locked, decimals), locked: tokens(locked, decimals) },
    ...{ free: tokens(free, decimals), deals },
  };
  print(flags, document, () => [
    `Provider ${provider}${registered ? "" : ", not registered yet"}`,
    `epoch ${epoch}: ${provenNow ? "proven" : "not proven yet"}; the one before: ${provenBefore ? "proven" : "not proven"}`,
    `${document.balance} tokens in the market, ${document.locked} of them locked; ${standing.sectors} sectors committed`,
    ...deals.map(
      (deal) => `${deal.id} ${deal.state}, ${deal.sectors} of ${deal.capacity} sectors, until epoch ${deal.stopAt}`,
    ),
  ]);
}
