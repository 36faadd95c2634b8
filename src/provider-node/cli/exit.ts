import { join } from "node:path";
import type { Command } from "commander";
import { formatUnits } from "viem";
import type { Market } from "../../chain/Market.ts";
import { Gas, gasLimitsOf } from "../Gas.ts";
import type { Home } from "../Home.ts";
import { INCOME_FILE, Income } from "../Income.ts";
import { leave } from "../Leaving.ts";
import {
  command,
  type Flags,
  homeOf,
  marketFor,
  type OwnerFlags,
  ownerKeyOf,
  print,
  type Shell,
  settingsOf,
  withOwner,
} from "./Shell.ts";

export function exitCommand(shell: Shell): Command {
  const what = "give notice to all deals, close what has ended, take the money home; repeat it until nothing remains";
  return withOwner(command("exit", what)).action((_: unknown, own: Command) =>
    exit(own.optsWithGlobals<OwnerFlags>(), shell),
  );
}

async function exit(flags: OwnerFlags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const settings = await settingsOf(home, flags, shell);
  const account = await ownerKeyOf(home, settings, flags);
  const income = new Income(join(await home.dataDir(), INCOME_FILE), settings.address);
  try {
    const purse = new Gas(gasLimitsOf(settings), income, () => undefined);
    await leaveWith(await marketFor(settings, account, purse), home, flags);
  } finally {
    income.close();
  }
}

async function leaveWith(chain: Market, home: Home, flags: Flags): Promise<void> {
  // Written first: a provider that is started again must not stake what is being taken home.
  await home.remember({ leaving: true });
  const { resigned, pruned, closed, withdrawn, remaining } = await leave(chain);
  const taken = formatUnits(withdrawn, await chain.tokenDecimals());
  const last = Math.max(0, ...remaining.map(({ closesIn }) => closesIn));
  print(flags, { done: remaining.length === 0, resigned, pruned, closed, withdrawn: taken, remaining }, () => [
    `${resigned} deals were given notice, ${pruned} ended, ${closed} closed; ${taken} tokens came home.`,
    remaining.length === 0
      ? "Nothing remains: this provider may be switched off."
      : `${remaining.length} deals remain. Keep it running, and repeat this in epoch ${last}.`,
  ]);
}
