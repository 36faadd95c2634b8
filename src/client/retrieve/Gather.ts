/**
 * Gets the same range of enough positions of one slab: those asked for first, and, for each that fails or is slow, another
 * one beside it. Whatever comes first counts.
 */

import type { Slab } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { ShardReader, Source } from "./ShardReader.ts";

/** A slow provider is raced after this long, or after twice the time that the others took. */
const SLOWEST_FIRST_MS = 400;

export interface Wanted {
  readonly slab: Slab.SlabId;
  /** Sector bytes [from, to), whole chunks. */
  readonly from: number;
  readonly to: number;
  /** Data positions whose blocks alone would be enough; none: any k. */
  readonly preferred: readonly number[];
  /** Positions that are enough whichever they are. */
  readonly k: number;
}

/**
 * Verified blocks by position: all the preferred ones, or any k.
 * @throws SubletException TooFewProviders when there are not so many to be had
 */
export async function gather(
  reader: ShardReader,
  sources: readonly Source[],
  wanted: Wanted,
  signal?: AbortSignal,
): Promise<Map<number, Uint8Array>> {
  signal?.throwIfAborted();
  const stop = new AbortController();
  const all = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  try {
    return await race(reader, order(reader, sources, wanted.preferred), wanted, all);
  } finally {
    stop.abort();
  }
}

function race(
  reader: ShardReader,
  candidates: Source[],
  { slab, from, to, preferred, k }: Wanted,
  signal: AbortSignal,
): Promise<Map<number, Uint8Array>> {
  const { promise, resolve, reject } = Promise.withResolvers<Map<number, Uint8Array>>();
  const blocks = new Map<number, Uint8Array>();
  const underWay = new Set<number>();
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let lastError: unknown;

  const allPreferred = (there: (position: number) => boolean): boolean =>
    preferred.length > 0 && preferred.every(there);
  const enough = (): boolean => blocks.size >= k || allPreferred((position) => blocks.has(position));
  const next = (): Source | undefined => {
    const index = candidates.findIndex(({ deal }) => !blocks.has(deal.position) && !underWay.has(deal.position));
    return index < 0 ? undefined : candidates.splice(index, 1)[0];
  };
  const start = (source: Source | undefined): void => {
    if (!source) return;
    const { position } = source.deal;
    underWay.add(position);
    reader.read(source, slab, from, to, signal).then(
      (bytes) => {
        blocks.set(position, bytes);
        underWay.delete(position);
        again();
      },
      (error) => {
        lastError = error;
        underWay.delete(position);
        again();
      },
    );
  };
  /** As many under way as are still needed: fewer positions than k are enough only while all preferred ones may come. */
  const again = (): void => {
    if (signal.aborted || enough()) {
      resolve(blocks);
      return;
    }
    if (!allPreferred((position) => blocks.has(position) || underWay.has(position))) {
      while (blocks.size + underWay.size < k) {
        const source = next();
        if (!source) break;
        start(source);
      }
      if (underWay.size === 0) {
        reject(new SubletException({ code: "TooFewProviders", have: blocks.size, need: k }, { cause: lastError }));
        return;
      }
    }
    clearTimeout(timer);
    const tookMs = blocks.size > 0 ? 2 * (performance.now() - started) : 0;
    timer = setTimeout(hedge, Math.max(SLOWEST_FIRST_MS, tookMs));
  };
  /** Those under way are slow: as many others as would do without them, beside them. */
  const hedge = (): void => {
    for (let missing = k - blocks.size; missing > 0; missing--) start(next());
    again();
  };

  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  for (const position of preferred) {
    const index = candidates.findIndex(({ deal }) => deal.position === position);
    if (index >= 0 && !reader.isDoubtful(candidates[index]!)) start(candidates.splice(index, 1)[0]);
  }
  again();
  return promise.finally(() => clearTimeout(timer));
}

/** Trusted ones before doubtful ones; among equals, data positions before parity: they cost no computing. */
function order(reader: ShardReader, sources: readonly Source[], preferred: readonly number[]): Source[] {
  const rank = (source: Source): number =>
    (reader.isDoubtful(source) ? 2 : 0) + (preferred.includes(source.deal.position) ? 0 : 1);
  return [...sources].sort((a, b) => rank(a) - rank(b));
}
