import type { Command } from "commander";
import { tokens } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly egress?: boolean;
}

export function topupCommand(): Command {
  return command("topup", "add money to the deals of all volumes")
    .argument("<amount>", "tokens, such as 2.5")
    .option("--egress", "for reading, in place of storing")
    .action((amount: string, flags: Flags) => topup(amount, flags));
}

async function topup(amount: string, flags: Flags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const units = tokens("amount", amount, await drive.tokenDecimals());
    const deals = await drive.topUp(units, { egress: flags.egress ?? false });
    print(flags, { amount: units, deals }, () => [`${amount} tokens went to ${deals.length} deals.`]);
  });
}
