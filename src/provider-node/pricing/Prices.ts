/** What the settings mean on a market: rates in ledger units, bonds in token base units. */
import { parseUnits } from "viem";
import { LEDGER_ONE, MAX_RATE, type Parameters } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { KeepingPolicy } from "../proving/Keeper.ts";
import type { Settings } from "../Settings.ts";
import type { Bounds } from "./Following.ts";
import type { Policy } from "./Policy.ts";

const TERABYTE = 10n ** 12n;
const MONTH_EPOCHS = 30n;
const ALLOWANCE_BYTES = 2 ** 28;
const CREDIT_BYTES = 2 ** 26;
const ANSWER_BOND_PART = 100n;
const KEEPING_EPOCHS = 4;

/** On a market whose token has so many decimals. @throws BadArgument when a price is too small, or too large */
export function policyOf(settings: Settings, parameters: Parameters, decimals: number): Policy {
  const { price, egressPrice, minSectors, operator, region } = settings;
  return {
    rate: rateOf("price", price, decimals),
    egressRate: (parseUnits(egressPrice, decimals) * LEDGER_ONE) / TERABYTE,
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

/** Within what the price follows the market's; undefined: it is fixed. @throws BadArgument */
export function boundsOf({ pricePolicy, priceMin, priceMax }: Settings, decimals: number): Bounds | undefined {
  if (pricePolicy !== "market") return undefined;
  if (priceMin === undefined) throw bad("price-min", "", "a price that follows the market needs one");
  if (priceMax === undefined) throw bad("price-max", "", "a price that follows the market needs one");
  const leastRate = rateOf("price-min", priceMin, decimals);
  const mostRate = rateOf("price-max", priceMax, decimals);
  if (leastRate > mostRate) throw bad("price-max", priceMax, `it is less than price-min, ${priceMin}`);
  return { leastRate, mostRate };
}

/** The relay and what it is tipped, in ledger units; undefined: none. @throws BadArgument */
export function relayOf({ relay, tip }: Settings, decimals: number): { url: string; tip: bigint } | undefined {
  if (relay === undefined && tip !== undefined) throw bad("relay", "", "there is nobody to tip: name a relay");
  if (relay === undefined) return undefined;
  if (tip === undefined) throw bad("tip", "", "a relay works for one: say how much");
  return { url: relay, tip: parseUnits(tip, decimals) * LEDGER_ONE };
}

/** Ledger units for a sector and epoch. */
function rateOf(name: string, price: string, decimals: number): bigint {
  const rate = (parseUnits(price, decimals) * LEDGER_ONE * BigInt(SECTOR_BYTES)) / TERABYTE / MONTH_EPOCHS;
  if (rate === 0n) throw bad(name, price, "it comes to nothing for a sector and epoch; ask more");
  if (rate > MAX_RATE) throw bad(name, price, "no market takes so much; ask less");
  return rate;
}

function bad(name: string, value: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value, reason });
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
