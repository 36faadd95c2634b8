/** Fetching files of a drive to this machine: several at a time, each going on where an earlier attempt ended. */
import { join } from "node:path";
import { SubletException } from "../../protocol/Errors.ts";
import type { Entry } from "../catalogue/Catalogue.ts";
import { orClosed } from "../closing.ts";
import { type Failure, inParallel, type Outcome, requireParallel, Slots, USUAL_PARALLEL } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import { download, RUNS_AHEAD } from "./Download.ts";
import { isThere, PartialFile, sweep } from "./PartialFile.ts";

/** How to fetch to this machine. */
export interface FetchOptions {
  /** Of a file: what it was before, as {@link Sublet.versions} counts. */
  readonly version?: number;
  /** Files on their way at once; 4 unless told. */
  readonly parallel?: number;
  /** Told of bytes that are there: fetched now, or by an earlier attempt. */
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** `bytes`: of all files that are there now, of which `fetched` came from providers this time. */
export interface Fetched {
  readonly destination: string;
  readonly files: number;
  readonly bytes: number;
  readonly fetched: number;
  /** Files of a folder that could not be had, in the order of their paths; the others are there. */
  readonly failed: readonly Failure[];
}

/** A file of a drive, and where it is to be. */
interface Wanted {
  readonly entry: Entry;
  readonly destination: string;
}

/** Bytes of a file from an offset on. */
type Read = (entry: Entry, first: number, signal: AbortSignal) => AsyncIterable<Uint8Array>;

/** @throws SubletException NoSuchPath, NoSuchVersion, BadArgument; of a single file also what went wrong with it */
export function fetch(parts: Parts, path: string, target: string, options: FetchOptions): Promise<Fetched> {
  const { reading, catalogue, versions, closing } = parts;
  const { version, parallel = USUAL_PARALLEL } = options;
  requireParallel(parallel);
  const kind = catalogue.kind(path);
  if (version === undefined && !kind) throw new SubletException({ code: "NoSuchPath", path });
  const single = version !== undefined || kind === "file";
  const entries = single ? [versions.require(path, version ?? 1)] : catalogue.list(path);
  const around = { ...reading, slots: new Slots(parallel + RUNS_AHEAD) };
  const read = ({ path, stamp, bytes }: Entry, first: number, signal: AbortSignal) => {
    const object = catalogue.contentAt(path, stamp);
    if (!object) throw new SubletException({ code: "NoSuchPath", path });
    return download(around, object, first, bytes, signal);
  };
  const signal = orClosed(closing, options.signal);
  return fetchFiles(entries, path, target, read, { ...options, parallel }, signal);
}

/** @param folder what the entries' paths begin with; of a single file: its own path */
export async function fetchFiles(
  entries: Iterable<Entry>,
  folder: string,
  target: string,
  read: Read,
  { parallel, onProgress = () => {} }: FetchOptions & { readonly parallel: number },
  signal: AbortSignal,
): Promise<Fetched> {
  const wanted = [...entries].map((entry) => {
    const below = folder === "" ? entry.path : entry.path.slice(folder.length + 1);
    return { entry, destination: join(target, below) };
  });
  const work = (one: Wanted) => fetchFile(one, read, onProgress, signal);
  const outcomes = await inParallel(wanted, parallel, work, ({ entry }) => entry.path, signal);
  const done = wanted.filter((_, index) => outcomes[index]!.failure === undefined);
  await sweep(done.map(({ destination }) => destination));
  return {
    ...{ destination: target, files: done.length, bytes: done.reduce((sum, { entry }) => sum + entry.bytes, 0) },
    fetched: outcomes.reduce((sum, { result = 0 }: Outcome<number>) => sum + result, 0),
    failed: outcomes.flatMap(({ failure }) => failure ?? []),
  };
}

/** @returns bytes that came from providers */
async function fetchFile(
  { entry, destination }: Wanted,
  read: Read,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<number> {
  const wanted = { length: entry.bytes, sha256: entry.sha256 };
  if (await isThere(destination, wanted)) {
    progress(entry.bytes);
    return 0;
  }
  const file = await PartialFile.open(destination, wanted);
  const kept = file.length;
  progress(kept);
  try {
    if (kept < entry.bytes) {
      for await (const bytes of read(entry, kept, signal)) {
        await file.write(bytes);
        progress(bytes.length);
      }
    }
  } catch (error) {
    await file.leave();
    throw error;
  }
  if (await file.finish()) return entry.bytes - kept;
  const reason = `what was put as ${entry.path} had another SHA-256 than what came back`;
  throw new SubletException({ code: "StateCorrupt", file: destination, reason });
}
