/**
 * The head: at most 16 KiB that lie with every provider, bound by each revision. It has one entry for every lane (writer):
 * how far it has come, and, sealed, where its live segments are. A head names a segment only after enough providers hold
 * the segment, so whatever head is found, its bytes are there.
 */
import { randomBytes } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Cipher, Keys, Slab } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { MAX_HEAD_BYTES } from "../../protocol/limits.ts";
import type { Database } from "../home/Database.ts";
import type { Extent } from "./Catalogue.ts";
import { type Entry, HeadSchema, ListingSchema } from "./gen/catalogue_pb.js";

/** A segment as a listing names it. `length`: of the sealed bytes. `ordinal` rises with each segment of a lane. */
export interface SegmentReference {
  readonly salt: Uint8Array;
  readonly ordinal: number;
  readonly level: number;
  readonly volume: bigint;
  readonly length: number;
  readonly extents: readonly Extent[];
}

/** One lane's state as its writer sealed it: its live segments after `sequence` changes. */
export interface Listing {
  readonly lane: bigint;
  readonly sequence: number;
  readonly segments: readonly SegmentReference[];
}

export interface LaneEntry {
  readonly lane: bigint;
  readonly sequence: number;
  readonly salt: Uint8Array;
  readonly sealed: Uint8Array;
}

const MAX_LANES = 64;

/** Seals a listing into its lane's entry, under a fresh salt. */
export function sealListing(drive: Uint8Array, listing: Listing): LaneEntry {
  const salt = new Uint8Array(randomBytes(Keys.SALT_BYTES));
  const message = create(ListingSchema, {
    lane: listing.lane,
    sequence: BigInt(listing.sequence),
    segments: listing.segments.map((segment) => ({
      ...segment,
      ordinal: BigInt(segment.ordinal),
      length: BigInt(segment.length),
      extents: segment.extents.map(encodeExtent),
    })),
  });
  const sealed = Cipher.seal(Keys.entryKey(drive, salt), toBinary(ListingSchema, message));
  return { lane: listing.lane, sequence: listing.sequence, salt, sealed };
}

/** @throws CodecError or Error when the entry was not sealed under this drive key, for this lane and sequence */
export function openListing(drive: Uint8Array, entry: LaneEntry): Listing {
  const message = fromBinary(ListingSchema, Cipher.open(Keys.entryKey(drive, entry.salt), entry.sealed));
  if (message.lane !== entry.lane || message.sequence !== BigInt(entry.sequence)) {
    throw new Error(`the entry of lane ${entry.lane} at ${entry.sequence} holds another one`);
  }
  const segments = message.segments.map((segment) => ({
    salt: segment.salt,
    ordinal: Number(segment.ordinal),
    level: segment.level,
    volume: segment.volume,
    length: Number(segment.length),
    extents: segment.extents.map(decodeExtent),
  }));
  return { lane: message.lane, sequence: entry.sequence, segments };
}

/** @throws SubletException CatalogueTooLarge when the entries do not fit a head */
export function encodeHead(entries: readonly LaneEntry[]): Uint8Array {
  const sorted = entries.toSorted((a, b) => (a.lane < b.lane ? -1 : 1));
  const bytes = toBinary(
    HeadSchema,
    create(HeadSchema, { entries: sorted.map((entry) => ({ ...entry, sequence: BigInt(entry.sequence) })) }),
  );
  if (bytes.length <= MAX_HEAD_BYTES) return bytes;
  throw new SubletException({ code: "CatalogueTooLarge", limit: MAX_HEAD_BYTES, actual: bytes.length });
}

/**
 * The entries of a head, each of which opens under this drive key: one that did not would take the place of a true one.
 * @throws CodecError or Error when the bytes are no head of this owner
 */
export function decodeHead(drive: Uint8Array, bytes: Uint8Array): LaneEntry[] {
  if (bytes.length > MAX_HEAD_BYTES) throw new Error(`a head of ${bytes.length} bytes`);
  const { entries } = fromBinary(HeadSchema, bytes);
  if (entries.length > MAX_LANES) throw new Error(`a head of ${entries.length} lanes`);
  return entries.map(({ lane, sequence, salt, sealed }: Entry) => {
    const entry = { lane, sequence: Number(sequence), salt, sealed };
    openListing(drive, entry);
    return entry;
  });
}

export function encodeExtent({ slab, offset, length }: Extent) {
  return { slab: Slab.idBytes(slab), offset, length: BigInt(length) };
}

export function decodeExtent(extent: { slab: Uint8Array; offset: number; length: bigint }): Extent {
  return { slab: Slab.idFromBytes(extent.slab), offset: extent.offset, length: Number(extent.length) };
}

/** The lanes a drive knows: its own, and those of other devices and of earlier lives of this one. */
export class Lanes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** This drive's lane. Drawn once, at random, with a tag (the low 16 bits) that no lane known here has. */
  own(): bigint {
    const drawn = this.drawn();
    if (drawn !== undefined) return drawn;
    const taken = new Set(this.entries().map(({ lane }) => lane & 0xffffn));
    let lane: bigint;
    do lane = laneFromBytes(randomBytes(8));
    while (taken.has(lane & 0xffffn));
    this.#database.run(
      "INSERT INTO lane (id, own, sequence, salt, sealed) VALUES (?, 1, 0, x'', x'')",
      laneBytes(lane),
    );
    return lane;
  }

  /** This drive's lane, if it has drawn one: it has written then. */
  drawn(): bigint | undefined {
    const row = this.#database.get<{ id: Uint8Array }>("SELECT id FROM lane WHERE own = 1");
    return row && laneFromBytes(row.id);
  }

  /** Entries that a head carries: of every lane that has published anything. */
  entries(): LaneEntry[] {
    return this.#database
      .all<{ id: Uint8Array; sequence: number; salt: Uint8Array; sealed: Uint8Array }>(
        "SELECT id, sequence, salt, sealed FROM lane WHERE sequence > 0 ORDER BY id",
      )
      .map(({ id, sequence, salt, sealed }) => ({ lane: laneFromBytes(id), sequence, salt, sealed }));
  }

  /** The head as it stands. */
  head(): Uint8Array {
    return encodeHead(this.entries());
  }

  sequence(): number {
    return this.#database.get<{ sequence: number }>("SELECT sequence FROM lane WHERE own = 1")?.sequence ?? 0;
  }

  /** Takes an entry in, if it is further than what is known of its lane. @returns whether it was */
  learn(entry: LaneEntry): boolean {
    const changed = this.#database.run(
      `INSERT INTO lane (id, own, sequence, salt, sealed) VALUES (?, 0, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, salt = excluded.salt, sealed = excluded.sealed
       WHERE excluded.sequence > lane.sequence AND lane.own = 0`,
      laneBytes(entry.lane),
      entry.sequence,
      entry.salt,
      entry.sealed,
    );
    return changed > 0;
  }

  /** Moves the own lane on to `entry`. */
  advance(entry: LaneEntry): void {
    this.#database.run(
      "UPDATE lane SET sequence = ?, salt = ?, sealed = ? WHERE own = 1 AND id = ?",
      entry.sequence,
      entry.salt,
      entry.sealed,
      laneBytes(entry.lane),
    );
  }

  /** The next slab of the own lane, never given twice. */
  nextSlab(): Slab.SlabId {
    const lane = this.own();
    const row = this.#database.get<{ next_slab: number }>(
      "UPDATE lane SET next_slab = next_slab + 1 WHERE own = 1 RETURNING next_slab",
    )!;
    return { lane, sequence: row.next_slab - 1 };
  }
}

export function laneBytes(lane: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, lane);
  return bytes;
}

export function laneFromBytes(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0);
}
