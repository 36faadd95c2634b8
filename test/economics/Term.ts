/** What a strategy needs to know of its market: lengths in epochs, P in ledger units, stake in token base units. */
export interface Term {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
  readonly length: number;
  readonly cover: number;
  readonly missed: number;
  readonly final: number;
  /** What a provider started from the command line asks for: EXIT. */
  readonly notice: number;
  readonly penaltyRate: bigint;
  readonly stake: bigint;
}

/** What is stored for customers in every strategy: fills the five strata evenly. */
export const CUSTOMER_SECTORS = 40;
