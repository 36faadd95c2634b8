/**
 * The one secret of a home at rest: a keystore over 32 bytes. The owner's are the master key, from which every other key
 * follows, the account on chain too: this file and its password bring everything back. A device's are a secret of its own;
 * its account follows from that, and the drive key lies sealed under it in the same file.
 *
 * The file has no `address` field: a wallet would show the address of the secret itself, and that is not the account.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { bytesToHex, type Hex, hexToBytes, isHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import * as Keystore from "../../chain/Keystore.ts";
import { Cipher, Keys } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";

const NO_ADDRESS = `0x${"00".repeat(20)}` as const;

/** A master key, or a device's secret. */
export function newSecret(): Uint8Array {
  return new Uint8Array(randomBytes(Keys.KEY_BYTES));
}

/** The account of a home's secret: it sends, says hello, and, the owner's, pays and owns the volumes. */
export function accountOf(secret: Uint8Array) {
  return privateKeyToAccount(bytesToHex(Keys.accountKey(secret)));
}

/** Signs the revisions of a drive, on every device of it. */
export function signerOf(drive: Uint8Array) {
  return privateKeyToAccount(bytesToHex(Keys.signerKey(drive)));
}

/**
 * The keystore's JSON text. `scryptN` below the default is for throw-away networks only.
 * @param drive of a device: the drive key that it was given
 */
export async function encryptKeystore(
  secret: Uint8Array,
  password: string,
  scryptN?: number,
  drive?: Uint8Array,
): Promise<string> {
  const account = { address: NO_ADDRESS, privateKey: bytesToHex(secret) };
  const { address: _, ...keystore } = JSON.parse(await Keystore.encryptKeystore(account, password, scryptN));
  const sealed = drive && { drive: bytesToHex(Cipher.seal(Keys.deviceKey(secret), drive)) };
  return JSON.stringify({ ...keystore, ...sealed }, undefined, 2);
}

/** Whether a keystore is a device's. One that cannot be read is for whoever reads it to tell. */
export async function isOfDevice(file: string): Promise<boolean> {
  const text = await readFile(file, "utf8").catch(() => "");
  return /"drive"\s*:/.test(text);
}

/** The drive key in a device's keystore. @throws SubletException StateCorrupt when there is none under this secret */
export async function driveKeyIn(file: string, secret: Uint8Array): Promise<Uint8Array> {
  try {
    const { drive } = JSON.parse(await readFile(file, "utf8")) as { drive?: unknown };
    if (!isHex(drive)) throw new Error("it has none");
    const key = Cipher.open(Keys.deviceKey(secret), hexToBytes(drive as Hex));
    if (key.length === Keys.KEY_BYTES) return key;
    throw new Error("it has another length");
  } catch (cause) {
    const reason = "it is no keystore of a device: the drive key in it cannot be opened";
    throw new SubletException({ code: "StateCorrupt", file, reason }, { cause });
  }
}
