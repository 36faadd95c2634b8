/**
 * Every key of an owner, from one 32-byte master key:
 *
 *   master -> account | drive
 *   drive -> signer | volume -> mask -> slab -> position | content -> object | catalogue -> segment | head -> entry
 *
 * The account has the money; the drive key has all that is stored and none of the money, so another device of the owner is
 * given that and an account of its own.
 *
 * Each arrow is one HKDF-SHA256 (no salt) whose info is an ASCII label and then fixed-width big-endian fields, so no two
 * arrows share an input and no key leads back up. docs/CODEC.md lists the labels.
 */
import { hkdfSync } from "node:crypto";
import { requireInteger, requireLength, requireUint } from "./bounds.ts";
import { idBytes, type SlabId } from "./Slab.ts";

export const KEY_BYTES = 32;
/** Random, never reused: two objects with one id would share a keystream. */
export const OBJECT_ID_BYTES = 16;
/** Random for each segment and each head entry, so that no counter can be lost. */
export const SALT_BYTES = 16;

const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** The owner's account on chain, or from a device's secret the device's: a secp256k1 private key of 32 bytes. */
export function accountKey(master: Uint8Array): Uint8Array {
  return privateKey(master, "account");
}

/** All that is stored in the owner's name, and nothing of the money: what another device is given. */
export function driveKey(master: Uint8Array): Uint8Array {
  return derive(master, "drive");
}

/** Signs what the deals of a drive hold: the clientSigner of each, a private key as {@link accountKey}. */
export function signerKey(drive: Uint8Array): Uint8Array {
  return privateKey(drive, "signer");
}

/** What a device's secret keeps its drive key under, at rest. It seals that one key only. */
export function deviceKey(secret: Uint8Array): Uint8Array {
  return derive(secret, "device");
}

/** Never zero and below the order. */
function privateKey(parent: Uint8Array, label: string): Uint8Array {
  // 48 bytes reduced, as FIPS 186-5 A.2.1 asks: the bias is below 2^-128 and no derivation can fail.
  const wide = derive(parent, label, [], 48);
  const scalar = (BigInt(`0x${Buffer.from(wide).toString("hex")}`) % (SECP256K1_ORDER - 1n)) + 1n;
  return new Uint8Array(Buffer.from(scalar.toString(16).padStart(64, "0"), "hex"));
}

/** All a caretaker needs to unmask one volume, and nothing else: no content key and no other volume follows from it. */
export function maskRoot(drive: Uint8Array, volume: bigint): Uint8Array {
  requireUint("a volume id", volume, 64);
  return derive(derive(drive, "volume", [uint(volume, 8)]), "mask");
}

/** The key masking one position of one slab. */
export function maskKey(root: Uint8Array, slab: SlabId, position: number): Uint8Array {
  requireInteger("a position", position, 0, 254);
  return positionKey(slabMaskKey(root, slab), position);
}

/** What all positions of one slab are masked under, and no other slab: a share link gives it away. */
export function slabMaskKey(root: Uint8Array, slab: SlabId): Uint8Array {
  return derive(root, "slab", [idBytes(slab)]);
}

/** The mask keys of positions 0 to n - 1 of one slab, by position. */
export function maskKeys(root: Uint8Array, slab: SlabId, n: number): Uint8Array[] {
  return positionKeys(slabMaskKey(root, slab), n);
}

/** The same from the slab's own key. */
export function positionKeys(slabKey: Uint8Array, n: number): Uint8Array[] {
  requireInteger("the number of positions", n, 1, 255);
  return Array.from({ length: n }, (_, position) => positionKey(slabKey, position));
}

/** The content key of one object, which is what a share link gives away. */
export function objectKey(drive: Uint8Array, objectId: Uint8Array): Uint8Array {
  requireLength("an object id", objectId, OBJECT_ID_BYTES);
  return derive(derive(drive, "content"), "object", [objectId]);
}

/** The key of one catalogue segment. */
export function segmentKey(drive: Uint8Array, salt: Uint8Array): Uint8Array {
  requireLength("a salt", salt, SALT_BYTES);
  return derive(derive(drive, "catalogue"), "segment", [salt]);
}

/** The key of one head entry. */
export function entryKey(drive: Uint8Array, salt: Uint8Array): Uint8Array {
  requireLength("a salt", salt, SALT_BYTES);
  return derive(derive(drive, "head"), "entry", [salt]);
}

function positionKey(slabKey: Uint8Array, position: number): Uint8Array {
  return derive(slabKey, "position", [Uint8Array.of(position)]);
}

function derive(parent: Uint8Array, label: string, fields: Uint8Array[] = [], bytes = KEY_BYTES): Uint8Array {
  requireLength("a key", parent, KEY_BYTES);
  const info = Buffer.concat([Buffer.from(`sublet/1/${label}`, "ascii"), ...fields]);
  return new Uint8Array(hkdfSync("sha256", parent, new Uint8Array(0), info, bytes));
}

function uint(value: bigint, bytes: number): Uint8Array {
  return Buffer.from(value.toString(16).padStart(2 * bytes, "0"), "hex");
}
