/** Work on many files, several at a time: one that fails is told of, and the others go on. */
import { type ErrorCode, SubletException } from "../protocol/Errors.ts";

/** A file that something went wrong with, while the others went on. */
export interface Failure {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface Outcome<Result> {
  readonly result?: Result;
  readonly failure?: Failure;
}

export const USUAL_PARALLEL = 4;
const MOST_PARALLEL = 64;

/** @throws SubletException BadArgument */
export function requireParallel(parallel: number): void {
  if (Number.isSafeInteger(parallel) && parallel >= 1 && parallel <= MOST_PARALLEL) return;
  const reason = `it is a whole number from 1 to ${MOST_PARALLEL}`;
  throw new SubletException({ code: "BadArgument", name: "parallel", value: `${parallel}`, reason });
}

/**
 * Outcomes in the order of the items, whichever ended first. A single item fails as itself.
 * @throws what the signal was aborted with
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  parallel: number,
  work: (item: Item) => Promise<Result>,
  pathOf: (item: Item) => string,
  signal: AbortSignal,
): Promise<Outcome<Result>[]> {
  requireParallel(parallel);
  const outcomes: Outcome<Result>[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) {
      signal.throwIfAborted();
      try {
        outcomes[index] = { result: await work(item) };
      } catch (error) {
        signal.throwIfAborted();
        if (items.length === 1) throw error;
        outcomes[index] = { failure: failureOf(pathOf(item), error) };
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(parallel, items.length) }, lane));
  for (const one of lanes) if (one.status === "rejected") throw one.reason;
  return outcomes;
}

/** @throws what is a fault of the program itself */
export function failureOf(path: string, error: unknown): Failure {
  if (SubletException.is(error)) return { path, code: error.code, message: error.message };
  if (error instanceof Error && "syscall" in error) return { path, code: "SystemError", message: error.message };
  throw error;
}

/** Room for so many; whoever comes when it is taken waits for his turn. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
