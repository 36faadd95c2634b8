/** What a run says of the tests. */
import type { Verdict } from "./Campaign.ts";
import type { Mutant } from "./Mutant.ts";
import { isSame, type KnownSurvivor } from "./Project.ts";
import type { Build } from "./Workspace.ts";

const LEAST_KILLED = 0.9;

export class Report {
  readonly #build: Build;
  readonly #verdicts: readonly Verdict[];
  /** Survivors with what is known of them, and those of which nothing is. */
  readonly #listed = new Map<Mutant, KnownSurvivor>();
  readonly #unlisted: Mutant[] = [];
  /** Listed, but killed now, or changed nowhere any more. */
  readonly #stale: KnownSurvivor[];

  /** @param whole whether every mutant there is was tried: only then can a listed one be missed */
  constructor(known: readonly KnownSurvivor[], build: Build, verdicts: readonly Verdict[], whole: boolean) {
    this.#build = build;
    this.#verdicts = verdicts;
    const left = [...known]; // each stands for one mutant: the same change may be made twice in a function
    for (const { mutant, killer } of verdicts) {
      if (killer !== undefined) continue;
      const at = left.findIndex((survivor) => isSame(survivor, mutant));
      if (at < 0) this.#unlisted.push(mutant);
      else this.#listed.set(mutant, left.splice(at, 1)[0]!);
    }
    this.#stale = whole ? left : [];
  }

  get passed(): boolean {
    const enough = this.#killed >= LEAST_KILLED * this.#verdicts.length;
    return this.#verdicts.length > 0 && enough && this.#unlisted.length === 0 && this.#stale.length === 0;
  }

  get #killed(): number {
    return this.#verdicts.filter(({ killer }) => killer !== undefined).length;
  }

  text(): string {
    const files = [...new Set([...this.#build.mutants, ...this.#build.stillborn].map(({ file }) => file))].sort();
    const rows = files.map((file) => this.#row(file, (mutant) => mutant.file === file));
    const head = ["file", "generated", "stillborn", "killed", "survived", "of them listed", "CPU seconds"];
    const table = [head, ...rows, this.#row("all", () => true)];
    const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
    const lines = table.map((row) =>
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  "),
    );
    return [
      ...[...this.#listed].map(([mutant, { reason }]) => `${change("listed", mutant)}\n      ${reason}`),
      ...this.#unlisted.map((mutant) => change("UNLISTED", mutant)),
      ...this.#stale.map((known) => `STALE ${known.file} ${known.in} (${known.operator})\n    - ${known.before}`),
      "",
      ...lines,
      "",
      `${share(this.#killed, this.#verdicts.length)} killed; without the listed ones ` +
        `${share(this.#killed, this.#verdicts.length - this.#listed.size)}`,
    ].join("\n");
  }

  #row(name: string, of: (mutant: Mutant) => boolean): string[] {
    const verdicts = this.#verdicts.filter(({ mutant }) => of(mutant));
    const stillborn = this.#build.stillborn.filter(of).length;
    const survived = verdicts.filter(({ killer }) => killer === undefined).length;
    const listed = [...this.#listed.keys()].filter(of).length;
    const seconds = verdicts.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1000;
    const numbers = [verdicts.length + stillborn, stillborn, verdicts.length - survived, survived, listed, seconds];
    return [name, ...numbers.map((number) => number.toFixed(0))];
  }
}

function change(kind: string, { file, line, operator, in: where, before, after }: Mutant): string {
  return `${kind} ${file}:${line} ${where} (${operator})\n    - ${before}\n    + ${after}`;
}

function share(part: number, whole: number): string {
  return `${part} of ${whole} (${((100 * part) / whole).toFixed(1)} %)`;
}
