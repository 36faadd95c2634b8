/** Arguments as a person writes them, checked before anything is done. */
import { SubletException } from "../../protocol/Errors.ts";
import type { Range } from "../retrieve/Reading.ts";

export function wholeNumber(name: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw bad(name, value, "it is a whole number");
}

const UNITS: Record<string, number> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** `1048576`, `64MiB`, `1.5GiB`, `10G`: binary units. */
export function size(name: string, value: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)\s*([KMGT]?)(i?B)?$/i.exec(value);
  if (!match) throw bad(name, value, "it is a number of bytes, with KiB, MiB, GiB or TiB if wanted");
  return Math.ceil(Number(match[1]) * UNITS[match[2]!.toUpperCase()]!);
}

/** `FIRST-LAST`, both included and counted from 0; `FIRST-` to the end. */
export function range(value: string): Range {
  const match = /^(\d{1,15})-(\d{1,15})?$/.exec(value);
  if (!match || Number(match[2] ?? Infinity) < Number(match[1]))
    throw bad("range", value, "it is FIRST-LAST, in bytes counted from 0, such as 0-99");
  return { first: Number(match[1]), ...(match[2] !== undefined && { last: Number(match[2]) }) };
}

export function volumeId(value: string): bigint {
  if (/^\d{1,20}$/.test(value)) return BigInt(value);
  throw bad("--volume", value, "it is a volume's number, as status shows it");
}

/** A decimal amount of tokens in base units. */
export function tokens(name: string, value: string, decimals: number): bigint {
  const match = /^(\d{1,30})(?:\.(\d+))?$/.exec(value);
  const fraction = match?.[2] ?? "";
  if (!match || fraction.length > decimals)
    throw bad(name, value, `it is an amount of tokens, of at most ${decimals} decimals`);
  return BigInt(match[1]! + fraction.padEnd(decimals, "0"));
}

/** Where others reach the chain. */
export function hint(value: string): string {
  if (/^https?:\/\/./.test(value) && URL.canParse(value)) return value;
  throw bad("--hint", value, "it is an address that begins with http:// or https://, or none");
}

export function bad(name: string, value: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value, reason });
}
