/**
 * Everything the project checks about itself, in order, each step on its own; the last line says `N passed, N failed`.
 * A test runner counts its tests, any other step counts as one test. A runner that ran no test has failed, and so has
 * one that skipped any. The exit code is 0 only if nothing failed.
 *
 *     npm test                     all steps
 *     npm test -- codec types      the steps with one of these words in their names
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const ROOT = join(import.meta.dirname, "..");
const GENERATED = /^(src\/(.*\/)?(gen\/.+|abi\.ts)|docs\/(CLI|ERRORS)\.md)$/;
/** Hang protection only: what is still running then is ended and has failed. */
const LIMIT_MINUTES = 25;
const MOST_SAID = 4_000;

interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** What a step said last, if something failed: that is told once more at the end, where a long log may be cut. */
  readonly said?: string;
}

interface Step {
  readonly name: string;
  run(): Promise<Counts>;
}

interface Ended {
  readonly ok: boolean;
  readonly output: string;
}

function steps(): Step[] {
  return [
    check("contracts build", "hardhat", "build"),
    { name: "generated files", run: generatedAreCurrent },
    check("types", "tsc", "--noEmit"),
    check("lint", "biome", "check", "--error-on-warnings"),
    check("arrows", "depcruise", "src", "scripts", "test", ...present("examples", "bench")),
    check("dead code", "knip"),
    suite("contracts solidity", "hardhat", "test", "solidity"),
    suite("contracts mocha", "hardhat", "test", "mocha", "--no-compile"),
    ...testFolders().map((folder) => suite(`test ${folder}`, "mocha", `test/${folder}/**/*.test.ts`)),
  ];
}

/** Every room of src/ needs tests of its own, as do the tree and the whole; real processes come last. */
function testFolders(): string[] {
  const needed = [...folders("src"), "launch", "style", "system"];
  const others = folders("test").filter((name) => name !== "contracts" && holdsTests(name));
  const weight = (name: string) => ["launch", "system"].indexOf(name);
  return [...new Set([...needed, ...others])].sort((a, b) => weight(a) - weight(b) || a.localeCompare(b));
}

function folders(parent: string): string[] {
  const entries = readdirSync(join(ROOT, parent), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function holdsTests(folder: string): boolean {
  return readdirSync(join(ROOT, "test", folder), { recursive: true, encoding: "utf8" }).some((path) =>
    path.endsWith(".test.ts"),
  );
}

function present(...folders: string[]): string[] {
  return folders.filter((folder) => existsSync(join(ROOT, folder)));
}

/** A command that is right when it exits with 0. */
function check(name: string, ...command: string[]): Step {
  return {
    name,
    async run() {
      const { ok, output } = await execute(command);
      return { ...one(ok), said: output };
    },
  };
}

/** A test runner, whose closing lines ("3 passing", "1 failing", "2 pending") are read. */
function suite(name: string, ...command: string[]): Step {
  return {
    name,
    async run() {
      const { ok, output } = await execute(command);
      const passed = closing(output, "passing");
      const failed = closing(output, "failing");
      const skipped = closing(output, "pending") + closing(output, "skipped");
      if (skipped > 0) console.log(`${skipped} tests were skipped, which counts as failed`);
      if (passed + failed === 0) console.log("the runner ran no test");
      const broken = failed + skipped === 0 && (!ok || passed === 0) ? 1 : 0;
      const said = output.slice(Math.max(0, output.search(/^\s*\d+ failing\b/m)));
      return { passed, failed: failed + skipped + broken, said };
    },
  };
}

function closing(output: string, word: string): number {
  const lines = [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}\\b.*$`, "gm"))];
  return Number(lines.at(-1)?.[1] ?? 0);
}

function one(ok: boolean): Counts {
  return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Generates anew what is committed as generated, and compares. A difference is left in the tree, to be committed. */
async function generatedAreCurrent(): Promise<Counts> {
  const before = await generatedHashes();
  if (!(await execute(["npm", "run", "generate"])).ok) return one(false);
  const after = await generatedHashes();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  for (const path of stale) console.log(`${path} was not what "npm run generate" makes of its source`);
  return one(stale.length === 0 && after.size > 0);
}

async function generatedHashes(): Promise<Map<string, string>> {
  const paths = ["src", "docs"]
    .flatMap((folder) => {
      const within = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
      return within.map((path) => `${folder}/${path.replaceAll("\\", "/")}`);
    })
    .filter((path) => GENERATED.test(path));
  const hash = (path: string) =>
    createHash("sha256")
      .update(readFileSync(join(ROOT, path)))
      .digest("hex");
  return new Map(paths.map((path) => [path, hash(path)]));
}

let running: ChildProcess | undefined;

/** Runs a command (of node_modules/.bin first), its output both shown and returned. */
function execute([command = "", ...args]: string[]): Promise<Ended> {
  const bin = join(ROOT, "node_modules", ".bin");
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}`, ...(process.stdout.isTTY && { FORCE_COLOR: "1" }) },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a group of its own, so that ending it leaves nothing behind
  });
  running = child;
  let output = "";
  child.stdout.on("data", (bytes) => {
    process.stdout.write(bytes);
    output += bytes;
  });
  child.stderr.on("data", (bytes) => {
    process.stderr.write(bytes);
    output += bytes;
  });
  const limit = setTimeout(() => {
    console.log(`still running after ${LIMIT_MINUTES} minutes: ended`);
    endRunning("SIGKILL");
  }, LIMIT_MINUTES * 60_000);
  return new Promise((resolve) => {
    const done = (ok: boolean) => {
      clearTimeout(limit);
      running = undefined;
      resolve({ ok, output: stripVTControlCharacters(output) });
    };
    child.once("error", (error) => {
      console.log(`${command} could not be started: ${error.message}`);
      done(false);
    });
    child.once("close", (code) => done(code === 0));
  });
}

function endRunning(signal: NodeJS.Signals): void {
  if (running?.pid === undefined) return;
  try {
    process.kill(-running.pid, signal);
  } catch {
    // it ended just now
  }
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    endRunning(signal);
    process.exit(1);
  });
}

const words = process.argv.slice(2);
const all = steps();
const named = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
const build = all[0]; // what it generates is read by every other step
const chosen = named.length > 0 && build && !named.includes(build) ? [build, ...named] : named;
const total = { passed: 0, failed: 0 };
const broken: string[] = [];
const failures: string[] = [];
for (const step of chosen) {
  const begun = performance.now();
  console.log(`\n=== ${step.name}`);
  const { passed, failed, said = "" } = await step.run();
  total.passed += passed;
  total.failed += failed;
  if (failed > 0) {
    broken.push(`${step.name} (${failed})`);
    failures.push(`\n=== what failed in ${step.name}\n${said.slice(0, MOST_SAID).trim()}`);
  }
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`=== ${step.name}: ${passed} passed, ${failed} failed, ${seconds} s`);
}
if (chosen.length === 0) {
  console.log(
    `no step has "${words.join('" or "')}" in its name; there are: ${steps()
      .map((step) => step.name)
      .join(", ")}`,
  );
  total.failed++;
}
console.log(broken.length > 0 ? `${failures.join("\n")}\n\nfailed: ${broken.join(", ")}\n` : "");
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
