/** What a setting may be. Each takes the value as a file, a flag or a program gives it, and says in words what it wants. */
import { isAbsolute, resolve } from "node:path";
import { type Address, getAddress, isAddress } from "viem";
import { z } from "zod";
import { marketAddress } from "../chain/MarketAddress.ts";
import { SECTOR_BYTES } from "../codec/index.ts";
import { SubletException } from "../protocol/Errors.ts";

const UNITS = ["", "k", "m", "g", "t"];

/** Of at most `most` characters. */
export function text(most: number) {
  const message = `it is a text of at most ${most} characters`;
  return z.string(message).max(most, message);
}

/** An amount of tokens, which nobody wants rounded: kept as it is written. */
export const decimal = z.preprocess(
  (value) => (typeof value === "number" ? `${value}` : value),
  z
    .string("it is a decimal number, such as 1.5")
    .regex(/^\d{1,30}(\.\d{1,30})?$/, "it is a decimal number, such as 1.5"),
);

export function whole(least: number, most: number) {
  const message = `it is a whole number, ${least} to ${most}`;
  return z.preprocess(
    (value) => (typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value),
    z.int(message).min(least, message).max(most, message),
  );
}

/** Bytes, as people write them: 500MiB, 2GB, 1.5TiB. */
export function size(least: number) {
  return z.transform((value: unknown, context): number => {
    const bytes = bytesOf(`${value}`);
    if (bytes >= least) return bytes;
    const message = `write a size such as 500GB or 2TiB, at least ${least} bytes`;
    context.issues.push({ code: "custom", input: value, message });
    return z.NEVER;
  });
}

export const url = z.url({ protocol: /^https?$/, error: "it is an address that begins with http:// or https://" });

export const address = z
  .string("it is no address")
  .refine((value) => isAddress(value, { strict: false }), "it is no address")
  .transform((value) => getAddress(value));

/** An address, or where a deployment was recorded; what is kept of it is the address. */
export const market = z.transform((value: unknown, context): Address => {
  try {
    return marketAddress("market", `${value}`);
  } catch (thrown) {
    if (!SubletException.is(thrown, "BadArgument")) throw thrown;
    context.issues.push({ code: "custom", input: value, message: thrown.error.reason });
    return z.NEVER;
  }
});

export const multiaddr = z.string().startsWith("/", "each begins with a slash, such as /ip4/0.0.0.0/tcp/4001");

/** A list, of which a flag or the environment gives the items between commas; `""` is one of none. */
export function list<Item extends z.ZodType>(item: Item, least: number, most = 64) {
  const message = `it is a list of ${least} to ${most}`;
  const items = (value: string | unknown[]): unknown[] =>
    (typeof value === "string" ? value.split(",").map((one) => one.trim()) : value).filter((one) => one !== "");
  return z.preprocess(
    (value) => (typeof value === "string" || Array.isArray(value) ? items(value) : value),
    z.array(item, message).min(least, message).max(most, message),
  );
}

export function one(...words: [string, ...string[]]) {
  return z.enum(words, `it is one of ${words.join(", ")}`);
}

/** A folder and how much of it to use, as `/mnt/disk=2TB`. */
export const folder = z.string().refine((value) => foldersOf([value]).length === 1, "write each as /mnt/disk=2TB");

/** What such folders mean; those that are none are left out. */
export function foldersOf(written: readonly string[]): { path: string; quotaBytes: number }[] {
  return written.flatMap((one) => {
    const [, path = "", quota = ""] = /^(.+)=([^=]+)$/.exec(one) ?? [];
    const quotaBytes = bytesOf(quota);
    return isAbsolute(path) && quotaBytes >= SECTOR_BYTES ? [{ path: resolve(path), quotaBytes }] : [];
  });
}

/** Bytes in the largest unit that gives a whole number. */
export function writeSize(bytes: number): string {
  for (const power of [4, 3, 2, 1]) {
    for (const [base, letter] of [
      [1_024, "i"],
      [1_000, ""],
    ] as const) {
      if (bytes > 0 && bytes % base ** power === 0)
        return `${bytes / base ** power}${UNITS[power]!.toUpperCase()}${letter}B`;
    }
  }
  return `${bytes}`;
}

/** NaN for what is no size. */
function bytesOf(written: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgt])(i?)b?|b)?$/i.exec(written.trim());
  const power = UNITS.indexOf(match?.[2]?.toLowerCase() ?? "");
  const bytes = Math.floor(Number(match?.[1]) * (match?.[3] ? 1024 : 1000) ** power);
  return Number.isSafeInteger(bytes) ? bytes : Number.NaN;
}
