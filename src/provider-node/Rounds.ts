/** What a provider does at each new block: everything side by side, so that a slow call of one never holds up the others. */
import type { Logger } from "pino";
import type { Head } from "../chain/Blocks.ts";
import type { MarketReader } from "../chain/MarketReader.ts";
import type { DealBook } from "./deals/DealBook.ts";
import { Task } from "./Task.ts";

/** By name: what is done at each new block. */
export type Work = Record<string, (head: Head) => Promise<void>>;

export interface Rounds {
  readonly chain: Pick<MarketReader, "heads">;
  /** Brought up to date before each round. */
  readonly book: DealBook;
  readonly work: Work;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onHead: () => void;
}

/** How often in an epoch what costs something is done, or tried again. */
const TIMES_PER_EPOCH = 20n;

/** Resolves when `signal` has aborted and nothing is under way. */
export async function follow({ chain, book, work, log, signal, onHead }: Rounds): Promise<void> {
  const tasks = Object.entries(work).map(([name, step]) => new Task(name, step, log, signal));
  let doubtful = false;
  for await (const head of chain.heads(signal)) {
    onHead();
    doubtful ||= head.reorganised;
    try {
      await book.update(doubtful);
      doubtful = false;
    } catch (error) {
      log.warn({ err: error }, "the chain could not be read; it is read again with the next block");
      continue;
    }
    for (const task of tasks) task.see(head);
  }
  await Promise.all(tasks.map((task) => task.done));
}

/** The same work, but only so often that it costs next to nothing. */
export function everyFew(
  { epochs }: Pick<MarketReader, "epochs">,
  work: (head: Head) => Promise<void>,
): (head: Head) => Promise<void> {
  let last = 0n;
  return async (head) => {
    if (head.number - last < epochs.epochBlocks / TIMES_PER_EPOCH) return;
    last = head.number;
    await work(head);
  };
}
