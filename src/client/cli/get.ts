import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { normalizeFolder } from "../catalogue/Path.ts";
import { syncFolder } from "../home/Home.ts";
import { USUAL_PARALLEL } from "../Parallel.ts";
import type { Range } from "../retrieve/Reading.ts";
import type { Sublet } from "../Sublet.ts";
import { isLink } from "../share/Link.ts";
import { bad, range, wholeNumber } from "./Arguments.ts";
import { fetchShown, targetOf, toStandardOutput } from "./Destination.ts";
import { getShared } from "./getShared.ts";
import { command, type HomeFlags, withDrive, withNews } from "./Session.ts";
import { print, sizeText } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly range?: string;
  readonly version?: string;
  readonly parallel: string;
}

interface Wanted {
  readonly range?: Range;
  readonly version?: number;
}

/** What a file is written from, and where to. */
interface Part {
  readonly path: string;
  readonly destination: string;
  readonly wanted: Wanted;
}

export function getCommand(): Command {
  return command("get", "fetch a file or folder")
    .argument("<path>", "its name on the drive, or a share link")
    .argument("[destination]", "where to put it (its own name, here), or - for standard output")
    .option("--range <first-last>", "only these bytes of a file, counted from 0, both included")
    .option("--parallel <count>", "files on their way at once", `${USUAL_PARALLEL}`)
    .option("--version <number>", "what the file was before, as ls --versions counts (1: what was put last)")
    .action((path: string, destination: string | undefined, flags: Flags) => get(path, destination, flags));
}

async function get(path: string, destination: string | undefined, flags: Flags): Promise<void> {
  if (destination === "-" && flags.json) throw bad("destination", "-", "standard output is for the JSON document");
  const wanted: Wanted = {
    ...(flags.range !== undefined && { range: range(flags.range) }),
    ...(flags.version !== undefined && { version: wholeNumber("--version", flags.version) }),
  };
  const parallel = wholeNumber("--parallel", flags.parallel);
  if (isLink(path)) {
    const whole = wanted.range === undefined && wanted.version === undefined;
    if (!whole) throw bad("path", "a share link", "it has neither ranges nor versions");
    return getShared(path, destination, { ...flags, parallel });
  }
  await withDrive(flags, async (session) => {
    await withNews(session);
    const { drive, incidents, signal } = session;
    // A file that was removed since has versions still.
    const kind = wanted.version === undefined ? drive.kind(path) : "file";
    if (!kind) throw new SubletException({ code: "NoSuchPath", path });
    if (kind === "folder" && (wanted.range || destination === "-"))
      throw bad("path", path, "it is a folder, not a file");
    if (destination === "-") return toStandardOutput(drive.get(path, { ...wanted, signal }));
    const target = await targetOf(path, destination, kind);
    const name = normalizeFolder(path);
    if (wanted.range) {
      const bytes = await partOf(drive, { path, destination: target, wanted }, signal);
      print(flags, { path: name, destination: target, files: 1, bytes, incidents }, () => [
        `${target}: ${sizeText(bytes)}`,
      ]);
      return;
    }
    const { version } = wanted;
    const versions = version === undefined ? [] : [drive.version(path, version)];
    const listed = versions.length > 0 ? versions : [...drive.list(path)];
    const options = { ...(version !== undefined && { version }), parallel, signal };
    await fetchShown(flags, { path: name, kind, listed, incidents }, (onProgress) =>
      drive.fetch(path, target, { ...options, onProgress }),
    );
  });
}

/** A range, under another name until it is on disk. */
async function partOf(drive: Sublet, { path, destination, wanted }: Part, signal: AbortSignal): Promise<number> {
  await mkdir(dirname(destination), { recursive: true });
  const partial = `${destination}.${randomBytes(4).toString("hex")}.part`;
  const file = await open(partial, "wx");
  try {
    const bytes = await write(file, drive.get(path, { ...wanted, signal }));
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

async function write(file: FileHandle, pieces: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of pieces) {
    await file.writeFile(piece);
    bytes += piece.length;
  }
  return bytes;
}
