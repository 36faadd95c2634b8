/**
 * The owner's one secret at rest: a keystore over the 32-byte master key. Every other key follows from it, the account on
 * chain too, so this file and its password bring everything back.
 *
 * The file has no `address` field: a wallet would show the address of the master key itself, and that is not the account.
 */
import { randomBytes } from "node:crypto";
import { bytesToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import * as Keystore from "../../chain/Keystore.ts";
import { Keys } from "../../codec/index.ts";

const NO_ADDRESS = `0x${"00".repeat(20)}` as const;

export function newMasterKey(): Uint8Array {
  return new Uint8Array(randomBytes(Keys.KEY_BYTES));
}

/** The account that pays, signs and owns the volumes of a master key. */
export function accountOf(master: Uint8Array) {
  return privateKeyToAccount(bytesToHex(Keys.accountKey(master)));
}

/** The keystore's JSON text. `scryptN` below the default is for throw-away networks only. */
export async function encryptKeystore(master: Uint8Array, password: string, scryptN?: number): Promise<string> {
  const secret = { address: NO_ADDRESS, privateKey: bytesToHex(master) };
  const { address: _, ...keystore } = JSON.parse(await Keystore.encryptKeystore(secret, password, scryptN));
  return JSON.stringify(keystore, undefined, 2);
}
