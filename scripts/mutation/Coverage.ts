/** Which tests reach which mutant, and how long they take: learnt from one run with none on. */
import type { Reach, Reply } from "./jobs.ts";

/** Tests of a file that may notice a mutant. */
export interface Witness {
  readonly file: string;
  readonly tests: readonly number[];
  readonly ms: number;
}

interface FileRecord {
  readonly ms: readonly number[];
  readonly reached: ReadonlyMap<number, Reach>;
}

export class Coverage {
  readonly #files = new Map<string, FileRecord>();
  readonly #kills = new Map<string, number>();

  /** @param unfit tests that fail without any mutant, for reasons of the build */
  learn(file: string, { outcomes, reached }: Reply, unfit: ReadonlySet<number>): void {
    const ms: number[] = [];
    for (const outcome of outcomes) if (!unfit.has(outcome.index)) ms[outcome.index] = outcome.ms;
    this.#files.set(file, { ms, reached: new Map(reached.map((each) => [each.mutant, each])) });
  }

  /**
   * Tests that reach it themselves come first, in files that killed near by before others, quick before slow; then all
   * the others of the files that reach it in what they set up.
   */
  witnesses(mutant: number, near: readonly string[]): Witness[] {
    const [direct, indirect]: Witness[][] = [[], []];
    for (const [file, { ms, reached }] of this.#files) {
      const by = reached.get(mutant);
      if (!by) continue;
      const witness = (tests: readonly number[]) => ({
        file,
        tests,
        ms: tests.reduce((sum, test) => sum + ms[test]!, 0),
      });
      const fit = Object.keys(ms).map(Number);
      const own = fit.filter((test) => by.tests.includes(test));
      if (own.length > 0) direct!.push(witness(own));
      const rest = by.byAll ? fit.filter((test) => !by.tests.includes(test)) : [];
      if (rest.length > 0) indirect!.push(witness(rest));
    }
    const weight = ({ file, ms }: Witness) => {
      const [here = 0, around = 0] = near.map((place) => this.#kills.get(`${place} ${file}`) ?? 0);
      return (ms + 500) / (1 + 4 * here + around);
    };
    const ordered = (witnesses: Witness[]) => witnesses.sort((a, b) => weight(a) - weight(b));
    return [...ordered(direct!), ...ordered(indirect!)];
  }

  get totalMs(): number {
    return [...this.#files.values()].flatMap(({ ms }) => ms).reduce((sum, each) => sum + (each ?? 0), 0);
  }

  killed(file: string, near: readonly string[]): void {
    for (const place of near) this.#kills.set(`${place} ${file}`, (this.#kills.get(`${place} ${file}`) ?? 0) + 1);
  }
}
