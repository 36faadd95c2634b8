import { formatUnits } from "viem";
import type { Warning } from "../volumes/Warnings.ts";
import { counted } from "./Terminal.ts";

/** One line for each kind and volume. */
export function warningLines(warnings: readonly Warning[], decimals: number): string[] {
  const groups = Map.groupBy(warnings, ({ kind, volume }) => `${kind} ${volume}`);
  return [...groups.values()].map((some) => `Warning: ${sentence(some, decimals)}`);
}

function sentence(some: readonly Warning[], decimals: number): string {
  const one = some.length === 1;
  const [{ kind, volume }] = some as [Warning];
  const deals = `${counted(some.length, "deal")} of volume ${volume}`;
  const least = Math.min(...some.map((warning) => ("epochs" in warning ? warning.epochs : Infinity)));
  if (kind === "ending") {
    return `${deals} ${one ? "ends" : "end"}, the first in ${least} epochs; volume extend keeps what is to be kept longer.`;
  }
  if (kind === "budget") {
    const [{ missing }] = some as [Warning & { kind: "budget" }];
    return `${deals} ${one ? "ends" : "end"} soon and the budget for extending lacks ${formatUnits(missing, decimals)}: raise it with volume renew, or topup and extend.`;
  }
  const missing = formatUnits(
    some.reduce((sum, warning) => sum + ("missing" in warning ? warning.missing : 0n), 0n),
    decimals,
  );
  if (kind === "escrow") {
    return `the escrow of ${deals}, were ${one ? "it" : "they"} full, lasts ${least} epochs: topup ${missing}, or more.`;
  }
  return `${deals} cannot be paid for sending everything back once: topup ${missing} --egress, or more.`;
}

/** Of a payment that is planned. */
export function lackLines({ have, missing }: { have: bigint; missing: bigint }, decimals: number): string[] {
  if (missing === 0n) return [];
  return [
    `The account has ${formatUnits(have, decimals)} of them: send it ${formatUnits(missing, decimals)} more before.`,
  ];
}
