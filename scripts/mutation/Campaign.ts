/** Every mutant of a build against the tests that may notice it. */
import { join } from "node:path";
import { Coverage, type Witness } from "./Coverage.ts";
import { OFF, PROBE, type Reply } from "./jobs.ts";
import type { Mutant } from "./Mutant.ts";
import { isSame, type Project } from "./Project.ts";
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
  readonly #heard = new Map<number, readonly Witness[]>();

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

  /**
   * Each mutant by its likeliest witnesses first. Those that they let live and nobody has listed are then put before all
   * the others; a listed one is not, or a few dozen would take as long as all the rest.
   */
  async judge(mutants: readonly Mutant[], tell: (verdict: Verdict) => void): Promise<void> {
    const doubtful: Verdict[] = [];
    await this.#share(mutants, "plain", async (mutant, worker) => {
      const verdict = await this.#try(mutant, worker, this.#likely(mutant), 0);
      const known = this.#project.survivors.some((survivor) => isSame(survivor, mutant));
      if (verdict.killer === undefined && !known) doubtful.push(verdict);
      else tell(verdict);
    });
    await this.#share(doubtful, "plain", async ({ mutant, cpuMs }, worker) => {
      const likely = this.#likely(mutant);
      tell(
        await this.#try(
          mutant,
          worker,
          this.#witnesses(mutant).filter((each) => !likely.includes(each)),
          cpuMs,
        ),
      );
    });
  }

  async #try(mutant: Mutant, worker: Worker, witnesses: readonly Witness[], spentMs: number): Promise<Verdict> {
    let cpuMs = spentMs;
    for (const { file, tests, ms } of witnesses) {
      const reply = await (file.endsWith(".t.sol")
        ? this.#solidity(worker, file, mutant.id)
        : this.#mocha(worker, file, mutant.id, tests, PATIENCE_MS + 10 * ms));
      cpuMs += reply?.cpuMs ?? 0;
      const failure = failureOf(reply);
      if (failure === undefined) continue;
      this.#coverage.killed(file, near(mutant));
      return { mutant, killer: `${file}: ${failure}`, cpuMs };
    }
    return { mutant, cpuMs };
  }

  /** As ordered when first asked for: what is learnt later must not mix up which were heard. */
  #witnesses(mutant: Mutant): readonly Witness[] {
    const known = this.#heard.get(mutant.id);
    if (known) return known;
    const solidity = [...this.#project.solidityFiles()].filter(([, imports]) => imports.has(mutant.file));
    const ordered = [
      ...this.#coverage.witnesses(mutant.id, near(mutant)),
      ...solidity.map(([file]) => ({ file, tests: [], ms: 0 })),
    ];
    this.#heard.set(mutant.id, ordered);
    return ordered;
  }

  /** The first ones, up to a tenth of what the whole suite takes, and what is asked of Solidity tests. */
  #likely(mutant: Mutant): Witness[] {
    let left = this.#coverage.totalMs / 10;
    return this.#witnesses(mutant).filter(({ ms }) => {
      const heard = left > 0;
      left -= ms;
      return heard || ms === 0;
    });
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
