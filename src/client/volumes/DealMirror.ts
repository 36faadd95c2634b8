/**
 * What one provider has countersigned: the sectors of its deal in order, the newest revision, and the one under way, if
 * any. The deal's next root is computed from here. A signed revision is recorded before it is sent; until its outcome is
 * known, no other one is signed for this deal: the same is sent again, or, once a newer one is found there, its number
 * is left out.
 */
import { createHash } from "node:crypto";
import { bytesToHex, type Hash, type Hex, hexToBytes } from "viem";
import { DealTree, Slab } from "../../codec/index.ts";
import type { Operation, Revision, SignedRevision } from "../../protocol/Messages.ts";
import { slabName } from "../catalogue/Catalogue.ts";
import type { Database } from "../home/Database.ts";
import type { Deal } from "./Volume.ts";

/** A sector as it is to become: `length` bytes of a slab, whose root at this position then is `root`. */
export interface Fill {
  readonly slab: Slab.SlabId;
  readonly length: number;
  readonly root: Uint8Array;
}

/** A sector as the provider countersigned it. */
export interface Held {
  readonly index: number;
  readonly length: number;
  readonly root: Uint8Array;
}

/** From one revision to the next: slabs that go, then sectors that are added or grow. */
export interface Change {
  readonly drops: readonly Slab.SlabId[];
  readonly fills: readonly Fill[];
}

/** A revision that was signed, and may have been sent. */
export interface Pending {
  readonly previousNumber: bigint;
  readonly revision: Revision;
  readonly change: Change;
  readonly headBytes: Uint8Array;
  readonly clientSignature: Hex;
}

export interface Listed {
  readonly slab: Slab.SlabId;
  readonly length: number;
  readonly root: Hex;
}

interface SectorRow {
  idx: number;
  slab: Uint8Array;
  length: number;
  root: Uint8Array;
}

interface PendingRow {
  previous: string;
  number: string;
  root: Uint8Array;
  sectors: number;
  head: Uint8Array;
  head_bytes: Uint8Array;
  operations: string;
  signature: Hex;
}

/** What a revision binds a head by. */
export function headHash(headBytes: Uint8Array): Hash {
  return bytesToHex(createHash("sha256").update(headBytes).digest());
}

export class DealMirror {
  readonly deal: Deal;
  readonly #database: Database;
  #tree = new DealTree();
  #held = new Map<string, Held>();
  /** Slabs in the order of their sectors. */
  #order: Slab.SlabId[] = [];
  number = 0n;
  /** The highest number that was ever signed for this deal here, whatever became of it. */
  signed = 0n;
  /** SHA-256 of the head that the newest revision binds. */
  head: Hash = `0x${"00".repeat(32)}`;

  constructor(database: Database, deal: Deal) {
    this.#database = database;
    this.deal = deal;
    this.reload();
  }

  /** Reads what is on disk, which is what counts. */
  reload(): void {
    const state = this.#database.get<{ number: string; signed: string; head: Uint8Array }>(
      "SELECT number, signed, head FROM deal WHERE id = ?",
      this.deal.id,
    )!;
    this.number = BigInt(state.number);
    this.signed = BigInt(state.signed);
    this.head = bytesToHex(state.head);
    const rows = this.#database.all<SectorRow>(
      "SELECT idx, slab, length, root FROM sector WHERE deal = ? ORDER BY idx",
      this.deal.id,
    );
    this.#tree = DealTree.of(rows.map(({ root }) => root));
    this.#order = rows.map(({ slab }) => Slab.idFromBytes(slab));
    this.#held = new Map(
      rows.map(({ idx, slab, length, root }) => [slabName(Slab.idFromBytes(slab)), { index: idx, length, root }]),
    );
  }

  /** No number up to here is signed again. */
  get highest(): bigint {
    if (this.signed < this.number) return this.number;
    return this.signed;
  }

  get sectors(): number {
    return this.#tree.sectors;
  }

  held(slab: Slab.SlabId): Held | undefined {
    return this.#held.get(slabName(slab));
  }

  /** Slabs that the provider has countersigned, in the order of their sectors. */
  get slabs(): readonly Slab.SlabId[] {
    return this.#order;
  }

  /** Whether another device moved the deal on to what a provider says is newest. */
  lags(newest: SignedRevision | undefined): newest is SignedRevision {
    if (!newest || newest.revision.number <= this.number) return false;
    return newest.revision.number !== this.pending()?.revision.number;
  }

  pending(): Pending | undefined {
    const row = this.#database.get<PendingRow>("SELECT * FROM pending WHERE deal = ?", this.deal.id);
    if (!row) return undefined;
    return {
      previousNumber: BigInt(row.previous),
      revision: {
        deal: this.deal.id,
        number: BigInt(row.number),
        root: bytesToHex(row.root),
        sectors: row.sectors,
        head: bytesToHex(row.head),
      },
      change: decodeChange(row.operations),
      headBytes: row.head_bytes,
      clientSignature: row.signature,
    };
  }

  /** The revision, not signed yet, that a change and a head lead to from here. */
  next(change: Change, headBytes: Uint8Array, number: bigint): Revision {
    const tree = this.#tree.clone();
    walkDrops(this.#order, change.drops, (index) => tree.drop(index));
    const indexes = change.drops.length > 0 ? this.#afterDrops(change) : undefined;
    for (const { slab, root } of change.fills) {
      const index = indexes ? indexes.get(slabName(slab)) : this.held(slab)?.index;
      if (index === undefined) tree.append(root);
      else tree.fill(index, root);
    }
    const head = headHash(headBytes);
    return { deal: this.deal.id, number, root: bytesToHex(tree.root), sectors: tree.sectors, head };
  }

  operations({ drops, fills }: Change): Operation[] {
    const dropped: Operation[] = [];
    walkDrops(this.#order, drops, (index) => dropped.push({ op: "drop", index }));
    return [
      ...dropped,
      ...fills.map(({ slab, length }) => ({
        op: this.held(slab) ? ("grow" as const) : ("add" as const),
        slab,
        length,
      })),
    ];
  }

  /** Records a signed revision: on disk before it is sent. */
  begin(revision: Revision, change: Change, headBytes: Uint8Array, clientSignature: Hex): void {
    this.#database.transaction(() => {
      this.#database.run(
        `INSERT INTO pending (deal, previous, number, root, sectors, head, head_bytes, operations, signature)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        this.deal.id,
        `${this.number}`,
        `${revision.number}`,
        hexToBytes(revision.root),
        revision.sectors,
        hexToBytes(revision.head),
        headBytes,
        encodeChange(change),
        clientSignature,
      );
      this.#database.run("UPDATE deal SET signed = ? WHERE id = ?", `${revision.number}`, this.deal.id);
    });
    this.signed = revision.number;
  }

  /** The provider countersigned the one under way. */
  confirm({ revision, change, clientSignature }: Pending, providerSignature: Hex): void {
    this.#database.transaction(() => {
      walkDrops(this.#order, change.drops, (index, last) => {
        this.#database.run("DELETE FROM sector WHERE deal = ? AND idx = ?", this.deal.id, index);
        if (index === last) return;
        this.#database.run("UPDATE sector SET idx = ? WHERE deal = ? AND idx = ?", index, this.deal.id, last);
      });
      const indexes = this.#afterDrops(change);
      for (const fill of change.fills) {
        const name = slabName(fill.slab);
        const index = indexes.get(name) ?? indexes.size;
        indexes.set(name, index);
        this.#writeSector(index, fill);
      }
      this.#writeRevision({ revision, clientSignature, providerSignature });
      this.#database.run("DELETE FROM pending WHERE deal = ?", this.deal.id);
    });
    this.#apply(change);
    this.number = revision.number;
    this.head = revision.head;
  }

  /** The same in memory, once it is on disk. */
  #apply({ drops, fills }: Change): void {
    walkDrops(this.#order, drops, (index) => this.#tree.drop(index));
    if (drops.length > 0) {
      const dropped = new Set(drops.map(slabName));
      this.#order = orderAfter(this.#order, drops);
      for (const name of dropped) this.#held.delete(name);
      for (const [index, slab] of this.#order.entries()) {
        const name = slabName(slab);
        this.#held.set(name, { ...this.#held.get(name)!, index });
      }
    }
    for (const { slab, length, root } of fills) {
      const index = this.held(slab)?.index ?? this.#tree.sectors;
      if (index === this.#tree.sectors) {
        this.#tree.append(root);
        this.#order.push(slab);
      } else this.#tree.fill(index, root);
      this.#held.set(slabName(slab), { index, length, root });
    }
  }

  #afterDrops({ drops }: Change): Map<string, number> {
    return new Map(orderAfter(this.#order, drops).map((slab, index) => [slabName(slab), index]));
  }

  /**
   * Takes the provider's own word for the deal's sectors: its list, which must have the root of a revision that this
   * client signed. What was under way is given up, and so is its number.
   * @throws Error when the list does not lead to that revision
   */
  adopt(newest: SignedRevision, list: readonly Listed[]): void {
    const tree = DealTree.of(list.map(({ root }) => hexToBytes(root)));
    if (list.length !== newest.revision.sectors || bytesToHex(tree.root) !== newest.revision.root) {
      throw new Error(
        `a list of ${list.length} sectors that does not have the root of revision ${newest.revision.number}`,
      );
    }
    this.#database.transaction(() => {
      this.#database.run("DELETE FROM sector WHERE deal = ?", this.deal.id);
      for (const [index, { slab, length, root }] of list.entries()) {
        this.#writeSector(index, { slab, length, root: hexToBytes(root) });
      }
      this.#writeRevision(newest);
      this.#database.run("DELETE FROM pending WHERE deal = ?", this.deal.id);
    });
    this.reload();
  }

  #writeSector(index: number, { slab, length, root }: Fill): void {
    this.#database.run(
      "INSERT OR REPLACE INTO sector (deal, idx, slab, length, root) VALUES (?, ?, ?, ?, ?)",
      this.deal.id,
      index,
      Slab.idBytes(slab),
      length,
      root,
    );
  }

  #writeRevision({ revision, clientSignature, providerSignature }: SignedRevision): void {
    this.#database.run(
      "UPDATE deal SET number = ?, root = ?, head = ?, client_signature = ?, provider_signature = ? WHERE id = ?",
      `${revision.number}`,
      hexToBytes(revision.root),
      hexToBytes(revision.head),
      clientSignature,
      providerSignature,
      this.deal.id,
    );
  }
}

/** What the order of sectors is after drops: the last one takes the place of each. */
function orderAfter(order: readonly Slab.SlabId[], drops: readonly Slab.SlabId[]): Slab.SlabId[] {
  return walkDrops(order, drops, () => {});
}

/** Tells of each drop which sector goes, and which is the last one by then, if the slab is there at all. */
function walkDrops(
  order: readonly Slab.SlabId[],
  drops: readonly Slab.SlabId[],
  visit: (index: number, last: number) => void,
): Slab.SlabId[] {
  const left = [...order];
  if (drops.length === 0) return left;
  const indexes = new Map(left.map((slab, index) => [slabName(slab), index]));
  for (const name of drops.map(slabName)) {
    const index = indexes.get(name);
    if (index === undefined) continue;
    const last = left.length - 1;
    visit(index, last);
    const moved = left.pop()!;
    indexes.delete(name);
    if (index === last) continue;
    left[index] = moved;
    indexes.set(slabName(moved), index);
  }
  return left;
}

function encodeChange({ drops, fills }: Change): string {
  return JSON.stringify({
    drops: drops.map((slab) => bytesToHex(Slab.idBytes(slab))),
    fills: fills.map(({ slab, length, root }) => [bytesToHex(Slab.idBytes(slab)), length, bytesToHex(root)]),
  });
}

function decodeChange(text: string): Change {
  const { drops, fills } = JSON.parse(text) as { drops: Hex[]; fills: [Hex, number, Hex][] };
  return {
    drops: drops.map((slab) => Slab.idFromBytes(hexToBytes(slab))),
    fills: fills.map(([slab, length, root]) => ({
      slab: Slab.idFromBytes(hexToBytes(slab)),
      length,
      root: hexToBytes(root),
    })),
  };
}
