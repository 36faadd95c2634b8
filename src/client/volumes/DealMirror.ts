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

/** A revision that was signed, and may have been sent. */
export interface Pending {
  readonly previousNumber: bigint;
  readonly revision: Revision;
  readonly fills: readonly Fill[];
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
  number = 0n;
  /** SHA-256 of the head that the newest revision binds. */
  head: Hash = `0x${"00".repeat(32)}`;

  constructor(database: Database, deal: Deal) {
    this.#database = database;
    this.deal = deal;
    this.reload();
  }

  /** Reads what is on disk, which is what counts. */
  reload(): void {
    const state = this.#database.get<{ number: string; head: Uint8Array }>(
      "SELECT number, head FROM deal WHERE id = ?",
      this.deal.id,
    )!;
    this.number = BigInt(state.number);
    this.head = bytesToHex(state.head);
    const rows = this.#database.all<SectorRow>(
      "SELECT idx, slab, length, root FROM sector WHERE deal = ? ORDER BY idx",
      this.deal.id,
    );
    this.#tree = DealTree.of(rows.map(({ root }) => root));
    this.#held = new Map(
      rows.map(({ idx, slab, length, root }) => [slabName(Slab.idFromBytes(slab)), { index: idx, length, root }]),
    );
  }

  get sectors(): number {
    return this.#tree.sectors;
  }

  held(slab: Slab.SlabId): Held | undefined {
    return this.#held.get(slabName(slab));
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
      fills: decodeFills(row.operations),
      headBytes: row.head_bytes,
      clientSignature: row.signature,
    };
  }

  /** The revision, not signed yet, that the fills and a head lead to from here. */
  next(fills: readonly Fill[], headBytes: Uint8Array, number: bigint): Revision {
    const tree = this.#tree.clone();
    for (const { slab, root } of fills) {
      const held = this.held(slab);
      if (held) tree.fill(held.index, root);
      else tree.append(root);
    }
    const head = headHash(headBytes);
    return { deal: this.deal.id, number, root: bytesToHex(tree.root), sectors: tree.sectors, head };
  }

  operations(fills: readonly Fill[]): Operation[] {
    return fills.map(({ slab, length }) => ({ op: this.held(slab) ? "grow" : "add", slab, length }));
  }

  /** Records a signed revision: on disk before it is sent. */
  begin(revision: Revision, fills: readonly Fill[], headBytes: Uint8Array, clientSignature: Hex): void {
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
      encodeFills(fills),
      clientSignature,
    );
  }

  /** The provider countersigned the one under way. */
  confirm({ revision, fills, clientSignature }: Pending, providerSignature: Hex): void {
    this.#database.transaction(() => {
      for (const fill of fills) {
        const index = this.held(fill.slab)?.index ?? this.#tree.sectors;
        if (index === this.#tree.sectors) this.#tree.append(fill.root);
        else this.#tree.fill(index, fill.root);
        this.#held.set(slabName(fill.slab), { index, length: fill.length, root: fill.root });
        this.#writeSector(index, fill);
      }
      this.#writeRevision({ revision, clientSignature, providerSignature });
      this.#database.run("DELETE FROM pending WHERE deal = ?", this.deal.id);
    });
    this.number = revision.number;
    this.head = revision.head;
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

function encodeFills(fills: readonly Fill[]): string {
  return JSON.stringify(
    fills.map(({ slab, length, root }) => [bytesToHex(Slab.idBytes(slab)), length, bytesToHex(root)]),
  );
}

function decodeFills(text: string): Fill[] {
  return (JSON.parse(text) as [Hex, number, Hex][]).map(([slab, length, root]) => ({
    slab: Slab.idFromBytes(hexToBytes(slab)),
    length,
    root: hexToBytes(root),
  }));
}
