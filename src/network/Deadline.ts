/** Waiting, and no longer than is wanted. */

/** Waits for `work`, but not longer than `limitMs`; either way it goes on (and `work` must handle its own failure). */
export async function within(limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** Waits for `work`, or rejects with the signal's reason as soon as that aborts; either way it goes on. */
export async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  return Promise.race([promise, work]).finally(() => signal.removeEventListener("abort", stop));
}
