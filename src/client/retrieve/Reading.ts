/** Reading one file of a drive, whole or in part: as pieces that are asked for, or as a web stream. */
import { createHash } from "node:crypto";
import { SubletException } from "../../protocol/Errors.ts";
import type { StoredObject } from "../catalogue/Catalogue.ts";
import { normalize } from "../catalogue/Path.ts";
import { orClosed } from "../closing.ts";
import type { Parts } from "../Parts.ts";
import { download } from "./Download.ts";

/** Bytes `first` to `last` of a file, both included; without `last` to its end. */
export interface Range {
  readonly first: number;
  readonly last?: number;
}

/** What of a file to read; all of it as it is now, unless told. */
export interface GetOptions {
  /** An earlier content of the file, as {@link Sublet.versions} counts them; 1, what was put last, unless told. */
  readonly version?: number;
  readonly range?: Range;
  /** Ends the fetch: whoever waits for the next piece gets its reason. */
  readonly signal?: AbortSignal;
}

/** A file read whole is compared with its SHA-256 at the end. */
export async function* read(
  parts: Parts,
  path: string,
  { version, range, signal }: GetOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  const object = objectOf(parts, path, version);
  const { first, end } = bounds(object, range);
  const hash = createHash("sha256");
  for await (const bytes of download(parts.reading, object, first, end, orClosed(parts.closing, signal))) {
    hash.update(bytes);
    yield bytes;
  }
  if (end - first < object.length || Buffer.compare(hash.digest(), object.sha256) === 0) return;
  const reason = `what was put as ${path} had another SHA-256 than what came back`;
  throw new SubletException({ code: "StateCorrupt", file: parts.home.databaseFile, reason });
}

/**
 * Pieces as a web stream: fetched as its reader asks for them, and no more once it is cancelled. A failure, or the reason of
 * the caller's signal, is the stream's error.
 */
export function streamOf(
  pieces: (signal: AbortSignal) => AsyncGenerator<Uint8Array, void, undefined>,
  signal: AbortSignal | undefined,
): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const reading = pieces(orClosed(cancelled, signal));
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await reading.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel(reason) {
        cancelled.abort(reason);
        // What it was waiting for is given up; that it ends so is what was wanted.
        await reading.return().catch(() => undefined);
      },
    },
    // Nothing is fetched before somebody reads: the download itself looks ahead.
    { highWaterMark: 0 },
  );
}

/** @throws SubletException NoSuchPath, NoSuchVersion */
function objectOf({ catalogue, versions }: Parts, path: string, version?: number): StoredObject {
  const name = normalize(path);
  const found = version === undefined ? catalogue.find(name)?.object : versions.object(name, version);
  const object = found && catalogue.object(found);
  if (object) return object;
  if (version !== undefined) versions.require(name, version);
  throw new SubletException({ code: "NoSuchPath", path: name });
}

/** @throws SubletException BadArgument */
export function bounds(
  { length }: Pick<StoredObject, "length">,
  range: Range | undefined,
): { first: number; end: number } {
  if (!range) return { first: 0, end: length };
  const { first, last = length - 1 } = range;
  const whole = Number.isSafeInteger(first) && Number.isSafeInteger(last);
  if (!whole || first < 0 || last < first || first >= length) {
    const reason = `the file has ${length} bytes, counted from 0`;
    throw new SubletException({ code: "BadArgument", name: "range", value: `${first}-${range.last ?? ""}`, reason });
  }
  return { first, end: Math.min(length, last + 1) };
}
