/** A file that is always whole: the one before until the new one is on disk. */
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SubletException } from "../protocol/Errors.ts";

/** @throws SubletException BadArgument, under the name of the option that said which file, where it cannot be written */
export async function writeWhole(option: string, file: string, text: string): Promise<void> {
  const partial = `${file}.${randomBytes(4).toString("hex")}.part`;
  try {
    await flushed(partial, "wx", text);
    await rename(partial, file);
    await flushed(dirname(file) || ".", "r");
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined);
    const reason = `it cannot be written (${cause instanceof Error ? cause.message : String(cause)})`;
    throw new SubletException({ code: "BadArgument", name: option, value: file, reason }, { cause });
  }
}

async function flushed(path: string, flags: string, text?: string): Promise<void> {
  await using handle = await open(path, flags);
  if (text !== undefined) await handle.writeFile(text);
  await handle.sync();
}
