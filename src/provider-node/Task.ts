/** What a provider does at each new block. */
import type { Logger } from "pino";
import type { Head } from "../chain/Blocks.ts";

/** Takes one step at a time. Of the heads that come meanwhile the newest is looked at next, also if no other follows. */
export class Task {
  readonly #name: string;
  readonly #step: (head: Head) => Promise<void>;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  #newest: Head | undefined;
  #running: Promise<void> | undefined;

  constructor(name: string, step: (head: Head) => Promise<void>, log: Logger, signal: AbortSignal) {
    this.#name = name;
    this.#step = step;
    this.#log = log;
    this.#signal = signal;
  }

  /** Resolves when no step is under way. */
  get done(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  see(head: Head): void {
    this.#newest = head;
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    for (let head = this.#take(); head; head = this.#take()) {
      await this.#step(head).catch((error) => {
        if (this.#signal.aborted) return;
        this.#log.error({ err: error }, `${this.#name} failed at this block; it goes on with the next`);
      });
    }
    // At once: a head that is seen after the last look must find nothing running.
    this.#running = undefined;
  }

  #take(): Head | undefined {
    const head = this.#signal.aborted ? undefined : this.#newest;
    this.#newest = undefined;
    return head;
  }
}
