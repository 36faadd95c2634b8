import { join } from "node:path";
import type { Command } from "commander";
import { formatEther, formatUnits } from "viem";
import { LEDGER_ONE, MarketReader } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { type Amounts, type Earned, INCOME_FILE, Income, net, sum } from "../Income.ts";
import { usualFinalBlocks } from "../ProviderConfig.ts";
import type { Settings } from "../Settings.ts";
import { command, type Flags, homeOf, print, type Shell, settingsOf, table } from "./Shell.ts";

type IncomeFlags = Flags & { readonly since?: string; readonly until?: string; readonly csv?: boolean };

const FINER_DIGITS = 6;
const FINER = 10n ** BigInt(FINER_DIGITS);
const COLUMNS = ["storage", "egress", "bonds", "lost", "tips"] as const;

export function incomeCommand(shell: Shell): Command {
  return command("income", "what each deal brought and cost on each day, in tokens, and what was spent on gas")
    .option("--since <day>", "from this day on, such as 2026-01-31 (UTC)")
    .option("--until <day>", "to the end of this day")
    .option("--csv", "print comma-separated values")
    .action((_: unknown, own: Command) => showIncome(own.optsWithGlobals<IncomeFlags>(), shell));
}

async function showIncome(flags: IncomeFlags, shell: Shell): Promise<void> {
  const [since, until] = [dayOf("--since", flags.since), dayOf("--until", flags.until)];
  const home = homeOf(flags, shell);
  const settings = await settingsOf(home, flags, shell);
  const income = new Income(join(await home.dataDir(), INCOME_FILE), settings.address);
  try {
    const decimals = await upToDate(income, settings);
    const earned = income.earned(since, until);
    if (flags.csv) return printCsv(earned, decimals);
    const rows = earned.map(({ day, deal, client, ...amounts }) => ({
      ...{ day, ...(deal && client && { deal, client }) },
      ...inTokens(amounts, decimals),
    }));
    const total = inTokens(sum(earned), decimals);
    const gas = income.spent(since, until).map(({ fee, ...one }) => ({ ...one, ether: formatEther(fee) }));
    print(flags, { address: settings.address, throughBlock: income.through, rows, total, gas }, () => {
      const cells = (row: Record<string, string>) => [...COLUMNS, "net"].map((column) => row[column]!);
      return [
        ...table(
          [
            ["day", "deal", ...COLUMNS, "net"],
            ...rows.map((row) => [row.day, row.deal?.slice(0, 12) ?? "(all)", ...cells(row)]),
            ["total", "", ...cells(total)],
          ],
          2,
        ),
        "",
        ...table(
          [
            ["day", "call", "times", "gas", "ether"],
            ...gas.map(({ day, call, transactions, gas, ether }) => [day, call, `${transactions}`, `${gas}`, ether]),
          ],
          2,
        ),
      ];
    });
  } finally {
    income.close();
  }
}

/** Reads on from the chain as far as that is final. Answers the token's decimals. */
async function upToDate(income: Income, settings: Settings): Promise<number> {
  const chain = await MarketReader.connect(settings);
  const final = (await chain.blockNumber()) - BigInt(usualFinalBlocks(chain.epochs));
  await income.follow(chain, final);
  return chain.tokenDecimals();
}

function printCsv(earned: readonly Earned[], decimals: number): void {
  const lines = earned.map(({ day, deal = "", client = "", ...amounts }) =>
    [day, deal, client, ...Object.values(inTokens(amounts, decimals))].join(","),
  );
  process.stdout.write(`${[["day", "deal", "client", ...COLUMNS, "net"].join(","), ...lines].join("\n")}\n`);
}

function inTokens(amounts: Amounts, decimals: number): Record<(typeof COLUMNS)[number] | "net", string> {
  const pairs = [...COLUMNS.map((column) => [column, amounts[column]] as const), ["net", net(amounts)] as const];
  return Object.fromEntries(pairs.map(([name, units]) => [name, fine(units, decimals)])) as never;
}

/** Tokens, with six digits below the smallest unit of the token: a day of a small deal comes to less than one. */
function fine(units: bigint, decimals: number): string {
  return formatUnits((units * FINER) / LEDGER_ONE, decimals + FINER_DIGITS);
}

/** @throws BadArgument */
function dayOf(name: string, value: string | undefined): string | undefined {
  if (value === undefined || (/^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)))) return value;
  throw new SubletException({ code: "BadArgument", name, value, reason: "it is a day, such as 2026-01-31" });
}
