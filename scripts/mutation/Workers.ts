/** Worker processes, each doing one job at a time; one that hangs or has grown is replaced. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Job, Reply } from "./jobs.ts";

const GROWN_BYTES = 2_500_000_000;
/** A mutant that goes round for ever takes memory faster than time. The largest tests take most of it by right. */
const MOST_BYTES = 11_000_000_000;
const LOOK_MS = 1_000;
/** EDR keeps each transaction's trace, and gives the memory back at once: half of all time went into taking it anew. */
const ALLOCATOR = { MIMALLOC_PURGE_DELAY: "3000" };

/** "probe": tells what is reached. "measure": on blocks of no more gas than the tests ask for. */
export type Mode = "probe" | "plain" | "measure";

export class Worker {
  readonly #workspace: string;
  readonly #mode: Mode;
  #process: ChildProcess | undefined;

  constructor(workspace: string, mode: Mode) {
    this.#workspace = workspace;
    this.#mode = mode;
  }

  /** @returns what came of it, or nothing where it took longer, or more memory, than it may, or ended its process. */
  async run(job: Job, limitMs: number): Promise<Reply | undefined> {
    this.#process ??= await this.#start();
    const child = this.#process;
    const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
    const watch = setInterval(() => {
      if (residentBytes(child.pid!) > MOST_BYTES) child.kill("SIGKILL");
    }, LOOK_MS);
    const reply = await new Promise<Reply | undefined>((done) => {
      child.once("message", (message) => done(message as Reply));
      child.once("exit", () => done(undefined));
      child.send(job, () => {}); // one that is gone has exited
    });
    clearTimeout(limit);
    clearInterval(watch);
    child.removeAllListeners();
    if (!reply || reply.memoryBytes > GROWN_BYTES) await this.stop();
    return reply;
  }

  async #start(): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, "worker.ts"), [this.#mode], {
      cwd: this.#workspace,
      execArgv: ["--disable-warning=ExperimentalWarning"],
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, ...ALLOCATOR },
      serialization: "advanced",
    });
    await Promise.race([
      once(child, "message"),
      once(child, "exit").then(() => Promise.reject(new Error("a worker did not start"))),
    ]);
    return child;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

/** What a process holds of memory; 0 where that cannot be told. */
function residentBytes(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Each of `items` by one of several workers, in order; no two at once by the same. */
export async function share<Item>(
  items: readonly Item[],
  workers: readonly Worker[],
  task: (item: Item, worker: Worker) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  await Promise.all(
    workers.map(async (worker) => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await task(item, worker);
    }),
  );
}
