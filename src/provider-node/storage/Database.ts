/** The store's SQLite database: its tables, and the failures that mean something. */
import { DatabaseSync } from "node:sqlite";
import { SubletException } from "../../protocol/Errors.ts";

/** Its name in a data folder. */
export const STORE_FILE = "store.sqlite";

const VERSION = 2;

const schema = `
CREATE TABLE deal (
  key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, slot INTEGER NOT NULL, client BLOB NOT NULL,
  client_signer BLOB NOT NULL, volume BLOB NOT NULL, position INTEGER NOT NULL, k INTEGER NOT NULL, n INTEGER NOT NULL,
  egress_rate BLOB NOT NULL
) STRICT;
CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), block INTEGER NOT NULL) STRICT;
CREATE TABLE revision (
  deal INTEGER NOT NULL REFERENCES deal ON DELETE CASCADE, step INTEGER NOT NULL, number BLOB NOT NULL,
  root BLOB NOT NULL, sectors INTEGER NOT NULL, head BLOB NOT NULL, client_signature BLOB NOT NULL,
  provider_signature BLOB NOT NULL, PRIMARY KEY (deal, step), UNIQUE (deal, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE head (deal INTEGER PRIMARY KEY REFERENCES deal ON DELETE CASCADE, bytes BLOB NOT NULL) STRICT;
CREATE TABLE place (
  deal INTEGER NOT NULL REFERENCES deal ON DELETE CASCADE, place INTEGER NOT NULL, since INTEGER NOT NULL,
  until INTEGER NOT NULL, slab BLOB NOT NULL, length INTEGER NOT NULL, root BLOB NOT NULL,
  PRIMARY KEY (deal, place, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX place_by_slab ON place (deal, slab, until);
CREATE INDEX place_by_until ON place (deal, until);
CREATE TABLE kept (
  deal INTEGER NOT NULL REFERENCES deal ON DELETE CASCADE, slab BLOB NOT NULL, length INTEGER NOT NULL,
  block_nodes BLOB NOT NULL, PRIMARY KEY (deal, slab)
) STRICT, WITHOUT ROWID;
CREATE TABLE read_account (
  deal INTEGER NOT NULL REFERENCES deal ON DELETE CASCADE, signer BLOB NOT NULL, served BLOB NOT NULL,
  cumulative BLOB NOT NULL, voucher BLOB NOT NULL, redeemed BLOB NOT NULL, PRIMARY KEY (deal, signer)
) STRICT, WITHOUT ROWID;
CREATE TABLE capability (
  client BLOB NOT NULL, id BLOB NOT NULL, sent_bytes INTEGER NOT NULL, revoked INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (client, id)
) STRICT, WITHOUT ROWID;
`;

/** By version: what leads to it from the one before. Nothing of an older store is lost. */
const steps: Readonly<Record<number, string>> = {
  1: schema,
  2: `
    ALTER TABLE kept ADD COLUMN folder INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE folder (
      key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, path TEXT NOT NULL, given_up INTEGER NOT NULL
    ) STRICT;
  `,
};

/** The database at `path`, made ready. @throws SubletException HomeBusy, StateCorrupt */
export function openDatabase(path: string, Database: typeof DatabaseSync = DatabaseSync): DatabaseSync {
  const database = new Database(path, { enableForeignKeyConstraints: true });
  try {
    // Exclusive: two processes on one folder would each free what the other keeps.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    database.exec("BEGIN IMMEDIATE");
    const version = Number(database.prepare("PRAGMA user_version").get()!.user_version);
    for (let next = version + 1; next <= VERSION; next++) database.exec(steps[next]!);
    if (version < VERSION) database.exec(`PRAGMA user_version = ${VERSION}`);
    database.exec("COMMIT");
    if (version > VERSION) {
      throw new SubletException({
        code: "StateCorrupt",
        file: path,
        reason: `its version is ${version}, and this program knows them up to ${VERSION}`,
      });
    }
    return database;
  } catch (error) {
    database.close();
    if (isSqlite(error, SQLITE_BUSY)) throw new SubletException({ code: "HomeBusy", home: path }, { cause: error });
    if (isSqlite(error, SQLITE_CORRUPT) || isSqlite(error, SQLITE_NOTADB)) {
      throw new SubletException(
        { code: "StateCorrupt", file: path, reason: (error as Error).message },
        { cause: error },
      );
    }
    throw error;
  }
}

// ---------------------------------------------------------------- SQLite's own errors

export const SQLITE_BUSY = 5;
export const SQLITE_CORRUPT = 11;
export const SQLITE_FULL = 13;
export const SQLITE_NOTADB = 26;

/** Whether `error` is SQLite's, of that primary result code. */
export function isSqlite(error: unknown, primary: number): boolean {
  if (!(error instanceof Error) || !("errcode" in error)) return false;
  return (Number(error.errcode) & 0xff) === primary;
}
