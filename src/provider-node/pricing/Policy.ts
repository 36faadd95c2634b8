/** What a provider offers, to everybody the same; rates in ledger units, bonds in token base units. */
export interface Policy {
  /** Per sector and epoch. */
  readonly rate: bigint;
  /** Per byte sent out. */
  readonly egressRate: bigint;
  /** The least a deal is billed for. */
  readonly minSectors: number;
  /** The longest deal. */
  readonly maxEpochs: number;
  readonly noticeEpochs: number;
  readonly answerBond: bigint;
  /** Sent to each reader of a deal without pay. */
  readonly allowanceBytes: number;
  /** Sent out before it is paid. */
  readonly creditBytes: number;
  readonly operator: string;
  readonly region: string;
}
