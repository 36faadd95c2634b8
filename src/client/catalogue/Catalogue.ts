/**
 * What is stored under which name: names -> objects -> extents, and the slabs those lie in. A name is a path and the
 * stamp of its change; the newest visible one counts, and one without an object says that the path was removed; older
 * ones are versions (Versions.ts). Names become visible when providers hold their segment and heads name it.
 */
import { Slab } from "../../codec/index.ts";
import type { Database } from "../home/Database.ts";

/** Part of an object (or of a sealed segment): `length` bytes in stripes of one slab from sector offset `offset` on. */
export interface Extent {
  readonly slab: Slab.SlabId;
  readonly offset: number;
  readonly length: number;
}

/** A file's content: immutable, encrypted under its own key. `sha256` is of the plaintext, `length` in bytes. */
export interface StoredObject {
  readonly id: Uint8Array;
  readonly length: number;
  readonly sha256: Uint8Array;
  readonly extents: readonly Extent[];
}

/** `stamp`: microseconds since 1970. `object`: null where the path was removed. */
export interface Name {
  readonly path: string;
  readonly stamp: number;
  readonly object: Uint8Array | null;
}

/** Names of a path up to a stamp are kept no longer. */
export type Forgetting = Pick<Name, "path" | "stamp">;

/** A file as it is listed: its path, `bytes` and SHA-256 of its content, and when it was put, in microseconds since 1970. */
export interface Entry {
  readonly path: string;
  readonly bytes: number;
  readonly stamp: number;
  readonly sha256: Uint8Array;
}

/** A slab: `length` bytes at each position, and what its n sectors' roots are at that length (24 bytes each, packed). */
export interface SlabRecord {
  readonly id: Slab.SlabId;
  readonly volume: bigint;
  readonly length: number;
  readonly roots: Uint8Array;
}

/** A slab's name in maps, logs and the journal's files. */
export function slabName({ lane, sequence }: Slab.SlabId): string {
  return `${lane.toString(16).padStart(16, "0")}-${sequence}`;
}

/** The folder of what share links lead to, and that of the devices' names: kept beside the files, they show where they are named. */
export const SHARES = ".shares";
export const DEVICES = ".devices";
/** What the listing of a whole drive shows: all but these. */
const SHOWN = [
  ["", `${DEVICES}/`],
  [`${DEVICES}0`, `${SHARES}/`],
  [`${SHARES}0`, "\u{10ffff}"],
] as const;

interface ExtentRow {
  slab: Uint8Array;
  offset: number;
  length: number;
}

interface SlabRow {
  id: Uint8Array;
  volume: string;
  length: number;
  roots: Uint8Array;
}

const NEWEST = `
  SELECT name.path, name.stamp, name.object FROM name
  JOIN (SELECT path, max(stamp) AS stamp FROM name WHERE visible = 1 AND path >= ? AND path < ? GROUP BY path) AS newest
    ON newest.path = name.path AND newest.stamp = name.stamp
  WHERE name.object IS NOT NULL`;

export class Catalogue {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  // ---------------------------------------------------------------- names

  /** The newest visible version of a file; undefined when there is none or it was removed. */
  find(path: string): Name | undefined {
    const row = this.#database.get<{ path: string; stamp: number; object: Uint8Array | null }>(
      "SELECT path, stamp, object FROM name WHERE path = ? AND visible = 1 ORDER BY stamp DESC LIMIT 1",
      path,
    );
    return row?.object ? row : undefined;
  }

  /** The content that a path got with a change. */
  contentAt(path: string, stamp: number): StoredObject | undefined {
    const sql = "SELECT object FROM name WHERE path = ? AND stamp = ? AND object IS NOT NULL";
    const row = this.#database.get<{ object: Uint8Array }>(sql, path, stamp);
    return row && this.object(row.object);
  }

  /** Files at or below `folder` (the whole drive: empty; but neither what share links lead to nor names of devices), in the order of their paths. */
  *list(folder: string): Generator<Entry> {
    const sql = `SELECT path, stamp, length AS bytes, sha256 FROM (${NEWEST}) JOIN object ON object.id = object ORDER BY path`;
    if (folder === "") {
      for (const [from, to] of SHOWN) yield* this.#database.each<Entry>(sql, from, to);
      return;
    }
    yield* this.#database.each<Entry>(sql, folder, `${folder}\0`);
    yield* this.#database.each<Entry>(sql, `${folder}/`, `${folder}0`);
  }

  /** Whether `path` (the whole drive: empty) names a file, a folder (something is stored below it), or nothing. */
  kind(path: string): "file" | "folder" | undefined {
    if (path !== "" && this.find(path)) return "file";
    return path === "" || this.isFolder(path) ? "folder" : undefined;
  }

  isFolder(path: string): boolean {
    return this.#database.get(`${NEWEST} LIMIT 1`, `${path}/`, `${path}0`) !== undefined;
  }

  /** Names `object` (null: nothing any more) from now on; not visible until `volume` has the change. */
  setName(path: string, object: Uint8Array | null, volume: bigint): void {
    this.#database.run(
      "INSERT INTO name (path, stamp, object, volume, visible) VALUES (?, ?, ?, ?, 0)",
      path,
      this.#nextStamp(),
      object,
      `${volume}`,
    );
  }

  /** Stamps rise whatever the clock does, also above those of other devices: a change is newer than what it replaces. */
  #nextStamp(): number {
    const last = this.#database.get<{ stamp: number | null }>("SELECT max(last_stamp) AS stamp FROM lane")?.stamp ?? 0;
    const stamp = Math.max(Date.now() * 1000, last + 1);
    this.#database.run("UPDATE lane SET last_stamp = ? WHERE own = 1", stamp);
    return stamp;
  }

  // ---------------------------------------------------------------- objects

  /** @param segment the segment it was read from; null: none has it yet */
  addObject(object: StoredObject, volume: bigint, segment: Uint8Array | null): void {
    const added = this.#database.run(
      "INSERT OR IGNORE INTO object (id, length, sha256, volume, segment) VALUES (?, ?, ?, ?, ?)",
      object.id,
      object.length,
      object.sha256,
      `${volume}`,
      segment,
    );
    if (added > 0) this.addExtents(object.id, object.extents);
  }

  object(id: Uint8Array): StoredObject | undefined {
    const row = this.#database.get<{ length: number; sha256: Uint8Array }>(
      "SELECT length, sha256 FROM object WHERE id = ?",
      id,
    );
    return row && { id, length: row.length, sha256: row.sha256, extents: this.extents(id) };
  }

  /** @param owner an object's id or a segment's salt */
  extents(owner: Uint8Array): Extent[] {
    return this.#database
      .all<ExtentRow>("SELECT slab, offset, length FROM extent WHERE owner = ? ORDER BY part", owner)
      .map(({ slab, offset, length }) => ({ slab: Slab.idFromBytes(slab), offset, length }));
  }

  addExtents(owner: Uint8Array, extents: readonly Extent[]): void {
    for (const [part, { slab, offset, length }] of extents.entries()) {
      this.#database.run(
        "INSERT OR REPLACE INTO extent (owner, part, slab, offset, length) VALUES (?, ?, ?, ?, ?)",
        owner,
        part,
        Slab.idBytes(slab),
        offset,
        length,
      );
    }
  }

  /** Whether slabs of another lane hold some of an object: its writer gives them back once nothing is in them. */
  isElsewhere(object: Uint8Array, lane: bigint): boolean {
    return this.extents(object).some(({ slab }) => slab.lane !== lane);
  }

  /** All names of an object. */
  namesOf(object: Uint8Array): Forgetting[] {
    return this.#database.all<Forgetting>("SELECT path, stamp FROM name WHERE object = ?", object);
  }

  /** Whether a writer of another lane had a name forgotten, as far as is known here. */
  isForgottenElsewhere({ path, stamp }: Forgetting, lane: Uint8Array): boolean {
    const sql = `SELECT 1 FROM forgotten JOIN segment ON segment.salt = forgotten.segment
      WHERE forgotten.path = ? AND forgotten.stamp >= ? AND segment.lane <> ?`;
    return this.#database.get(sql, path, stamp, lane) !== undefined;
  }

  /** What is forgotten and still held: as others told, or as the segments of these salts will. */
  forgettings(salts: readonly Uint8Array[]): Forgetting[] {
    const own = salts.flatMap((salt) =>
      this.#database.all<Forgetting>("SELECT path, stamp FROM forgotten WHERE segment = ? AND visible = 0", salt),
    );
    return [...own, ...this.#database.all<Forgetting>("SELECT path, stamp FROM forgotten WHERE visible = 1")];
  }

  /** Drops what is forgotten where it counts, and objects that no name leads to any more. */
  settle(forgettings: readonly Forgetting[]): void {
    for (const { path, stamp } of forgettings)
      this.#database.run("UPDATE forgotten SET visible = 2 WHERE path = ? AND stamp = ?", path, stamp);
    this.#database.run(`
      DELETE FROM name WHERE (path, stamp) IN (SELECT name.path, name.stamp FROM forgotten
        JOIN name ON name.path = forgotten.path AND name.stamp <= forgotten.stamp WHERE forgotten.visible = 2)`);
    const orphans = "SELECT id FROM object WHERE id NOT IN (SELECT object FROM name WHERE object IS NOT NULL)";
    this.#database.run(`DELETE FROM extent WHERE owner IN (${orphans})`);
    this.#database.run(`DELETE FROM object WHERE id IN (${orphans})`);
  }

  // ---------------------------------------------------------------- slabs

  slab(id: Slab.SlabId): SlabRecord | undefined {
    const row = this.#database.get<SlabRow>(
      "SELECT id, volume, length, roots FROM slab WHERE id = ?",
      Slab.idBytes(id),
    );
    return row && slabRecord(row);
  }

  slabs(volume: bigint): SlabRecord[] {
    const sql = "SELECT id, volume, length, roots FROM slab WHERE volume = ? ORDER BY id";
    return this.#database.all<SlabRow>(sql, `${volume}`).map(slabRecord);
  }

  slabCount(volume: bigint): number {
    return this.#database.get<{ count: number }>("SELECT count(*) AS count FROM slab WHERE volume = ?", `${volume}`)!
      .count;
  }

  /** How far the slab is filled up that small files of a volume go into next; undefined: they begin one. */
  openLength(volume: bigint): number | undefined {
    const sql = "SELECT length FROM volume JOIN slab ON slab.id = open_slab WHERE volume.id = ? AND journaled = 1";
    return this.#database.get<{ length: number }>(sql, `${volume}`)?.length;
  }

  /** Slabs of one lane that hold no object and no segment; the one that is still written to is not among them. */
  deadSlabs(volume: bigint, lane: bigint): Slab.SlabId[] {
    const least = Slab.idBytes({ lane, sequence: 0 });
    const most = Slab.idBytes({ lane, sequence: 0xffffffff });
    return this.#database
      .all<{ id: Uint8Array }>(
        `SELECT id FROM slab WHERE volume = ?1 AND id BETWEEN ?2 AND ?3
         AND NOT EXISTS (SELECT 1 FROM extent WHERE extent.slab = slab.id)
         AND id IS NOT (SELECT open_slab FROM volume WHERE volume.id = ?1)`,
        `${volume}`,
        least,
        most,
      )
      .map(({ id }) => Slab.idFromBytes(id));
  }

  /** Slabs of other devices that no provider holds and nothing is in: they were dropped by their owner. */
  forgetAbsentSlabs(volume: bigint): void {
    this.#database.run(
      `DELETE FROM slab WHERE volume = ? AND journaled = 0
       AND NOT EXISTS (SELECT 1 FROM extent WHERE extent.slab = slab.id)
       AND NOT EXISTS (SELECT 1 FROM sector WHERE sector.slab = slab.id)`,
      `${volume}`,
    );
  }

  forgetSlabs(slabs: readonly Slab.SlabId[]): void {
    this.#database.transaction(() => {
      for (const slab of slabs) this.#database.run("DELETE FROM slab WHERE id = ?", Slab.idBytes(slab));
    });
  }

  /** A slab that this drive begins or fills up further: its bytes are in the journal. */
  writeSlab(record: SlabRecord): void {
    this.#database.run(
      `INSERT INTO slab (id, volume, length, roots, journaled) VALUES (?, ?, ?, ?, 1)
       ON CONFLICT (id) DO UPDATE SET length = excluded.length, roots = excluded.roots, segment = NULL, journaled = 1`,
      Slab.idBytes(record.id),
      `${record.volume}`,
      record.length,
      record.roots,
    );
  }

  /** A slab as a segment or a provider's list tells of it: the longest it ever was counts. */
  learnSlab(record: SlabRecord, segment: Uint8Array | null): void {
    this.#database.run(
      `INSERT INTO slab (id, volume, length, roots, segment, journaled) VALUES (?, ?, ?, ?, ?, 0)
       ON CONFLICT (id) DO UPDATE SET length = excluded.length, roots = excluded.roots, segment = excluded.segment
       WHERE excluded.length > slab.length`,
      Slab.idBytes(record.id),
      `${record.volume}`,
      record.length,
      record.roots,
      segment,
    );
  }
}

function slabRecord({ id, volume, length, roots }: SlabRow): SlabRecord {
  return { id: Slab.idFromBytes(id), volume: BigInt(volume), length, roots };
}
