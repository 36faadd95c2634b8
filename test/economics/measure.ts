/** Plays what docs/ECONOMICS.md tells of: every strategy by the daily preset, and the telling ones by others. */
import { PRESETS } from "../../scripts/deployment/parameters.ts";
import { Positions } from "../../src/codec/index.ts";
import type { Outcome } from "./Player.ts";
import { type SeasonParameters, season, termLength } from "./Season.ts";
import type { Strategy } from "./Strategy.ts";
import { GROUPS, SAMPLED, TELLING } from "./strategies/index.ts";
import { CUSTOMER_SECTORS } from "./Term.ts";

/** How often luck is tried. */
const RUNS = 3;
const MULTIPLIERS = [2, 3, 4];
/** Blocks of this preset's epochs for one of its own: everybody's calls have to find room in one commit phase. */
const DEMO_SCALE = 200;

/** All coalitions that followed a strategy, taken together: means, and sums of what is counted. */
export interface Row extends Outcome {
  readonly strategy: Strategy;
  /** What was burnt, in rates, for each epoch in which a proof was sent though something was not there. */
  readonly burntAnEpoch: number;
}

export interface Measured {
  readonly daily: readonly Row[];
  /** The telling ones, by m, and by the demo preset. */
  readonly others: ReadonlyMap<string, readonly Row[]>;
}

export async function measure(): Promise<Measured> {
  const { daily, demo } = PRESETS;
  const runs = (strategy: Strategy) => (SAMPLED.includes(strategy) ? RUNS : 1);
  const all = await play(daily, [...GROUPS.values()].flat(), runs);
  const others = new Map<string, readonly Row[]>();
  for (const multiplier of MULTIPLIERS) others.set(`m = ${multiplier}`, await play({ ...daily, multiplier }, TELLING));
  const [epochBlocks, commitBlocks, gapBlocks] = [demo.epochBlocks, demo.commitBlocks, demo.gapBlocks].map(
    (blocks) => blocks * DEMO_SCALE,
  ) as [number, number, number];
  others.set("demo", await play({ ...demo, epochBlocks, commitBlocks, gapBlocks }, TELLING, runs));
  return { daily: all, others };
}

async function play(
  parameters: SeasonParameters,
  strategies: readonly Strategy[],
  runs?: (strategy: Strategy) => number,
): Promise<Row[]> {
  return [...(await season(parameters, strategies, runs))].map(([strategy, outcomes]) => {
    const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
    const mean = (of: (outcome: Outcome) => number) => sum(of) / outcomes.length;
    const [burnt, sent] = [sum((outcome) => outcome.burnt), sum((outcome) => outcome.sent)];
    return {
      strategy,
      income: mean(({ income }) => income),
      lost: mean(({ lost }) => lost),
      burnt: burnt / outcomes.length,
      net: mean(({ net }) => net),
      stored: mean(({ stored }) => stored),
      refusals: sum(({ refusals }) => refusals),
      sent,
      missed: sum(({ missed }) => missed),
      missing: mean(({ missing }) => missing),
      total: mean(({ total }) => total),
      burntAnEpoch: (burnt * CUSTOMER_SECTORS * termLength(parameters)) / sent,
    };
  });
}

/**
 * The cost of keeping a sector for an epoch, in rates, up to which honesty is worth more: both fall with that cost,
 * honesty by all that was to be kept and the strategy by what it kept.
 */
export function breakEven({ net, stored }: Row): number {
  return (1 - net) / (1 - stored);
}

/** How often the proof of a set of which `missing` of `total` sectors are not there is to fail, where all strata miss alike. */
export function failing({ missing, total }: Pick<Row, "missing" | "total">): number {
  return 1 - (1 - missing / total) ** Positions.CHALLENGES;
}
