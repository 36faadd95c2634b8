/**
 * What stands in a message field, both ways: callers see `0x` strings, bigints and slab ids, the wire sees bytes of
 * exact widths. Nothing passes that does not fit its type or exceeds its cap, neither in nor out.
 */
import { create, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { type Address, bytesToHex, getAddress, type Hex, hexToBytes, isAddress } from "viem";
import { idBytes, idFromBytes, SLAB_ID_BYTES, type SlabId } from "../codec/Slab.ts";
import { NODE_BYTES } from "../codec/sizes.ts";

export interface Field<Value, Wire> {
  /** @throws FieldError on a value that does not fit */
  encode(value: Value): Wire;
  /** @throws FieldError on what a correct peer does not send */
  decode(wire: Wire): Value;
}

// ---------------------------------------------------------------- numbers

function integer(bits: number): Field<number, number> {
  const most = 2 ** bits - 1;
  const check = (value: number): number => {
    if (!Number.isInteger(value) || value < 0 || value > most) throw new FieldError(`${value} is not 0 to ${most}`);
    return value;
  };
  return { encode: check, decode: check };
}

export const u8 = integer(8);
export const u16 = integer(16);
export const u32 = integer(32);

/** A count of bytes, seconds or milliseconds: a uint64 on the wire that is a safe integer here. */
export const count: Field<number, bigint> = {
  encode(value) {
    if (!Number.isSafeInteger(value) || value < 0) throw new FieldError(`${value} is not a count`);
    return BigInt(value);
  },
  decode(wire) {
    if (wire > BigInt(Number.MAX_SAFE_INTEGER)) throw new FieldError(`${wire} is beyond any count`);
    return Number(wire);
  },
};

export const u64: Field<bigint, bigint> = {
  encode(value) {
    if (typeof value !== "bigint" || value < 0n || value >> 64n !== 0n)
      throw new FieldError(`${value} is not a uint64`);
    return value;
  },
  decode: (wire) => wire,
};

/** An unsigned integer of the width it has on chain, big-endian, never shortened. */
function amount(bits: number): Field<bigint, Uint8Array> {
  const width = bits / 8;
  return {
    encode(value) {
      if (typeof value !== "bigint" || value < 0n || value >> BigInt(bits) !== 0n) {
        throw new FieldError(`${value} is not a uint${bits}`);
      }
      return hexToBytes(`0x${value.toString(16).padStart(2 * width, "0")}`);
    },
    decode: (wire) => BigInt(bytesToHex(ofLength(wire, width))),
  };
}

/** Rates: ledger units (token base units x 2^32) per sector-epoch or byte. */
export const amount96 = amount(96);
/** Ledger units, or token base units where the contract says so. */
export const amount128 = amount(128);

// ---------------------------------------------------------------- bytes and text

function hex(width: number): Field<Hex, Uint8Array> {
  const pattern = new RegExp(`^0x[0-9a-fA-F]{${2 * width}}$`);
  return {
    encode(value) {
      if (!pattern.test(value)) throw new FieldError(`not a 0x string of ${width} bytes`);
      return hexToBytes(value);
    },
    decode: (wire) => bytesToHex(ofLength(wire, width)),
  };
}

/** A SHA-256 or Keccak hash, a deal id, a nonce. */
export const hash = hex(32);
/** A Merkle root as it stands on chain (bytes24). */
export const root = hex(NODE_BYTES);
/** r, s, v. */
export const signature = hex(65);

/** Checksummed on the way in, so that equal addresses are equal strings. */
export const address: Field<Address, Uint8Array> = {
  encode(value) {
    if (!isAddress(value, { strict: false })) throw new FieldError("not a 0x string of 20 bytes");
    return hexToBytes(value);
  },
  decode: (wire) => getAddress(bytesToHex(ofLength(wire, 20))),
};

export const slab: Field<SlabId, Uint8Array> = {
  encode: idBytes,
  decode: (wire) => idFromBytes(ofLength(wire, SLAB_ID_BYTES)),
};

export function bytes(most: number): Field<Uint8Array, Uint8Array> {
  const check = (value: Uint8Array): Uint8Array => {
    if (value.length > most) throw new FieldError(`${value.length} bytes, at most ${most} are allowed`);
    return value;
  };
  return { encode: check, decode: check };
}

export function text(most: number): Field<string, string> {
  const check = (value: string): string => {
    const length = new TextEncoder().encode(value).length;
    if (length > most) throw new FieldError(`${length} bytes of text, at most ${most} are allowed`);
    return value;
  };
  return { encode: check, decode: check };
}

// ---------------------------------------------------------------- composition

export function list<Value, Wire>(field: Field<Value, Wire>, most: number): Field<readonly Value[], Wire[]> {
  const each = <From, To>(values: readonly From[], convert: (value: From) => To): To[] => {
    if (values.length > most) throw new FieldError(`${values.length} entries, at most ${most} are allowed`);
    return values.map((value, index) => within(`[${index}]`, () => convert(value)));
  };
  return { encode: (values) => each(values, field.encode), decode: (wires) => each(wires, field.decode) };
}

/** A field that may be left out. */
export function optional<Value, Wire>(field: Field<Value, Wire>): Field<Value | undefined, Wire | undefined> {
  return {
    encode: (value) => (value === undefined ? undefined : field.encode(value)),
    decode: (wire) => (wire === undefined ? undefined : field.decode(wire)),
  };
}

/** A message field that must be there (protobuf itself has no such thing). */
export function required<Value, Wire>(field: Field<Value, Wire>): Field<Value, Wire | undefined> {
  return {
    encode: field.encode,
    decode(wire) {
      if (wire === undefined) throw new FieldError("missing");
      return field.decode(wire);
    },
  };
}

type WireOf<Desc extends DescMessage> = Omit<MessageShape<Desc>, "$typeName" | "$unknown">;
/** One Field for every field of the generated message, of that field's own wire type: the compiler checks the pairing. */
// biome-ignore lint/suspicious/noExplicitAny: the values are inferred from the fields given
type FieldsOf<Desc extends DescMessage> = { [Key in keyof WireOf<Desc>]-?: Field<any, WireOf<Desc>[Key]> };
// biome-ignore lint/suspicious/noExplicitAny: as above
type ValueOf<One> = One extends Field<infer Value, any> ? Value : never;
type OptionalKeys<Fields> = {
  [Key in keyof Fields]: undefined extends ValueOf<Fields[Key]> ? Key : never;
}[keyof Fields];
type Simplify<Type> = { [Key in keyof Type]: Type[Key] };
export type Values<Fields> = Simplify<
  { readonly [Key in Exclude<keyof Fields, OptionalKeys<Fields>>]: ValueOf<Fields[Key]> } & {
    readonly [Key in OptionalKeys<Fields>]?: ValueOf<Fields[Key]>;
  }
>;
// biome-ignore lint/suspicious/noExplicitAny: as above
export type Value<One extends Field<any, any>> = ValueOf<One>;

/** A generated message as a Field: each of its fields converted by the Field of the same name. */
export function message<Desc extends DescMessage, const Fields extends FieldsOf<Desc>>(
  schema: Desc,
  fields: Fields,
): Field<Values<Fields>, MessageShape<Desc>> {
  const entries = Object.entries(fields) as [string, Field<unknown, unknown>][];
  const convert = (source: Record<string, unknown>, way: "encode" | "decode"): Record<string, unknown> => {
    const target: Record<string, unknown> = {};
    for (const [name, field] of entries) {
      const converted = within(name, () => field[way](source[name]));
      if (converted !== undefined) target[name] = converted;
    }
    return target;
  };
  return {
    encode: (value) => create(schema, convert(value as never, "encode") as MessageInitShape<Desc>),
    decode: (wire) => convert(wire as never, "decode") as Values<Fields>,
  };
}

function ofLength(wire: Uint8Array, width: number): Uint8Array {
  if (wire.length !== width) throw new FieldError(`${wire.length} bytes, not ${width}`);
  return wire;
}

function within<Result>(name: string, convert: () => Result): Result {
  try {
    return convert();
  } catch (error) {
    if (error instanceof FieldError) throw error.inside(name);
    if (error instanceof TypeError || (error instanceof Error && "code" in error)) {
      throw new FieldError(error.message).inside(name);
    }
    throw error;
  }
}

/** A value that does not fit its field: which (`terms.rate`, `operations[3].slab`), and why. */
export class FieldError extends Error {
  readonly where: string;
  readonly reason: string;

  constructor(reason: string, where = "") {
    super(where === "" ? reason : `${where}: ${reason}`);
    this.name = "FieldError";
    this.where = where;
    this.reason = reason;
  }

  inside(name: string): FieldError {
    const joint = this.where === "" || this.where.startsWith("[") ? "" : ".";
    return new FieldError(this.reason, `${name}${joint}${this.where}`);
  }
}
