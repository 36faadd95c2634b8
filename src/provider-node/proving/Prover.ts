/**
 * One proof an epoch, from the challenge block to the epoch's last. Whether it is done is always asked of the chain, so
 * a reorganisation that takes a proof out, a restart or somebody else's proof need no care of their own: until the epoch
 * is proven as of a block that nothing takes back any more, every new block is looked at again.
 */
import type { Logger } from "pino";
import { type Address, bytesToHex, type Hex, hexToBytes } from "viem";
import type { Head } from "../../chain/Blocks.ts";
import { call } from "../../chain/Calls.ts";
import type { Market, Sent } from "../../chain/Market.ts";
import { ChallengeProof, Positions } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { DealBook } from "../deals/DealBook.ts";
import { isUnstopped } from "../deals/DealBook.ts";
import type { Samples } from "./Samples.ts";

type Chain = Pick<Market, "epochs" | "proven" | "seed" | "header" | "sendAll">;

const NO_SEED: Hex = `0x${"00".repeat(Positions.SEED_BYTES)}`;
/** Of an epoch's blocks, so many go by before a proof that could not be made is tried again. */
const RETRIES_PER_EPOCH = 40n;

export interface ProverOptions {
  readonly chain: Chain;
  readonly provider: Address;
  readonly book: DealBook;
  readonly samples: Samples;
  readonly finalBlocks: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onProven: (sent: Sent) => void;
  /** An epoch was found proven on chain, whoever did it. */
  readonly onSeenProven: (epoch: number) => void;
  readonly onMissed: (epoch: number) => void;
}

export class Prover {
  readonly #options: ProverOptions;
  #epoch = 0;
  /** Whether this epoch asks for a proof, as far as is known. */
  #owed = false;
  #final = false;
  #warned = false;
  #retryAt = 0n;

  constructor(options: ProverOptions) {
    this.#options = options;
  }

  /** Looks at a new block, and proves the epoch when it can be and is not. Call it again only when it has returned. */
  async step(head: Head): Promise<void> {
    const { chain, provider, finalBlocks, onSeenProven } = this.#options;
    const epoch = chain.epochs.at(head.number);
    if (epoch !== this.#epoch) await this.#begin(epoch);
    if (this.#final || head.number + 1n < chain.epochs.gapStart(epoch) || head.number >= chain.epochs.end(epoch))
      return;
    if (await chain.proven(provider, epoch)) {
      onSeenProven(epoch);
      const settled = head.number - BigInt(finalBlocks);
      this.#final = settled >= chain.epochs.start(epoch) && (await chain.proven(provider, epoch, settled));
      return;
    }
    if (head.number < this.#retryAt) return;
    try {
      await this.#prove(epoch, head.number);
    } catch (error) {
      this.#failed(epoch, head.number, error);
    }
    this.#warnWhenLate(epoch, head.number);
  }

  async #begin(epoch: number): Promise<void> {
    const { chain, provider, log, onMissed } = this.#options;
    const before = this.#epoch;
    if (this.#owed && before === epoch - 1 && !(await chain.proven(provider, before))) {
      log.error({ epoch: before }, "epoch missed: it pays nothing and costs collateral");
      onMissed(before);
    }
    this.#epoch = epoch;
    this.#owed = false;
    this.#final = false;
    this.#warned = false;
    this.#retryAt = 0n;
  }

  async #prove(epoch: number, block: bigint): Promise<void> {
    const { chain, provider, samples, book, log, signal, onProven } = this.#options;
    const set = await samples.set();
    this.#owed = set.sectors > 0;
    if (set.sectors === 0) {
      // An empty set needs no proof, unless some client has reserved space that is billed.
      const billed = book.deals().some(({ onChain }) => isUnstopped(onChain) && onChain.minSectors > 0);
      if (!billed || block + 1n < chain.epochs.gapStart(epoch)) return;
      const sent = await chain.sendAll([call("prove", [provider, NO_SEED, "0x"])], { signal });
      log.info({ epoch, sectors: 0, transaction: sent.hash }, "epoch proven");
      return onProven(sent);
    }
    if (block < chain.epochs.challengeBlock(epoch)) return;
    const [recorded, { header, prevRandao }] = await Promise.all([
      chain.seed(),
      chain.header(chain.epochs.challengeBlock(epoch)),
    ]);
    const seed = Positions.seedOf(hexToBytes(prevRandao));
    const drawn = await samples.draw(seed, epoch, set);
    const challenges = drawn.map(({ slot, chunk }) => ({ slot, chunkIndex: chunk }));
    const answers = drawn.map(({ proof }) => proof);
    const proof = ChallengeProof.join(challenges, answers);
    const proving = call("prove", [provider, bytesToHex(seed), bytesToHex(proof)]);
    const calls = recorded.epoch === epoch ? [proving] : [call("recordSeed", [header]), proving];
    log.debug({ epoch, sectors: set.sectors, bytes: proof.length }, "sending the proof");
    const sent = await chain.sendAll(calls, { signal });
    log.info({ epoch, sectors: set.sectors, transaction: sent.hash }, "epoch proven");
    onProven(sent);
  }

  #failed(epoch: number, block: bigint, error: unknown): void {
    if (this.#options.signal.aborted) return;
    if (SubletException.is(error, "ChainRejected") && error.error.error === "Market_AlreadyProven") return;
    const { chain, log } = this.#options;
    const passing = SubletException.is(error, "ChainUnavailable", "TransactionPending");
    this.#retryAt = passing ? 0n : block + 1n + chain.epochs.epochBlocks / RETRIES_PER_EPOCH;
    log.error({ epoch, err: error }, "no proof could be made or sent; it is tried again");
  }

  #warnWhenLate(epoch: number, block: bigint): void {
    const { epochs } = this.#options.chain;
    const left = epochs.end(epoch) - block;
    if (this.#warned || !this.#owed || left > (epochs.end(epoch) - epochs.challengeBlock(epoch)) / 4n) return;
    this.#warned = true;
    this.#options.log.error({ epoch, blocksLeft: `${left}` }, "the epoch is about to be missed");
  }
}
