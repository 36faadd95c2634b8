/** node:timers/promises, as far as it is used. */
export function setTimeout<Value>(
  milliseconds: number,
  value?: Value,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(aborted(signal));
    const end = (): void => {
      clearTimeout(timer);
      reject(aborted(signal!));
    };
    const timer = globalThis.setTimeout(() => {
      signal?.removeEventListener("abort", end);
      resolve(value);
    }, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}

function aborted({ reason }: AbortSignal): Error {
  return Object.assign(new Error("The operation was aborted", { cause: reason }), {
    name: "AbortError",
    code: "ABORT_ERR",
  });
}
