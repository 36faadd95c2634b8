/**
 * Mutation tests of the contracts: small changes to their sources, each of which some test should notice.
 *
 *     npm run test:mutation                              all of them, by all tests that reach them
 *     npm run test:mutation -- --only SumTree            those of files with this in their paths, or of one operator; also
 *                                                        of several: --only SumTree --only Exits.sol
 *     npm run test:mutation -- --sample 50 --seed 7      so many of them, drawn
 *     npm run test:mutation -- --again                   those that survived the last run
 *     npm run test:mutation -- --resume                  goes on with a run that was ended, of sources as they were
 *     npm run test:mutation -- --record                  keeps what the last run saw killed in test/mutation/killed.json, from
 *                                                        which --resume goes on where there was no run before
 *     npm run test:mutation -- --invariants              those kept for the numbered invariants (--only INV-7: its own)
 */
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Campaign, type Verdict } from "./mutation/Campaign.ts";
import { judgeKept, keptMutants, readKept } from "./mutation/Kept.ts";
import { Killed } from "./mutation/Killed.ts";
import type { Mutant } from "./mutation/Mutant.ts";
import { isSame, Project } from "./mutation/Project.ts";
import { Report } from "./mutation/Report.ts";
import { build } from "./mutation/Workspace.ts";

const ROOT = join(import.meta.dirname, "..");

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] as string[] },
    sample: { type: "string" },
    seed: { type: "string", default: "1" },
    again: { type: "boolean", default: false },
    resume: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    invariants: { type: "boolean", default: false },
    workers: { type: "string", default: String(Math.min(2, availableParallelism())) },
    root: { type: "string", default: ROOT },
    workspace: { type: "string", default: join(ROOT, "cache", "mutation") },
    records: { type: "string", default: join(ROOT, "test", "mutation") },
  },
});

const lastRun = join(resolve(values.workspace), "verdicts.jsonl");
const started = performance.now();
const project = new Project(resolve(values.root), resolve(values.workspace), values.records);
const workers = Number(values.workers);
const record = new Killed(resolve(values.root), values.records);
if (values.record) record.write(lastVerdicts());
else process.exitCode = (values.invariants ? await tryKept() : await tryAll()) ? 0 : 1;

async function tryAll(): Promise<boolean> {
  const all = project.mutants();
  const chosen = choose(all);
  say(`${all.length} mutants, ${chosen.length} to try: building`);
  const built = await build({ workspace: project.workspace, optimised: false }, project.sources, chosen);
  say(`built ${built.mutants.length}, ${built.stillborn.length} stillborn: running the tests with none on`);
  const campaign = new Campaign(project, built, workers);
  const wrong = await campaign.learn();
  if (wrong.length > 0) {
    console.log(wrong.join("\n"));
    say("tests fail with no mutant on: nothing can be said of any");
    return false;
  }
  say("running them with each mutant on");
  const known = values.resume ? verdictsSoFar(built.mutants) : new Map<number, Verdict>();
  const verdicts: Verdict[] = [];
  writeFileSync(lastRun, "");
  const keep = (verdict: Verdict) => {
    verdicts.push(verdict);
    const { edits, copies, ...mutant } = verdict.mutant;
    appendFileSync(lastRun, `${JSON.stringify({ ...verdict, mutant })}\n`); // at once: a run takes long, and may be ended
  };
  const rest = built.mutants.filter((mutant) => {
    const verdict = known.get(mutant.id);
    if (!verdict || !isSame(mutant, verdict.mutant)) return true;
    keep({ ...verdict, mutant });
    return false;
  });
  await campaign.judge(rest, (verdict) => {
    keep(verdict);
    if (verdict.killer === undefined) say(`survived: ${place(verdict.mutant)}`);
    if (verdicts.length % 50 === 0) say(`${verdicts.length} of ${built.mutants.length}`);
  });
  const report = new Report(project.survivors, built, verdicts, chosen.length === all.length);
  console.log(report.text());
  say(report.passed ? "passed" : "failed");
  return report.passed;
}

/** The mutants kept for the numbered invariants. */
async function tryKept(): Promise<boolean> {
  const kept = readKept(values.records).filter(({ breaks }) => isAsked((name) => breaks === name));
  say(`${kept.length} mutants kept for invariants: building`);
  const mutants = keptMutants(project, kept);
  const workspace = `${project.workspace}-kept`;
  const built = await build({ workspace, optimised: true }, project.sources, mutants);
  say("running the tests that are cited for each invariant with its mutants on");
  const wrong = await judgeKept(project, built, kept, workers, say);
  for (const line of wrong) say(`WRONG ${line}`);
  say(wrong.length === 0 ? "passed: every cited test notices what it should" : "failed");
  return wrong.length === 0;
}

function choose(mutants: readonly Mutant[]): Mutant[] {
  let wanted = [...mutants];
  const { sample, seed, again } = values;
  if (again) {
    const survivors = lastVerdicts().filter(({ killer }) => killer === undefined);
    wanted = wanted.filter((mutant) => survivors.some((survivor) => isSame(mutant, survivor.mutant)));
  }
  wanted = wanted.filter(({ file, operator }) => isAsked((name) => file.includes(name) || operator === name));
  if (sample) {
    const drawn = ({ id }: Mutant) => createHash("sha256").update(`${seed} ${id}`).digest("hex");
    const order = new Map(wanted.map((mutant) => [mutant, drawn(mutant)]));
    wanted.sort((a, b) => order.get(a)!.localeCompare(order.get(b)!)).splice(Number(sample));
  }
  return wanted.sort((a, b) => a.id - b.id);
}

/** Whether one of the names asked for is such a one; all are, where none is asked for. */
function isAsked(matches: (name: string) => boolean): boolean {
  return values.only.length === 0 || values.only.some(matches);
}

/** Of the last run, or where there was none, of the record. */
function verdictsSoFar(mutants: readonly Mutant[]): Map<number, Verdict> {
  const last = lastVerdicts();
  if (last.length > 0) return new Map(last.map((verdict) => [verdict.mutant.id, verdict]));
  const killed = record.read();
  const recorded = mutants.filter(({ id }) => killed.has(id));
  return new Map(
    recorded.map((mutant) => [mutant.id, { mutant, killer: `${killed.get(mutant.id)}: on record`, cpuMs: 0 }]),
  );
}

function lastVerdicts(): Verdict[] {
  const lines = existsSync(lastRun) ? readFileSync(lastRun, "utf8").split("\n").filter(Boolean) : [];
  return lines.map((line): Verdict => JSON.parse(line));
}

function place({ file, line, operator, before, after }: Mutant): string {
  return `${file}:${line} (${operator})\n      - ${before}\n      + ${after}`;
}

function say(text: string): void {
  console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${text}`);
}
