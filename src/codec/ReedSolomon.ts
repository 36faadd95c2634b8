/**
 * Systematic Reed-Solomon over GF(2^8), polynomial 0x11d. Rows 0 to k - 1 of the matrix are the identity; row i from k on
 * is Cauchy's: 1 / (i xor j) in column j. Every square piece of a Cauchy matrix is invertible, so any k of n blocks give
 * back the others, for every 1 <= k <= n <= 255.
 */
import { CodecError, requireInteger, requireLength } from "./bounds.ts";

/** n blocks, any k of which are enough. */
export interface Code {
  readonly k: number;
  readonly n: number;
}

/** The codes a volume can have, by how much is lost before data is. */
export const PRESETS: readonly Code[] = [
  { k: 10, n: 30 },
  { k: 4, n: 12 },
  { k: 2, n: 6 },
  { k: 1, n: 3 },
];

const POLYNOMIAL = 0x11d;
/** Products of four rows are looked up in one word. */
const LANES = 4;
/** Positions worked on at a time, so that the words summed up stay in the first-level cache. */
const STRIP = 8192;

if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) throw new Error("ReedSolomon.ts writes little-endian words");

const exponentials = new Uint8Array(510);
const logarithms = new Uint8Array(256);
for (let power = 0, value = 1; power < 255; power++) {
  exponentials[power] = value;
  exponentials[power + 255] = value;
  logarithms[value] = power;
  value = (value << 1) ^ (value & 0x80 ? POLYNOMIAL : 0);
}

const sums = new Uint32Array(STRIP);
/** Takes the lanes that the last group of rows does not need. */
const unused = new Uint32Array(STRIP / LANES);
const encoders = new Map<number, Tables>();

/** A matrix made ready: for each four rows and each input, the packed products of all 256 bytes. */
interface Tables {
  readonly rows: number;
  readonly inputs: number;
  readonly groups: Uint32Array[];
}

/** Row `position` of the matrix: k coefficients. */
export function row(code: Code, position: number): Uint8Array {
  requireCode(code);
  requireInteger("a position", position, 0, code.n - 1);
  const coefficients = new Uint8Array(code.k);
  for (let column = 0; column < code.k; column++) {
    coefficients[column] = position < code.k ? Number(position === column) : invert(position ^ column);
  }
  return coefficients;
}

/** The parity blocks, positions k to n - 1, of k data blocks of one width. */
export function encode(code: Code, data: readonly Uint8Array[]): Uint8Array[] {
  requireCode(code);
  if (data.length !== code.k) throw new NotEnoughBlocksError(code.k, data.length);
  const width = data[0]!.length;
  for (const block of data) requireLength("a data block", block, width);
  return multiply(encoder(code), data, width);
}

/**
 * The blocks at `wanted` positions from any k of those available, all of one width. Blocks beyond the k lowest positions
 * are not looked at, and wrong bytes give wrong bytes: check blocks against their roots first.
 * @throws NotEnoughBlocksError with fewer than k blocks
 */
export function reconstruct(
  code: Code,
  available: ReadonlyMap<number, Uint8Array>,
  wanted: readonly number[],
): Map<number, Uint8Array> {
  requireCode(code);
  for (const position of [...available.keys(), ...wanted]) requireInteger("a position", position, 0, code.n - 1);
  const known = [...available.keys()].sort((a, b) => a - b).slice(0, code.k);
  if (known.length < code.k) throw new NotEnoughBlocksError(code.k, known.length);
  const blocks = known.map((position) => available.get(position)!);
  const width = blocks[0]!.length;
  for (const block of available.values()) requireLength("a block", block, width);

  const missing = wanted.filter((position) => !available.has(position));
  const found = new Map<number, Uint8Array>();
  if (missing.length > 0) {
    const inverse = invertMatrix(known.map((position) => row(code, position)));
    const rows = missing.map((position) => multiplyRow(row(code, position), inverse));
    const rebuilt = multiply(tablesOf(rows), blocks, width);
    for (const [index, position] of missing.entries()) found.set(position, rebuilt[index]!);
  }
  return new Map(wanted.map((position) => [position, found.get(position) ?? available.get(position)!]));
}

function encoder(code: Code): Tables {
  const key = code.k * 256 + code.n;
  const known = encoders.get(key);
  if (known) return known;
  const tables = tablesOf(Array.from({ length: code.n - code.k }, (_, parity) => row(code, code.k + parity)));
  encoders.set(key, tables);
  return tables;
}

function tablesOf(rows: readonly Uint8Array[]): Tables {
  const inputs = rows[0]?.length ?? 0;
  const groups: Uint32Array[] = [];
  for (let first = 0; first < rows.length; first += LANES) {
    const group = new Uint32Array(inputs * 256);
    for (const [lane, coefficients] of rows.slice(first, first + LANES).entries()) {
      for (let input = 0; input < inputs; input++) {
        for (let byte = 1; byte < 256; byte++) {
          group[input * 256 + byte]! |= product(coefficients[input]!, byte) << (8 * lane);
        }
      }
    }
    groups.push(group);
  }
  return { rows: rows.length, inputs, groups };
}

function multiply(tables: Tables, blocks: readonly Uint8Array[], width: number): Uint8Array[] {
  const outputs = Array.from({ length: tables.rows }, () => new Uint32Array(Math.ceil(width / LANES)));
  for (let start = 0; start < width; start += STRIP) {
    const end = Math.min(start + STRIP, width);
    const strips = blocks.map((block) => block.subarray(start, end));
    const words = Math.ceil((end - start) / LANES);
    for (const [index, group] of tables.groups.entries()) {
      sums.fill(0, 0, words * LANES);
      addProducts(group, strips);
      const lanes = [0, 1, 2, 3].map((lane) => outputs[index * LANES + lane]?.subarray(start / LANES) ?? unused);
      scatter(lanes as [Uint32Array, Uint32Array, Uint32Array, Uint32Array], words);
    }
  }
  return outputs.map((words) => new Uint8Array(words.buffer, 0, width));
}

/** Adds each strip's packed products to the sums, four strips at a time: each load and store of a sum then serves four. */
function addProducts(group: Uint32Array, strips: readonly Uint8Array[]): void {
  let input = 0;
  for (; input + 4 <= strips.length; input += 4) {
    const [a, b, c, d] = strips.slice(input, input + 4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const table = group.subarray(input * 256, (input + 4) * 256);
    for (let at = 0; at < a.length; at++) {
      sums[at]! ^= table[a[at]!]! ^ table[256 + b[at]!]! ^ table[512 + c[at]!]! ^ table[768 + d[at]!]!;
    }
  }
  for (; input < strips.length; input++) {
    const strip = strips[input]!;
    const table = group.subarray(input * 256, (input + 1) * 256);
    for (let at = 0; at < strip.length; at++) sums[at]! ^= table[strip[at]!]!;
  }
}

/** Turns each four sums, which hold a byte of four rows, into a word of each row. */
function scatter([row0, row1, row2, row3]: [Uint32Array, Uint32Array, Uint32Array, Uint32Array], words: number): void {
  for (let word = 0, at = 0; word < words; word++, at += LANES) {
    const a = sums[at]!;
    const b = sums[at + 1]!;
    const c = sums[at + 2]!;
    const d = sums[at + 3]!;
    const abEven = (a & 0x00ff00ff) | ((b & 0x00ff00ff) << 8);
    const cdEven = (c & 0x00ff00ff) | ((d & 0x00ff00ff) << 8);
    const abOdd = ((a >>> 8) & 0x00ff00ff) | (b & 0xff00ff00);
    const cdOdd = ((c >>> 8) & 0x00ff00ff) | (d & 0xff00ff00);
    row0[word] = (abEven & 0xffff) | (cdEven << 16);
    row1[word] = (abOdd & 0xffff) | (cdOdd << 16);
    row2[word] = (abEven >>> 16) | (cdEven & 0xffff0000);
    row3[word] = (abOdd >>> 16) | (cdOdd & 0xffff0000);
  }
}

function product(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : exponentials[logarithms[a]! + logarithms[b]!]!;
}

function invert(value: number): number {
  return exponentials[255 - logarithms[value]!]!;
}

function multiplyRow(coefficients: Uint8Array, matrix: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(coefficients.length);
  for (const [index, coefficient] of coefficients.entries()) addScaled(result, matrix[index]!, coefficient);
  return result;
}

function addScaled(target: Uint8Array, source: Uint8Array, factor: number): void {
  for (let index = 0; index < target.length; index++) target[index]! ^= product(factor, source[index]!);
}

/** Gauss-Jordan. The rows of k distinct positions always have an inverse. */
function invertMatrix(rows: readonly Uint8Array[]): Uint8Array[] {
  const size = rows.length;
  const work = rows.map((coefficients, index) => {
    const wide = new Uint8Array(2 * size);
    wide.set(coefficients);
    wide[size + index] = 1;
    return wide;
  });
  for (let column = 0; column < size; column++) {
    const pivot = work.findIndex((candidate, index) => index >= column && candidate[column] !== 0);
    [work[column], work[pivot]] = [work[pivot]!, work[column]!];
    const leading = work[column]!;
    const factor = invert(leading[column]!);
    for (let index = 0; index < leading.length; index++) leading[index] = product(leading[index]!, factor);
    for (const [index, other] of work.entries()) {
      if (index !== column && other[column] !== 0) addScaled(other, leading, other[column]!);
    }
  }
  return work.map((wide) => wide.subarray(size));
}

function requireCode(code: Code): void {
  requireInteger("n", code.n, 1, 255);
  requireInteger("k", code.k, 1, code.n);
}

/** Fewer than k blocks: nothing can be computed until more are fetched. */
export class NotEnoughBlocksError extends CodecError {
  readonly code = "NOT_ENOUGH_BLOCKS";
  readonly needed: number;
  readonly actual: number;

  constructor(needed: number, actual: number) {
    super(`${needed} blocks are needed, there are ${actual}: fetch ${needed - actual} more`);
    this.name = "NotEnoughBlocksError";
    this.needed = needed;
    this.actual = actual;
  }
}
