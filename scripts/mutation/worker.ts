/**
 * Runs tests on a build that carries mutants, again and again in one process, on chains whose fee recipient is the
 * switch. Every run loads its test file anew, so that nothing of an earlier mutant is left.
 */
import { pathToFileURL } from "node:url";
import hre from "hardhat";
import Mocha from "mocha";
import type { Job, Reach, Reply, Result, TestOutcome } from "./jobs.ts";
import { runSolidity } from "./soliditySuite.ts";

const MUTANTS = 0x4d7574616e74733an << 64n; // as in Switch.sol
/** Unless gas is measured: much for what is not optimised, but a loop without end must end. */
const GAS = { blockGasLimit: 1_000_000_000n, gas: 1_000_000_000n };
const [mode] = process.argv.slice(2);

type Created = Awaited<ReturnType<typeof hre.network.create>>;
type Options = Exclude<Parameters<typeof hre.network.create>[0], string | undefined>;

class Silent extends Mocha.reporters.Base {}

let runs = 0;
let recipient = "";
let created: Created[] = [];
let reach: (mutant: number) => void = () => {};

const create = hre.network.create.bind(hre.network) as (options: Options) => Promise<Created>;
Object.assign(hre.network, {
  create: async (options: Options = {}) => {
    const override = { ...options.override, coinbase: recipient, ...(mode !== "measure" && GAS) };
    const connection = await create({ ...options, override } as Options);
    created.push(connection);
    return connection;
  },
});

process.on("unhandledRejection", () => {}); // of a world that a mutant broke: its tests say so
process.on("message", async (job: Job) => {
  recipient = `0x${(MUTANTS + BigInt(job.mutant)).toString(16).padStart(40, "0")}`;
  const before = process.cpuUsage();
  const result = job.kind === "mocha" ? await runMocha(job) : await runSolidity(hre, job.file, recipient, job.grep);
  const { user, system } = process.cpuUsage(before);
  process.send!({
    ...result,
    cpuMs: (user + system) / 1000,
    memoryBytes: process.memoryUsage().rss,
  } satisfies Reply);
});

if (mode === "probe") {
  hre.hooks.registerHandlers("network", {
    onCoverageData: async (_context, tags) => {
      for (const tag of tags) reach(Number(`0x${tag}`));
    },
  });
}
process.send!("ready");

async function runMocha({ file, tests, titles = [], bail }: Job & { kind: "mocha" }): Promise<Result> {
  // Not by the clock: such a build is slow, and the machine may be busy. Whoever asked ends what takes too long.
  const mocha = new Mocha({ bail, reporter: Silent, timeout: 0 });
  const reached = new Reached();
  reach = (number) => reached.byAll.add(number);
  try {
    const { EVENT_FILE_PRE_REQUIRE } = Mocha.Suite.constants;
    mocha.suite.emit(EVENT_FILE_PRE_REQUIRE, globalThis, file, mocha);
    await import(`${pathToFileURL(file)}?run=${++runs}`);
    const all = testsOf(mocha.suite);
    if (tests) keep(mocha.suite, new Set(tests.map((index) => all[index]!)));
    const having = (title: string) => all.filter((test) => test.fullTitle().includes(title));
    if (titles.length > 0 && titles.every((title) => having(title).length > 0)) {
      keep(mocha.suite, new Set(titles.flatMap(having)));
    }
    const outcomes = await run(mocha, all, reached);
    return { outcomes, reached: reached.list() };
  } catch (error) {
    return { outcomes: [], reached: [], broken: String(error) };
  } finally {
    mocha.dispose();
    await Promise.all(created.map((connection) => connection.close().catch(() => {})));
    created = [];
  }
}

function testsOf(suite: Mocha.Suite): Mocha.Test[] {
  return [...suite.tests, ...suite.suites.flatMap(testsOf)];
}

function keep(suite: Mocha.Suite, wanted: ReadonlySet<Mocha.Test>): void {
  suite.tests = suite.tests.filter((test) => wanted.has(test));
  for (const inner of suite.suites) keep(inner, wanted);
}

/** Which mutants a file reaches while none is on. */
class Reached {
  readonly byAll = new Set<number>();
  readonly #byTest = new Map<number, Set<number>>();

  add(mutant: number, tests: readonly number[]): void {
    const by = this.#byTest.get(mutant) ?? new Set();
    for (const test of tests) by.add(test);
    this.#byTest.set(mutant, by);
  }

  list(): Reach[] {
    const mutants = new Set([...this.byAll, ...this.#byTest.keys()]);
    return [...mutants].map((mutant) => ({
      mutant,
      tests: [...(this.#byTest.get(mutant) ?? [])],
      byAll: this.byAll.has(mutant),
    }));
  }
}

function run(mocha: Mocha, all: readonly Mocha.Test[], reached: Reached): Promise<TestOutcome[]> {
  const indices = new Map(all.map((test, index) => [test, index]));
  const outcomes: TestOutcome[] = [];
  const note = (tests: readonly Mocha.Test[]) => {
    const by = tests.map((test) => indices.get(test)!);
    reach = (number) => reached.add(number, by);
  };
  return new Promise((done) => {
    const runner = mocha.run(() => done(outcomes));
    runner.on("hook", (hook) => {
      if (/before all|after all/.test(hook.title)) note(testsOf(hook.parent!));
    });
    runner.on("test", (test) => note([test]));
    runner.on("pass", (test) => outcomes.push(outcome(test)));
    runner.on("fail", (test, error: Error) => outcomes.push(outcome(test, error)));
  });

  function outcome(test: Mocha.Runnable, error?: Error): TestOutcome {
    const index = indices.get(test as Mocha.Test) ?? -1; // a hook's failure is nobody's
    const failure = error && { failure: `${error.name}: ${error.message}`.slice(0, 500) };
    return { index, title: test.fullTitle(), ms: test.duration ?? 0, ...failure };
  }
}
