/** Where a command puts what it fetched. */
import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { normalizeFolder } from "../catalogue/Path.ts";

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
