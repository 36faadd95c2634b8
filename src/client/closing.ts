/** Aborts when what is closed does, or sooner if a caller's own signal does. */
export function orClosed(closing: AbortController, signal: AbortSignal | undefined): AbortSignal {
  return signal ? AbortSignal.any([closing.signal, signal]) : closing.signal;
}
