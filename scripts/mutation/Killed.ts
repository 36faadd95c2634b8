/**
 * Which mutants are known to be killed, and by what: kept in the tree, since a whole run takes hours. One counts while the
 * contracts, what their tests share, this command and the test that killed it are what they were.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Verdict } from "./Campaign.ts";

interface Written {
  /** SHA-256 of all but the tests themselves. */
  readonly ground: string;
  /** By the file of a test: its SHA-256, and the numbers of what it killed, such as "1-4 9". */
  readonly killers: Readonly<Record<string, { readonly sha256: string; readonly killed: string }>>;
}

const IS_TEST = /\.(test\.ts|t\.sol)$/;

export class Killed {
  readonly #root: string;
  readonly #file: string;

  /** @param records the folder with killed.json, which may be missing */
  constructor(root: string, records: string) {
    this.#root = root;
    this.#file = join(records, "killed.json");
  }

  /** The test file that killed each mutant, by the mutant's number. */
  read(): Map<number, string> {
    const killed = new Map<number, string>();
    if (!existsSync(this.#file)) return killed;
    const { ground, killers }: Written = JSON.parse(readFileSync(this.#file, "utf8"));
    if (ground !== this.#ground()) return killed;
    for (const [file, { sha256, killed: numbers }] of Object.entries(killers)) {
      if (!existsSync(join(this.#root, file)) || sha256 !== this.#hash([file])) continue;
      for (const number of spread(numbers)) killed.set(number, file);
    }
    return killed;
  }

  write(verdicts: readonly Verdict[]): void {
    const byFile = Map.groupBy(
      verdicts.filter(({ killer }) => killer !== undefined),
      ({ killer }) => killer!.slice(0, killer!.indexOf(": ")),
    );
    const killers = [...byFile].sort().map(([file, killed]) => {
      const numbers = killed.map(({ mutant }) => mutant.id).sort((a, b) => a - b);
      return [file, { sha256: this.#hash([file]), killed: ranges(numbers) }];
    });
    const written: Written = { ground: this.#ground(), killers: Object.fromEntries(killers) };
    writeFileSync(this.#file, `${JSON.stringify(written, undefined, 2)}\n`);
  }

  #ground(): string {
    const folders = ["contracts", "test/contracts", "scripts/mutation"].filter((path) =>
      existsSync(join(this.#root, path)),
    );
    const files = folders.flatMap((folder) =>
      readdirSync(join(this.#root, folder), { recursive: true, encoding: "utf8", withFileTypes: true })
        .filter((entry) => entry.isFile() && !IS_TEST.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name).slice(this.#root.length + 1)),
    );
    return this.#hash(files.sort());
  }

  #hash(files: readonly string[]): string {
    const hash = createHash("sha256");
    for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(this.#root, file)));
    return hash.digest("hex");
  }
}

/** @param numbers ascending */
function ranges(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last?.[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(" ");
}

function spread(text: string): number[] {
  return text.split(" ").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last! - first + 1 }, (_, index) => first + index);
  });
}
