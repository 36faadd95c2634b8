/** AES-256: CTR at any byte offset for objects and masks, GCM for what must not be altered (segments, head entries). */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { CodecError, requireInteger, requireLength, requireLengthWithin } from "./bounds.ts";
import { KEY_BYTES } from "./Keys.ts";

export const TAG_BYTES = 16;
const AES_BLOCK = 16;
const NONCE = new Uint8Array(12);

/**
 * XORs `bytes` with the keystream of `key` from byte `offset` on: the counter block is offset / 16, big-endian. Encrypts
 * and decrypts, masks and unmasks. One key must never cover two contents at the same offset.
 */
export function crypt(key: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
  requireLength("a cipher key", key, KEY_BYTES);
  requireInteger("a cipher offset", offset, 0, Number.MAX_SAFE_INTEGER);
  const counter = new Uint8Array(AES_BLOCK);
  new DataView(counter.buffer).setBigUint64(8, BigInt(Math.floor(offset / AES_BLOCK)));
  const cipher = createCipheriv("aes-256-ctr", key, counter);
  const skip = offset % AES_BLOCK;
  if (skip > 0) cipher.update(new Uint8Array(skip));
  return plain(cipher.update(bytes));
}

/**
 * AES-256-GCM: ciphertext, then the 16-byte tag. The nonce is zero, so a key must seal once in its life: every segment
 * and head entry has a key of its own, from a random salt.
 */
export function seal(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
  requireLength("a cipher key", key, KEY_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, NONCE);
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

/** The plaintext of {@link seal}. @throws SealError when key, ciphertext or tag is not the one that was sealed */
export function open(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  requireLength("a cipher key", key, KEY_BYTES);
  requireLengthWithin("a sealed text", sealed, TAG_BYTES, 2 ** 31 - 1);
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, NONCE, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = plain(decipher.update(sealed.subarray(0, end)));
  try {
    decipher.final();
  } catch (cause) {
    throw new SealError(end, { cause });
  }
  return plaintext;
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** A sealed text that its key does not open: altered, cut, or sealed under another key. Nothing of it may be used. */
export class SealError extends CodecError {
  readonly code = "SEAL";
  readonly ciphertextBytes: number;

  constructor(ciphertextBytes: number, options: ErrorOptions) {
    super(
      `${ciphertextBytes} sealed bytes do not open: altered, or sealed under another key; take another copy`,
      options,
    );
    this.name = "SealError";
    this.ciphertextBytes = ciphertextBytes;
  }
}
