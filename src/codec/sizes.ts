/** The sizes every format here is made of. They are part of the protocol: changing one changes every root. */

/** The leaf of every tree, and the unit every width and offset is a multiple of. */
export const CHUNK_BYTES = 32;

/** A sector is what is counted, priced and challenged. */
export const SECTOR_CHUNKS = 2 ** 15;
export const SECTOR_BYTES = SECTOR_CHUNKS * CHUNK_BYTES;

/** Levels from a chunk to its sector's root. */
export const SECTOR_HEIGHT = 15;

/** A block is the widest piece of one stripe at one position, and the unit a provider caches nodes of. */
export const BLOCK_BYTES = 65_536;
export const BLOCK_CHUNKS = BLOCK_BYTES / CHUNK_BYTES;
export const BLOCK_HEIGHT = 11;
export const BLOCKS_PER_SECTOR = 16;

/** What is kept of a SHA-256 digest as an inner node or a root. */
export const NODE_BYTES = 24;

/** What a sealed text is longer than its plaintext. */
export const TAG_BYTES = 16;

/** A deal holds at most this many sectors (16 TiB), a provider at most this many over all its deals. */
export const MAX_DEAL_SECTORS = 2 ** 24;
export const MAX_PROVIDER_SECTORS = 2 ** 31;

const relations: ReadonlyArray<readonly [string, boolean]> = [
  ["a sector is 1 MiB", SECTOR_BYTES === 1_048_576],
  ["a sector is a full tree of chunks", SECTOR_CHUNKS === 2 ** SECTOR_HEIGHT],
  ["a block is a full tree of chunks", BLOCK_CHUNKS === 2 ** BLOCK_HEIGHT],
  ["a sector is a whole number of blocks", BLOCKS_PER_SECTOR * BLOCK_BYTES === SECTOR_BYTES],
  ["the blocks of a sector are a full tree", 2 ** (SECTOR_HEIGHT - BLOCK_HEIGHT) === BLOCKS_PER_SECTOR],
  ["two nodes fit one SHA-256 block as two chunks do", NODE_BYTES <= CHUNK_BYTES && 2 * CHUNK_BYTES === 64],
  [
    "every chunk index of a provider is a safe integer",
    MAX_PROVIDER_SECTORS * SECTOR_CHUNKS <= Number.MAX_SAFE_INTEGER,
  ],
  ["a deal fits its provider", MAX_DEAL_SECTORS <= MAX_PROVIDER_SECTORS],
];
for (const [relation, holds] of relations) if (!holds) throw new Error(`sizes.ts contradicts itself: ${relation}`);
