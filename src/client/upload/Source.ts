/** What can be put: bytes, a stream of them, or a file or folder of this machine. */
import { createReadStream } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { SubletException } from "../../protocol/Errors.ts";

/** A path names a file or a folder of this machine. A Node Readable is an AsyncIterable. */
export type Source = string | Uint8Array | AsyncIterable<Uint8Array>;

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
 * @throws SubletException NoSuchPath, BadArgument (neither a file nor a folder)
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

function inMemory(source: Uint8Array | AsyncIterable<Uint8Array>): Content {
  if (source instanceof Uint8Array) return { below: "", bytes: source.length, open: () => gathered([source]) };
  return { below: "", bytes: undefined, open: () => source };
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
