/** A clone of the launcher alone, in a temporary folder, with an npm that only writes down how it was called. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const LAUNCHER = join(import.meta.dirname, "..", "..", "scripts", "launch.mjs");

/** Says what it was started with; ends as its first argument says. */
const PROGRAM = `
const [how, value]: string[] = process.argv.slice(2);
process.on("SIGTERM", () => process.exit(43));
console.log(JSON.stringify({ pid: process.pid, arguments: process.argv.slice(2), cwd: process.cwd() }));
if (how === "exit") process.exit(Number(value));
if (how === "die") process.kill(process.pid, value as NodeJS.Signals);
if (how === "wait") setInterval(() => {}, 1_000);
if (how === "echo") process.stdin.pipe(process.stdout);
`;

/** In the root it makes node_modules, in the toolchain a Node that claims the version asked for. */
const NPM = `#!${process.execPath}
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
const { CALLS, NPM_EXIT, NPM_WAITS, NODE_CLAIMS } = process.env;
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const emptied = !existsSync("node_modules");
appendFileSync(CALLS, JSON.stringify({ pid: process.pid, arguments: process.argv.slice(2), cwd: process.cwd(), lock, emptied }) + "\\n");
if (NPM_EXIT) {
  console.error("no such registry");
  process.exit(Number(NPM_EXIT));
}
if (NPM_WAITS) {
  console.error("npm waits");
  setInterval(() => {}, 1_000);
} else setTimeout(() => {
  mkdirSync("node_modules", { recursive: true });
  for (const [name, version] of Object.entries(JSON.parse(readFileSync("package.json", "utf8")).dependencies ?? {})) {
    mkdirSync("node_modules/" + name + "/bin", { recursive: true });
    const node = "node_modules/" + name + "/bin/node";
    const claim = NODE_CLAIMS ?? "v" + version;
    writeFileSync(node, '#!/bin/sh\\nif [ "$1" = --version ]; then echo ' + claim + '; else exec "${process.execPath}" "$@"; fi\\n');
    chmodSync(node, 0o755);
  }
}, 300);
`;

interface NpmCall {
  readonly pid: number;
  readonly arguments: string[];
  readonly cwd: string;
  readonly lock: { packages: Record<string, { integrity?: string }> };
  /** There was no node_modules when npm was called. */
  readonly emptied: boolean;
}

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface LaunchOptions {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly input?: string;
  /** Runs before the launcher, in its process. */
  readonly preload?: string;
}

export class Clone {
  readonly root = mkdtempSync(join(tmpdir(), "sublet-launch-"));
  readonly modules = join(this.root, "node_modules");
  readonly toolchain = join(this.root, ".toolchain");
  readonly lock = join(this.toolchain, "lock");
  readonly #calls = join(this.root, "npm-calls");
  readonly #started: ChildProcess[] = [];

  constructor() {
    for (const folder of ["bin", "scripts", "src"]) mkdirSync(join(this.root, folder));
    copyFileSync(LAUNCHER, join(this.root, "scripts", "launch.mjs"));
    writeFileSync(join(this.root, "src", "sublet.ts"), PROGRAM);
    writeFileSync(join(this.root, "bin", "npm"), NPM);
    chmodSync(join(this.root, "bin", "npm"), 0o755);
    writeFileSync(join(this.root, "package.json"), JSON.stringify({ type: "module" }));
    this.changeLockfile(1);
  }

  changeLockfile(lockfileVersion: number): void {
    writeFileSync(join(this.root, "package-lock.json"), JSON.stringify({ lockfileVersion }));
  }

  /** Every call of npm so far. */
  calls(): NpmCall[] {
    if (!existsSync(this.#calls)) return [];
    return readFileSync(this.#calls, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
  }

  /** Starts the launcher; `ended` gives its outcome. */
  start(args: string[], { env = {}, cwd = this.root, input, preload }: LaunchOptions = {}) {
    const path = [join(this.root, "bin"), dirname(process.execPath), process.env.PATH].join(delimiter);
    const flags = preload ? ["--import", `data:text/javascript,${encodeURIComponent(preload)}`] : [];
    const child = spawn(process.execPath, [...flags, join(this.root, "scripts", "launch.mjs"), ...args], {
      cwd,
      env: { ...process.env, PATH: path, CALLS: this.#calls, ...env },
    });
    this.#started.push(child);
    child.stdin.end(input ?? "");
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (bytes) => {
      stdout += bytes;
    });
    child.stderr.on("data", (bytes) => {
      stderr += bytes;
    });
    const ended: Promise<Outcome> = once(child, "close").then(([code, signal]) => ({ code, signal, stdout, stderr }));
    return { child, ended };
  }

  launch(args: string[], options?: LaunchOptions): Promise<Outcome> {
    return this.start(args, options).ended;
  }

  remove(): void {
    for (const child of this.#started) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    rmSync(this.root, { recursive: true, force: true });
  }
}
