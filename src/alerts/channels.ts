/** How an alert reaches somebody who does not look: a command that is run, or a URL that is posted to. */
import { spawn } from "node:child_process";
import { once } from "node:events";

export interface Alert {
  readonly kind: string;
  readonly message: string;
  /** All of it, as JSON. */
  readonly document: string;
}

export interface CommandOptions {
  /** What takes longer is killed, with all that it started. */
  readonly limitMs: number;
  /** Where its output goes: nowhere, or to standard error. */
  readonly output: "ignore" | "stderr";
}

/**
 * Runs `command` by the shell, with the alert's kind as $1, its message as $2, and all of it on standard input.
 * @throws Error where it does not end with code 0
 */
export async function runCommand(
  command: string,
  { kind, message, document }: Alert,
  { limitMs, output }: CommandOptions,
): Promise<void> {
  const to = output === "stderr" ? 2 : "ignore";
  // In a group of its own, so that nothing it has started outlives the limit.
  const child = spawn("/bin/sh", ["-c", command, "sublet", kind, message], { detached: true, stdio: ["pipe", to, to] });
  child.stdin?.on("error", () => undefined); // it need not read
  child.stdin?.end(`${document}\n`);
  const limit = setTimeout(() => endGroup(child.pid), limitMs);
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    if (code !== 0) throw new Error(signal ? `it was ended by ${signal}` : `it ended with code ${code}`);
  } finally {
    clearTimeout(limit);
  }
}

/** @throws Error where it is not taken, with a status of success, within `limitMs` */
export async function postDocument(url: string, { document }: Alert, limitMs: number): Promise<void> {
  const response = await fetch(url, {
    ...{ method: "POST", body: document, headers: { "content-type": "application/json" }, redirect: "error" },
    signal: AbortSignal.timeout(limitMs),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`it was answered with status ${response.status}`);
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it ended just now
  }
}
