/** What the provider spends on gas: within what its operator allows, and written down by day and call. */
import { formatEther, formatGwei, parseEther, parseGwei } from "viem";
import type { Fees, Purse } from "../chain/Sender.ts";
import { SubletException } from "../protocol/Errors.ts";
import { type Income, utcDay } from "./Income.ts";
import type { Settings } from "./Settings.ts";

/** Wei; for each unit of gas, but for the budget. Whatever is left out has no limit. */
export interface GasLimits {
  readonly maxFee?: bigint;
  readonly maxFeeUrgent?: bigint;
  readonly priorityFee?: bigint;
  readonly dailyBudget?: bigint;
}

/** A missed proof or answer costs collateral, and a proof that meets an ended deal is void. */
const URGENT = ["prove", "recordSeed", "answer", "prune"];
/** Of so many parts of a day's budget the last is for what cannot wait. */
const BUDGET_PARTS = 4n;

export class Gas implements Purse {
  readonly #limits: GasLimits;
  readonly #income: Income;
  readonly #onHeld: (call: string, reason: string) => void;

  /** `onHeld` hears of what cannot wait and has to. */
  constructor(limits: GasLimits, income: Income, onHeld: (call: string, reason: string) => void) {
    this.#limits = limits;
    this.#income = income;
    this.#onHeld = onHeld;
  }

  /** @throws SubletException GasHeld */
  offer(call: string, gas: bigint, suggested: Fees): Fees {
    const { maxFee, maxFeeUrgent, priorityFee, dailyBudget } = this.#limits;
    const urgent = call.split(" + ").some((name) => URGENT.includes(name));
    const baseFee = (suggested.maxFeePerGas - suggested.maxPriorityFeePerGas) / 2n;
    const priority = priorityFee ?? suggested.maxPriorityFeePerGas;
    const price = baseFee + priority;
    const most = urgent ? maxFeeUrgent : maxFee;
    if (most !== undefined && price > most) {
      const limit = urgent ? "gas-max-fee-urgent" : "gas-max-fee";
      throw this.#held(call, urgent, `gas costs ${formatGwei(price)} gwei, over the ${formatGwei(most)} of ${limit}`);
    }
    const budget = dailyBudget !== undefined && (urgent ? dailyBudget : dailyBudget - dailyBudget / BUDGET_PARTS);
    if (budget !== false && this.#spentToday() + gas * price > budget) {
      const reason = `it may cost ${formatEther(gas * price)} ether, more than is left of today's gas-daily-budget`;
      throw this.#held(call, urgent, reason);
    }
    const asked = 2n * baseFee + priority;
    return { maxFeePerGas: most === undefined || asked < most ? asked : most, maxPriorityFeePerGas: priority };
  }

  paid(call: string, gasUsed: bigint, fee: bigint): void {
    this.#income.addGas(call, gasUsed, fee);
  }

  #spentToday(): bigint {
    const today = utcDay(Date.now());
    return this.#income.spent(today, today).reduce((sum, { fee }) => sum + fee, 0n);
  }

  #held(call: string, urgent: boolean, reason: string): SubletException {
    if (urgent) this.#onHeld(call, reason);
    return new SubletException({ code: "GasHeld", call, reason });
  }
}

export function gasLimitsOf({ gasMaxFee, gasMaxFeeUrgent, gasPriorityFee, gasDailyBudget }: Settings): GasLimits {
  return {
    ...(gasMaxFee !== undefined && { maxFee: parseGwei(gasMaxFee) }),
    ...(gasMaxFeeUrgent !== undefined && { maxFeeUrgent: parseGwei(gasMaxFeeUrgent) }),
    ...(gasPriorityFee !== undefined && { priorityFee: parseGwei(gasPriorityFee) }),
    ...(gasDailyBudget !== undefined && { dailyBudget: parseEther(gasDailyBudget) }),
  };
}
