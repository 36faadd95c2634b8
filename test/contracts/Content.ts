/**
 * What a provider holds of one deal, made from a label: every sector is one block of 64 KiB sixteen times over, so that
 * a gibibyte costs no more than its sector roots. Sector i is the same however many follow it, as in a real deal.
 */
import { createCipheriv, createHash } from "node:crypto";
import { ChallengeProof, DealTree, SectorTree } from "../../src/codec/index.ts";
import { BLOCK_BYTES, BLOCKS_PER_SECTOR, NODE_BYTES, SECTOR_BYTES, SECTOR_CHUNKS } from "../../src/codec/sizes.ts";

type Sector = Parameters<typeof ChallengeProof.build>[2];

/** What answers challenges. */
export interface Held {
  /** 24 bytes as hexadecimal. */
  readonly root: string;
  readonly sectors: number;
  /** The answer to a challenge of chunk `index` of the deal. */
  answer(index: number): Uint8Array;
}

export interface Content extends Held {
  readonly tree: DealTree;
}

/** `distinct` limits how many different sectors there are; beyond it they repeat. */
export function contentOf(label: string, sectors: number, distinct = sectors): Content {
  const held = Array.from({ length: Math.min(sectors, distinct) }, (_, index) => sectorOf(`${label}/${index}`));
  return contentOfSectors(held, sectors);
}

/** Of sectors of these bytes, each as full as it is: what is missing counts as zero. */
export function contentOfBytes(...sectors: Uint8Array[]): Content {
  const held = sectors.map((bytes) => ({
    length: bytes.length,
    blockNodes: SectorTree.blockNodes(bytes),
    readBlock: (index: number) => bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES),
  }));
  return contentOfSectors(held, held.length);
}

function contentOfSectors(held: readonly Sector[], sectors: number): Content {
  const roots = held.map((sector) => SectorTree.rootOfBlockNodes(sector.blockNodes));
  const tree = DealTree.of(Array.from({ length: sectors }, (_, index) => roots[index % held.length]!));
  return {
    tree,
    sectors,
    root: hex(tree.root),
    answer: (index) => ChallengeProof.build(tree, index, held[ChallengeProof.sectorOf(index) % held.length]!),
  };
}

/** One sector 2^`doublings` times over: no deal can be larger than with 24, and no tree is needed to answer for it. */
export function repeated(label: string, doublings: number): Held {
  const sector = contentOf(label, 1);
  const nodes = [sector.tree.root];
  for (let level = 0; level < doublings; level++) nodes.push(pairing(nodes[level]!));
  return {
    root: hex(nodes.pop()!),
    sectors: 2 ** doublings,
    answer: (index) => Buffer.concat([sector.answer(index % SECTOR_CHUNKS), ...nodes]),
  };
}

/** The node over a node and its equal. */
function pairing(node: Uint8Array): Uint8Array {
  const padded = Buffer.concat([node, new Uint8Array(32 - NODE_BYTES)]);
  return createHash("sha256").update(padded).update(padded).digest().subarray(0, NODE_BYTES);
}

export function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

function sectorOf(label: string): Sector {
  const key = createHash("sha256").update(label).digest();
  const block = createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(BLOCK_BYTES));
  const node = SectorTree.blockNodes(block).subarray(0, SectorTree.BLOCK_NODES_BYTES / BLOCKS_PER_SECTOR);
  const blockNodes = new Uint8Array(SectorTree.BLOCK_NODES_BYTES);
  for (let at = 0; at < BLOCKS_PER_SECTOR; at++) blockNodes.set(node, at * node.length);
  return { length: SECTOR_BYTES, blockNodes, readBlock: () => block };
}
