/** AES-256: CTR at any byte offset for objects and masks, GCM for what must not be altered (segments, head entries). */
import { ctr, openGcm, sealGcm } from "./Aes.ts";
import { CodecError, requireInteger, requireLength, requireLengthWithin } from "./bounds.ts";
import { KEY_BYTES } from "./Keys.ts";
import { TAG_BYTES } from "./sizes.ts";

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
  return ctr(key, counter, offset % AES_BLOCK, bytes);
}

/**
 * AES-256-GCM: ciphertext, then the 16-byte tag. The nonce is zero, so a key must seal once in its life: every segment
 * and head entry has a key of its own, from a random salt.
 */
export function seal(key: Uint8Array, plaintext: Uint8Array): Uint8Array {
  requireLength("a cipher key", key, KEY_BYTES);
  return sealGcm(key, NONCE, plaintext);
}

/** The plaintext of {@link seal}. @throws SealError when key, ciphertext or tag is not the one that was sealed */
export function open(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  requireLength("a cipher key", key, KEY_BYTES);
  requireLengthWithin("a sealed text", sealed, TAG_BYTES, 2 ** 31 - 1);
  try {
    return openGcm(key, NONCE, sealed);
  } catch (cause) {
    throw new SealError(sealed.length - TAG_BYTES, { cause });
  }
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
