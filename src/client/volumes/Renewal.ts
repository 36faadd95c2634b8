/** Deals that are extended by themselves, before they end, within a budget that the drive's owner set. */
import { SubletException } from "../../protocol/Errors.ts";
import type { Renewal } from "../home/Home.ts";
import type { Parts } from "../Parts.ts";
import { Allowance } from "./Allowance.ts";
import { type ExtensionReport, extendVolume } from "./Extending.ts";
import type { Volume } from "./Volume.ts";

/** `report`: what was extended, if there was anything. `short`: it would have cost more than is left of the budget, so nothing was extended. Token base units. */
interface Renewed {
  readonly report?: ExtensionReport;
  readonly short?: { readonly need: bigint; readonly budget: bigint };
}

/** What became of extending the deals of a volume that end soon. */
export interface VolumeRenewed extends Renewed {
  readonly volume: bigint;
}

/** Extends what ends soon. */
export async function renew(parts: Parts, volume: Volume, signal?: AbortSignal): Promise<Renewed> {
  const renewal = (await parts.home.readConfig()).renewal;
  if (!renewal) return {};
  const { epochs, within, budget } = renewal;
  const allowance = new Allowance(budget, (left) => parts.home.setRenewal({ ...renewal, budget: left }));
  try {
    const report = await extendVolume(parts, volume, { epochs, within, ...(signal && { signal }) }, allowance);
    return report.extended.length + report.failed.length > 0 ? { report } : {};
  } catch (error) {
    if (!SubletException.is(error, "OverBudget")) throw error;
    const { need } = error.error;
    return { short: { need, budget } };
  }
}

/** What is missing of the budget for all deals that end within its time, at the rates that they have now. */
export function missingOfBudget(renewal: Renewal, costs: readonly bigint[]): bigint {
  const need = costs.reduce((sum, cost) => sum + cost, 0n);
  return need > renewal.budget ? need - renewal.budget : 0n;
}
