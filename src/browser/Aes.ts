/** The ciphers of src/codec/Aes.ts where there is no OpenSSL: @noble/ciphers, since a page's own answer only later. */
import { ctr as aesCtr, gcm } from "@noble/ciphers/aes.js";

export function ctr(key: Uint8Array, counter: Uint8Array, skip: number, bytes: Uint8Array): Uint8Array {
  const cipher = aesCtr(key, counter);
  if (skip === 0) return cipher.encrypt(bytes);
  const shifted = new Uint8Array(skip + bytes.length);
  shifted.set(bytes, skip);
  return cipher.encrypt(shifted).subarray(skip);
}

export function sealGcm(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return gcm(key, nonce).encrypt(plaintext);
}

export function openGcm(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array {
  return gcm(key, nonce).decrypt(sealed);
}
