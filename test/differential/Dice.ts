/** Chance that one number decides: the same seed, the same choices. */
import fc from "fast-check";

export class Dice {
  readonly #numbers: Iterator<number>;

  constructor(seed: number) {
    const numbers = fc.infiniteStream(fc.nat(0x7fffffff), { noHistory: true });
    const [stream] = fc.sample(numbers, { seed, numRuns: 1, unbiased: true });
    this.#numbers = stream![Symbol.iterator]();
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return this.#numbers.next().value % count;
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** Once in `many`. */
  oneIn(many: number): boolean {
    return this.below(many) === 0;
  }

  of<Each>(all: readonly Each[]): Each {
    return all[this.below(all.length)]!;
  }

  /** By weight. */
  weighted<Each extends string>(weights: Record<Each, number>): Each {
    const entries = Object.entries(weights) as [Each, number][];
    let left = this.below(entries.reduce((sum, [, weight]) => sum + weight, 0));
    for (const [each, weight] of entries) {
      if (left < weight) return each;
      left -= weight;
    }
    throw new Error("nothing has a weight");
  }
}
