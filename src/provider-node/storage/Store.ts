/**
 * What a provider keeps, behind one seam. The bytes of a sector only ever grow; which sectors a deal has, in which order
 * and at which lengths, is kept for every revision that the chain may still name: the last final one and all since.
 *
 * Failures are SubletExceptions whose codes each method names; {@link SectorLostError} when bytes that were kept are gone,
 * {@link StorageFailure} when the disk or the database failed. A method that fails has changed nothing that was kept.
 */
import type { Address, Hex } from "viem";
import type { SlabId } from "../../codec/Slab.ts";
import type { SignedRevision } from "../../protocol/Messages.ts";

/** A deal as it was opened: what never changes. Rates in ledger units. */
export interface DealRecord {
  readonly id: Hex;
  readonly slot: number;
  readonly client: Address;
  readonly clientSigner: Address;
  readonly volume: bigint;
  readonly position: number;
  readonly k: number;
  readonly n: number;
  readonly egressRate: bigint;
}

/** A sector of a deal: the first `length` bytes of a slab, and the 24-byte root of those, zero-padded. */
export interface Sector {
  readonly slab: SlabId;
  readonly length: number;
  readonly root: Uint8Array;
}

/** The bytes of a slab that are kept: how many, and the packed nodes above its blocks at that length. */
export interface Kept {
  readonly slab: SlabId;
  readonly length: number;
  readonly blockNodes: Uint8Array;
}

/** One step from a deal's newest revision to the next. */
export interface Change {
  /** The number of the newest revision, which this one replaces; 0n: the first. */
  readonly previous: bigint;
  readonly receipt: SignedRevision;
  readonly head: Uint8Array;
  /** Sectors whose place holds something else now; null: the list ends before. Each index once. */
  readonly places: ReadonlyMap<number, Sector | null>;
  /** What is kept from now on of slabs that are added or grown; never less than before. */
  readonly kept: readonly Kept[];
}

/** What a signer has paid for reads of a deal, and what it was sent. Ledger units; `voucher` signs `cumulative`. */
export interface ReadAccount {
  readonly deal: Hex;
  readonly signer: Address;
  readonly served: bigint;
  readonly cumulative: bigint;
  readonly voucher: Hex;
  readonly redeemed: bigint;
}

/** What is known of a capability: bytes sent out under it, and whether its owner revoked it. `until` in unix seconds. */
export interface CapabilityUse {
  readonly client: Address;
  readonly id: Address;
  readonly sentBytes: number;
  readonly revoked: boolean;
  readonly until: number;
}

/** Bytes, the staged ones among the used. */
export interface Usage {
  readonly usedBytes: number;
  readonly stagedBytes: number;
  readonly quotaBytes: number;
}

export interface Store {
  /** Remembers a deal; the same again changes nothing. */
  addDeal(deal: DealRecord): Promise<void>;
  /** Forgets a deal and frees all that was kept for it. */
  removeDeal(deal: Hex): Promise<void>;
  deals(): Promise<DealRecord[]>;
  /** The block up to which the chain was read, as far as that is final; 0n: never. */
  cursor(): Promise<bigint>;
  saveCursor(block: bigint): Promise<void>;

  /**
   * Stages bytes of a slab: they may expire until a revision holds them. Answers how much of the slab is held now; the
   * same bytes again are fine.
   * @throws OutOfRange, Behind, ContentMismatch, StagingFull, DiskFull
   */
  append(deal: Hex, slab: SlabId, offset: number, bytes: Uint8Array): Promise<number>;
  /** Bytes held of a slab from its start, staged ones included. */
  heldBytes(deal: Hex, slab: SlabId): Promise<number>;
  /** Bytes that revisions of a deal hold. */
  keptBytes(deal: Hex): Promise<number>;
  /** Bytes staged for a deal. */
  stagedBytes(deal: Hex): number;
  /** Drops staged bytes that were last added to before `before` (unix milliseconds). */
  expire(before: number): Promise<void>;
  /** Held bytes [offset, offset + length) of a slab, staged ones included. @throws NoSuchSlab, SectorLostError */
  read(deal: Hex, slab: SlabId, offset: number, length: number): Promise<Uint8Array>;
  /** What is kept of a slab that some revision holds. */
  kept(deal: Hex, slab: SlabId): Promise<Kept | undefined>;

  /**
   * Moves a deal to a new revision; returns once bytes and receipt are on disk.
   * @throws Conflict when `previous` is not the newest, Behind when less of a slab is held than `kept` says, DiskFull
   */
  revise(change: Change): Promise<void>;
  /** The last final revision and every one since, ascending. */
  receipts(deal: Hex): Promise<SignedRevision[]>;
  /** How many {@link receipts} there are. */
  receiptCount(deal: Hex): Promise<number>;
  newest(deal: Hex): Promise<SignedRevision | undefined>;
  receipt(deal: Hex, number: bigint): Promise<SignedRevision | undefined>;
  /** The head that the newest revision binds; empty before the first. */
  head(deal: Hex): Promise<Uint8Array>;
  /** Sector roots in order, 24 bytes each, at a revision that {@link receipts} has. */
  roots(deal: Hex, number: bigint): Promise<Uint8Array[]>;
  /** Sectors `from` to at most `from + limit - 1` in order, at a revision that {@link receipts} has. */
  sectors(deal: Hex, number: bigint, from: number, limit: number): Promise<Sector[]>;
  /** Where the newest revision holds a slab. */
  find(deal: Hex, slab: SlabId): Promise<{ readonly index: number; readonly sector: Sector } | undefined>;
  /** A revision is final on chain: forgets those before it, and frees what only they held. @returns false: not known */
  finalize(deal: Hex, number: bigint): Promise<boolean>;

  readAccounts(): Promise<ReadAccount[]>;
  capabilities(): Promise<CapabilityUse[]>;
  /** Forgets capabilities that ended before `before` (unix seconds). */
  forgetCapabilities(before: number): Promise<void>;
  /** Replaces accounts and uses of the same key, all or none. */
  saveReads(accounts: readonly ReadAccount[], uses: readonly CapabilityUse[]): Promise<void>;

  usage(): Usage;
  close(): Promise<void>;
}

/** Bytes that a revision holds are not on the disk any more: that sector can neither be read nor proved here. */
export class SectorLostError extends Error {
  readonly code = "SECTOR_LOST";
  readonly deal: Hex;
  readonly slab: SlabId;
  readonly file: string;

  constructor(deal: Hex, slab: SlabId, file: string, reason: string) {
    super(
      `deal ${deal} has lost slab ${slab.lane.toString(16)}-${slab.sequence} (${file}: ${reason}): restore the file, ` +
        "or give the deal up before its misses cost more",
    );
    this.name = "SectorLostError";
    this.deal = deal;
    this.slab = slab;
    this.file = file;
  }
}

/** The disk or the database failed in a step other than for want of space: nothing of that step counts. */
export class StorageFailure extends Error {
  readonly code = "STORAGE_FAILURE";
  readonly step: string;

  constructor(step: string, cause: unknown) {
    super(
      `${step} failed: ${cause instanceof Error ? cause.message : cause}; check the disk, then send the same again`,
      {
        cause,
      },
    );
    this.name = "StorageFailure";
    this.step = step;
  }
}
