/**
 * Telling the operator what cannot wait: to the log, and to a command or a webhook. What holds on is told once and again
 * each day; what could not be told is tried again for a few minutes.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { Address } from "viem";
import { postDocument, runCommand } from "../../alerts/channels.ts";
import { toJson } from "../../protocol/Json.ts";

export type AlertKind =
  | "epoch-at-risk"
  | "epoch-missed"
  | "chain-silent"
  | "low-stake"
  | "low-cover"
  | "low-disk"
  | "low-gas"
  | "gas-held";

/** Where alerts go besides the log. */
export interface AlertChannels {
  /** Run by the shell, with the alert's kind as $1, its message as $2, and all of it as JSON on standard input. */
  readonly command?: string;
  /** Takes the alert as JSON by POST. */
  readonly webhook?: string;
  /** Milliseconds before each further try. */
  readonly retryMs?: readonly number[];
}

export interface AlertsOptions extends AlertChannels {
  readonly provider: Address;
  readonly log: Logger;
  readonly onRaised: (kind: AlertKind) => void;
}

const AGAIN_MS = 24 * 3_600_000;
const RETRY_MS = [5_000, 30_000, 120_000];
/** A program or server that takes longer is given up. */
const TOLD_MS = 15_000;

export class Alerts {
  readonly #options: AlertsOptions;
  readonly #told = new Map<string, number>();
  readonly #telling = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(options: AlertsOptions) {
    this.#options = options;
  }

  /** Tells of something that holds now. `about` tells apart what may hold of several things at once. */
  raise(kind: AlertKind, message: string, details: object = {}, about = ""): void {
    const key = `${kind} ${about}`;
    const now = performance.now();
    if (now - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS) return;
    this.#told.set(key, now);
    const { provider, log, command, webhook, onRaised } = this.#options;
    log.error({ alert: kind, ...details }, message);
    onRaised(kind);
    const document = toJson({ kind, message, provider, at: new Date().toISOString(), ...details });
    const alert = { kind, message, document };
    const limits = { limitMs: TOLD_MS, output: "ignore" } as const;
    if (command !== undefined) this.#tell(`alert command for ${kind}`, () => runCommand(command, alert, limits));
    if (webhook !== undefined) this.#tell(`alert webhook for ${kind}`, () => postDocument(webhook, alert, TOLD_MS));
  }

  /** It holds no more: the next time it is told again. */
  clear(kind: AlertKind, about = ""): void {
    if (this.#told.delete(`${kind} ${about}`)) this.#options.log.info({ alert: kind }, "over");
  }

  /** Lets what is being told be told; what waits for another try is dropped. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#telling);
  }

  #tell(what: string, once: () => Promise<void>): void {
    const telling = this.#persist(what, once).finally(() => this.#telling.delete(telling));
    this.#telling.add(telling);
  }

  async #persist(what: string, tell: () => Promise<void>): Promise<void> {
    const { log, retryMs = RETRY_MS } = this.#options;
    for (const pause of [...retryMs, undefined]) {
      try {
        return await tell();
      } catch (error) {
        log.warn({ err: error }, `${what} failed${pause === undefined ? "" : "; it is tried again"}`);
      }
      if (pause === undefined) return;
      await sleep(pause, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
    }
  }
}
