/** What the client uses of node:crypto, for pages: @noble/hashes, and the page's own random numbers. */
import { Buffer } from "node:buffer";
import { hkdf } from "@noble/hashes/hkdf.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";

/** What getRandomValues gives at once. */
const RANDOM_PART = 65_536;
const UINT32 = 2 ** 32;

/** @param algorithm sha256 is the only one that is used */
export function createHash(algorithm: "sha256") {
  requireSha256(algorithm);
  const hash = sha256.create();
  return {
    update(data: ArrayBufferView | string) {
      const bytes = typeof data === "string" ? Buffer.from(data) : data;
      hash.update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      return this;
    },
    digest: () => Buffer.from(hash.digest()),
  };
}

export function randomBytes(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += RANDOM_PART) crypto.getRandomValues(bytes.subarray(at, at + RANDOM_PART));
  return bytes;
}

/** Uniform in [0, below), which is at most 2^32. */
export function randomInt(below: number): number {
  const even = UINT32 - (UINT32 % below);
  for (;;) {
    const [drawn] = crypto.getRandomValues(new Uint32Array(1)) as unknown as [number];
    if (drawn < even) return drawn % below;
  }
}

export function hkdfSync(digest: "sha256", key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number) {
  requireSha256(digest);
  return hkdf(sha256, key, salt, info, length).slice().buffer;
}

export function scrypt(
  password: Uint8Array,
  salt: Uint8Array,
  length: number,
  { N, r, p, maxmem }: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
  callback: (error: Error | null, key: Uint8Array) => void,
): void {
  scryptAsync(password, salt, { N, r, p, maxmem, dkLen: length }).then(
    (key) => callback(null, key),
    (error) => callback(error, new Uint8Array(0)),
  );
}

function requireSha256(name: string): void {
  if (name !== "sha256") throw new Error(`there is no ${name} in pages`);
}
