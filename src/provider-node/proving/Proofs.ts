/**
 * Builds answers to challenges from what is on the disk: a challenge reads and hashes one block of 64 KiB, or two where
 * the sector has grown since. Everything is checked against the root it answers before it leaves.
 */
import { bytesToHex, type Hex } from "viem";
import type { Deal } from "../../chain/MarketReader.ts";
import { BLOCK_BYTES, ChallengeProof, DealTree } from "../../codec/index.ts";
import { RootMismatchError } from "../../codec/RangeProof.ts";
import { type Kept, SectorLostError, type Store } from "../storage/Store.ts";

/** The part of a deal on chain that a proof answers to. */
export type Committed = Pick<Deal, "id" | "number" | "root" | "sectors">;

type ProofStore = Pick<Store, "receipt" | "roots" | "sectors" | "kept" | "read">;

/** Trees of so many sectors in all are remembered: 64 bytes each. */
const MAX_REMEMBERED_SECTORS = 2 ** 22;

export class Proofs {
  readonly #store: ProofStore;
  readonly #trees = new Map<string, DealTree>();
  #remembered = 0;

  constructor(store: ProofStore) {
    this.#store = store;
  }

  /**
   * The answer for chunk `chunkIndex` of a deal as it is committed.
   * @throws UnprovableError when that revision is not kept here, SectorLostError when its bytes are not
   */
  async answer(deal: Committed, chunkIndex: number): Promise<Uint8Array> {
    const tree = await this.#tree(deal);
    const index = ChallengeProof.sectorOf(chunkIndex);
    const [sector] = await this.#store.sectors(deal.id, deal.number, index, 1);
    if (!sector) throw new UnprovableError(deal, `its sector ${index} is not known`);
    const kept = await this.#store.kept(deal.id, sector.slab);
    if (!kept) throw new UnprovableError(deal, `nothing is kept of its sector ${index}`);
    const numbers = ChallengeProof.blocksRead(kept.length, chunkIndex, sector.length);
    const blocks = await readBlocks(this.#store, deal.id, kept, numbers);
    const stored = {
      length: kept.length,
      blockNodes: kept.blockNodes,
      readBlock: (block: number) => blocks.get(block)!,
    };
    const answer = ChallengeProof.build(tree, chunkIndex, stored, sector.length);
    try {
      ChallengeProof.verify({ root: tree.root, sectors: tree.sectors, chunkIndex }, answer);
    } catch (error) {
      if (!(error instanceof RootMismatchError)) throw error;
      throw new SectorLostError(deal.id, sector.slab, "its file", "other bytes are in it than were kept");
    }
    return answer;
  }

  async #tree(deal: Committed): Promise<DealTree> {
    const key = `${deal.id} ${deal.number}`;
    const known = this.#trees.get(key);
    if (known) return known;
    if (!(await this.#store.receipt(deal.id, deal.number)))
      throw new UnprovableError(deal, "that revision is not kept here");
    const tree = DealTree.of(await this.#store.roots(deal.id, deal.number));
    const root = bytesToHex(tree.root);
    if (root !== deal.root) throw new UnprovableError(deal, `what is kept of it has root ${root}, not ${deal.root}`);
    this.#trees.set(key, tree);
    this.#remembered += tree.sectors;
    for (const [old, { sectors }] of this.#trees) {
      if (this.#remembered <= MAX_REMEMBERED_SECTORS || old === key) break;
      this.#trees.delete(old);
      this.#remembered -= sectors;
    }
    return tree;
  }
}

/** The blocks of a slab that a codec proof is about to read, each as long as it is kept. */
export async function readBlocks(
  store: Pick<Store, "read">,
  deal: Hex,
  kept: Kept,
  numbers: readonly number[],
): Promise<Map<number, Uint8Array>> {
  const blocks = new Map<number, Uint8Array>();
  for (const number of numbers) {
    const offset = number * BLOCK_BYTES;
    blocks.set(number, await store.read(deal, kept.slab, offset, Math.min(BLOCK_BYTES, kept.length - offset)));
  }
  return blocks;
}

/** What the chain has of a deal is not what was kept for it: nothing that this provider holds can prove it. */
export class UnprovableError extends Error {
  readonly code = "UNPROVABLE";
  readonly deal: Hex;
  readonly number: bigint;

  constructor({ id, number }: Committed, reason: string) {
    super(`revision ${number} of deal ${id} cannot be proved: ${reason}; restore the store, or give the deal up`);
    this.name = "UnprovableError";
    this.deal = id;
    this.number = number;
  }
}
