/**
 * Earlier contents of files. A version is kept for so many days after it was replaced or removed, as long as it is among
 * the newest of its path; then it is forgotten: a row that goes to the providers like any change says up to which stamp.
 * Nothing goes here before they have that row, so no other device, and no restored one, ever looks for bytes that are gone.
 */
import { Slab } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Database } from "../home/Database.ts";
import type { Keep } from "../home/Home.ts";
import type { Volumes } from "../volumes/Volume.ts";
import type { Catalogue } from "./Catalogue.ts";

/** One content that a path has or had. Stamps: microseconds since 1970. */
export interface Version {
  readonly path: string;
  /** 1: what was put last; the higher, the older. */
  readonly version: number;
  readonly stamp: number;
  readonly bytes: number;
  readonly sha256: Uint8Array;
  /** When it was replaced or removed; undefined: it is the file's content now. */
  readonly replaced: number | undefined;
  /** What it takes at all providers together; nothing where a name given later has the same content. */
  readonly stored: number;
}

type Row = Omit<Version, "stored" | "replaced"> & {
  readonly object: Uint8Array;
  readonly replaced: number | null;
  readonly shared: number;
};

const DAY_MICROSECONDS = 86_400e6;

/** Names by age: `version` counts contents from the newest on, `replaced` is when the next change came. */
const AGED = `SELECT path, stamp, object, lag(stamp) OVER age AS replaced, count(object) OVER age AS version FROM name
  WHERE (visible = 1 OR volume = ?) AND path >= ? AND path < ? AND NOT EXISTS
    (SELECT 1 FROM forgotten WHERE forgotten.path = name.path AND forgotten.stamp >= name.stamp AND forgotten.visible > 0)
  WINDOW age AS (PARTITION BY path ORDER BY stamp DESC)`;

const FORGET = `INSERT INTO forgotten (path, stamp, volume, visible)
  SELECT path, max(stamp), ?, 0 FROM (${AGED}) WHERE replaced IS NOT NULL AND (replaced <= ? OR version > ?) GROUP BY path
  ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp, volume = excluded.volume, visible = 0, segment = NULL
  WHERE excluded.stamp > forgotten.stamp`;

export class Versions {
  readonly #database: Database;
  readonly #catalogue: Catalogue;
  readonly #volumes: Volumes;
  readonly #keep: Keep;

  constructor(database: Database, catalogue: Catalogue, volumes: Volumes, keep: Keep) {
    this.#database = database;
    this.#catalogue = catalogue;
    this.#volumes = volumes;
    this.#keep = keep;
  }

  /** Of files at or below `folder` (the whole drive: empty), removed ones too: by path, the newest first. */
  *list(folder: string): Generator<Version> {
    for (const [from, to] of bounds(folder)) {
      const rows = this.#database.each<Row>(
        `SELECT path, version, stamp, length AS bytes, sha256, replaced, object,
         EXISTS (SELECT 1 FROM name WHERE name.object = aged.object AND name.stamp > aged.stamp AND visible = 1) AS shared
         FROM (${AGED}) AS aged JOIN object ON object.id = object ORDER BY path, stamp DESC`,
        ...["", from, to],
      );
      for (const { object, shared, replaced, ...version } of rows) {
        yield { ...version, replaced: replaced ?? undefined, stored: shared ? 0 : this.#stored(object) };
      }
    }
  }

  /** How many are no file's content now, and what these take. */
  cost(): { versions: number; stored: number } {
    const cost = { versions: 0, stored: 0 };
    for (const { replaced, stored } of this.list("")) {
      if (replaced === undefined) continue;
      cost.versions++;
      cost.stored += stored;
    }
    return cost;
  }

  /** @throws SubletException NoSuchPath, NoSuchVersion */
  require(path: string, version: number): Version {
    const versions = [...this.list(path)].filter((one) => one.path === path);
    const found = versions.find((one) => one.version === version);
    if (found) return found;
    if (versions.length === 0) throw new SubletException({ code: "NoSuchPath", path });
    throw new SubletException({ code: "NoSuchVersion", path, version, have: versions.length });
  }

  /** The content that a version of a file is. */
  object(path: string, version: number): Uint8Array | undefined {
    const sql = `SELECT object FROM (${AGED}) WHERE object IS NOT NULL AND version = ?`;
    return this.#database.get<{ object: Uint8Array }>(sql, "", path, `${path}\0`, version)?.object;
  }

  /**
   * Has what was kept long enough forgotten, with the next change of `volume`; changes of it that are not published yet
   * count. @returns of how many paths
   */
  expire(volume: bigint): number {
    const { days, most } = this.#keep;
    const last = this.#database.get<{ stamp: number | null }>("SELECT max(last_stamp) AS stamp FROM lane")?.stamp ?? 0;
    // By the clock, or by stamps that went ahead of it.
    const until = Math.max(Date.now() * 1000, last) - days * DAY_MICROSECONDS;
    return this.#forget(volume, ["", "\u{10ffff}"], until, most);
  }

  /** Has all earlier versions at or below `folder` forgotten, with the next change of `volume`. */
  forget(folder: string, volume: bigint): number {
    return bounds(folder).reduce((sum, range) => sum + this.#forget(volume, range, Number.MAX_SAFE_INTEGER, 0), 0);
  }

  #forget(volume: bigint, range: readonly [string, string], until: number, most: number): number {
    return this.#database.run(FORGET, `${volume}`, `${volume}`, ...range, until, most);
  }

  #stored(object: Uint8Array): number {
    return this.#catalogue.extents(object).reduce((sum, { slab, length }) => {
      const record = this.#catalogue.slab(slab);
      const volume = record && this.#volumes.find(record.volume);
      return sum + (volume ? volume.n * Slab.extentWidth(length, volume.k) : 0);
    }, 0);
  }
}

/** Ranges of paths that are at or below a folder. */
function bounds(folder: string): [from: string, to: string][] {
  if (folder === "") return [["", "\u{10ffff}"]];
  return [
    [folder, `${folder}\0`],
    [`${folder}/`, `${folder}0`],
  ];
}
