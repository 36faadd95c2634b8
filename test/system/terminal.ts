/** A command line in a process group of its own, as a terminal has it, so that all it started can be ended with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

export class Terminal {
  readonly child: ChildProcess;
  stdout = "";
  stderr = "";

  static readonly #all: Terminal[] = [];

  /** @param line run by a shell in the folder of this repository */
  constructor(line: string) {
    Terminal.#all.push(this);
    this.child = spawn(line, {
      shell: true,
      cwd: ROOT,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdout?.on("data", (text) => {
      this.stdout += text;
    });
    this.child.stderr?.on("data", (text) => {
      this.stderr += text;
    });
  }

  get #group(): number {
    return -this.child.pid!;
  }

  /** Whether any process of the group is left. */
  get lives(): boolean {
    try {
      return process.kill(this.#group, 0);
    } catch {
      return false;
    }
  }

  async ended(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, "close");
    return this.child.exitCode;
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    process.kill(this.#group, "SIGINT");
  }

  static killAll(): void {
    for (const terminal of Terminal.#all) if (terminal.lives) process.kill(terminal.#group, "SIGKILL");
  }
}
