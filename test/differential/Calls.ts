/** What the calls of the market take; in place of a signature stands whose it is. */
import type { Ref } from "./Ground.ts";

/** Whose signature came with something: nobody's where it is of something else. */
export type Signed<Content> = Content & { readonly by: string };

export interface Offer {
  readonly id: string;
  readonly provider: string;
  readonly slot: number;
  readonly position: number;
  readonly rate: bigint;
  readonly egressRate: bigint;
  readonly expired: boolean;
  /** Token base units. */
  readonly escrow: bigint;
  readonly egress: bigint;
}

export interface Volume {
  readonly client: string;
  readonly clientSigner: string;
  readonly volume: bigint;
  readonly k: number;
  readonly n: number;
  readonly capacity: number;
  readonly minSectors: number;
  readonly endEpoch: number;
  readonly noticeEpochs: number;
  readonly answerBond: bigint;
}

export interface Commit {
  readonly slot: number;
  readonly number: bigint;
  readonly root: string;
  readonly sectors: number;
  readonly head: string;
  /** Whose assent came with it. */
  readonly assentBy: string;
}

export interface Extension {
  readonly deal: string;
  readonly from: number;
  readonly endEpoch: number;
  readonly rate: bigint;
  readonly capacity: number;
  readonly series: number;
  readonly expired: boolean;
}

/** `cumulative`: ledger units. */
export interface Voucher extends Ref {
  readonly cumulative: bigint;
}
