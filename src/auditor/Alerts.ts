/** Telling somebody who does not look: by a command that is run, or a URL that is posted to. */
import { setTimeout as sleep } from "node:timers/promises";
import { postDocument, runCommand, type Alert as Told } from "../alerts/channels.ts";
import { toJson } from "../protocol/Json.ts";

// Its output goes where remarks go: standard output is for what the watch itself says.
const COMMAND = { limitMs: 30_000, output: "stderr" } as const;
const POST_MS = 10_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export interface Channels {
  /** Run by the shell, with the alert's kind as $1, its message as $2, and all of it as JSON on standard input. */
  readonly command?: string | undefined;
  /** Takes the alert as JSON by POST. */
  readonly webhook?: string | undefined;
}

interface Alert extends Told {
  readonly delivered: () => void;
  /** Channels that it went through already. */
  readonly done: Set<string>;
}

/** Delivers in order, and again until each channel took it. */
export class Alerts {
  readonly #ways: ReadonlyMap<string, (alert: Alert) => Promise<void>>;
  readonly #failed: (reason: string) => void;
  readonly #queue: Alert[] = [];
  readonly #ending = new AbortController();
  #working: Promise<void> | undefined;

  /** @param failed is told why a delivery failed; it will be tried again */
  constructor({ command, webhook }: Channels, failed: (reason: string) => void) {
    const ways = new Map<string, (alert: Alert) => Promise<void>>();
    if (command !== undefined) ways.set("command", (alert) => runCommand(command, alert, COMMAND));
    if (webhook !== undefined) ways.set("webhook", (alert) => postDocument(webhook, alert, POST_MS));
    this.#ways = ways;
    this.#failed = failed;
  }

  /** `delivered` is called once every channel took it; at once where there is none. */
  send(kind: string, message: string, details: object, delivered: () => void): void {
    const document = toJson({ kind, message, at: new Date().toISOString(), ...details });
    this.#queue.push({ kind, message, document, delivered, done: new Set() });
    this.#working ??= this.#work();
  }

  /** Tries once more what was not delivered yet, then gives up. */
  async end(): Promise<void> {
    this.#ending.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    for (let alert = this.#queue[0]; alert; alert = this.#queue[0]) {
      const last = this.#ending.signal.aborted;
      if (await this.#deliver(alert)) {
        alert.delivered();
        this.#queue.shift();
        pause = FIRST_PAUSE_MS;
      } else if (last) {
        break;
      } else {
        await sleep(pause, undefined, { signal: this.#ending.signal }).catch(() => undefined);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
    this.#working = undefined;
  }

  async #deliver(alert: Alert): Promise<boolean> {
    for (const [name, way] of this.#ways) {
      if (alert.done.has(name)) continue;
      try {
        await way(alert);
        alert.done.add(name);
      } catch (thrown) {
        this.#failed(`the alert by ${name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      }
    }
    return alert.done.size === this.#ways.size;
  }
}
