import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { normalizeFolder } from "../catalogue/Path.ts";
import { syncFolder } from "../home/Home.ts";
import type { Range, Sublet } from "../Sublet.ts";
import { bad, range } from "./Arguments.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { Progress, print, sizeText } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly range?: string;
}

/** What a file is written from, and where to. */
interface Fetch {
  readonly path: string;
  readonly destination: string;
  readonly range: Range | undefined;
}

export function getCommand(): Command {
  return command("get", "fetch a file or folder")
    .argument("<path>", "its name on the drive")
    .argument("[destination]", "where to put it (its own name, here), or - for standard output")
    .option("--range <first-last>", "only these bytes of a file, counted from 0, both included")
    .action((path: string, destination: string | undefined, flags: Flags) => get(path, destination, flags));
}

async function get(path: string, destination: string | undefined, flags: Flags): Promise<void> {
  if (destination === "-" && flags.json) throw bad("destination", "-", "standard output is for the JSON document");
  const wanted = flags.range === undefined ? undefined : range(flags.range);
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    const kind = drive.kind(path);
    if (!kind) throw new SubletException({ code: "NoSuchPath", path });
    if (kind === "folder" && (wanted || destination === "-")) throw bad("path", path, "it is a folder, not a file");
    if (destination === "-") return toStandardOutput(drive, path, wanted, signal);
    const target = await targetOf(path, destination, kind);
    const folder = normalizeFolder(path);
    const entries = [...drive.list(path)].filter((entry) => kind === "folder" || entry.path === folder);
    const progress = new Progress("get", wanted ? undefined : entries.reduce((sum, entry) => sum + entry.bytes, 0));
    let bytes = 0;
    try {
      for (const entry of entries) {
        const below = folder === "" ? entry.path : entry.path.slice(folder.length + 1);
        const fetch = { path: entry.path, destination: join(target, below), range: wanted };
        bytes += await toFile(drive, fetch, (more) => progress.add(more), signal);
      }
    } finally {
      progress.stop();
    }
    const hash = kind === "file" && !wanted ? { hash: Buffer.from(entries[0]!.sha256).toString("hex") } : {};
    const document = { path: folder, destination: target, files: entries.length, bytes, ...hash, incidents };
    print(flags, document, () => [
      `${target}: ${entries.length === 1 ? "1 file" : `${entries.length} files`}, ${sizeText(bytes)}`,
    ]);
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
  { path, destination, range }: Fetch,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<number> {
  await mkdir(dirname(destination), { recursive: true });
  const partial = `${destination}.${randomBytes(4).toString("hex")}.part`;
  const file = await open(partial, "wx");
  try {
    const bytes = await write(file, drive.get(path, { ...(range && { range }), signal }), progress);
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

async function toStandardOutput(
  drive: Sublet,
  path: string,
  range: Range | undefined,
  signal: AbortSignal,
): Promise<void> {
  for await (const piece of drive.get(path, { ...(range && { range }), signal })) {
    await new Promise<void>((resolve, reject) =>
      process.stdout.write(piece, (error) => (error ? reject(error) : resolve())),
    );
  }
}
