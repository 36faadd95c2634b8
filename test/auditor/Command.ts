/** `sublet` as a process of its own. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../src/sublet.ts", import.meta.url));

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  /** What it printed so far. */
  printed(): string;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

export function start(...args: string[]): Running {
  return startScript(CLI, args);
}

/** The same for another program. `environment`: besides this process's own. */
export function startScript(script: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text) => {
    stdout += text;
  });
  child.stderr.on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((done) =>
    child.on("close", (status) => done({ code: status ?? -1, stdout, stderr })),
  );
  return { printed: () => stdout, kill: (signal) => child.kill(signal), ended };
}

export function sublet(...args: string[]): Promise<Ended> {
  return start(...args).ended;
}
