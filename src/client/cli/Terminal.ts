/** What a person or a program sees: one document or a few lines on standard output, everything else on standard error. */
import { readFile } from "node:fs/promises";
import { password as ask } from "@inquirer/prompts";
import { SingleBar } from "cli-progress";
import { SubletException } from "../../protocol/Errors.ts";

export interface PrintFlags {
  readonly json?: boolean;
}

/** The document with --json, the lines without. */
export function print(flags: PrintFlags, document: object, lines: () => string[]): void {
  const text = flags.json ? toJson(document) : lines().join("\n");
  if (text !== "") process.stdout.write(`${text}\n`);
}

/** Large integers as decimal strings, bytes as hex. */
export function toJson(document: object): string {
  return JSON.stringify(document, (_, value: unknown) => {
    if (typeof value === "bigint") return `${value}`;
    return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  });
}

/** A remark beside the result. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Counts bytes on a terminal; elsewhere it is silent. `total`: undefined when it is not known. */
export class Progress {
  readonly #bar: SingleBar | undefined;

  constructor(what: string, total: number | undefined) {
    if (!process.stderr.isTTY || total === undefined || total === 0) return;
    const format = `${what} {bar} {percentage}% | {value} of {total} bytes`;
    this.#bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true });
    this.#bar.start(total, 0);
  }

  add(bytes: number): void {
    this.#bar?.increment(bytes);
  }

  stop(): void {
    this.#bar?.stop();
  }
}

/**
 * The password from the file, SUBLET_PASSWORD or the terminal, in this order.
 * @throws SubletException NoSuchPath, BadArgument (nobody to ask, or two different ones)
 */
export async function readPassword(passwordFile: string | undefined, fresh: boolean): Promise<string> {
  if (passwordFile !== undefined) {
    const text = await readFile(passwordFile, "utf8").catch((cause: unknown) => {
      throw new SubletException({ code: "NoSuchPath", path: passwordFile }, { cause });
    });
    return text.replace(/\r?\n$/, "");
  }
  const { SUBLET_PASSWORD } = process.env;
  if (SUBLET_PASSWORD !== undefined) return SUBLET_PASSWORD;
  if (!process.stdin.isTTY)
    throw badPassword("there is no terminal to ask on; give --password-file or SUBLET_PASSWORD");
  const context = { output: process.stderr };
  const first = await ask({ message: fresh ? "A password for the new key:" : "Password:", mask: true }, context);
  if (!fresh || first === (await ask({ message: "The same again:", mask: true }, context))) return first;
  throw badPassword("the two were not the same");
}

function badPassword(reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name: "password", value: "", reason });
}

export function sizeText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0
    ? `${bytes} ${bytes === 1 ? "byte" : "bytes"}`
    : `${(bytes / 2 ** (10 * power)).toFixed(1)} ${units[power]}`;
}
