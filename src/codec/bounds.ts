/** Checks of what comes from outside, and the errors they end in. Every codec error carries a stable `code`. */

export abstract class CodecError extends Error {
  abstract readonly code: string;
}

/** @throws LengthError unless `bytes` is exactly `expected` bytes long */
export function requireLength(what: string, bytes: Uint8Array, expected: number): void {
  if (bytes.length !== expected) throw new LengthError(what, expected, expected, bytes.length);
}

/** @throws LengthError unless `bytes` is between `least` and `most` bytes long, both inclusive */
export function requireLengthWithin(what: string, bytes: Uint8Array, least: number, most: number): void {
  if (bytes.length < least || bytes.length > most) throw new LengthError(what, least, most, bytes.length);
}

/** @throws BoundsError unless `value` is an integer between `least` and `most`, both inclusive */
export function requireInteger(what: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) throw new BoundsError(what, least, most, value);
}

/** @throws BoundsError unless `value` fits an unsigned integer of `bits` bits */
export function requireUint(what: string, value: bigint, bits: number): void {
  const most = (1n << BigInt(bits)) - 1n;
  if (value < 0n || value > most) throw new BoundsError(what, 0n, most, value);
}

/** A byte string of the wrong length, in bytes: nothing of it was used. */
export class LengthError extends CodecError {
  readonly code = "LENGTH";
  readonly what: string;
  readonly least: number;
  readonly most: number;
  readonly actual: number;

  constructor(what: string, least: number, most: number, actual: number) {
    super(`${what} must be ${least === most ? least : `${least} to ${most}`} bytes long, not ${actual}`);
    this.name = "LengthError";
    this.what = what;
    this.least = least;
    this.most = most;
    this.actual = actual;
  }
}

/** A number outside its inclusive bounds (or not an integer). */
export class BoundsError extends CodecError {
  readonly code = "BOUNDS";
  readonly what: string;
  readonly least: number | bigint;
  readonly most: number | bigint;
  readonly actual: number | bigint;

  constructor(what: string, least: number | bigint, most: number | bigint, actual: number | bigint) {
    super(`${what} must be an integer from ${least} to ${most}, not ${actual}`);
    this.name = "BoundsError";
    this.what = what;
    this.least = least;
    this.most = most;
    this.actual = actual;
  }
}
