/** Two pieces of contract code beside each other, and where they differ. */
import { bytesToHex, type Hex, hexToBytes } from "viem";
import type { Reference } from "./compiler.ts";

/** A value that only the constructor knew: where it stands in the code, and what it has to be. */
export interface Immutable {
  readonly name: string;
  readonly places: readonly Reference[];
  /** 32 bytes; undefined where nobody knows. */
  readonly expected: Hex | undefined;
}

/** What is different on the chain, in words; nothing where both are the same. */
export function compareCode(onChain: Hex, compiled: Hex, immutables: readonly Immutable[]): string[] {
  const [actual, wanted] = [hexToBytes(onChain), hexToBytes(compiled)];
  if (actual.length === 0) return ["there is no code at its address"];
  if (actual.length !== wanted.length)
    return [`its code has ${actual.length} bytes on the chain, and ${wanted.length} as compiled`];
  const found: string[] = [];
  for (const { name, places, expected } of immutables) {
    const values = new Set(places.map(({ start, length }) => bytesToHex(actual.subarray(start, start + length))));
    const other = [...values].find((value) => value !== expected);
    if (other !== undefined)
      found.push(`its ${name} is ${other}, and should be ${expected ?? "unknown to this program"}`);
    for (const { start, length } of places) wanted.set(actual.subarray(start, start + length), start);
  }
  return [...found, ...rangesOf(actual, wanted)];
}

/** Runs of bytes that differ, the metadata's own apart from what is executed. */
function rangesOf(actual: Uint8Array, wanted: Uint8Array): string[] {
  const end = wanted.length - metadataBytes(wanted);
  const found: string[] = [];
  for (const [what, from, to] of [
    ["code", 0, end],
    ["metadata hash", end, wanted.length],
  ] as const) {
    const different = Array.from({ length: to - from }, (_, index) => from + index).filter(
      (index) => actual[index] !== wanted[index],
    );
    const [first] = different;
    if (first === undefined) continue;
    const bytes = `0x${hex(actual[first])} on the chain, and 0x${hex(wanted[first])} as compiled`;
    const more = different.length > 1 ? `, as do ${different.length - 1} more up to byte ${different.at(-1)}` : "";
    found.push(`its ${what} differs at byte ${first}: ${bytes}${more}`);
  }
  return found;
}

/** The compiler ends code with CBOR and its length in two bytes. */
function metadataBytes(code: Uint8Array): number {
  return Math.min(code.length, ((code.at(-2) ?? 0) << 8) + (code.at(-1) ?? 0) + 2);
}

const hex = (byte = 0): string => byte.toString(16).padStart(2, "0");
