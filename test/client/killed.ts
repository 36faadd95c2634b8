/** Processes of a drive that are killed in the middle. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

/** Starts a script of this folder, which prints the bytes it is at, and ends it with SIGKILL `laterMs` after `bytes`. */
export async function killedAt([script, ...args]: readonly string[], bytes: number, laterMs = 0): Promise<void> {
  const command = ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, script!), ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    if (Number(line) < bytes) continue;
    await sleep(laterMs);
    break;
  }
  child.kill("SIGKILL");
  await ended;
}
