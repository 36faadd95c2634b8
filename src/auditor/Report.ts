/** What an audit found. */
import type { Address, Hash } from "viem";

/** One thing that is not as the rules and the chain's own record make it. */
export interface Difference {
  readonly epoch: number;
  readonly block: string;
  readonly transaction?: Hash;
  readonly provider?: string;
  readonly deal?: Hash;
  /** What differs, in words. */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

/** "not yet": the epoch is running. */
export type Outcome = "no sectors" | "proven" | "missed" | "not yet";

/** Epochs one after another that came to the same, both ends included. */
export interface Run {
  readonly first: number;
  readonly last: number;
  readonly outcome: Outcome;
}

/** A provider's public record; counts are of the epochs that are decided. */
export interface ProviderRecord {
  readonly provider: Address;
  readonly sectors: number;
  readonly deals: number;
  readonly firstEpoch: number;
  readonly proven: number;
  readonly missed: number;
  readonly empty: number;
  readonly missedEpochs: readonly number[];
  /** Every epoch since the first. */
  readonly epochs: readonly Run[];
  /** Ledger units over the whole history. */
  readonly earned: string;
  readonly penalties: string;
  readonly forfeited: string;
}

export interface SpotCheck {
  readonly provider: Address;
  readonly ok: boolean;
  /** The block whose hash drew the positions. */
  readonly block: string;
  readonly chunks: number;
  readonly reason: string;
}

export interface Report {
  /** Whether nothing at all is wrong. */
  readonly ok: boolean;
  readonly chainId: number;
  readonly market: Address;
  readonly block: string;
  readonly epoch: number;
  /** When epochs 1, 31, 61 and so on began: the times of their first blocks, ISO 8601. */
  readonly began: readonly { readonly epoch: number; readonly time: string }[];
  readonly checked: {
    readonly events: number;
    readonly proofs: number;
    readonly challenges: number;
    readonly settlements: number;
    readonly signatures: number;
    readonly views: number;
  };
  readonly burnt: string;
  readonly providers: readonly ProviderRecord[];
  readonly differences: readonly Difference[];
  readonly spotChecks: readonly SpotCheck[];
}
