/** A report for people. */
import type { Difference, Report } from "./Report.ts";
import { ONE } from "./State.ts";

/** The whole report as plain text. */
export function page(report: Report): string {
  const { checked, differences, spotChecks } = report;
  const lines = [
    `Market ${report.market} on chain ${report.chainId}, up to block ${report.block} in epoch ${report.epoch}`,
    `Recomputed ${checked.events} events, ${checked.proofs} proofs (${checked.challenges} challenges), ` +
      `${checked.settlements} settlements, ${checked.signatures} signatures; compared ${checked.views} views`,
    "",
    ...table(report),
    "",
    differences.length === 0 ? "No differences." : `${differences.length} differences:`,
  ];
  lines.push(...differences.map((each) => `  ${differenceLine(each)}`));
  if (spotChecks.length > 0) {
    const good = spotChecks.filter(({ ok }) => ok).length;
    lines.push(`Spot checks: ${good} of ${spotChecks.length} providers showed what they were asked for.`);
    for (const { provider, ok, reason } of spotChecks) if (!ok) lines.push(`  ${provider}: ${reason}`);
  }
  lines.push("", report.ok ? "Everything is in order." : "Something is wrong.");
  return `${lines.join("\n")}\n`;
}

/** One difference in one line. */
export function differenceLine({ what, expected, actual, epoch, block, provider, deal }: Difference): string {
  const where = [`epoch ${epoch}`, `block ${block}`];
  if (provider) where.push(`account ${provider}`);
  if (deal) where.push(`deal ${deal}`);
  return `${what}: expected ${expected}, found ${actual} (${where.join(", ")})`;
}

function table({ providers }: Report): string[] {
  const head = ["provider", "sectors", "proven", "missed", "empty", "earned", "penalties", "forfeited"];
  const rows = providers.map((each) => [
    each.provider,
    `${each.sectors}`,
    `${each.proven}`,
    `${each.missed}`,
    `${each.empty}`,
    units(each.earned),
    units(each.penalties),
    units(each.forfeited),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  ");
  return [line(head), ...rows.map(line), "(amounts in token base units)"];
}

/** Ledger units as token base units with two decimals. */
export function units(ledger: string): string {
  const hundredths = (BigInt(ledger) * 100n) / ONE;
  return `${hundredths / 100n}.${`${hundredths % 100n}`.padStart(2, "0")}`;
}
