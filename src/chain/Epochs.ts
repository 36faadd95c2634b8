/** The market's clock: pure maths from its parameters and the block it started in. Blocks are bigint, epochs numbers. */

export type Phase = "commit" | "gap" | "challenge" | "prove";

export interface EpochLengths {
  readonly epochBlocks: number;
  readonly commitBlocks: number;
  readonly gapBlocks: number;
}

export class Epochs {
  readonly genesis: bigint;
  readonly epochBlocks: bigint;
  readonly #challengeOffset: bigint;
  readonly #commitBlocks: bigint;

  constructor(genesis: bigint, { epochBlocks, commitBlocks, gapBlocks }: EpochLengths) {
    if (epochBlocks <= commitBlocks + gapBlocks || commitBlocks < 1) {
      throw new RangeError(
        `an epoch of ${epochBlocks} blocks has no room for ${commitBlocks} + ${gapBlocks} and a proof`,
      );
    }
    this.genesis = genesis;
    this.epochBlocks = BigInt(epochBlocks);
    this.#commitBlocks = BigInt(commitBlocks);
    this.#challengeOffset = BigInt(commitBlocks + gapBlocks);
  }

  /** The epoch a block lies in; the first is 1. Throws RangeError for a block before the market. */
  at(block: bigint): number {
    return 1 + Number(this.#sinceGenesis(block) / this.epochBlocks);
  }

  phase(block: bigint): Phase {
    const offset = this.#sinceGenesis(block) % this.epochBlocks;
    if (offset < this.#commitBlocks) return "commit";
    if (offset < this.#challengeOffset) return "gap";
    return offset === this.#challengeOffset ? "challenge" : "prove";
  }

  /** First block of an epoch: it is the first of the commit phase. */
  start(epoch: number): bigint {
    return this.genesis + BigInt(epoch - 1) * this.epochBlocks;
  }

  /** Last block of an epoch: a proof mined later is late. */
  end(epoch: number): bigint {
    return this.start(epoch + 1) - 1n;
  }

  /** First block in which nothing may change any more, and in which an empty set may be proven. */
  gapStart(epoch: number): bigint {
    return this.start(epoch) + this.#commitBlocks;
  }

  /** The block whose randomness the epoch's challenges come from. */
  challengeBlock(epoch: number): bigint {
    return this.start(epoch) + this.#challengeOffset;
  }

  /**
   * The epoch that a change of the provider's set takes effect in, if mined in `block`: this one in the commit phase,
   * the next one once the provider has proven this one; undefined: the market would refuse with Market_WrongPhase.
   */
  effective(block: bigint, proven: boolean): number | undefined {
    const epoch = this.at(block);
    if (this.phase(block) === "commit") return epoch;
    return proven ? epoch + 1 : undefined;
  }

  /** The first block after `block` in which the phase is another one. */
  nextBoundary(block: bigint): bigint {
    const epoch = this.at(block);
    switch (this.phase(block)) {
      case "commit":
        return this.gapStart(epoch);
      case "gap":
        return this.challengeBlock(epoch);
      case "challenge":
        return this.challengeBlock(epoch) + 1n;
      case "prove":
        return this.start(epoch + 1);
    }
  }

  #sinceGenesis(block: bigint): bigint {
    if (block < this.genesis)
      throw new RangeError(`block ${block} lies before the market's first block ${this.genesis}`);
    return block - this.genesis;
  }
}
