/** What the tests load into a page: the library, and what they compare with the same on Node. */
import { randomBytes, randomInt } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { vectorFiles } from "../vectors/generate.ts";

export * from "../../src/client/index.ts";

/** SHA-256 of pieces that come one after another, in hex. */
export async function sha256(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", await joined(pieces))).toString("hex");
}

export async function hexOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  return (await joined(pieces)).toString("hex");
}

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Buffer<ArrayBuffer>> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

/** Every published vector of the codec, by its file's name. */
export function vectors(): Record<string, string> {
  return Object.fromEntries(vectorFiles());
}

/** What statements of the kinds that the client has bring back. */
export function statements(): unknown {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE t (id TEXT PRIMARY KEY, n INTEGER NOT NULL, b BLOB, s TEXT) WITHOUT ROWID");
  const insert = database.prepare("INSERT OR REPLACE INTO t (id, n, b, s) VALUES (?, ?, ?, ?)");
  const bytes = Uint8Array.of(0, 1, 255);
  const changes = [
    insert.run("a", 1, bytes, "1"),
    insert.run("b", 2 ** 45 + 1, null, "340282366920938463463374607431768211455"),
    insert.run("c", -(2 ** 33), new Uint8Array(0), "ü\u0000x"),
    insert.run("a", 7, bytes, null),
    database.prepare("UPDATE t SET n = n + 1 WHERE n > ?").run(2 ** 40),
  ].map((ran) => Number(ran.changes));
  database.exec("BEGIN IMMEDIATE");
  insert.run("d", 0, null, null);
  const during = [database.isTransaction, database.prepare("SELECT count(*) AS n FROM t").get()];
  database.exec("ROLLBACK");
  const failures = [
    () => database.prepare("SELECT nothing FROM t"),
    () => database.prepare("INSERT INTO t (id, n) VALUES (?, ?)").run("a", 1),
  ].map((work) => {
    try {
      return work() && "none";
    } catch {
      return "threw";
    }
  });
  const select = database.prepare("SELECT * FROM t WHERE n < ? ORDER BY id");
  const [first] = select.iterate(2 ** 50);
  const result = {
    ...{ changes, during, failures, after: database.isTransaction, first: plain(first) },
    all: select.all(2 ** 50).map(plain),
    none: select.get(-(2 ** 50)) ?? "none",
    one: plain(select.get(100)),
  };
  database.close();
  return result;
}

function plain(row: unknown): unknown {
  return Object.entries(row as object).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]);
}

/** How a pause ends. */
export async function pauses(): Promise<unknown> {
  const reason = new Error("enough");
  const ended = async (signal: AbortSignal) =>
    sleep(60_000, undefined, { signal }).catch(({ name, code, cause }) => ({ name, code, cause: cause === reason }));
  const aborting = new AbortController();
  const during = ended(aborting.signal);
  aborting.abort(reason);
  return [await sleep(1, "value"), await during, await ended(AbortSignal.abort(reason))];
}

/** Whether what is drawn looks drawn. */
export function draws(): unknown {
  const drawn = randomBytes(100_000);
  const numbers = Array.from({ length: 1_000 }, () => randomInt(7));
  return {
    length: drawn.length,
    // Of 256 bytes that are equally likely each comes up, and the last ones are no zeros that nobody drew over.
    bytes: new Set(drawn).size,
    end: new Set(drawn.subarray(-100)).size > 10,
    numbers: [...new Set(numbers)].sort(),
  };
}
