/** What the command asks of a worker, and what it hears back. */

/** A test of a file by its place in it, first to last. */
export interface TestOutcome {
  readonly index: number;
  readonly title: string;
  readonly ms: number;
  readonly failure?: string;
}

/** Where a mutant was reached: by which tests, and whether in what the file does for all of them. */
export interface Reach {
  readonly mutant: number;
  readonly tests: readonly number[];
  readonly byAll: boolean;
}

export type Job =
  /** Tests of one Mocha file (all, unless some are named) with one mutant on; up to the first that fails, if `bail`. */
  | {
      readonly kind: "mocha";
      readonly file: string;
      readonly mutant: number;
      readonly tests?: readonly number[];
      /** Those that have one of these in their titles; all where one of these is no test's. */
      readonly titles?: readonly string[];
      readonly bail: boolean;
    }
  /** The Solidity tests of one file. */
  | { readonly kind: "solidity"; readonly file: string; readonly mutant: number; readonly grep?: string };

export interface Reply {
  readonly outcomes: readonly TestOutcome[];
  /** What kept the file from being run at all. */
  readonly broken?: string;
  readonly reached: readonly Reach[];
  /** What the worker used for it, which says more than the clock does on a busy machine. */
  readonly cpuMs: number;
  /** Of the worker, afterwards. */
  readonly memoryBytes: number;
}

/** What one test file gave. */
export type Result = Omit<Reply, "cpuMs" | "memoryBytes">;

/** The value of a switch at which no mutant is on and each that is reached is told. */
export const PROBE = 0;
/** One at which none is, and nothing is told. */
export const OFF = -1;
