import type { Command } from "commander";
import { formatUnits } from "viem";
import type { Status } from "../Status.ts";
import type { VolumeStatus } from "../volumes/Standing.ts";
import { WARN_EPOCHS } from "../volumes/Warnings.ts";
import { wholeNumber } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print, sizeText } from "./Terminal.ts";
import { warningLines } from "./warnings.ts";

interface Flags extends HomeFlags {
  readonly within: string;
}

export function statusCommand(): Command {
  return command("status", "how the drive, its deals and its providers stand")
    .option("--within <epochs>", "warn of what ends or runs out so soon", `${WARN_EPOCHS}`)
    .action((flags: Flags) => status(flags));
}

async function status(flags: Flags): Promise<void> {
  const within = wholeNumber("--within", flags.within);
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    const standing = await drive.status(signal, within);
    print(flags, { ...standing, incidents }, () => lines(standing));
  });
}

function lines({
  account,
  tokens,
  decimals,
  gas,
  epoch,
  files,
  bytes,
  earlier,
  unfinished,
  journalBytes,
  volumes,
  warnings,
}: Status): string[] {
  return [
    `Account ${account}: ${formatUnits(tokens, decimals)} tokens, ${formatUnits(gas, 18)} for gas. Epoch ${epoch}.`,
    `${counted(files, "file")}, ${sizeText(bytes)}.` +
      (earlier.versions > 0
        ? ` ${counted(earlier.versions, "earlier version")} take ${sizeText(earlier.stored)} at providers.`
        : "") +
      (unfinished > 0 ? ` ${unfinished} of the changes are not durable yet; repair goes on with them.` : "") +
      (journalBytes > 0 ? ` ${sizeText(journalBytes)} in the journal.` : ""),
    ...volumes.flatMap((volume) => volumeLines(volume, decimals)),
    ...warningLines(warnings, decimals),
  ];
}

function volumeLines({ volume, k, n, good, sectors, capacity, positions }: VolumeStatus, decimals: number): string[] {
  if (positions.every(({ health }) => health === "over")) {
    return [`Volume ${volume}: nobody serves it any more, and what lay there alone is gone.`];
  }
  return [
    `Volume ${volume}: ${good} of ${n} providers are good, ${k} are needed; ${sectors} of ${capacity} sectors each.`,
    ...positions.map(
      ({ position, health, provider, sectors, committedSectors, escrow, epochsLeft, proved }) =>
        `  ${`${position}`.padStart(2)}  ${health.padEnd(6)}  ${provider ?? "nobody"}  ${committedSectors} of ${sectors} sectors ` +
        `on chain, ${proved ? `${proved.epochs} of ${proved.of} epochs proved, ` : ""}` +
        `${formatUnits(escrow, decimals)} tokens left for ${epochsLeft} epochs`,
    ),
  ];
}
