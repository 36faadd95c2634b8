/** `sublet bootnode` in a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { firstDocument } from "../../scripts/local-network.ts";

const CLI = join(import.meta.dirname, "..", "..", "src", "sublet.ts");

export interface Bootnode {
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
  readonly pid: number;
  /** Answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Ended by {@link stopAll} at the latest. */
export async function bootnode(...args: string[]): Promise<Bootnode> {
  const child = command("bootnode", ...args, "--json");
  let logged = "";
  child.stderr?.on("data", (more) => {
    logged += more;
  });
  const said = (await firstDocument(child, () => logged)) as Omit<Bootnode, "stop">;
  return { ...said, stop: (signal) => stop(child, signal) };
}

/** The error of a command that must fail. */
export async function fails(...args: string[]): Promise<{ readonly code: string; readonly name: string }> {
  const child = command("bootnode", ...args, "--json");
  const said = await text(child.stdout!);
  return JSON.parse(said).error;
}

const running = new Set<ChildProcess>();

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((child) => stop(child)));
}

function command(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const closed = once(child, "close");
  child.kill(signal);
  await closed;
  return child.exitCode;
}
