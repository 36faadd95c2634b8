/**
 * One stripe: up to k x 64 KiB of ciphertext as n blocks of one width, each masked by its position. Mask keys are those
 * of the slab by position, offsets are where the stripe (or a column range of it) begins in each sector.
 */
import { requireInteger, requireLengthWithin } from "./bounds.ts";
import { crypt } from "./Cipher.ts";
import { type Code, encode as encodeParity, reconstruct } from "./ReedSolomon.ts";
import { requireOffset, stripeWidth } from "./Slab.ts";
import { BLOCK_BYTES, SECTOR_BYTES } from "./sizes.ts";

/** The n masked blocks of 1 to k x 64 KiB of ciphertext, by position. The last data blocks are zero-padded. */
export function encode(
  code: Code,
  maskKeys: readonly Uint8Array[],
  offset: number,
  ciphertext: Uint8Array,
): Uint8Array[] {
  requireOffset(offset);
  requireLengthWithin("a stripe", ciphertext, 1, code.k * BLOCK_BYTES);
  const width = stripeWidth(ciphertext.length, code.k);
  const data = Array.from({ length: code.k }, (_, position) => {
    const piece = ciphertext.subarray(position * width, (position + 1) * width);
    if (piece.length === width) return piece;
    const padded = new Uint8Array(width);
    padded.set(piece);
    return padded;
  });
  return [...data, ...encodeParity(code, data)].map((block, position) => mask(maskKeys, position, offset, block));
}

/**
 * The ciphertext of a stripe, `length` bytes, from any k of its masked blocks.
 * @throws NotEnoughBlocksError with fewer than k
 */
export function decode(
  code: Code,
  maskKeys: readonly Uint8Array[],
  offset: number,
  blocks: ReadonlyMap<number, Uint8Array>,
  length: number,
): Uint8Array {
  const width = stripeWidth(length, code.k);
  for (const block of blocks.values()) requireLengthWithin("a block of the stripe", block, width, width);
  const data = dataBlocks(
    code,
    maskKeys,
    offset,
    blocks,
    Array.from({ length: code.k }, (_, position) => position),
  );
  const ciphertext = new Uint8Array(length);
  for (const [position, block] of data) {
    const at = position * width;
    if (at < length) ciphertext.set(block.subarray(0, length - at), at);
  }
  return ciphertext;
}

/**
 * The unmasked blocks at the data positions asked for, from the same byte range of any k masked blocks (of the wanted
 * alone, where all of them are there): a small read fetches columns of a stripe, `offset` being where those begin.
 */
export function dataBlocks(
  code: Code,
  maskKeys: readonly Uint8Array[],
  offset: number,
  blocks: ReadonlyMap<number, Uint8Array>,
  positions: readonly number[],
): Map<number, Uint8Array> {
  for (const position of positions) requireInteger("a data position", position, 0, code.k - 1);
  return unmasked(code, maskKeys, offset, blocks, positions);
}

/** The masked block at one position from any k others: no content key is needed. */
export function repair(
  code: Code,
  maskKeys: readonly Uint8Array[],
  offset: number,
  blocks: ReadonlyMap<number, Uint8Array>,
  position: number,
): Uint8Array {
  const block = unmasked(code, maskKeys, offset, blocks, [position]).get(position)!;
  return mask(maskKeys, position, offset, block);
}

function unmasked(
  code: Code,
  maskKeys: readonly Uint8Array[],
  offset: number,
  blocks: ReadonlyMap<number, Uint8Array>,
  positions: readonly number[],
): Map<number, Uint8Array> {
  for (const position of blocks.keys()) requireInteger("a position", position, 0, code.n - 1);
  const used = positions.every((position) => blocks.has(position))
    ? positions
    : [...blocks.keys()].sort((a, b) => a - b).slice(0, code.k);
  const plain = new Map(used.map((position) => [position, mask(maskKeys, position, offset, blocks.get(position)!)]));
  return used === positions ? plain : reconstruct(code, plain, positions);
}

function mask(maskKeys: readonly Uint8Array[], position: number, offset: number, block: Uint8Array): Uint8Array {
  requireInteger("a position", position, 0, maskKeys.length - 1);
  requireInteger("a sector offset", offset, 0, SECTOR_BYTES - block.length);
  return crypt(maskKeys[position]!, offset, block);
}
