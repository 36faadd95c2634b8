/** What is mutated, what should notice, and what is known about it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { callChecks } from "./CallChecks.ts";
import { type Change, describe, type Mutant, type Signature } from "./Mutant.ts";
import { changes } from "./Operators.ts";
import { analyse, type Node, readTexts, type Source } from "./Tree.ts";

export interface KnownSurvivor extends Signature {
  readonly reason: string;
}

/** Tests that cannot hold in a build with mutants: one of a file's, or all of them. */
interface Unfit {
  readonly file: string;
  readonly title?: string;
  readonly reason: string;
}

export class Project {
  readonly root: string;
  readonly workspace: string;
  readonly sources: ReadonlyMap<string, Source>;
  readonly survivors: readonly KnownSurvivor[];
  readonly unfit: readonly Unfit[];
  readonly #declared = new Map<number, Node>();

  /** @param records the folder with survivors.json and unfit.json, either of which may be missing */
  constructor(root: string, workspace: string, records: string) {
    this.root = root;
    this.workspace = workspace;
    const { errors, sources } = analyse(readTexts(root, ["contracts", "test/contracts"]));
    if (errors[0]) throw new Error(`the contracts do not compile: ${errors[0].formattedMessage}`);
    this.sources = sources;
    for (const source of sources.values()) for (const node of source.nodes) this.#declared.set(node.id, node);
    this.survivors = read(join(records, "survivors.json"));
    this.unfit = read(join(records, "unfit.json"));
  }

  /** Every change of every contract, numbered. */
  mutants(): Mutant[] {
    const own = [...this.sources.values()].filter(({ path }) => path.startsWith("contracts/"));
    const found = [...own.flatMap((source) => changes(source, (id) => this.#declared.get(id))), ...callChecks(own)];
    return found.map((change, index) => this.mutant(change, index + 1));
  }

  mutant(change: Change, id: number): Mutant {
    const source = this.sources.get(change.file)!;
    return { ...change, ...describe(change, source), id };
  }

  /** Mocha files, but for those that are unfit as a whole. */
  mochaFiles(): string[] {
    const files = readdirSync(join(this.root, "test/contracts"), { recursive: true, encoding: "utf8" });
    const tests = files
      .filter((path) => path.endsWith(".test.ts"))
      .map((path) => `test/contracts/${path.replaceAll("\\", "/")}`);
    return tests.filter((path) => !this.unfit.some(({ file, title }) => file === path && title === undefined)).sort();
  }

  /** Solidity test files by what they import, directly or not. */
  solidityFiles(): Map<string, ReadonlySet<string>> {
    const tests = [...this.sources.keys()].filter((path) => path.endsWith(".t.sol"));
    const fit = tests.filter((path) => !this.unfit.some(({ file }) => file === path));
    return new Map(fit.map((path) => [path, this.#imports(path)]));
  }

  #imports(path: string, known = new Set<string>()): Set<string> {
    if (known.has(path)) return known;
    known.add(path);
    for (const node of this.sources.get(path)?.nodes ?? []) {
      if (node.nodeType === "ImportDirective" && node.absolutePath) this.#imports(node.absolutePath, known);
    }
    return known;
  }
}

function read<Entry>(path: string): Entry[] {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];
}

export function isSame(one: Signature, other: Signature): boolean {
  return (["file", "in", "operator", "before", "after"] as const).every((key) => one[key] === other[key]);
}
