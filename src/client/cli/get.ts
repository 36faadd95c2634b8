import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { normalizeFolder } from "../catalogue/Path.ts";
import { syncFolder } from "../home/Home.ts";
import type { Range, Sublet } from "../Sublet.ts";
import { bad, range, wholeNumber } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, Progress, print, sizeText } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly range?: string;
  readonly version?: string;
}

interface Wanted {
  readonly range?: Range;
  readonly version?: number;
}

/** What a file is written from, and where to. */
interface Fetch {
  readonly path: string;
  readonly destination: string;
  readonly wanted: Wanted;
}

export function getCommand(): Command {
  return command("get", "fetch a file or folder")
    .argument("<path>", "its name on the drive")
    .argument("[destination]", "where to put it (its own name, here), or - for standard output")
    .option("--range <first-last>", "only these bytes of a file, counted from 0, both included")
    .option("--version <number>", "what the file was before, as ls --versions counts (1: what was put last)")
    .action((path: string, destination: string | undefined, flags: Flags) => get(path, destination, flags));
}

async function get(path: string, destination: string | undefined, flags: Flags): Promise<void> {
  if (destination === "-" && flags.json) throw bad("destination", "-", "standard output is for the JSON document");
  const wanted: Wanted = {
    ...(flags.range !== undefined && { range: range(flags.range) }),
    ...(flags.version !== undefined && { version: wholeNumber("--version", flags.version) }),
  };
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    // A file that was removed since has versions still.
    const kind = wanted.version === undefined ? drive.kind(path) : "file";
    if (!kind) throw new SubletException({ code: "NoSuchPath", path });
    if (kind === "folder" && (wanted.range || destination === "-"))
      throw bad("path", path, "it is a folder, not a file");
    if (destination === "-") return toStandardOutput(drive, path, wanted, signal);
    const target = await targetOf(path, destination, kind);
    const folder = normalizeFolder(path);
    const entries =
      wanted.version === undefined
        ? [...drive.list(path)].filter((entry) => kind === "folder" || entry.path === folder)
        : [drive.version(path, wanted.version)];
    const progress = new Progress(
      "get",
      wanted.range ? undefined : entries.reduce((sum, entry) => sum + entry.bytes, 0),
    );
    let bytes = 0;
    try {
      for (const entry of entries) {
        const below = folder === "" ? entry.path : entry.path.slice(folder.length + 1);
        const fetch = { path: entry.path, destination: join(target, below), wanted };
        bytes += await toFile(drive, fetch, (more) => progress.add(more), signal);
      }
    } finally {
      progress.stop();
    }
    const hash = kind === "file" && !wanted.range ? { hash: Buffer.from(entries[0]!.sha256).toString("hex") } : {};
    const document = { path: folder, destination: target, files: entries.length, bytes, ...hash, incidents };
    print(flags, document, () => [`${target}: ${counted(entries.length, "file")}, ${sizeText(bytes)}`]);
  });
}

/** A file goes into a folder that exists under its own name; anything else is the name itself. */
async function targetOf(path: string, destination: string | undefined, kind: "file" | "folder"): Promise<string> {
  const name = basename(normalizeFolder(path)) || "drive";
  if (destination === undefined) return resolve(name);
  const there = await stat(destination).catch(() => undefined);
  return resolve(kind === "file" && there?.isDirectory() ? join(destination, name) : destination);
}

/** Under another name until it is whole, checked and on disk: a file with the right name has the right content. */
async function toFile(
  drive: Sublet,
  { path, destination, wanted }: Fetch,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<number> {
  await mkdir(dirname(destination), { recursive: true });
  const partial = `${destination}.${randomBytes(4).toString("hex")}.part`;
  const file = await open(partial, "wx");
  try {
    const bytes = await write(file, drive.get(path, { ...wanted, signal }), progress);
    await file.sync();
    await file.close();
    await rename(partial, destination);
    await syncFolder(dirname(destination));
    return bytes;
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(partial, { force: true });
    throw error;
  }
}

async function write(
  file: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
  progress: (bytes: number) => void,
): Promise<number> {
  let bytes = 0;
  for await (const piece of pieces) {
    await file.writeFile(piece);
    bytes += piece.length;
    progress(piece.length);
  }
  return bytes;
}

async function toStandardOutput(drive: Sublet, path: string, wanted: Wanted, signal: AbortSignal): Promise<void> {
  for await (const piece of drive.get(path, { ...wanted, signal })) {
    await new Promise<void>((resolve, reject) =>
      process.stdout.write(piece, (error) => (error ? reject(error) : resolve())),
    );
  }
}
