/**
 * What a provider shows of its committed set: for an epoch's proof on chain, and to anybody who asks over the wire. Over
 * the wire the draw is that of an epoch's proof with a block's hash in place of the seed, over the set as it was
 * committed at that block: seed = the hash's first 28 bytes, epoch = the block's.
 */
import { type Address, type Hash, type Hex, hexToBytes } from "viem";
import type { MarketReader } from "../../chain/MarketReader.ts";
import { type Deal, DealState } from "../../chain/MarketReader.ts";
import { Positions, SECTOR_CHUNKS } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Market } from "../../protocol/TypedData.ts";
import type { ResponseOf } from "../../protocol/Verbs.ts";
import { type Proofs, UnprovableError } from "./Proofs.ts";

type Chain = Pick<MarketReader, "provider" | "leaves" | "deal" | "block" | "epochs">;
type Sample = ResponseOf<"prove">["samples"][number];

/** Blocks may be named so long after they came. */
const RECENT_BLOCKS = 128n;
/** Answers for so many blocks are remembered: whoever asks for one gets the same. */
const REMEMBERED_BLOCKS = 16;

export interface SamplesOptions {
  readonly market: Market;
  readonly chain: Chain;
  readonly provider: Address;
  readonly proofs: Proofs;
}

/** A provider's committed set: sector counts by slot. */
export interface CommittedSet {
  readonly leaves: readonly number[];
  readonly sectors: number;
}

export class Samples {
  readonly #options: SamplesOptions;
  readonly #answers = new Map<Hash, Promise<Sample[]>>();

  constructor(options: SamplesOptions) {
    this.#options = options;
  }

  /** The set as it is committed at a block, the newest if left out. */
  async set(at?: bigint): Promise<CommittedSet> {
    const { chain, provider } = this.#options;
    const { slots } = await chain.provider(provider, at);
    const leaves = slots === 0 ? [] : await chain.leaves(provider, 0, slots, at);
    return { leaves, sectors: leaves.reduce((sum, sectors) => sum + sectors, 0) };
  }

  /**
   * The chunks that `seed` challenges in the set at a block, each with its proof.
   * @throws UnprovableError, SectorLostError
   */
  async draw(seed: Uint8Array, epoch: number, { leaves, sectors }: CommittedSet, at?: bigint): Promise<Sample[]> {
    const { market, chain, provider, proofs } = this.#options;
    const from = {
      ...{ seed, epoch, chainId: BigInt(market.chainId) },
      ...{ market: hexToBytes(market.address), provider: hexToBytes(provider) },
    };
    const deals = new Map<number, Deal>();
    const samples: Sample[] = [];
    for (const x of Positions.draw(from, sectors)) {
      const { slot, chunkIndex } = Positions.locate(x, leaves);
      const deal = deals.get(slot) ?? (await chain.deal(provider, slot, at));
      deals.set(slot, deal);
      samples.push(sampleOf(slot, deal, chunkIndex, await proofs.answer(deal, chunkIndex)));
    }
    return samples;
  }

  /** @throws BlockUnknown */
  async ofBlock(blockNumber: bigint): Promise<ResponseOf<"prove">> {
    const { chain } = this.#options;
    const newest = (await chain.block()).number;
    const unknown = (): SubletException => new SubletException({ code: "BlockUnknown", blockNumber, newest });
    if (blockNumber > newest || blockNumber + RECENT_BLOCKS <= newest || blockNumber < chain.epochs.genesis)
      throw unknown();
    const { hash } = await chain.block(blockNumber);
    const known = this.#answers.get(hash) ?? this.#ofHash(blockNumber, hash);
    this.#answers.set(hash, known);
    known.catch(() => this.#answers.delete(hash));
    for (const old of this.#answers.keys()) {
      if (this.#answers.size <= REMEMBERED_BLOCKS) break;
      this.#answers.delete(old);
    }
    try {
      return { blockHash: hash, samples: await known };
    } catch (error) {
      // What that block committed may have been replaced for good and freed since.
      if (error instanceof UnprovableError) throw unknown();
      throw error;
    }
  }

  /** The chunk that a deal's client names. @throws OutOfRange, NotOpen */
  async ofDeal(slot: number, id: Hex, chunk: number): Promise<ResponseOf<"prove">> {
    const { chain, provider, proofs } = this.#options;
    const { hash, number } = await chain.block();
    const deal = await chain.deal(provider, slot, number);
    if (deal.id !== id || deal.state === DealState.Closed || deal.sectors === 0) {
      throw new SubletException({ code: "NotOpen", deal: id, state: "without committed sectors" });
    }
    const most = deal.sectors * SECTOR_CHUNKS - 1;
    if (chunk > most) {
      const fields = { what: "the chunk", least: 0n, most: BigInt(most), actual: BigInt(chunk) };
      throw new SubletException({ code: "OutOfRange", ...fields });
    }
    return { blockHash: hash, samples: [sampleOf(slot, deal, chunk, await proofs.answer(deal, chunk))] };
  }

  async #ofHash(blockNumber: bigint, hash: Hash): Promise<Sample[]> {
    const seed = hexToBytes(hash).slice(0, Positions.SEED_BYTES);
    const set = await this.set(blockNumber);
    return this.draw(seed, this.#options.chain.epochs.at(blockNumber), set, blockNumber);
  }
}

function sampleOf(slot: number, deal: Deal, chunk: number, proof: Uint8Array): Sample {
  return { slot, deal: deal.id, sectors: deal.sectors, root: deal.root, chunk, proof };
}
