/** Small files that are whole on the disk, or as they were before, whenever the power goes. */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Replaces a file. */
export async function replaceFile(file: string, text: string): Promise<void> {
  await write(`${file}.new`, text, "w");
  await rename(`${file}.new`, file);
  await syncFolder(dirname(file));
}

/** Makes a file that must not be there yet, its owner's only, in a folder that is made where it is missing. */
export async function createFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await write(file, text, "wx");
  await syncFolder(dirname(file));
}

/** A file's text; undefined where there is none. */
export async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function write(file: string, text: string, flags: "w" | "wx"): Promise<void> {
  await using handle = await open(file, flags, 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

/** Makes names that were just made or changed in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}
