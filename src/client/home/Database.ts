/**
 * `drive.sqlite`: everything a drive knows, in one file, so that one transaction moves it from one true state to the
 * next. WAL with full syncs: a transaction that returned is on disk. Slab ids, object ids and salts are blobs; volumes
 * (u64), revision numbers (u64) and amounts (u128) are decimal text.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { SubletException } from "../../protocol/Errors.ts";

const VERSION = 2;
const IN_MEMORY = ":memory:";

const SCHEMA = `
-- Volumes and the deals that serve them.
CREATE TABLE volume (
  id TEXT PRIMARY KEY, k INTEGER NOT NULL, n INTEGER NOT NULL, capacity INTEGER NOT NULL,
  created INTEGER NOT NULL,
  open_slab BLOB                      -- the slab that small files still go into
) WITHOUT ROWID;
CREATE TABLE deal (
  id TEXT PRIMARY KEY, volume TEXT NOT NULL, position INTEGER NOT NULL, provider TEXT NOT NULL, slot INTEGER NOT NULL,
  rate TEXT NOT NULL, egress_rate TEXT NOT NULL, capacity INTEGER NOT NULL, min_sectors INTEGER NOT NULL,
  start_epoch INTEGER NOT NULL, end_epoch INTEGER NOT NULL, opened_block INTEGER NOT NULL,
  number TEXT NOT NULL DEFAULT '0', root BLOB NOT NULL, head BLOB NOT NULL,
  signed TEXT NOT NULL DEFAULT '0',   -- the highest number ever signed here: none is signed twice
  client_signature TEXT, provider_signature TEXT,
  paid TEXT NOT NULL DEFAULT '0',     -- the highest voucher signed, ledger units
  problem TEXT,                       -- what is known against its provider: a word
  retired INTEGER NOT NULL DEFAULT 0  -- stopped on chain, or replaced
) WITHOUT ROWID;
-- What each provider countersigned: its sectors in order.
CREATE TABLE sector (
  deal TEXT NOT NULL, idx INTEGER NOT NULL, slab BLOB NOT NULL, length INTEGER NOT NULL, root BLOB NOT NULL,
  PRIMARY KEY (deal, idx)
) WITHOUT ROWID;
CREATE UNIQUE INDEX sector_of_slab ON sector (slab, deal);
-- The one revision a deal may have under way: signed, maybe sent, no answer yet.
CREATE TABLE pending (
  deal TEXT PRIMARY KEY, previous TEXT NOT NULL, number TEXT NOT NULL, root BLOB NOT NULL, sectors INTEGER NOT NULL,
  head BLOB NOT NULL, head_bytes BLOB NOT NULL, operations TEXT NOT NULL, signature TEXT NOT NULL
) WITHOUT ROWID;
-- What providers announced on chain, read up to a block, so that no command reads the chain from its start again.
CREATE TABLE announcement (
  provider TEXT PRIMARY KEY, registered INTEGER NOT NULL, data BLOB     -- NULL: registered, nothing announced yet
) WITHOUT ROWID;
CREATE TABLE scanned (what TEXT PRIMARY KEY, block INTEGER NOT NULL) WITHOUT ROWID;

-- The catalogue. Rows whose segment is NULL are in no segment yet; their change is stored in their volume.
CREATE TABLE lane (
  id BLOB PRIMARY KEY, own INTEGER NOT NULL, sequence INTEGER NOT NULL, salt BLOB NOT NULL, sealed BLOB NOT NULL,
  next_slab INTEGER NOT NULL DEFAULT 0, last_stamp INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE segment (
  salt BLOB PRIMARY KEY, lane BLOB NOT NULL, ordinal INTEGER NOT NULL, level INTEGER NOT NULL, volume TEXT NOT NULL,
  length INTEGER NOT NULL,
  state TEXT NOT NULL,                -- 'journaled', then 'durable' (w providers have it), then 'published' (w heads name it)
  replaced_by BLOB                    -- the segment its rows went into
) WITHOUT ROWID;
CREATE TABLE name (
  path TEXT NOT NULL, stamp INTEGER NOT NULL, object BLOB, volume TEXT NOT NULL,
  visible INTEGER NOT NULL,           -- durable, named by heads
  segment BLOB, PRIMARY KEY (path, stamp)
) WITHOUT ROWID;
CREATE INDEX name_of_segment ON name (segment);
CREATE TABLE object (
  id BLOB PRIMARY KEY, length INTEGER NOT NULL, sha256 BLOB NOT NULL, volume TEXT NOT NULL, segment BLOB
) WITHOUT ROWID;
CREATE INDEX object_of_segment ON object (segment);
CREATE TABLE extent (
  owner BLOB NOT NULL, part INTEGER NOT NULL, slab BLOB NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
  PRIMARY KEY (owner, part)           -- owner: an object's id or a segment's salt
) WITHOUT ROWID;
CREATE INDEX extent_of_slab ON extent (slab);
CREATE TABLE slab (
  id BLOB PRIMARY KEY, volume TEXT NOT NULL, length INTEGER NOT NULL, roots BLOB NOT NULL, segment BLOB,
  journaled INTEGER NOT NULL          -- its bytes are in the journal
) WITHOUT ROWID;
CREATE INDEX slab_of_segment ON slab (segment);
CREATE INDEX slab_of_volume ON slab (volume, id);
`;

/** What version 2 added. Before, a removal itself had all versions forgotten. */
const SINCE_1 = `
CREATE TABLE forgotten (
  path TEXT PRIMARY KEY, stamp INTEGER NOT NULL, volume TEXT NOT NULL,
  visible INTEGER NOT NULL,           -- as for names; 2: by a head that this drive published, so it lets go of them
  segment BLOB
) WITHOUT ROWID;
CREATE INDEX forgotten_of_segment ON forgotten (segment);
CREATE INDEX name_of_object ON name (object);
INSERT INTO forgotten (path, stamp, volume, visible)
  SELECT path, max(stamp) - 1, volume, 0 FROM name WHERE object IS NULL AND visible = 1 GROUP BY path;
`;

export type Row = Record<string, unknown>;

export class Database {
  readonly #connection: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  /**
   * @param file none: in memory only
   * @throws SubletException StateCorrupt when the file is no database of this version
   */
  constructor(file?: string) {
    // SQLite gives its side files the mode of this one: names of files are their owner's business.
    if (file !== undefined) closeSync(openSync(file, "a", 0o600));
    this.#connection = new DatabaseSync(file ?? IN_MEMORY);
    try {
      this.#connection.exec("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
      this.transaction(() => this.#migrate(file ?? IN_MEMORY));
    } catch (cause) {
      this.#connection.close();
      if (SubletException.is(cause)) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SubletException({ code: "StateCorrupt", file: file ?? IN_MEMORY, reason }, { cause });
    }
  }

  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  get<Shape = Row>(sql: string, ...values: SQLInputValue[]): Shape | undefined {
    return this.#prepare(sql).get(...values) as Shape | undefined;
  }

  all<Shape = Row>(sql: string, ...values: SQLInputValue[]): Shape[] {
    return this.#prepare(sql).all(...values) as Shape[];
  }

  /** Row by row, for what may be too much to hold. Change nothing meanwhile. */
  each<Shape = Row>(sql: string, ...values: SQLInputValue[]): IterableIterator<Shape> {
    return this.#connection.prepare(sql).iterate(...values) as IterableIterator<Shape>;
  }

  /** All of `work` or nothing of it; on disk when this returns. Work inside work is part of the outer one. */
  transaction<Result>(work: () => Result): Result {
    if (this.#depth > 0) return work();
    this.#connection.exec("BEGIN IMMEDIATE");
    this.#depth++;
    try {
      const result = work();
      this.#connection.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec("ROLLBACK");
      throw error;
    } finally {
      this.#depth--;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#connection.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #migrate(file: string): void {
    const { user_version: version } = this.#connection.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version === VERSION) return;
    if (version > VERSION) {
      const reason = `it was written by another version (${version}, this one knows ${VERSION})`;
      throw new SubletException({ code: "StateCorrupt", file, reason });
    }
    if (version === 0) this.#connection.exec(SCHEMA);
    this.#connection.exec(SINCE_1);
    this.#connection.exec(`PRAGMA user_version = ${VERSION}`);
  }
}
