/**
 * Segments: what the catalogue of one lane says, in sealed pieces that lie with the providers like files. Each commit
 * writes one. When FAN_OUT of a level have come together, the next one takes their rows over and stands a level above, so
 * that a lane's live segments stay few (their number grows with the logarithm of the commits) and each row is rewritten
 * a few times in its life.
 */
import { randomBytes } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { bytesToHex } from "viem";
import { Cipher, Keys, Slab } from "../../codec/index.ts";
import type { Database } from "../home/Database.ts";
import type { Catalogue, Extent } from "./Catalogue.ts";
import { SegmentSchema } from "./gen/catalogue_pb.js";
import { decodeExtent, encodeExtent, laneBytes, type SegmentReference } from "./Heads.ts";

const FAN_OUT = 8;
/** Segments are read and written whole; those that together pass this are left as they are. */
const MAX_MERGED_BYTES = 64 * 1_048_576;
/** Changes that no segment has yet. */
const WAITING =
  "SELECT volume FROM name WHERE segment IS NULL UNION ALL SELECT volume FROM forgotten WHERE segment IS NULL";

const SLABS = "SELECT id, volume, length, roots FROM slab";
/** Slabs of other volumes that objects of volume ?1 lie in too, and no segment tells of. */
const BESIDE = `segment IS NULL AND volume <> ?1 AND id IN (SELECT extent.slab FROM object
  JOIN extent ON extent.owner = object.id WHERE object.segment IS NULL AND object.volume = ?1)`;

interface SlabRow {
  id: Uint8Array;
  volume: string;
  length: number;
  roots: Uint8Array;
}

interface SegmentRow {
  salt: Uint8Array;
  ordinal: number;
  level: number;
  volume: string;
  length: number;
}

export interface Composed {
  readonly salt: Uint8Array;
  readonly lane: bigint;
  readonly volume: bigint;
  readonly level: number;
  /** Salts of the segments whose rows it took over. */
  readonly replaced: readonly Uint8Array[];
  readonly sealed: Uint8Array;
}

export class Segments {
  readonly #database: Database;
  readonly #catalogue: Catalogue;
  readonly #drive: Uint8Array;

  constructor(database: Database, catalogue: Catalogue, drive: Uint8Array) {
    this.#database = database;
    this.#catalogue = catalogue;
    this.#drive = drive;
  }

  /** Whether there are changes for `volume` that no segment has yet. */
  pending(volume: bigint): boolean {
    const sql = `SELECT 1 FROM (${WAITING}) WHERE volume = ? LIMIT 1`;
    return this.#database.get(sql, `${volume}`) !== undefined;
  }

  /**
   * Every row of `volume` that is in no segment yet, and those of the segments it replaces, sealed. The caller stores `sealed` and
   * calls {@link record}; until then nothing has changed, and no name may be set in between.
   */
  compose(lane: bigint, volume: bigint): Composed {
    const { level, replaced } = this.#merging(lane, volume);
    const salt = new Uint8Array(randomBytes(Keys.SALT_BYTES));
    const message = toBinary(SegmentSchema, this.#rows(volume, replaced));
    return { salt, lane, volume, level, replaced, sealed: Cipher.seal(Keys.segmentKey(this.#drive, salt), message) };
  }

  /** The composed segment lies at `extents`: in the transaction that records the slabs themselves. */
  record({ salt, lane, volume, level, replaced, sealed }: Composed, extents: readonly Extent[]): void {
    this.#database.run(`UPDATE slab SET segment = ?2 WHERE ${BESIDE}`, `${volume}`, salt);
    for (const table of ["name", "object", "slab", "forgotten"]) {
      for (const old of replaced) this.#database.run(`UPDATE ${table} SET segment = ? WHERE segment = ?`, salt, old);
      this.#database.run(`UPDATE ${table} SET segment = ? WHERE segment IS NULL AND volume = ?`, salt, `${volume}`);
    }
    for (const old of replaced) this.#database.run("UPDATE segment SET replaced_by = ? WHERE salt = ?", salt, old);
    this.#database.run(
      `INSERT INTO segment (salt, lane, ordinal, level, volume, length, state)
       VALUES (?, ?, (SELECT coalesce(max(ordinal), 0) + 1 FROM segment), ?, ?, ?, 'journaled')`,
      salt,
      laneBytes(lane),
      level,
      `${volume}`,
      sealed.length,
    );
    this.#catalogue.addExtents(salt, extents);
  }

  /** Segments of `volume` that were written and that not enough providers are known to have. */
  journaled(volume: bigint): Uint8Array[] {
    return this.#salts("SELECT salt FROM segment WHERE state = 'journaled' AND volume = ?", `${volume}`);
  }

  /** Other volumes that parts of what these segments name lie in: it must be durable there, too. */
  volumesBeside(salts: readonly Uint8Array[], volume: bigint): bigint[] {
    const sql = `SELECT DISTINCT slab.volume FROM object JOIN extent ON extent.owner = object.id
      JOIN slab ON slab.id = extent.slab WHERE object.segment = ? AND slab.volume <> ?`;
    const found = salts.flatMap((salt) => this.#database.all<{ volume: string }>(sql, salt, `${volume}`));
    return [...new Set(found.map((row) => BigInt(row.volume)))];
  }

  /** Volumes with changes whose way to the providers or into the heads is not finished. */
  unfinishedVolumes(): bigint[] {
    return this.#database
      .all<{ volume: string }>(
        `SELECT volume FROM segment WHERE state <> 'published' UNION SELECT volume FROM (${WAITING})`,
      )
      .map(({ volume }) => BigInt(volume));
  }

  /** Names whose change is not durable yet. */
  unfinished(): number {
    return this.#database.get<{ count: number }>("SELECT count(*) AS count FROM name WHERE visible = 0")!.count;
  }

  /** Enough providers have these; the next head may name them and forgets those they replace. */
  markDurable(salts: readonly Uint8Array[]): void {
    for (const salt of salts) this.#database.run("UPDATE segment SET state = 'durable' WHERE salt = ?", salt);
  }

  /** Enough providers have a head that names these: what they say is visible from now on. */
  markPublished(volume: bigint): void {
    const salts = this.#salts("SELECT salt FROM segment WHERE state = 'durable' AND volume = ?", `${volume}`);
    for (const salt of salts) {
      this.#database.run("UPDATE segment SET state = 'published' WHERE salt = ?", salt);
      for (const table of ["name", "forgotten"])
        this.#database.run(`UPDATE ${table} SET visible = max(visible, 1) WHERE segment = ?`, salt);
      const replaced = "SELECT salt FROM segment WHERE replaced_by = ?";
      this.#database.run(`DELETE FROM extent WHERE owner IN (${replaced})`, salt);
      this.#database.run("DELETE FROM segment WHERE replaced_by = ?", salt);
    }
  }

  /** What the lane's next head names: every segment that is durable and not taken over by another durable one. */
  live(lane: bigint): SegmentReference[] {
    return this.#database
      .all<SegmentRow>(
        `SELECT salt, ordinal, level, volume, length FROM segment AS one WHERE lane = ? AND state <> 'journaled'
         AND NOT EXISTS (SELECT 1 FROM segment AS other WHERE other.salt = one.replaced_by AND other.state <> 'journaled')
         ORDER BY ordinal`,
        laneBytes(lane),
      )
      .map((row) => ({ ...row, volume: BigInt(row.volume), extents: this.#catalogue.extents(row.salt) }));
  }

  /**
   * Takes in a segment of a lane, as fetched from providers.
   * @throws CodecError when it was not sealed under this drive key
   */
  apply(lane: bigint, reference: SegmentReference, sealed: Uint8Array): void {
    const message = fromBinary(SegmentSchema, Cipher.open(Keys.segmentKey(this.#drive, reference.salt), sealed));
    const { salt, ordinal, level, volume, length } = reference;
    this.#database.transaction(() => {
      this.#database.run(
        `INSERT OR IGNORE INTO segment (salt, lane, ordinal, level, volume, length, state)
         VALUES (?, ?, ?, ?, ?, ?, 'published')`,
        salt,
        laneBytes(lane),
        ordinal,
        level,
        `${volume}`,
        length,
      );
      this.#catalogue.addExtents(salt, reference.extents);
      for (const { id, volume, length, roots } of message.slabs) {
        this.#catalogue.learnSlab({ id: Slab.idFromBytes(id), volume, length, roots }, salt);
      }
      for (const object of message.objects) {
        const extents = object.extents.map(decodeExtent);
        const { id, sha256 } = object;
        this.#catalogue.addObject({ id, length: Number(object.length), sha256, extents }, volume, salt);
      }
      for (const { path, stamp, object } of message.names) this.#learnName(path, Number(stamp), object, reference);
      for (const { path, stamp } of message.forgotten) this.#learnForgotten(path, Number(stamp), reference);
    });
  }

  /**
   * The time of `volume` is over, and what lay there is gone, its segments too: the names of what lies elsewhere, and what
   * was removed, are for `to` to keep, with its next segment. @returns whether there was anything
   */
  leave(volume: bigint, to: bigint): boolean {
    const [from, into] = [`${volume}`, `${to}`];
    const run = (sql: string, ...values: string[]): number => this.#database.run(sql, ...values);
    return this.#database.transaction(() => {
      const elsewhere = `NOT EXISTS (SELECT 1 FROM extent JOIN slab ON slab.id = extent.slab
        WHERE extent.owner = name.object AND slab.volume = name.volume)`;
      const segments = "SELECT salt FROM segment WHERE volume = ?";
      const rows =
        run(`UPDATE name SET volume = ?, segment = NULL WHERE volume = ? AND ${elsewhere}`, into, from) +
        run("UPDATE forgotten SET volume = ?, segment = NULL WHERE volume = ?", into, from);
      // Never seen by anybody, and never to be.
      run("DELETE FROM name WHERE volume = ? AND visible = 0", from);
      run(`DELETE FROM extent WHERE owner IN (${segments})`, from);
      return run("DELETE FROM segment WHERE volume = ?", from) + rows > 0;
    });
  }

  knows(salt: Uint8Array): boolean {
    return this.#database.get("SELECT 1 FROM segment WHERE salt = ?", salt) !== undefined;
  }

  /** Two writers that changed one path in one microsecond: the greater object id wins, everywhere alike. */
  #learnName(path: string, stamp: number, object: Uint8Array, { salt, volume }: SegmentReference): void {
    this.#database.run(
      `INSERT INTO name (path, stamp, object, volume, visible, segment) VALUES (?, ?, ?, ?, 1, ?)
       ON CONFLICT (path, stamp) DO UPDATE SET object = excluded.object, visible = 1, segment = excluded.segment
       WHERE coalesce(excluded.object, x'') > coalesce(name.object, x'')`,
      path,
      stamp,
      object.length === 0 ? null : object,
      `${volume}`,
      salt,
    );
    this.#database.run("UPDATE lane SET last_stamp = max(last_stamp, ?) WHERE own = 1", stamp);
  }

  #learnForgotten(path: string, stamp: number, { salt, volume }: SegmentReference): void {
    this.#database.run(
      `INSERT INTO forgotten (path, stamp, volume, visible, segment) VALUES (?, ?, ?, 1, ?)
       ON CONFLICT (path) DO UPDATE SET stamp = excluded.stamp, volume = excluded.volume, visible = 1,
       segment = excluded.segment WHERE excluded.stamp > forgotten.stamp`,
      path,
      stamp,
      `${volume}`,
      salt,
    );
  }

  #merging(lane: bigint, volume: bigint): { level: number; replaced: Uint8Array[] } {
    const replaced: Uint8Array[] = [];
    for (let level = 0, bytes = 0; ; level++) {
      const peers = this.#database.all<SegmentRow>(
        `SELECT salt, ordinal, level, volume, length FROM segment
         WHERE lane = ? AND volume = ? AND level = ? AND replaced_by IS NULL`,
        laneBytes(lane),
        `${volume}`,
        level,
      );
      bytes += peers.reduce((sum, { length }) => sum + length, 0);
      if (peers.length + 1 < FAN_OUT || bytes > MAX_MERGED_BYTES) return { level, replaced };
      replaced.push(...peers.map(({ salt }) => salt));
    }
  }

  #rows(volume: bigint, replaced: readonly Uint8Array[]) {
    const rows = <Shape>(sql: string): Shape[] => [
      ...this.#database.all<Shape>(`${sql} WHERE segment IS NULL AND volume = ?`, `${volume}`),
      ...replaced.flatMap((salt) => this.#database.all<Shape>(`${sql} WHERE segment = ?`, salt)),
    ];
    const names = rows<{ path: string; stamp: number; object: Uint8Array | null }>(
      "SELECT path, stamp, object FROM name",
    );
    const objects = new Map(
      rows<{ id: Uint8Array }>("SELECT id FROM object").map(({ id }) => [bytesToHex(id), id] as const),
    );
    // Of another writer too: whoever reads this may have let go of it, since no name led there any more.
    for (const { object } of names) if (object) objects.set(bytesToHex(object), object);
    return create(SegmentSchema, {
      names: names.map(({ path, stamp, object }) => ({
        path,
        stamp: BigInt(stamp),
        object: object ?? new Uint8Array(0),
      })),
      objects: [...objects.values()].flatMap((id) => {
        const object = this.#catalogue.object(id);
        if (!object) return [];
        return [{ ...object, length: BigInt(object.length), extents: object.extents.map(encodeExtent) }];
      }),
      slabs: [...rows<SlabRow>(SLABS), ...this.#database.all<SlabRow>(`${SLABS} WHERE ${BESIDE}`, `${volume}`)].map(
        (slab) => ({ ...slab, volume: BigInt(slab.volume) }),
      ),
      forgotten: rows<{ path: string; stamp: number }>("SELECT path, stamp FROM forgotten").map((one) => ({
        ...one,
        stamp: BigInt(one.stamp),
      })),
    });
  }

  #salts(sql: string, ...values: string[]): Uint8Array[] {
    return this.#database.all<{ salt: Uint8Array }>(sql, ...values).map(({ salt }) => salt);
  }
}
