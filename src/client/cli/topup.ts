import type { Command } from "commander";
import type { TopUpPlan } from "../volumes/Payments.ts";
import { tokens } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print } from "./Terminal.ts";
import { lackLines } from "./warnings.ts";

interface Flags extends HomeFlags {
  readonly egress?: boolean;
  readonly dryRun?: boolean;
}

export function topupCommand(): Command {
  return command("topup", "add money to the deals of all volumes")
    .argument("<amount>", "tokens, such as 2.5")
    .option("--egress", "for reading, in place of storing")
    .option("--dry-run", "only say where it would go")
    .action((amount: string, flags: Flags) => topup(amount, flags));
}

async function topup(amount: string, flags: Flags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const decimals = await drive.tokenDecimals();
    const units = tokens("amount", amount, decimals);
    if (flags.dryRun) {
      const plan = await drive.planTopUp(units, { egress: flags.egress ?? false });
      print(flags, { decimals, amount: units, ...plan }, () => planLines(amount, plan, decimals));
      return;
    }
    const deals = await drive.topUp(units, { egress: flags.egress ?? false });
    print(flags, { amount: units, deals }, () => [`${amount} tokens went to ${deals.length} deals.`]);
  });
}

function planLines(amount: string, plan: TopUpPlan, decimals: number): string[] {
  const { deals, transactions, lasts, wouldLast } = plan;
  return [
    `${amount} tokens would go to ${counted(deals.length, "deal")} in ${counted(transactions, "transaction")}. Nothing was changed.`,
    ...(lasts === undefined
      ? []
      : [`Were all of them full, what is paid in would last ${wouldLast} epochs, ${lasts} without it.`]),
    ...lackLines(plan, decimals),
  ];
}
