/** What a person or a program sees: one document or a few lines on standard output, everything else on standard error. */
import { SingleBar } from "cli-progress";
import { toJson } from "../../protocol/Json.ts";
import type { TraceId } from "../../protocol/TraceId.ts";

export interface PrintFlags {
  readonly json?: boolean;
  /** Of a command that calls providers. */
  readonly trace?: TraceId;
}

/** The document with --json, and what its calls are found by in providers' logs; the lines without. */
export function print({ json, trace }: PrintFlags, document: object, lines: () => string[]): void {
  const text = json ? toJson({ ...document, ...(trace && { trace }) }) : lines().join("\n");
  if (text !== "") process.stdout.write(`${text}\n`);
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

/** `1 file`, `2 files`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

export function sizeText(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return power === 0 ? counted(bytes, "byte") : `${(bytes / 2 ** (10 * power)).toFixed(1)} ${units[power]}`;
}
