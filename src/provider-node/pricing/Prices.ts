/** What the settings mean on a market: rates in ledger units, bonds in token base units. */
import { parseUnits } from "viem";
import { LEDGER_ONE, type Parameters } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { KeepingPolicy } from "../proving/Keeper.ts";
import type { Settings } from "../Settings.ts";
import type { Policy } from "./Policy.ts";

const TERABYTE = 10n ** 12n;
const MONTH_EPOCHS = 30n;
const ALLOWANCE_BYTES = 2 ** 28;
const CREDIT_BYTES = 2 ** 26;
const ANSWER_BOND_PART = 100n;
const KEEPING_EPOCHS = 4;

/** On a market whose token has so many decimals. @throws BadArgument when a price is too small */
export function policyOf(settings: Settings, parameters: Parameters, decimals: number): Policy {
  const { price, egressPrice, minSectors, operator, region } = settings;
  const perTerabyte = (text: string): bigint => parseUnits(text, decimals) * LEDGER_ONE;
  const rate = (perTerabyte(price) * BigInt(SECTOR_BYTES)) / TERABYTE / MONTH_EPOCHS;
  if (rate === 0n) {
    const reason = "it comes to nothing for a sector and epoch; ask more";
    throw new SubletException({ code: "BadArgument", name: "price", value: price, reason });
  }
  return {
    rate,
    egressRate: perTerabyte(egressPrice) / TERABYTE,
    minSectors,
    maxEpochs: parameters.maxDealEpochs,
    // As long as a resignation costs: neither side gains by choosing the other way out.
    noticeEpochs: parameters.exitEpochs,
    answerBond: parameters.minCollateral / ANSWER_BOND_PART,
    allowanceBytes: ALLOWANCE_BYTES,
    creditBytes: CREDIT_BYTES,
    operator,
    region,
  };
}

/** Commits in each epoch; collects every few. */
export function keepingOf(policy: Policy): KeepingPolicy {
  return {
    commitAfterEpochs: 1,
    commitGain: 0n,
    settleEveryEpochs: KEEPING_EPOCHS,
    redeemEveryEpochs: KEEPING_EPOCHS,
    redeemLeast: policy.egressRate * BigInt(policy.creditBytes),
  };
}
