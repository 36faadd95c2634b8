import type { Command } from "commander";
import { formatUnits } from "viem";
import { Home } from "../home/Home.ts";
import type { ExtensionReport } from "../volumes/Extending.ts";
import type { VolumeRenewed } from "../volumes/Renewal.ts";
import { bad, tokens, volumeId, wholeNumber } from "./Arguments.ts";
import { command, endWith, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print } from "./Terminal.ts";

interface ExtendFlags extends HomeFlags {
  readonly volume?: string;
  readonly epochs: string;
  readonly budget?: string;
  readonly dryRun?: boolean;
}

interface RenewFlags extends HomeFlags {
  readonly epochs: string;
  readonly within: string;
  readonly budget?: string;
  readonly off?: boolean;
}

export function extendCommand(): Command {
  return command("extend", "keep what is stored longer: a later end for the deals of all volumes")
    .option("--volume <id>", "of this volume only")
    .option("--epochs <count>", "so many after the last of its deals ends", "30")
    .option("--budget <tokens>", "only if it costs no more than this")
    .option("--dry-run", "only say what it would cost")
    .action((flags: ExtendFlags) => extend(flags));
}

export function renewCommand(): Command {
  return command("renew", "let repair extend deals that end soon, within a budget; without options: how it is set")
    .option("--budget <tokens>", "what it may spend from now on")
    .option("--epochs <count>", "by how many it extends", "30")
    .option("--within <count>", "deals that end in so many", "7")
    .option("--off", "deals end when they end")
    .action((flags: RenewFlags) => renew(flags));
}

async function extend(flags: ExtendFlags): Promise<void> {
  const epochs = wholeNumber("--epochs", flags.epochs);
  const volume = flags.volume === undefined ? {} : { volume: volumeId(flags.volume) };
  await withDrive(flags, async ({ drive, signal }) => {
    const decimals = await drive.tokenDecimals();
    const budget = flags.budget === undefined ? {} : { budget: tokens("--budget", flags.budget, decimals) };
    const dryRun = flags.dryRun ?? false;
    const volumes = await drive.extend({ ...volume, ...budget, epochs, dryRun, signal });
    const cost = volumes.reduce((sum, one) => sum + one.cost, 0n);
    print(flags, { decimals, dryRun, cost, volumes }, () => [
      ...volumes.map((one) => extensionLine(one, decimals, dryRun ? "would last" : "last")),
      ...(dryRun ? ["Nothing was changed."] : []),
    ]);
    endWith(volumes.flatMap(({ failed }) => failed));
  });
}

function extensionLine(report: ExtensionReport, decimals: number, last: string): string {
  const { volume, endEpoch, cost, extended } = report;
  return `Volume ${volume}: ${counted(extended.length, "deal")} ${last} until epoch ${endEpoch}, for ${formatUnits(cost, decimals)} tokens.`;
}

/** What is set needs the chain only for what a token is. */
async function renew(flags: RenewFlags): Promise<void> {
  if (flags.off && flags.budget !== undefined) throw bad("--off", "", "a budget is for extending");
  const [epochs, within] = [wholeNumber("--epochs", flags.epochs), wholeNumber("--within", flags.within)];
  for (const [name, value] of Object.entries({ epochs, within }))
    if (value < 1) throw bad(`--${name}`, `${value}`, "it is one epoch at least");
  await withDrive(flags, async ({ drive }) => {
    const decimals = await drive.tokenDecimals();
    const home = new Home(drive.home);
    if (flags.off) await home.setRenewal(undefined);
    if (flags.budget !== undefined)
      await home.setRenewal({ epochs, within, budget: tokens("--budget", flags.budget, decimals) });
    const { renewal } = await home.readConfig();
    print(flags, { decimals, renewal: renewal ?? null }, () => [
      renewal
        ? `Repair extends deals that end within ${renewal.within} epochs by ${renewal.epochs}, for at most ` +
          `${formatUnits(renewal.budget, decimals)} tokens from now on.`
        : "Deals end when they end; volume renew --budget lets repair extend them.",
    ]);
  });
}

/** Of what was extended by itself, or was not since the budget does not go so far. */
export function renewalLines(renewed: VolumeRenewed | undefined, decimals: number): string[] {
  const lines = renewed?.report ? [extensionLine(renewed.report, decimals, "last")] : [];
  if (!renewed?.short) return lines;
  const { volume } = renewed;
  const [need, budget] = [renewed.short.need, renewed.short.budget].map((amount) => formatUnits(amount, decimals));
  return [
    ...lines,
    `Warning: extending the deals of volume ${volume} that end soon would cost ${need} tokens and the budget is ` +
      `${budget}: raise it with volume renew.`,
  ];
}
