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
  if (source instanceof Uint8Array) return { below: "", bytes: source.length, open: () => single(source) };
  return { below: "", bytes: undefined, open: () => source };
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function file(path: string, below: string, bytes: number): Content {
  return { below, bytes, open: () => createReadStream(path, { highWaterMark: PIECE_BYTES }) };
}

/** Links, sockets and devices are left out: what they lead to is not part of the folder. */
async function walk(root: string, folder: string): Promise<Content[]> {
  const contents: Content[] = [];
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) contents.push(...(await walk(root, path)));
    else if (entry.isFile()) {
      const { size } = await lstat(path);
      contents.push(file(path, relative(root, path).split(sep).join("/"), size));
    }
  }
  return contents;
}
