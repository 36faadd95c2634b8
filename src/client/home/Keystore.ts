/**
 * The owner's one secret at rest: an Ethereum V3 keystore (scrypt, AES-128-CTR) over the 32-byte master key. Every other
 * key follows from it, the account on chain too, so this file and its password bring everything back.
 *
 * The file has no `address` field: a wallet would show the address of the master key itself, and that is not the account.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { decryptKeystoreJson, encryptKeystoreJson } from "ethers";
import { privateKeyToAccount } from "viem/accounts";
import { Keys } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";

/** Memory-hard enough for a password a person remembers: 128 MiB and about a second. */
const SCRYPT_N = 2 ** 17;
/** A keystore from elsewhere must not make this process take memory without end: N x r x 128 bytes. */
const MAX_SCRYPT_BYTES = 2 ** 30;
const MAX_FILE_BYTES = 16_384;

export function newMasterKey(): Uint8Array {
  return new Uint8Array(randomBytes(Keys.KEY_BYTES));
}

/** The account that pays, signs and owns the volumes of a master key. */
export function accountOf(master: Uint8Array) {
  return privateKeyToAccount(hex(Keys.accountKey(master)));
}

/** The keystore's JSON text. `scryptN` below the default is for throw-away networks only. */
export async function encryptKeystore(master: Uint8Array, password: string, scryptN = SCRYPT_N): Promise<string> {
  const key = hex(master);
  const json = await encryptKeystoreJson({ address: `0x${"00".repeat(20)}`, privateKey: key }, password, {
    scrypt: { N: scryptN, r: 8, p: 1 },
  });
  const { address: _, ...keystore } = JSON.parse(json) as Record<string, unknown>;
  return JSON.stringify(keystore, undefined, 2);
}

/**
 * The master key in a keystore file.
 * @throws SubletException NoSuchPath, StateCorrupt (not a V3 keystore), WrongPassword
 */
export async function readKeystore(file: string, password: string): Promise<Uint8Array> {
  const json = await readKeystoreFile(file);
  let key: string;
  try {
    ({ privateKey: key } = await decryptKeystoreJson(json, password));
  } catch (cause) {
    const wrongPassword = cause instanceof Error && /incorrect password/.test(cause.message);
    if (wrongPassword) throw new SubletException({ code: "WrongPassword", keystore: file }, { cause });
    throw new SubletException({ code: "StateCorrupt", file, reason: "not an Ethereum V3 keystore" }, { cause });
  }
  return new Uint8Array(Buffer.from(key.slice(2), "hex"));
}

async function readKeystoreFile(file: string): Promise<string> {
  let json: string;
  try {
    json = await readFile(file, "utf8");
  } catch (cause) {
    throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
  }
  if (json.length > MAX_FILE_BYTES || memoryOf(json) > MAX_SCRYPT_BYTES) {
    throw new SubletException({
      code: "StateCorrupt",
      file,
      reason: "no keystore is this large or this costly to open",
    });
  }
  return json;
}

function memoryOf(json: string): number {
  const cost = (name: string) => Number(new RegExp(`"${name}"\\s*:\\s*"?(\\d+)`, "i").exec(json)?.[1] ?? 1);
  return cost("n") * cost("r") * 128;
}

function hex(bytes: Uint8Array): `0x${string}` {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}
