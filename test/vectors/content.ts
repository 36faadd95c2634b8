/** The content vectors are made of: SHA-256(seed u64 ‖ counter u64), big-endian, counter by counter, cut to `length`. */
import { createHash } from "node:crypto";

export function content(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 32) * 32);
  const input = new DataView(new ArrayBuffer(16));
  input.setBigUint64(0, BigInt(seed));
  for (let counter = 0; counter * 32 < length; counter++) {
    input.setBigUint64(8, BigInt(counter));
    bytes.set(createHash("sha256").update(input).digest(), counter * 32);
  }
  return bytes.subarray(0, length);
}

export function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}
