/** What can be put: bytes, a stream of them, or a file or folder of this machine. */
import { createReadStream } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { orAborted } from "../../network/Deadline.ts";
import { SubletException } from "../../protocol/Errors.ts";

/**
 * What to put: bytes; a Blob or File; a stream of bytes, be it a web ReadableStream, a Node Readable or any other
 * AsyncIterable of Uint8Array; or the path of a file or a folder of this machine. A stream is read once, and told when nothing
 * more is wanted of it.
 */
export type Source = string | Uint8Array | Blob | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** One file's content, `bytes` long if that is known before it is read. */
export interface Content {
  /** Below the path that it is put at; empty: at that path itself. */
  readonly below: string;
  readonly bytes: number | undefined;
  open(): AsyncIterable<Uint8Array>;
}

/** A file to be put, and what it is to be called. */
export interface Named {
  readonly path: string;
  readonly content: Content;
}

const PIECE_BYTES = 1_048_576;

/**
 * The files that a source holds: one, or all of a folder in the order of their names.
 * @throws SubletException NoSuchPath, BadArgument (neither a file nor a folder; nothing that can be put)
 */
export async function contentsOf(source: Source): Promise<{ folder: boolean; contents: Content[] }> {
  if (typeof source !== "string") return { folder: false, contents: [inMemory(source)] };
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT" && cause.code !== "ENOTDIR") throw cause;
    throw new SubletException({ code: "NoSuchPath", path: source }, { cause });
  });
  if (found.isDirectory()) return { folder: true, contents: await walk(source, source) };
  if (found.isFile()) return { folder: false, contents: [file(source, "", found.size)] };
  const reason = "it is neither a file nor a folder; pipe it in and put - instead";
  throw new SubletException({ code: "BadArgument", name: "source", value: source, reason });
}

function inMemory(source: Exclude<Source, string>): Content {
  if (source instanceof Uint8Array) return { below: "", bytes: source.length, open: () => gathered([source]) };
  if (source instanceof Blob) return { below: "", bytes: source.size, open: () => read(source.stream()) };
  const open = streamed(source);
  if (open) return { below: "", bytes: undefined, open };
  const reason = "it is a path, bytes, a Blob, or a stream of bytes that nobody else reads";
  throw new SubletException({ code: "BadArgument", name: "source", value: typeof source, reason });
}

/** How to read a stream, if it is one that can be read. Programs without types give what they like. */
function streamed(source: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>) {
  if (source instanceof ReadableStream) return source.locked ? undefined : () => read(source);
  return typeof source?.[Symbol.asyncIterator] === "function" ? () => source : undefined;
}

/** By a reader of its own: not every browser's stream is an AsyncIterable, and this one ends at once when it is cancelled. */
function read(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const reader = stream.getReader();
      return {
        async next() {
          const { done, value } = await reader.read();
          return done ? { done, value: undefined } : { done, value };
        },
        async return() {
          await reader.cancel();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/**
 * The pieces of a content until the signal aborts: then none is waited for any more, and its stream is told that it is over.
 * @throws SubletException BadArgument for pieces that are no bytes; the signal's reason; what the stream failed with
 */
export async function* piecesOf({ open }: Content, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const iterator = open()[Symbol.asyncIterator]();
  let over = false;
  try {
    for (;;) {
      const next = await orAborted(iterator.next(), signal);
      over = next.done === true;
      if (next.done) return;
      if (!(next.value instanceof Uint8Array)) {
        const reason = "a stream to put consists of Uint8Arrays";
        throw new SubletException({ code: "BadArgument", name: "source", value: typeof next.value, reason });
      }
      yield next.value;
    }
  } finally {
    // One that hangs holds nobody up.
    if (!over) void (async () => iterator.return?.())().catch(() => undefined);
  }
}

/** A file of this machine. */
export function file(path: string, below: string, bytes: number): Content {
  return { below, bytes, open: () => pieces(path) };
}

/** The same content, read to memory if it is small; a failure comes when it is opened. */
export async function readAhead(content: Content): Promise<Content> {
  const { bytes, open } = content;
  if (bytes === undefined || bytes > PIECE_BYTES) return content;
  const read: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of open()) {
      read.push(piece);
      length += piece.length;
      // It grew since it was looked at: as much as fits in no memory, perhaps.
      if (length > 2 * PIECE_BYTES) return content;
    }
    return { ...content, open: () => gathered(read) };
  } catch (error) {
    return {
      ...content,
      open: () => {
        throw error;
      },
    };
  }
}

async function* gathered(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function* pieces(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: PIECE_BYTES });
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): SubletException {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SubletException({ code: "SourceUnreadable", path, reason }, { cause });
}

/**
 * Links, sockets and devices are left out: what they lead to is not part of the folder. What cannot be looked at is one
 * file that cannot be read.
 */
async function walk(root: string, folder: string): Promise<Content[]> {
  const contents: Content[] = [];
  const below = (path: string): string => relative(root, path).split(sep).join("/");
  const broken = (path: string, cause: unknown): Content => ({
    ...{ below: below(path), bytes: 0 },
    open: () => {
      throw unreadable(path, cause);
    },
  });
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    if (folder === root) throw unreadable(folder, cause);
    contents.push(broken(folder, cause));
    return [];
  });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) contents.push(...(await walk(root, path)));
    else if (entry.isFile()) {
      const found = await lstat(path).catch((cause: unknown) => broken(path, cause));
      contents.push("open" in found ? found : file(path, below(path), found.size));
    }
  }
  return contents;
}
