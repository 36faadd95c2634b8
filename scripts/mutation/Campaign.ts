/** Every mutant of a build against the tests that may notice it. */
import { join } from "node:path";
import { Coverage } from "./Coverage.ts";
import { OFF, PROBE, type Reply } from "./jobs.ts";
import type { Mutant } from "./Mutant.ts";
import type { Project } from "./Project.ts";
import { type Mode, share, Worker } from "./Workers.ts";
import type { Build } from "./Workspace.ts";

const PATIENCE_MS = 120_000; // beyond ten times what it took before: the machine may be busy
const FIRST_RUN_MS = 1_800_000;

export interface Verdict {
  readonly mutant: Mutant;
  /** The test that failed, or what else told the mutant from the original; nothing where it survived. */
  readonly killer?: string;
  /** Of the workers. */
  readonly cpuMs: number;
}

export class Campaign {
  readonly #project: Project;
  readonly #build: Build;
  readonly #workers: number;
  readonly #coverage = new Coverage();
  /** Files whose tests need those before them, and choices of tests that were seen to hold by themselves. */
  readonly #dependent = new Set<string>();
  readonly #sound = new Set<string>();

  constructor(project: Project, build: Build, workers: number) {
    this.#project = project;
    this.#build = build;
    this.#workers = workers;
  }

  /** @returns what went wrong with no mutant on. Then nothing that follows means anything. */
  async learn(): Promise<string[]> {
    const wrong: string[] = [];
    await this.#share(this.#project.mochaFiles(), "probe", async (file, worker) => {
      const job = { kind: "mocha", file: join(this.#project.root, file), mutant: PROBE, bail: false } as const;
      const reply = await worker.run(job, FIRST_RUN_MS);
      if (!reply || reply.broken) return void wrong.push(`${file}: ${reply?.broken ?? "hangs"}`);
      const unfit = this.#project.unfit.filter((test) => test.file === file);
      const left = reply.outcomes.filter(({ title }) => unfit.some((test) => title.endsWith(test.title ?? title)));
      const failed = reply.outcomes.filter((outcome) => outcome.failure && !left.includes(outcome));
      wrong.push(...failed.map(({ title, failure }) => `${file}: ${title}: ${failure}`));
      this.#coverage.learn(file, reply, new Set(left.map(({ index }) => index)));
    });
    for (const file of this.#project.solidityFiles().keys()) {
      // Their contracts are few and quick: whether they hold at all is enough to know.
      await this.#share([file], "plain", async (_, worker) => {
        const reply = await this.#solidity(worker, file, PROBE);
        const failed = failureOf(reply);
        if (failed) wrong.push(`${file}: ${failed}`);
      });
    }
    return wrong;
  }

  async judge(mutants: readonly Mutant[], tell: (verdict: Verdict) => void): Promise<void> {
    await this.#share(mutants, "plain", async (mutant, worker) => {
      let cpuMs = 0;
      for (const { file, run } of this.#trials(mutant, worker)) {
        const reply = await run();
        cpuMs += reply?.cpuMs ?? 0;
        const failure = failureOf(reply);
        if (failure === undefined) continue;
        this.#coverage.killed(file, near(mutant));
        return tell({ mutant, killer: `${file}: ${failure}`, cpuMs });
      }
      tell({ mutant, cpuMs });
    });
  }

  /** The files that may notice it, one after the other. */
  *#trials(mutant: Mutant, worker: Worker): Generator<{ file: string; run: () => Promise<Reply | undefined> }> {
    for (const { file, tests, ms } of this.#coverage.witnesses(mutant.id, near(mutant))) {
      yield { file, run: () => this.#mocha(worker, file, mutant.id, tests, PATIENCE_MS + 10 * ms) };
    }
    for (const [file, imports] of this.#project.solidityFiles()) {
      if (imports.has(mutant.file)) yield { file, run: () => this.#solidity(worker, file, mutant.id) };
    }
  }

  /** Some of a file's tests, unless they need the others: that a test fails means nothing if it does so with none on. */
  async #mocha(worker: Worker, file: string, mutant: number, wanted: readonly number[], limitMs: number) {
    const job = { kind: "mocha", file: join(this.#project.root, file), mutant, bail: true } as const;
    if (this.#dependent.has(file)) return worker.run(job, limitMs);
    const reply = await worker.run({ ...job, tests: wanted }, limitMs);
    const failed = reply?.outcomes.some(({ failure }) => failure);
    if (!failed) return reply;
    const tests = reply!.outcomes.map(({ index }) => index).filter((index) => index >= 0);
    const key = `${file} ${tests}`;
    if (!this.#sound.has(key)) {
      const off = await worker.run({ ...job, tests, mutant: OFF }, limitMs);
      if (failureOf(off) !== undefined) {
        this.#dependent.add(file);
        return worker.run(job, limitMs);
      }
      this.#sound.add(key);
    }
    return reply;
  }

  #solidity(worker: Worker, file: string, mutant: number): Promise<Reply | undefined> {
    return worker.run({ kind: "solidity", file: join(this.#build.workspace, file), mutant }, FIRST_RUN_MS);
  }

  async #share<Item>(items: readonly Item[], mode: Mode, task: (item: Item, worker: Worker) => Promise<void>) {
    const workers = Array.from({ length: this.#workers }, () => new Worker(this.#build.workspace, mode));
    try {
      await share(items, workers, task);
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()));
    }
  }
}

/** Places where what killed one mutant may kill another, the likelier first. */
function near({ file, in: where }: Mutant): string[] {
  return [`${file} ${where}`, file];
}

function failureOf(reply: Reply | undefined): string | undefined {
  if (!reply) return "takes for ever";
  const failed = reply.outcomes.find(({ failure }) => failure);
  return reply.broken ?? (failed && `${failed.title}: ${failed.failure}`);
}
