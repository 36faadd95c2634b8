/**
 * A slab is one sector at each of a volume's n positions. Ciphertext goes into it in stripes, one after another from the
 * sector's start; what one object occupies of one slab is an extent. Offsets and widths are bytes of a sector, the same
 * at every position; starts, ends and lengths are bytes of ciphertext.
 */
import { CodecError, requireInteger, requireLength, requireUint } from "./bounds.ts";
import { BLOCK_BYTES, CHUNK_BYTES, SECTOR_BYTES } from "./sizes.ts";

/** Lanes are drawn at random by each writer; sequence counts a writer's slabs. One id has one content for ever. */
export interface SlabId {
  readonly lane: bigint;
  readonly sequence: number;
}

export const SLAB_ID_BYTES = 12;

/** `lane` u64 and `sequence` u32, big-endian. */
export function idBytes(id: SlabId): Uint8Array {
  requireUint("a lane", id.lane, 64);
  requireInteger("a slab sequence", id.sequence, 0, 0xffffffff);
  const bytes = new Uint8Array(SLAB_ID_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, id.lane);
  view.setUint32(8, id.sequence);
  return bytes;
}

export function idFromBytes(bytes: Uint8Array): SlabId {
  requireLength("a slab id", bytes, SLAB_ID_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { lane: view.getBigUint64(0), sequence: view.getUint32(8) };
}

/** Part of an object in one slab: `length` bytes of ciphertext in stripes from sector offset `offset` on. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** One stripe of an extent: ciphertext bytes [start, end) of the extent, `width` bytes a position at sector offset `offset`. */
export interface StripePlace {
  readonly offset: number;
  readonly width: number;
  readonly start: number;
  readonly end: number;
}

/** Bytes [first, end) of the block at one data position. */
export interface BlockRange {
  readonly position: number;
  readonly first: number;
  readonly end: number;
}

/** Bytes a position that a stripe of `length` ciphertext bytes takes: its k-th, rounded up to whole chunks. */
export function stripeWidth(length: number, k: number): number {
  requireK(k);
  requireInteger("the length of a stripe", length, 1, k * BLOCK_BYTES);
  return Math.ceil(Math.ceil(length / k) / CHUNK_BYTES) * CHUNK_BYTES;
}

/** Sector bytes that an extent of `length` ciphertext bytes takes at each position. */
export function extentWidth(length: number, k: number): number {
  requireK(k);
  requireInteger("the length of an extent", length, 1, k * SECTOR_BYTES);
  const rest = length % (k * BLOCK_BYTES);
  return Math.floor(length / (k * BLOCK_BYTES)) * BLOCK_BYTES + (rest === 0 ? 0 : stripeWidth(rest, k));
}

/** Ciphertext bytes that still fit a slab filled up to `offset`. */
export function room(offset: number, k: number): number {
  requireK(k);
  requireOffset(offset);
  return (SECTOR_BYTES - offset) * k;
}

/**
 * The extents of an object of `length` bytes, in order: the first from `offset` of a begun slab, the others from the
 * start of a new slab each. An empty object has none. A slab that is full is not begun: `offset` is below a sector's end.
 */
export function* extents(length: number, k: number, offset = 0): Generator<Extent> {
  requireInteger("the length of an object", length, 0, Number.MAX_SAFE_INTEGER);
  requireInteger("the first offset", offset, 0, SECTOR_BYTES - CHUNK_BYTES);
  let at = offset;
  for (let left = length; left > 0; ) {
    const taken = Math.min(left, room(at, k));
    yield { offset: at, length: taken };
    left -= taken;
    at = 0;
  }
}

/** The stripes that hold bytes [first, end) of an extent, in order; the whole extent unless told. */
export function* stripes(extent: Extent, k: number, first = 0, end = extent.length): Generator<StripePlace> {
  requireOffset(extent.offset);
  const width = extentWidth(extent.length, k);
  if (extent.offset + width > SECTOR_BYTES) throw new SlabOverflowError(extent.offset, width);
  requireInteger("the end of a range", end, 0, extent.length);
  requireInteger("the start of a range", first, 0, end);
  const full = k * BLOCK_BYTES;
  for (let index = Math.floor(first / full); index * full < end && first < end; index++) {
    const start = index * full;
    const stop = Math.min(start + full, extent.length);
    yield { offset: extent.offset + index * BLOCK_BYTES, width: stripeWidth(stop - start, k), start, end: stop };
  }
}

/** Which bytes of which data blocks of a stripe hold bytes [first, end) of the extent; the range is cut to the stripe. */
export function blockRanges(stripe: StripePlace, first: number, end: number): BlockRange[] {
  const from = Math.max(first, stripe.start) - stripe.start;
  const to = Math.min(end, stripe.end) - stripe.start;
  const ranges: BlockRange[] = [];
  for (let position = Math.floor(from / stripe.width); position * stripe.width < to; position++) {
    const base = position * stripe.width;
    ranges.push({ position, first: Math.max(from - base, 0), end: Math.min(to - base, stripe.width) });
  }
  return ranges;
}

function requireK(k: number): void {
  requireInteger("k", k, 1, 255);
}

/** @throws BoundsError outside a sector; MisalignedError inside a chunk */
export function requireOffset(offset: number): void {
  requireInteger("a sector offset", offset, 0, SECTOR_BYTES);
  if (offset % CHUNK_BYTES !== 0) throw new MisalignedError(offset);
}

/** A sector offset that is not a whole number of chunks. */
export class MisalignedError extends CodecError {
  readonly code = "MISALIGNED";
  readonly offset: number;

  constructor(offset: number) {
    super(`sector offset ${offset} is not a multiple of ${CHUNK_BYTES}: stripes are laid chunk by chunk`);
    this.name = "MisalignedError";
    this.offset = offset;
  }
}

/** An extent that would run past the end of its slab's sectors. */
export class SlabOverflowError extends CodecError {
  readonly code = "SLAB_OVERFLOW";
  readonly offset: number;
  readonly width: number;

  constructor(offset: number, width: number) {
    super(`${width} bytes from offset ${offset} do not fit a sector of ${SECTOR_BYTES}: continue in a new slab`);
    this.name = "SlabOverflowError";
    this.offset = offset;
    this.width = width;
  }
}
