/**
 * Mutants kept for the numbered invariants: each breaks one of them, and a test that docs/INVARIANTS.md cites for it must
 * say so. Every cited test must be told wrong by one of them, or nobody knows that it could be.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Citation, citations } from "../../test/style/Citations.ts";
import type { Reply, TestOutcome } from "./jobs.ts";
import type { Edit, Mutant } from "./Mutant.ts";
import type { Project } from "./Project.ts";
import { share, Worker } from "./Workers.ts";
import type { Build } from "./Workspace.ts";

const LIMIT_MS = 1_800_000;

/** One entry of invariants.json. */
export interface Kept {
  readonly breaks: string;
  readonly how: string;
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
}

export function readKept(records: string): Kept[] {
  return JSON.parse(readFileSync(join(records, "invariants.json"), "utf8"));
}

/** The tests cited for each invariant, by its number. */
export function citedTests(root: string): Map<string, Citation[]> {
  const sections = readFileSync(join(root, "docs/INVARIANTS.md"), "utf8").split(/^### (?=INV-\d+: )/m);
  return new Map(sections.slice(1).map((section) => [section.slice(0, section.indexOf(":")), citations(section)]));
}

export function keptMutants(project: Project, kept: readonly Kept[]): Mutant[] {
  return kept.map(({ breaks, file, find, replace }, index) => {
    const text = project.sources.get(file)?.text ?? "";
    const [from, to] = [find, replace].map((each) => Buffer.from(each).toString("latin1"));
    const start = text.indexOf(from!);
    if (start < 0 || text.indexOf(from!, start + 1) >= 0) {
      throw new Error(`${file} has not once what a mutant kept for ${breaks} changes: ${find}`);
    }
    const edits = [narrowed({ start, end: start + from!.length, text: to! }, from!)];
    return project.mutant({ operator: breaks, file, edits }, index + 1);
  });
}

/** Where something is only taken away, without what stands around it to be found: so a modifier goes without its function. */
function narrowed(edit: Edit, from: string): Edit {
  const { start, end, text } = edit;
  const most = Math.min(from.length, text.length);
  let behind = 0;
  while (behind < most && from.at(-1 - behind) === text.at(-1 - behind)) behind++;
  let before = 0;
  while (before < most - behind && from[before] === text[before]) before++;
  const rest = from.slice(before, from.length - behind);
  const into = text.slice(before, text.length - behind);
  if (into.trim() !== "") return edit;
  const blank = rest.length - rest.trimStart().length;
  return { start: start + before + blank, end: end - behind - (rest.length - rest.trimEnd().length), text: "" };
}

/** @returns what is wrong, by invariant; nothing where every cited test was told wrong by a mutant of its invariant. */
export async function judgeKept(
  project: Project,
  build: Build,
  kept: readonly Kept[],
  workers: number,
  tell: (line: string) => void,
): Promise<string[]> {
  const named = new Set(kept.map(({ breaks }) => breaks));
  const cited = new Map([...citedTests(project.root)].filter(([name]) => named.has(name)));
  const wrong = build.stillborn.map(({ operator, after }) => `${operator}: a mutant does not compile: ${after}`);
  const noticed = new Set<string>();
  const pool = Array.from({ length: workers }, () => new Worker(build.workspace, "measure"));
  await share(build.mutants, pool, async (mutant, worker) => {
    const { breaks, how } = kept[mutant.id - 1]!;
    const told: string[] = [];
    const instead: string[] = [];
    for (const citation of cited.get(breaks) ?? []) {
      const { file, titles } = citation;
      const reply = await run(project, build, worker, citation, mutant.id);
      instead.push(...failuresOf(reply).map(({ failure }) => failure!));
      told.push(...titles.filter((title) => notices(title, reply)).map((title) => `${file} "${title}"`));
    }
    for (const each of told) noticed.add(`${breaks} ${each}`);
    tell(`${breaks} ${how}: ${told.join(", ") || `NOTICED BY NONE, but: ${instead.join(", ")}`}`);
    if (told.length === 0) wrong.push(`${breaks}: no cited test notices this mutant: ${how}`);
  });
  await Promise.all(pool.map((worker) => worker.stop()));
  for (const [name, tests] of cited) {
    for (const { file, titles } of tests) {
      const vacuous = titles.filter((title) => !noticed.has(`${name} ${file} "${title}"`));
      wrong.push(...vacuous.map((title) => `${name}: no mutant makes this one fail: ${file} "${title}"`));
    }
  }
  return wrong;
}

/** A title with an underscore is a check within an invariant, whose failure names all checks that failed. */
function run(
  project: Project,
  build: Build,
  worker: Worker,
  { file, titles }: Citation,
  mutant: number,
): Promise<Reply | undefined> {
  if (!file.endsWith(".t.sol")) {
    return worker.run({ kind: "mocha", file: join(project.root, file), mutant, titles, bail: false }, LIMIT_MS);
  }
  const grep = titles.map((title) => (title.startsWith("_") ? "invariant" : title)).join("|");
  return worker.run({ kind: "solidity", file: join(build.workspace, file), mutant, grep }, LIMIT_MS);
}

function failuresOf(reply: Reply | undefined): readonly TestOutcome[] {
  return reply?.outcomes.filter(({ failure }) => failure !== undefined) ?? [];
}

/** What is cited may be a test, a check within an invariant, or a remark on what several tests of a file do. */
function notices(title: string, reply: Reply | undefined): boolean {
  const outcomes = reply?.outcomes ?? [];
  const failed = failuresOf(reply);
  if (title.startsWith("_")) return failed.some(({ failure }) => failure!.includes(title));
  const own = outcomes.filter((outcome) => outcome.title.includes(title));
  return own.length > 0 ? failed.some((outcome) => own.includes(outcome)) : failed.length > 0;
}
