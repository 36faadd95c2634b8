import type { Strategy } from "../Strategy.ts";
import { dilutesNine, diluting, plainDilutions } from "./diluting.ts";
import { dropping, dropsQuarter, plainDrops } from "./dropping.ts";
import { honesty } from "./honesty.ts";
import { abandons, dark, darkAtTheEnd, leaving, resigns, resignsDark, resignsLate } from "./leaving.ts";
import { reserving } from "./reserving.ts";
import { uncommitted, withholding } from "./withholding.ts";

export const [honest] = honesty;

/** By what they try. */
export const GROUPS: ReadonlyMap<string, readonly Strategy[]> = new Map([
  ["Keeping to it", honesty],
  ["Dropping", dropping],
  ["Diluting", diluting],
  ["Leaving", leaving],
  ["Withholding", withholding],
  ["Reserving", reserving],
]);

/** What is left to luck alone, and often enough tried to count. */
export const SAMPLED: readonly Strategy[] = [...plainDrops, ...plainDilutions];

/** What is shown for other parameters as well. */
export const TELLING: readonly Strategy[] = [
  honest,
  dropsQuarter,
  dilutesNine,
  dark,
  resignsDark,
  darkAtTheEnd,
  abandons,
  resigns,
  resignsLate,
];

/** Those that are paid for a reservation of which they store nothing. */
export const RESERVING: readonly Strategy[] = [uncommitted, ...reserving];
