/**
 * Moves deals from one countersigned revision to the next. The client signs first; the provider follows the operations
 * on what it stores itself, and signs only a root that it would have to prove. The same request gets the same answer.
 */
import { createHash } from "node:crypto";
import { bytesToHex, type Hex } from "viem";
import { BLOCK_BYTES, BLOCKS_PER_SECTOR, CHUNK_BYTES, DealTree, SECTOR_BYTES, SectorTree } from "../../codec/index.ts";
import { idBytes, type SlabId } from "../../codec/Slab.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Operation, Revision, SignedRevision } from "../../protocol/Messages.ts";
import {
  MAX_NUMBER,
  type Market,
  requireSigner,
  revisionDigest,
  type Signer,
  signDigest,
} from "../../protocol/TypedData.ts";
import type { RequestOf } from "../../protocol/Verbs.ts";
import type { Change, Kept, Sector, Store } from "../storage/Store.ts";
import { Turns } from "../Turns.ts";
import type { DealBook, KnownDeal } from "./DealBook.ts";

/** A deal may be this many revisions ahead of the chain: each costs a row until the next commit is final. */
const MAX_UNCOMMITTED = 16_384;
const COMMIT_WAIT_MS = 60_000;
/** Newest trees of so many sectors in all are remembered: 64 bytes each. */
const MAX_REMEMBERED_SECTORS = 2 ** 22;

const emptyNodes = SectorTree.blockNodes(new Uint8Array(0));

export class Revisions {
  readonly #market: Market;
  readonly #signer: Signer;
  readonly #store: Store;
  readonly #book: DealBook;
  readonly #turns = new Turns();
  /** Of the newest revisions; one that is being changed belongs to whoever has the deal's turn. */
  readonly #trees = new Map<Hex, { readonly number: bigint; readonly tree: DealTree }>();

  constructor(market: Market, signer: Signer, store: Store, book: DealBook) {
    this.#market = market;
    this.#signer = signer;
    this.#store = store;
    this.#book = book;
  }

  /**
   * The provider's signature over a revision that is on the disk.
   * @throws NotOpen, BadSignature, Conflict, CapacityExceeded, BadOperation, RootMismatch, HeadMismatch, Behind, DiskFull
   */
  async revise(request: RequestOf<"revise">): Promise<Hex> {
    const { revision, clientSignature, headBytes } = request;
    const { record } = await this.#book.require(revision.deal);
    const digest = revisionDigest(this.#market, revision);
    await requireSigner("revision", digest, clientSignature, record.clientSigner);
    const head = bytesToHex(createHash("sha256").update(headBytes).digest());
    if (head !== revision.head)
      throw new SubletException({ code: "HeadMismatch", expected: revision.head, actual: head });
    return this.#turns.take(revision.deal, async () => {
      const done = await this.#store.receipt(revision.deal, revision.number);
      if (done) return this.#repeated(done, revision);
      return this.#next(await this.#book.requireLive(revision.deal), request, digest);
    });
  }

  /** The siblings of a sector and the number of the newest revision. @throws OutOfRange */
  async paths(deal: Hex, sector: number): Promise<{ number: bigint; siblings: Uint8Array }> {
    return this.#turns.take(deal, async () => {
      const { number, tree } = await this.#newestTree(deal, await this.#store.newest(deal));
      if (sector >= tree.sectors) {
        const [most, actual] = [BigInt(tree.sectors) - 1n, BigInt(sector)];
        throw new SubletException({ code: "OutOfRange", what: "the sector", least: 0n, most, actual });
      }
      return { number, siblings: Buffer.concat(tree.siblings(sector)) };
    });
  }

  async #repeated(done: SignedRevision, revision: Revision): Promise<Hex> {
    if (same(done.revision, revision)) return done.providerSignature;
    const newest = await this.#store.newest(revision.deal);
    throw new SubletException({ code: "Conflict", ...(newest && { newest }) });
  }

  async #next(known: KnownDeal, request: RequestOf<"revise">, digest: Hex): Promise<Hex> {
    const { revision, previousNumber, operations, clientSignature, headBytes } = request;
    const newest = await this.#store.newest(revision.deal);
    if (previousNumber !== (newest?.revision.number ?? 0n)) {
      throw new SubletException({ code: "Conflict", ...(newest && { newest }) });
    }
    requireNumber(revision.number, previousNumber, known.onChain.number);
    this.#requireCapacity(known, revision.sectors);
    if ((await this.#store.receiptCount(revision.deal)) > MAX_UNCOMMITTED) {
      const what = "revisions ahead of the chain (commit one)";
      throw new SubletException({ code: "RateLimited", what, retryAfterMs: COMMIT_WAIT_MS });
    }
    const { tree } = await this.#newestTree(revision.deal, newest);
    const draft = new Draft(this.#store, revision.deal, previousNumber, tree);
    try {
      for (const [index, operation] of operations.entries()) await draft.apply(index, operation);
      draft.requireResult(revision, operations.length);
      const providerSignature = await signDigest(this.#signer, digest);
      const receipt = { revision, clientSignature, providerSignature };
      await this.#store.revise(draft.change(receipt, headBytes));
      this.#remember(revision.deal, revision.number, tree);
      return providerSignature;
    } catch (error) {
      draft.undo();
      throw error;
    }
  }

  #requireCapacity({ record, onChain }: KnownDeal, sectors: number): void {
    const { capacity, minSectors, rate, escrow, stopAt, settledThrough } = onChain;
    if (sectors > capacity) throw new SubletException({ code: "CapacityExceeded", capacity, sectors });
    // A revision that the escrow does not pay for to the deal's end could never be committed.
    const { epoch } = this.#book;
    const bill = (held: number, epochs: number): bigint => {
      return BigInt(Math.max(held, minSectors)) * rate * BigInt(Math.max(0, epochs));
    };
    const due = bill(onChain.sectors, epoch - 1 - settledThrough);
    const needed = bill(sectors, stopAt - epoch);
    if (escrow >= due + needed) return;
    const state = `not funded for ${sectors} sectors to its end (${due + needed - escrow} ledger units short: top it up)`;
    throw new SubletException({ code: "NotOpen", deal: record.id, state });
  }

  async #newestTree(deal: Hex, newest: SignedRevision | undefined): Promise<{ number: bigint; tree: DealTree }> {
    const number = newest?.revision.number ?? 0n;
    const known = this.#trees.get(deal);
    if (known?.number === number) return known;
    const tree = DealTree.of(newest ? await this.#store.roots(deal, number) : []);
    this.#remember(deal, number, tree);
    return { number, tree };
  }

  #remember(deal: Hex, number: bigint, tree: DealTree): void {
    this.#trees.delete(deal);
    this.#trees.set(deal, { number, tree });
    let sectors = 0;
    for (const one of this.#trees.values()) sectors += one.tree.sectors;
    for (const [old, one] of this.#trees) {
      if (sectors <= MAX_REMEMBERED_SECTORS || old === deal) break;
      this.#trees.delete(old);
      sectors -= one.tree.sectors;
    }
  }
}

/** Operations followed on a tree, which can be taken back again, and what they change in the store. */
class Draft {
  readonly #store: Store;
  readonly #deal: Hex;
  readonly #previous: bigint;
  readonly #tree: DealTree;
  readonly #undo: (() => void)[] = [];
  readonly #places = new Map<number, Sector | null>();
  readonly #kept = new Map<string, Kept>();
  /** Where slabs are that these operations moved; null: dropped. */
  readonly #moved = new Map<string, number | null>();

  constructor(store: Store, deal: Hex, previous: bigint, tree: DealTree) {
    this.#store = store;
    this.#deal = deal;
    this.#previous = previous;
    this.#tree = tree;
  }

  async apply(index: number, operation: Operation): Promise<void> {
    const bad = (reason: string): never => {
      throw new SubletException({ code: "BadOperation", index, reason });
    };
    if (operation.op === "drop") {
      if (operation.index >= this.#tree.sectors) bad(`there is no sector ${operation.index} of ${this.#tree.sectors}`);
      return this.#drop(operation.index);
    }
    const { slab, length } = operation;
    if (length === 0 || length > SECTOR_BYTES || length % CHUNK_BYTES !== 0) bad(`no sector is ${length} bytes long`);
    const at = await this.#find(slab);
    if (operation.op === "add") {
      if (at !== null) bad(`the slab is in sector ${at} already`);
      return this.#set(this.#tree.sectors, await this.#fill(slab, length));
    }
    if (at === null) return bad("no sector holds the slab");
    const before = await this.#at(at);
    if (length <= before.length) bad(`the sector has ${before.length} bytes already`);
    return this.#set(at, await this.#fill(slab, length));
  }

  /** @throws BadOperation, RootMismatch unless the operations led to the revision */
  requireResult({ sectors, root }: Revision, operations: number): void {
    if (this.#tree.sectors !== sectors) {
      const reason = `all together lead to ${this.#tree.sectors} sectors, not to ${sectors}`;
      throw new SubletException({ code: "BadOperation", index: operations, reason });
    }
    const actual = bytesToHex(this.#tree.root);
    if (actual !== root) throw new SubletException({ code: "RootMismatch", expected: root, actual });
  }

  change(receipt: SignedRevision, head: Uint8Array): Change {
    return { previous: this.#previous, receipt, head, places: this.#places, kept: [...this.#kept.values()] };
  }

  undo(): void {
    for (const step of this.#undo.reverse()) step();
  }

  async #drop(index: number): Promise<void> {
    const tree = this.#tree;
    const last = tree.sectors - 1;
    const gone = await this.#at(index);
    const mover = await this.#at(last);
    tree.drop(index);
    this.#undo.push(() => {
      tree.append(mover.root);
      if (index < last) tree.fill(index, gone.root);
    });
    this.#moved.set(keyOf(gone.slab), null);
    this.#kept.delete(keyOf(gone.slab));
    this.#places.set(last, null);
    if (index === last) return;
    this.#moved.set(keyOf(mover.slab), index);
    this.#places.set(index, mover);
  }

  #set(index: number, sector: Sector): void {
    const tree = this.#tree;
    if (index === tree.sectors) {
      tree.append(sector.root);
      this.#undo.push(() => tree.drop(index));
    } else {
      const before = tree.sectorRoot(index);
      tree.fill(index, sector.root);
      this.#undo.push(() => tree.fill(index, before));
    }
    this.#moved.set(keyOf(sector.slab), index);
    this.#places.set(index, sector);
  }

  async #at(index: number): Promise<Sector> {
    return this.#places.get(index) ?? (await this.#store.sectors(this.#deal, this.#previous, index, 1))[0]!;
  }

  async #find(slab: SlabId): Promise<number | null> {
    const moved = this.#moved.get(keyOf(slab));
    if (moved !== undefined) return moved;
    return (await this.#store.find(this.#deal, slab))?.index ?? null;
  }

  /** The sector that the first `length` bytes held of a slab make, hashing only blocks that are new. */
  async #fill(slab: SlabId, length: number): Promise<Sector> {
    const held = await this.#store.heldBytes(this.#deal, slab);
    if (held < length) throw new SubletException({ code: "Behind", length: held });
    const kept = this.#kept.get(keyOf(slab)) ?? (await this.#store.kept(this.#deal, slab));
    if (kept && length < kept.length) {
      this.#kept.set(keyOf(slab), kept);
      return { slab, length, root: SectorTree.root(await this.#store.read(this.#deal, slab, 0, length)) };
    }
    const firstBlock = Math.min(Math.floor((kept?.length ?? 0) / BLOCK_BYTES), BLOCKS_PER_SECTOR - 1);
    const offset = firstBlock * BLOCK_BYTES;
    const bytes = await this.#store.read(this.#deal, slab, offset, length - offset);
    const blockNodes = SectorTree.withBlocks(kept?.blockNodes ?? emptyNodes, firstBlock, bytes);
    this.#kept.set(keyOf(slab), { slab, length, blockNodes });
    return { slab, length, root: SectorTree.rootOfBlockNodes(blockNodes) };
  }
}

function requireNumber(number: bigint, previous: bigint, committed: bigint): void {
  const least = (previous > committed ? previous : committed) + 1n;
  const most = MAX_NUMBER;
  if (number >= least && number <= most) return;
  throw new SubletException({ code: "OutOfRange", what: "the number of the revision", least, most, actual: number });
}

function same(a: Revision, b: Revision): boolean {
  return a.number === b.number && a.root === b.root && a.sectors === b.sectors && a.head === b.head;
}

function keyOf(slab: SlabId): string {
  return Buffer.from(idBytes(slab)).toString("hex");
}
