/** What is measured, as docs/ECONOMICS.md and its plot tell it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { breakEven, failing, type Measured, type Row } from "./measure.ts";
import { plot } from "./plot.ts";
import { SEEDS } from "./Season.ts";
import { GROUPS, SAMPLED, TELLING } from "./strategies/index.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** Of what is exact but for the last bits of a double. */
const ROUNDING = 1e-9;

/** By path, what is to be committed. The page's prose is what it is now. */
export function documents(measured: Measured): Map<string, string> {
  const page = join(ROOT, "docs", "ECONOMICS.md");
  return new Map([
    [page, withMeasured(readFileSync(page, "utf8"), measured)],
    [join(ROOT, "docs", "economics.svg"), plot(measured)],
  ]);
}

/** @throws Error where the page has no place for a part */
function withMeasured(page: string, measured: Measured): string {
  const parts = {
    strategies: strategies(measured),
    luck: luck(measured),
    parameters: parameters(measured),
    seeds: SEED,
  };
  return Object.entries(parts).reduce((text, [name, part]) => {
    const place = new RegExp(`(<!-- measured: ${name} -->\n)[^]*?(<!-- end of ${name} -->)`);
    if (!place.test(text)) throw new Error(`the page has no place for "${name}"`);
    return text.replace(place, (_, begin, end) => `${begin}${part}\n${end}`);
  }, page);
}

const SEED = `\`prevRandao\` of epoch e's challenge block is the Keccak-256 of \`${SEEDS}\` and e in decimal.`;

function strategies({ daily }: Measured): string {
  const body = [...GROUPS].flatMap(([group, members]) => {
    const rows = members.map((strategy) => {
      const row = of(daily, strategy.name);
      const figures = [row.income, row.lost, row.burnt].map(figure);
      return [strategy.name, ...figures, `**${figure(row.net)}**`, figure(row.stored), upTo(row)];
    });
    return [[`**${group}**`, "", "", "", "", "", ""], ...rows];
  });
  return table(["Strategy", "Income", "Lost", "of it burnt", "Net", "Stored", "Honesty is worth more while c <"], body);
}

function luck({ daily }: Measured): string {
  const body = SAMPLED.map(({ name }) => {
    const row = of(daily, name);
    const { missing, total, sent, missed, burntAnEpoch } = row;
    const share = failing(row);
    const burns = [burntAnEpoch, (share * total) / 2, missing / 2].map(figure);
    return [name, `${missing} of ${total}`, `${sent}`, `${missed}`, (share * sent).toFixed(1), ...burns];
  });
  const bounds = ["(1 - (1 - R/T)^5) x T/2", "R/2"];
  return table(["Strategy", "R of T", "Epochs", "not proven", "expected", "P burnt an epoch", ...bounds], body);
}

function parameters({ daily, others }: Measured): string {
  const columns = [["m = 1", daily] as const, ...others];
  const body = TELLING.map(({ name }) => [
    name,
    ...columns.map(([, rows]) => {
      const row = of(rows, name);
      return `${figure(row.net)} / ${upTo(row)}`;
    }),
  ]);
  return table(["Net / while c <", ...columns.map(([name]) => name)], body);
}

function of(rows: readonly Row[], name: string): Row {
  const row = rows.find(({ strategy }) => strategy.name === name);
  if (!row) throw new Error(`"${name}" was not played`);
  return row;
}

/** Where as much is stored as by honesty, the cost of it makes no difference. */
function upTo(row: Row): string {
  if (row.stored === 1) return row.net === 1 ? "-" : "any";
  // Never more than it is.
  return figure(Math.floor((breakEven(row) + ROUNDING) * 100) / 100);
}

function figure(value: number): string {
  return value.toFixed(2);
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|---|${"--:|".repeat(head.length - 1)}`, ...body.map(line)].join("\n");
}
