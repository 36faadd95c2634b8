import { Command } from "commander";
import { formatUnits } from "viem";
import { SECTOR_BYTES } from "../../codec/index.ts";
import type { VolumePlan } from "../volumes/Payments.ts";
import { size, wholeNumber } from "./Arguments.ts";
import { extendCommand, renewCommand } from "./extend.ts";
import { growCommand, healthCommand } from "./grow.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print, sizeText } from "./Terminal.ts";
import { lackLines } from "./warnings.ts";

interface Flags extends HomeFlags {
  readonly k: string;
  readonly n: string;
  readonly size: string;
  readonly epochs: string;
  readonly dryRun?: boolean;
}

export function volumeCommand(): Command {
  const create = command("create", "rent space with n providers, any k of which bring everything back")
    .requiredOption("--k <count>", "providers that are enough to read")
    .requiredOption("--n <count>", "providers in all")
    .option("--size <size>", "how much it holds", "1GiB")
    .option("--epochs <count>", "for how long", "30")
    .option("--dry-run", "only say what it would cost")
    .action((flags: Flags) => createVolume(flags));
  return new Command("volume")
    .description("rented space")
    .addCommand(create)
    .addCommand(extendCommand())
    .addCommand(renewCommand())
    .addCommand(growCommand())
    .addCommand(healthCommand());
}

async function createVolume(flags: Flags): Promise<void> {
  const options = {
    k: wholeNumber("--k", flags.k),
    n: wholeNumber("--n", flags.n),
    bytes: size("--size", flags.size),
    epochs: wholeNumber("--epochs", flags.epochs),
  };
  await withDrive(flags, async ({ drive, signal }) => {
    if (flags.dryRun) {
      const [decimals, plan] = [await drive.tokenDecimals(), await drive.planVolume({ ...options, signal })];
      print(flags, { decimals, ...plan }, () => planLines(plan, decimals));
      return;
    }
    const { id, k, n, capacity } = await drive.createVolume({ ...options, signal });
    const bytes = room({ capacity, k });
    print(flags, { volume: id, k, n, capacity, bytes }, () => [
      `Volume ${id}: ${sizeText(bytes)} with ${n} providers, any ${k} of which bring it back.`,
    ]);
  });
}

/** All but the sector that the catalogue is sure of. */
function room({ capacity, k }: { capacity: number; k: number }): number {
  return (capacity - 1) * k * SECTOR_BYTES;
}

function planLines(plan: VolumePlan, decimals: number): string[] {
  const { k, n, endEpoch, transactions } = plan;
  const [total, escrow, egress] = [plan.total, plan.escrow, plan.egress].map((amount) => formatUnits(amount, decimals));
  return [
    `${sizeText(room(plan))} with ${n} providers, any ${k} of which bring it back, until epoch ${endEpoch} would take ` +
      `${total} tokens in ${counted(transactions, "transaction")}: ${escrow} for storing and ${egress} for reading, of ` +
      "which comes back what is not used. Nothing was changed.",
    ...lackLines(plan, decimals),
  ];
}
