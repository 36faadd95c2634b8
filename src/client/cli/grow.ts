import type { Command } from "commander";
import { formatUnits } from "viem";
import { type HealthRule, Home } from "../home/Home.ts";
import { bad, size, tokens, wholeNumber } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print, sizeText } from "./Terminal.ts";

interface GrowFlags extends HomeFlags {
  readonly size: string;
  readonly epochs: string;
  readonly budget?: string;
  readonly off?: boolean;
}

interface HealthFlags extends HomeFlags {
  readonly least?: string;
  readonly epochs?: string;
}

export function growCommand(): Command {
  return command(
    "grow",
    "let put rent a new volume where nothing fits, within a budget; without options: how it is set",
  )
    .option("--budget <tokens>", "what it may spend from now on")
    .option("--size <size>", "how much each new volume holds, at least", "1GiB")
    .option("--epochs <count>", "for how long", "30")
    .option("--off", "what does not fit is refused")
    .action((flags: GrowFlags) => grow(flags));
}

export function healthCommand(): Command {
  return command("health", "which providers repair replaces though they answer: those that prove too seldom")
    .option("--least <percent>", "of the last epochs, what a provider must have proved (75)")
    .option("--epochs <count>", "how many epochs are looked at (14)")
    .action((flags: HealthFlags) => health(flags));
}

/** What is set needs the chain only for what a token is. */
async function grow(flags: GrowFlags): Promise<void> {
  if (flags.off && flags.budget !== undefined) throw bad("--off", "", "a budget is for growing");
  const [bytes, epochs] = [size("--size", flags.size), wholeNumber("--epochs", flags.epochs)];
  for (const [name, value] of Object.entries({ size: bytes, epochs }))
    if (value < 1) throw bad(`--${name}`, `${value}`, "it is more than nothing");
  await withDrive(flags, async ({ drive }) => {
    const decimals = await drive.tokenDecimals();
    const home = new Home(drive.home);
    if (flags.off) await home.setGrowth(undefined);
    if (flags.budget !== undefined)
      await home.setGrowth({ bytes, epochs, budget: tokens("--budget", flags.budget, decimals) });
    const { growth } = await home.readConfig();
    print(flags, { decimals, growth: growth ?? null }, () => [
      growth
        ? `Where nothing fits, put rents ${sizeText(growth.bytes)} or more for ${growth.epochs} epochs, as the newest ` +
          `volume is, for at most ${formatUnits(growth.budget, decimals)} tokens from now on.`
        : "What does not fit is refused; volume grow --budget lets put rent more.",
    ]);
  });
}

/** Needs neither key nor chain. */
async function health({ least, epochs, ...flags }: HealthFlags): Promise<void> {
  const home = new Home(flags.home);
  const wanted: Partial<HealthRule> = {
    ...(least !== undefined && { least: wholeNumber("--least", least) / 100 }),
    ...(epochs !== undefined && { epochs: wholeNumber("--epochs", epochs) }),
  };
  const changed = least !== undefined || epochs !== undefined;
  const rule = changed ? await home.setHealth(wanted) : (await home.readConfig()).health;
  print(flags, rule, () => [
    `Repair replaces a provider that proved less than ${Math.round(rule.least * 100)} % of its last ${rule.epochs} epochs.`,
  ]);
}
