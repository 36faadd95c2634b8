/**
 * The tree of one sector, which may be partly filled: what is not there counts as zero and is not hashed. The sixteen
 * nodes above its 64 KiB blocks, packed in 384 bytes, are what a provider keeps of a sector: with them an append or a
 * challenge hashes one block.
 */
import { requireInteger, requireLength, requireLengthWithin } from "./bounds.ts";
import { hashLayer, zeroSlot } from "./Layer.ts";
import {
  BLOCK_BYTES,
  BLOCK_HEIGHT,
  BLOCKS_PER_SECTOR,
  CHUNK_BYTES,
  NODE_BYTES,
  SECTOR_BYTES,
  SECTOR_HEIGHT,
} from "./sizes.ts";

/** Bytes of the packed nodes above a sector's sixteen blocks. */
export const BLOCK_NODES_BYTES = BLOCKS_PER_SECTOR * NODE_BYTES;

// Two layers of a block are alive at a time; a block after the other, they stay in the processor's cache.
const scratch = [new Uint8Array(BLOCK_BYTES / 2), new Uint8Array(BLOCK_BYTES / 4)] as const;

/** The root of a sector of 0 to 1 MiB, zero-padded: 24 bytes. */
export function root(bytes: Uint8Array): Uint8Array {
  return rootOfBlockNodes(blockNodes(bytes));
}

/** The root of the all-zero sector. */
export function zeroRoot(): Uint8Array {
  return zeroSlot(SECTOR_HEIGHT).slice(0, NODE_BYTES);
}

/** The packed nodes above the blocks of a sector of 0 to 1 MiB. */
export function blockNodes(bytes: Uint8Array): Uint8Array {
  requireLengthWithin("a sector", bytes, 0, SECTOR_BYTES);
  const nodes = new Uint8Array(BLOCK_NODES_BYTES);
  const zero = zeroSlot(BLOCK_HEIGHT).subarray(0, NODE_BYTES);
  for (let block = 0; block < BLOCKS_PER_SECTOR; block++) nodes.set(zero, block * NODE_BYTES);
  return withBlocks(nodes, 0, bytes);
}

/**
 * The packed nodes after blocks from `firstBlock` on came to hold `bytes` (which start where that block starts); the
 * other blocks keep theirs. After an append: the block it began in, read again, and what followed.
 */
export function withBlocks(nodes: Uint8Array, firstBlock: number, bytes: Uint8Array): Uint8Array {
  requireLength("the nodes of a sector", nodes, BLOCK_NODES_BYTES);
  requireInteger("a block index", firstBlock, 0, BLOCKS_PER_SECTOR - 1);
  requireLengthWithin("the blocks of a sector", bytes, 0, SECTOR_BYTES - firstBlock * BLOCK_BYTES);
  const updated = nodes.slice();
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    let slots = bytes.subarray(start, start + BLOCK_BYTES);
    for (let height = 0; height < BLOCK_HEIGHT; height++) slots = hashLayer(slots, height, scratch[height & 1]!);
    updated.set(slots.subarray(0, NODE_BYTES), (firstBlock + start / BLOCK_BYTES) * NODE_BYTES);
  }
  return updated;
}

/** A sector's root from its packed block nodes. */
export function rootOfBlockNodes(nodes: Uint8Array): Uint8Array {
  let slots = blockSlots(nodes);
  for (let height = BLOCK_HEIGHT; height < SECTOR_HEIGHT; height++) {
    slots = hashLayer(slots, height, new Uint8Array(slots.length / 2));
  }
  return slots.slice(0, NODE_BYTES);
}

/** The slots of a sector's block nodes, from packed ones. */
export function blockSlots(nodes: Uint8Array): Uint8Array {
  requireLength("the nodes of a sector", nodes, BLOCK_NODES_BYTES);
  const slots = new Uint8Array(BLOCKS_PER_SECTOR * CHUNK_BYTES);
  for (let block = 0; block < BLOCKS_PER_SECTOR; block++) {
    slots.set(nodes.subarray(block * NODE_BYTES, (block + 1) * NODE_BYTES), block * CHUNK_BYTES);
  }
  return slots;
}

/** The layers of one block of 0 to 64 KiB below its own node, from the chunks up; each may end early, in zeros. */
export function blockLayers(bytes: Uint8Array): Uint8Array[] {
  requireLengthWithin("a block", bytes, 0, BLOCK_BYTES);
  const layers = [bytes];
  for (let height = 0; height < BLOCK_HEIGHT - 1; height++) {
    const below = layers[height]!;
    layers.push(hashLayer(below, height, new Uint8Array(Math.ceil(below.length / 2 / CHUNK_BYTES) * CHUNK_BYTES)));
  }
  return layers;
}
