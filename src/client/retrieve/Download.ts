/** Streams an object, or a range of it: a few runs of stripes ahead of the reader, never more. */
import { CHUNK_BYTES, Cipher, Slab, Stripe } from "../../codec/index.ts";
import type { Extent, StoredObject } from "../catalogue/Catalogue.ts";
import type { Slots } from "../Parallel.ts";
import type { Volume } from "../volumes/Volume.ts";
import { gather } from "./Gather.ts";
import type { ShardReader } from "./ShardReader.ts";

/** Plaintext bytes of one run: what is asked of k providers at a time. */
const RUN_BYTES = 4 * 1_048_576;
export const RUNS_AHEAD = 3;

/** What a download needs of the drive around it. */
export interface DownloadSurroundings {
  readonly reader: ShardReader;
  /** What an object's content is encrypted under. */
  contentKey(object: StoredObject): Uint8Array;
  /** Shared by downloads that go on side by side: runs that lie in memory at once. */
  readonly slots?: Slots;
  /** The volume a slab lies in, and the mask keys of its n positions. */
  place(slab: Slab.SlabId): { volume: Volume; maskKeys: Uint8Array[] };
}

/** Consecutive stripes of one extent, and which of their ciphertext bytes (counted in the extent) are wanted. */
interface Run {
  readonly slab: Slab.SlabId;
  readonly stripes: Slab.StripePlace[];
  readonly first: number;
  readonly end: number;
}

/**
 * Plaintext bytes [first, end) of an object, in pieces of at most RUN_BYTES.
 * @throws SubletException TooFewProviders
 */
export async function* download(
  around: DownloadSurroundings,
  object: StoredObject,
  first: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const key = around.contentKey(object);
  let offset = first;
  for await (const ciphertext of fetchExtents(around, object.extents, first, end, signal)) {
    yield Cipher.crypt(key, offset, ciphertext);
    offset += ciphertext.length;
  }
}

/** Stored bytes [first, end) of what the extents hold, in order. */
export async function* fetchExtents(
  around: DownloadSurroundings,
  extents: readonly Extent[],
  first: number,
  end: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const { slots } = around;
  const ahead: Promise<Uint8Array>[] = [];
  const next = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    yield await ahead[0]!;
    ahead.shift();
    slots?.give();
  };
  try {
    for (const run of runs(around, extents, first, end)) {
      // In turn: the first run of a download never waits behind a later one.
      const fetched = slots ? slots.take().then(() => fetchRun(around, run, either)) : fetchRun(around, run, either);
      // Whoever waits for it sees the failure; one that nobody waits for any more is no matter.
      fetched.catch(() => {});
      ahead.push(fetched);
      if (ahead.length > RUNS_AHEAD) yield* next();
    }
    while (ahead.length > 0) yield* next();
  } finally {
    stop.abort();
    for (const left of ahead) void left.catch(() => undefined).then(() => slots?.give());
  }
}

function* runs(
  around: DownloadSurroundings,
  extents: readonly Extent[],
  first: number,
  end: number,
): Generator<Run, void, undefined> {
  let start = 0;
  for (const extent of extents) {
    const from = Math.max(0, first - start);
    const to = Math.min(extent.length, end - start);
    start += extent.length;
    if (from >= to) continue;
    const { k } = around.place(extent.slab).volume;
    let run: Run | undefined;
    for (const stripe of Slab.stripes(extent, k, from, to)) {
      if (run && stripe.end - run.stripes[0]!.start > RUN_BYTES) {
        yield { ...run, end: stripe.start };
        run = undefined;
      }
      if (run) run.stripes.push(stripe);
      else run = { slab: extent.slab, stripes: [stripe], first: Math.max(from, stripe.start), end: to };
    }
    if (run) yield run;
  }
}

async function fetchRun(around: DownloadSurroundings, run: Run, signal: AbortSignal): Promise<Uint8Array> {
  const { slab, stripes, first, end } = run;
  const { volume, maskKeys } = around.place(slab);
  const { k } = volume;
  const pieces = stripes.flatMap((stripe) =>
    Slab.blockRanges(stripe, first, end).map(({ position, first, end }) => ({
      position,
      from: stripe.offset + first,
      to: stripe.offset + end,
    })),
  );
  const positions = [...new Set(pieces.map(({ position }) => position))];
  const from = floor(Math.min(...pieces.map((piece) => piece.from)));
  const to = ceil(Math.max(...pieces.map((piece) => piece.to)));
  const sources = around.reader.sources(volume.id, slab, to);
  const blocks = await gather(around.reader, sources, { slab, from, to, preferred: positions, k }, signal);
  const data = Stripe.dataBlocks(volume, maskKeys, from, blocks, positions);
  const ciphertext = new Uint8Array(end - first);
  let at = 0;
  for (const piece of pieces) {
    ciphertext.set(data.get(piece.position)!.subarray(piece.from - from, piece.to - from), at);
    at += piece.to - piece.from;
  }
  return ciphertext;
}

/** Bytes [from, to) of one position's sector, from any k of the others: no content key is needed. */
export async function rebuild(
  around: DownloadSurroundings,
  slab: Slab.SlabId,
  position: number,
  from: number,
  to: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { volume, maskKeys } = around.place(slab);
  const others = around.reader.sources(volume.id, slab, to).filter(({ deal }) => deal.position !== position);
  const blocks = await gather(around.reader, others, { slab, from, to, preferred: [], k: volume.k }, signal);
  return Stripe.repair(volume, maskKeys, from, blocks, position);
}

function floor(offset: number): number {
  return offset - (offset % CHUNK_BYTES);
}

function ceil(offset: number): number {
  return Math.ceil(offset / CHUNK_BYTES) * CHUNK_BYTES;
}
