/** The ciphers of Cipher.ts from OpenSSL; src/browser/Aes.ts has the same for pages. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { TAG_BYTES } from "./sizes.ts";

/** AES-256-CTR: `bytes` XORed with the keystream from byte `skip` of the block that `counter` begins. */
export function ctr(key: Uint8Array, counter: Uint8Array, skip: number, bytes: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-ctr", key, counter);
  if (skip > 0) cipher.update(new Uint8Array(skip));
  return plain(cipher.update(bytes));
}

/** AES-256-GCM: ciphertext, then the tag. */
export function sealGcm(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

/** @throws Error where key, ciphertext or tag is not the one that was sealed */
export function openGcm(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = plain(decipher.update(sealed.subarray(0, end)));
  decipher.final();
  return plaintext;
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
