/** From a file's content to a stored object: hashed, encrypted under a key of its own, laid into slabs. */
import { createHash, randomBytes } from "node:crypto";
import { Cipher, Keys, SECTOR_BYTES, Slab } from "../../codec/index.ts";
import type { StoredObject } from "../catalogue/Catalogue.ts";
import type { Volume } from "../volumes/Volume.ts";
import type { Elsewhere } from "./SlabWriter.ts";
import { type Content, piecesOf } from "./Source.ts";
import type { Writing } from "./Uploads.ts";

/** Told how many plaintext bytes have gone into the journal. */
export type Progress = (bytes: number) => void;

export interface StoreOptions {
  /** Where a stream of unknown length goes on when its volume is full. */
  readonly elsewhere: Elsewhere;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Large files begin a slab of their own: reading one then touches no other file's slab, and dropping it frees all. */
export function isLarge(bytes: number, { k }: Pick<Volume, "k">): boolean {
  return bytes >= k * SECTOR_BYTES;
}

/**
 * Lays one object; it counts after the writer's next checkpoint. The id is random and so is the key that follows from it:
 * an interrupted object is never gone on with under the same key.
 */
export async function storeObject(
  drive: Uint8Array,
  { upload: { volume }, writer }: Writing,
  content: Content,
  { elsewhere, progress, signal }: StoreOptions,
): Promise<StoredObject> {
  const id = new Uint8Array(randomBytes(Keys.OBJECT_ID_BYTES));
  const key = Keys.objectKey(drive, id);
  const hash = createHash("sha256");
  let length = 0;
  const encrypted = async function* (plaintext: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of plaintext) {
      hash.update(piece);
      yield Cipher.crypt(key, length, piece);
      length += piece.length;
      progress(piece.length);
    }
  };
  const pieces = piecesOf(content, signal);
  try {
    const seen: Uint8Array[] = [];
    const large = isLarge(content.bytes ?? (await look(pieces, seen, volume)), volume);
    // What was counted before fits.
    const spill = content.bytes === undefined ? elsewhere : undefined;
    const extents = await writer.store(encrypted(joined(seen, pieces)), large ? "alone" : "shared", spill);
    return { id, length, sha256: new Uint8Array(hash.digest()), extents };
  } finally {
    await pieces.return(undefined);
  }
}

/** Reads on until it is clear whether a stream of unknown length is a large one. @returns the bytes `seen` by then */
async function look(pieces: AsyncGenerator<Uint8Array>, seen: Uint8Array[], volume: Volume): Promise<number> {
  let bytes = 0;
  while (!isLarge(bytes, volume)) {
    const next = await pieces.next();
    if (next.done) break;
    seen.push(next.value);
    bytes += next.value.length;
  }
  return bytes;
}

async function* joined(seen: Uint8Array[], pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* seen.splice(0);
  yield* pieces;
}

/** Slabs that files of these lengths begin, when the open slab is filled up to sector offset `offset` (none: undefined). */
export function slabsNeeded(lengths: Iterable<number>, volume: Pick<Volume, "k">, offset: number | undefined): number {
  let slabs = 0;
  let at = offset ?? 0;
  for (const length of lengths) {
    const alone = isLarge(length, volume);
    let end = alone ? 0 : at;
    for (const extent of Slab.extents(length, volume.k, end)) {
      if (extent.offset === 0) slabs++;
      end = (extent.offset + Slab.extentWidth(extent.length, volume.k)) % SECTOR_BYTES;
    }
    // As the writer goes on: in the slab with more room, of the shared one and a large file's last.
    if (!alone || (end !== 0 && (at === 0 || end < at))) at = end;
  }
  return slabs;
}
