/** Where a command puts what it fetched, and what it says of it. */
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { normalizeFolder } from "../catalogue/Path.ts";
import type { Fetched } from "../retrieve/Fetching.ts";
import { endWith, type IncidentReport } from "./Session.ts";
import { counted, type PrintFlags, Progress, print, sizeText } from "./Terminal.ts";

interface Shown {
  readonly path: string;
  readonly kind: "file" | "folder";
  /** What is fetched. */
  readonly listed: readonly { readonly bytes: number; readonly sha256: Uint8Array }[];
  readonly incidents: readonly IncidentReport[];
}

/** A file goes into a folder that exists under its own name; anything else is the name itself. */
export async function targetOf(
  path: string,
  destination: string | undefined,
  kind: "file" | "folder",
): Promise<string> {
  const name = basename(normalizeFolder(path)) || "drive";
  if (destination === undefined) return resolve(name);
  const there = await stat(destination).catch(() => undefined);
  return resolve(kind === "file" && there?.isDirectory() ? join(destination, name) : destination);
}

export async function toStandardOutput(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    await new Promise<void>((resolve, reject) =>
      process.stdout.write(piece, (error) => (error ? reject(error) : resolve())),
    );
  }
}

/** Shows how far `fetch` is, and in the end what came of it. */
export async function fetchShown(
  flags: PrintFlags,
  { path, kind, listed, incidents }: Shown,
  fetch: (onProgress: (bytes: number) => void) => Promise<Fetched>,
): Promise<void> {
  const progress = new Progress(
    "get",
    listed.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const fetched = await fetch((bytes) => progress.add(bytes)).finally(() => progress.stop());
  const hash = kind === "file" ? { hash: Buffer.from(listed[0]!.sha256).toString("hex") } : {};
  print(flags, { path, ...fetched, ...hash, incidents }, () => [
    `${fetched.destination}: ${counted(fetched.files, "file")}, ${sizeText(fetched.bytes)}`,
  ]);
  endWith(fetched.failed);
}
