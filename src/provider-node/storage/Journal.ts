/**
 * Deals, revisions and what each of them holds, in SQLite. A deal's revisions are steps 1, 2, 3 ...; a place in its list is
 * kept for the steps [since, until) in which it held one sector at one length, so that every revision since the last final
 * one can be listed and proved, however many there are.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Address, Hex } from "viem";
import { bytesToHex, getAddress, hexToBytes } from "viem";
import { idBytes, idFromBytes, type SlabId } from "../../codec/Slab.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { SignedRevision } from "../../protocol/Messages.ts";
import type { Located } from "./SectorFiles.ts";
import type { Share } from "./Space.ts";
import type { CapabilityUse, Change, DealRecord, Kept, ReadAccount, Sector } from "./Store.ts";

const STILL = Number.MAX_SAFE_INTEGER;

interface Freed extends Located {
  readonly slab: SlabId;
}

/** A folder besides the store's own, as it was last seen. */
export interface KnownFolder {
  readonly key: number;
  readonly id: Hex;
  readonly path: string;
  /** Its sectors are lost for good. */
  readonly givenUp: boolean;
}

type Row = Record<string, SQLOutputValue>;

export class Journal {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Runs `write` as one transaction: on the disk when it returns, or nothing of it. */
  transaction<Result>(write: () => Result): Result {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = write();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  // ---------------------------------------------------------------- deals

  addDeal(deal: DealRecord): void {
    this.#run(
      "INSERT INTO deal (id, slot, client, client_signer, volume, position, k, n, egress_rate)" +
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      ...[hexToBytes(deal.id), deal.slot, hexToBytes(deal.client), hexToBytes(deal.clientSigner), uint(deal.volume, 8)],
      ...[deal.position, deal.k, deal.n, uint(deal.egressRate, 16)],
    );
  }

  deals(): DealRecord[] {
    return this.#all("SELECT * FROM deal ORDER BY key").map((row) => ({
      id: hex(row.id),
      slot: Number(row.slot),
      client: addressOf(row.client),
      clientSigner: addressOf(row.client_signer),
      volume: BigInt(hex(row.volume)),
      position: Number(row.position),
      k: Number(row.k),
      n: Number(row.n),
      egressRate: BigInt(hex(row.egress_rate)),
    }));
  }

  removeDeal(deal: Hex): void {
    this.#run("DELETE FROM deal WHERE id = ?", hexToBytes(deal));
  }

  cursor(): bigint {
    return BigInt(Number(this.#get("SELECT block FROM cursor")?.block ?? 0));
  }

  saveCursor(block: bigint): void {
    this.#run("INSERT OR REPLACE INTO cursor VALUES (1, ?)", block);
  }

  // ---------------------------------------------------------------- kept bytes

  /** How much is kept of a slab, and where. */
  located(deal: Hex, slab: SlabId): Located | undefined {
    const sql = `SELECT length, folder FROM kept WHERE ${OF_DEAL} AND slab = ?`;
    const row = this.#get(sql, hexToBytes(deal), idBytes(slab));
    return row && { length: Number(row.length), folder: Number(row.folder) };
  }

  /** What is kept in each folder, of one deal or of all. */
  shares(deal?: Hex): Share[] {
    const sum = "SELECT folder, total(length) AS bytes, count(*) AS slabs FROM kept";
    const rows = deal
      ? this.#all(`${sum} WHERE ${OF_DEAL} GROUP BY folder`, hexToBytes(deal))
      : this.#all(`${sum} GROUP BY folder`);
    return rows.map(({ folder, bytes, slabs }) => {
      return { folder: Number(folder), bytes: Number(bytes), slabs: Number(slabs) };
    });
  }

  kept(deal: Hex, slab: SlabId): Kept | undefined {
    const row = this.#get(`SELECT * FROM kept WHERE ${OF_DEAL} AND slab = ?`, hexToBytes(deal), idBytes(slab));
    return row && { slab, length: Number(row.length), blockNodes: row.block_nodes as Uint8Array };
  }

  // ---------------------------------------------------------------- folders

  folders(): KnownFolder[] {
    return this.#all("SELECT * FROM folder ORDER BY key").map((row) => ({
      ...{ key: Number(row.key), id: hex(row.id), path: String(row.path), givenUp: row.given_up === 1 },
    }));
  }

  addFolder(id: Hex, path: string): void {
    this.#run("INSERT INTO folder (id, path, given_up) VALUES (?, ?, 0)", hexToBytes(id), path);
  }

  /** Where it is now: a disk may be mounted elsewhere, and one that was given up may come back. */
  foundFolder(key: number, path: string): void {
    this.#run("UPDATE folder SET path = ?, given_up = 0 WHERE key = ?", path, key);
  }

  giveUpFolder(key: number): void {
    this.#run("UPDATE folder SET given_up = 1 WHERE key = ?", key);
  }

  // ---------------------------------------------------------------- revisions

  /**
   * `folderOf`: where a slab lies. Call it inside a transaction: what it throws itself, it throws before it wrote anything.
   * @throws Conflict when `change.previous` is not the newest revision, Behind when a place holds more than is kept
   */
  revise(change: Change, folderOf: (slab: SlabId) => number): void {
    const { revision, clientSignature, providerSignature } = change.receipt;
    const newest = this.newest(revision.deal);
    if ((newest?.revision.number ?? 0n) !== change.previous)
      throw new SubletException({ code: "Conflict", ...(newest && { newest }) });
    this.#requireKept(change);
    const deal = this.#keyOf(revision.deal);
    const step = this.#lastStep(deal) + 1;
    this.#run(
      "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      ...[deal, step, uint(revision.number, 8), hexToBytes(revision.root), revision.sectors, hexToBytes(revision.head)],
      ...[hexToBytes(clientSignature), hexToBytes(providerSignature)],
    );
    this.#run("INSERT INTO head VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes", deal, change.head);
    for (const [place, sector] of change.places) {
      this.#run("UPDATE place SET until = ? WHERE deal = ? AND place = ? AND until = ?", step, deal, place, STILL);
      if (!sector) continue;
      this.#run(
        "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?, ?)",
        ...[deal, place, step, STILL, idBytes(sector.slab), sector.length, sector.root],
      );
    }
    for (const { slab, length, blockNodes } of change.kept) {
      this.#run(
        "INSERT INTO kept (deal, slab, length, block_nodes, folder) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE" +
          " SET length = excluded.length, block_nodes = excluded.block_nodes WHERE excluded.length > length",
        ...[deal, idBytes(slab), length, blockNodes, folderOf(slab)],
      );
    }
  }

  receipts(deal: Hex): SignedRevision[] {
    return this.#all(`SELECT * FROM revision WHERE ${OF_DEAL} ORDER BY step`, hexToBytes(deal)).map((row) =>
      receiptOf(deal, row),
    );
  }

  receiptCount(deal: Hex): number {
    const row = this.#get(`SELECT max(step) - min(step) + 1 AS count FROM revision WHERE ${OF_DEAL}`, hexToBytes(deal));
    return Number(row?.count ?? 0);
  }

  newest(deal: Hex): SignedRevision | undefined {
    const row = this.#get(`SELECT * FROM revision WHERE ${OF_DEAL} ORDER BY step DESC LIMIT 1`, hexToBytes(deal));
    return row && receiptOf(deal, row);
  }

  receipt(deal: Hex, number: bigint): SignedRevision | undefined {
    const row = this.#get(`SELECT * FROM revision WHERE ${OF_DEAL} AND number = ?`, hexToBytes(deal), uint(number, 8));
    return row && receiptOf(deal, row);
  }

  head(deal: Hex): Uint8Array {
    const row = this.#get(`SELECT bytes FROM head WHERE ${OF_DEAL}`, hexToBytes(deal));
    return (row?.bytes as Uint8Array | undefined) ?? new Uint8Array(0);
  }

  /** Sectors in order, at a revision. */
  sectors(deal: Hex, number: bigint, from: number, limit: number): Sector[] {
    const step = this.#stepOf(deal, number);
    if (step === undefined) return [];
    return this.#all(
      `SELECT slab, length, root FROM place WHERE ${OF_DEAL} AND place >= ? AND since <= ? AND until > ?` +
        " ORDER BY place LIMIT ?",
      ...[hexToBytes(deal), from, step, step, limit],
    ).map(sectorOf);
  }

  roots(deal: Hex, number: bigint): Uint8Array[] {
    const step = this.#stepOf(deal, number);
    if (step === undefined) return [];
    const sql = `SELECT root FROM place WHERE ${OF_DEAL} AND since <= ? AND until > ? ORDER BY place`;
    return this.#all(sql, hexToBytes(deal), step, step).map((row) => row.root as Uint8Array);
  }

  find(deal: Hex, slab: SlabId): { index: number; sector: Sector } | undefined {
    const sql = `SELECT place, slab, length, root FROM place WHERE ${OF_DEAL} AND slab = ? AND until = ?`;
    const row = this.#get(sql, hexToBytes(deal), idBytes(slab), STILL);
    return row && { index: Number(row.place), sector: sectorOf(row) };
  }

  /**
   * Forgets what came before a revision. Answers what is not kept any more, whole slabs; undefined when the revision
   * is not known. Call it inside a transaction.
   */
  finalize(deal: Hex, number: bigint): Freed[] | undefined {
    const step = this.#stepOf(deal, number);
    if (step === undefined) return undefined;
    const id = hexToBytes(deal);
    this.#run(`DELETE FROM revision WHERE ${OF_DEAL} AND step < ?`, id, step);
    const gone = this.#all(`SELECT DISTINCT slab FROM place WHERE ${OF_DEAL} AND until <= ?`, id, step);
    this.#run(`DELETE FROM place WHERE ${OF_DEAL} AND until <= ?`, id, step);
    const freed: Freed[] = [];
    for (const { slab } of gone) {
      const bytes = slab as Uint8Array;
      if (this.#get(`SELECT 1 FROM place WHERE ${OF_DEAL} AND slab = ? LIMIT 1`, id, bytes)) continue;
      const row = this.#get(`DELETE FROM kept WHERE ${OF_DEAL} AND slab = ? RETURNING length, folder`, id, bytes);
      freed.push({ slab: idFromBytes(bytes), length: Number(row!.length), folder: Number(row!.folder) });
    }
    return freed;
  }

  // ---------------------------------------------------------------- reads

  readAccounts(): ReadAccount[] {
    return this.#all("SELECT deal.id AS id, read_account.* FROM read_account JOIN deal ON deal.key = deal").map(
      (row) => ({
        deal: hex(row.id),
        signer: addressOf(row.signer),
        served: BigInt(hex(row.served)),
        cumulative: BigInt(hex(row.cumulative)),
        voucher: hex(row.voucher),
        redeemed: BigInt(hex(row.redeemed)),
      }),
    );
  }

  capabilities(): CapabilityUse[] {
    return this.#all("SELECT * FROM capability").map((row) => ({
      client: addressOf(row.client),
      id: addressOf(row.id),
      sentBytes: Number(row.sent_bytes),
      revoked: row.revoked === 1,
      until: Number(row.until),
    }));
  }

  forgetCapabilities(before: number): void {
    this.#run("DELETE FROM capability WHERE until < ?", before);
  }

  saveReads(accounts: readonly ReadAccount[], uses: readonly CapabilityUse[]): void {
    for (const { deal, signer, served, cumulative, voucher, redeemed } of accounts) {
      this.#run(
        "INSERT OR REPLACE INTO read_account SELECT key, ?, ?, ?, ?, ? FROM deal WHERE id = ?",
        ...[hexToBytes(signer), uint(served, 16), uint(cumulative, 16), hexToBytes(voucher), uint(redeemed, 16)],
        hexToBytes(deal),
      );
    }
    for (const { client, id, sentBytes, revoked, until } of uses) {
      this.#run(
        "INSERT OR REPLACE INTO capability VALUES (?, ?, ?, ?, ?)",
        ...[hexToBytes(client), hexToBytes(id), sentBytes, revoked ? 1 : 0, until],
      );
    }
  }

  // ---------------------------------------------------------------- statements

  /** A slab that was kept when the change was made may have been freed since, unless the change keeps it itself. */
  #requireKept({ receipt, places, kept }: Change): void {
    for (const sector of places.values()) {
      if (!sector || kept.some(({ slab }) => Buffer.compare(idBytes(slab), idBytes(sector.slab)) === 0)) continue;
      const { length = 0 } = this.located(receipt.revision.deal, sector.slab) ?? {};
      if (length < sector.length) throw new SubletException({ code: "Behind", length });
    }
  }

  #keyOf(deal: Hex): number {
    const row = this.#get("SELECT key FROM deal WHERE id = ?", hexToBytes(deal));
    if (!row) throw new SubletException({ code: "UnknownDeal", deal });
    return Number(row.key);
  }

  #lastStep(deal: number): number {
    return Number(this.#get("SELECT max(step) AS step FROM revision WHERE deal = ?", deal)?.step ?? 0);
  }

  #stepOf(deal: Hex, number: bigint): number | undefined {
    const row = this.#get(
      `SELECT step FROM revision WHERE ${OF_DEAL} AND number = ?`,
      hexToBytes(deal),
      uint(number, 8),
    );
    return row && Number(row.step);
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#prepared(sql).run(...values);
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}

/** Rows of the deal whose id is given. */
export const OF_DEAL = "deal = (SELECT key FROM deal WHERE id = ?)";

function receiptOf(deal: Hex, row: Row): SignedRevision {
  return {
    revision: {
      deal,
      number: BigInt(hex(row.number)),
      root: hex(row.root),
      sectors: Number(row.sectors),
      head: hex(row.head),
    },
    clientSignature: hex(row.client_signature),
    providerSignature: hex(row.provider_signature),
  };
}

function sectorOf(row: Row): Sector {
  return { slab: idFromBytes(row.slab as Uint8Array), length: Number(row.length), root: row.root as Uint8Array };
}

function hex(value: SQLOutputValue | undefined): Hex {
  return bytesToHex(value as Uint8Array);
}

function addressOf(value: SQLOutputValue | undefined): Address {
  return getAddress(hex(value));
}

/** Unsigned and big-endian, so that bytes sort as numbers do. */
function uint(value: bigint, bytes: number): Uint8Array {
  return hexToBytes(`0x${value.toString(16).padStart(2 * bytes, "0")}`);
}
