/** What a watch told already, in a file, so that one that is started again does not tell it again. */
import { readFile, stat } from "node:fs/promises";
import { z } from "zod";
import { SubletException } from "../protocol/Errors.ts";
import { writeWhole } from "./WholeFile.ts";

/** A million differences; more is no memory of a watch. */
const MAX_BYTES = 70_000_000;

const schema = z.object({ told: z.array(z.string().regex(/^0x[0-9a-f]{64}$/)) });

export class Memory {
  readonly told: Set<string>;
  readonly #file: string;
  #writing: Promise<void> = Promise.resolve();

  private constructor(file: string, told: Iterable<string>) {
    this.#file = file;
    this.told = new Set(told);
  }

  /** Empty where there is no such file yet. @throws SubletException BadArgument where it is no memory of a watch */
  static async open(file: string): Promise<Memory> {
    const text = await read(file);
    if (text === undefined) return new Memory(file, []);
    const { success, data } = schema.safeParse(parsed(text));
    if (!success) throw bad(file);
    return new Memory(file, data.told);
  }

  /** Resolves once it is on disk. */
  add(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.told.add(key);
    const text = `${JSON.stringify({ told: [...this.told] })}\n`;
    const before = this.#writing.catch(() => undefined);
    this.#writing = before.then(() => writeWhole("--remember", this.#file, text));
    return this.#writing;
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    const { size } = await stat(file);
    if (size > MAX_BYTES) throw bad(file);
    return await readFile(file, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw thrown;
  }
}

function bad(file: string): SubletException {
  const reason = "it is a file, but not what a watch writes";
  return new SubletException({ code: "BadArgument", name: "--remember", value: file, reason });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
