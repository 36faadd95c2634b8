import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { formatUnits } from "viem";
import type { Quote } from "../upload/Quote.ts";
import type { Prices, Spread } from "../volumes/Prices.ts";
import { bad, size, wholeNumber } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print, sizeText } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly k?: string;
  readonly n?: string;
  readonly epochs?: string;
}

export function priceCommand(): Command {
  return command("price", "what the market's providers ask now, and what something would cost")
    .argument("[what]", "a file or folder of this machine, or a size such as 10GiB")
    .option("--k <count>", "for a volume to be rented: providers that are enough to read (4)")
    .option("--n <count>", "providers in all (12)")
    .option("--epochs <count>", "for how long (30)")
    .action((what: string | undefined, flags: Flags) => price(what, flags));
}

async function price(what: string | undefined, flags: Flags): Promise<void> {
  const shape = Object.fromEntries(
    (["k", "n", "epochs"] as const).flatMap((name) => {
      const value = flags[name];
      return value === undefined ? [] : [[name, wholeNumber(`--${name}`, value)]];
    }),
  );
  if (what === undefined && Object.keys(shape).length > 0) throw bad("what", "", "a volume's shape prices something");
  const there = what !== undefined && (await stat(what).catch(() => undefined)) !== undefined;
  const wanted = what === undefined || there ? what : size("what", what);
  await withDrive(flags, async ({ drive, signal }) => {
    const [decimals, prices] = await Promise.all([drive.tokenDecimals(), drive.prices(signal)]);
    const quote = wanted === undefined ? undefined : await drive.quote(wanted, { ...shape, signal });
    print(flags, { decimals, ...prices, ...(quote && { quote }) }, () => [
      ...marketLines(prices, decimals),
      ...(quote ? [quoteLine(quote, decimals)] : []),
    ]);
  });
}

function marketLines({ asked, answered, storage, egress }: Prices, decimals: number): string[] {
  return [
    `${answered} of ${asked} providers answered and have room.`,
    `To store 10^12 bytes at one of them for 30 epochs: ${spreadText(storage, decimals)}.`,
    `To read as many: ${spreadText(egress, decimals)}.`,
  ];
}

function spreadText({ least, median, most }: Spread, decimals: number): string {
  const [from, middle, to] = [least, median, most].map((amount) => formatUnits(amount, decimals));
  return `${from} to ${to} tokens, ${middle} in the middle`;
}

function quoteLine({ bytes, volume, k, n, sectors, month, term, epochs }: Quote, decimals: number): string {
  const where = volume === undefined ? `a new volume of ${n} providers, any ${k} enough` : `volume ${volume}`;
  return (
    `${sizeText(bytes)} in ${where}: ${sectors} sectors more at each of ${n}, ${formatUnits(month, decimals)} tokens ` +
    `for 30 epochs, ${formatUnits(term, decimals)} for the ${epochs} that it lasts.`
  );
}
