/**
 * A 32-byte secret at rest: an Ethereum V3 keystore (scrypt, AES-128-CTR), as every wallet reads it. Both the client's
 * master key and a provider's account key are kept so.
 */
import { scrypt as nodeScrypt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { decryptKeystoreJson, encryptKeystoreJson, getBytes, scrypt } from "ethers";
import type { Address, Hex } from "viem";
import { SubletException } from "../protocol/Errors.ts";

/** Memory-hard enough for a password a person remembers: 128 MiB and less than a second. */
const SCRYPT_N = 2 ** 17;
/** A keystore from elsewhere must not take this process's memory or time: N x r x 128 bytes of scrypt. */
const MAX_SCRYPT_BYTES = 2 ** 30;
const MAX_FILE_BYTES = 16_384;

// The same function from OpenSSL: ethers' own, in JavaScript, takes ten times as long.
scrypt.register(async (password, salt, N, r, p, length) => {
  const options = { N, r, p, maxmem: MAX_SCRYPT_BYTES * 2 };
  return new Promise((resolve, reject) =>
    nodeScrypt(password, salt, length, options, (error, key) => (error ? reject(error) : resolve(hex(key)))),
  );
});

/** The keystore's JSON text. `scryptN` below the default is for throw-away networks only. */
export async function encryptKeystore(
  account: { address: Address; privateKey: Hex },
  password: string,
  scryptN = SCRYPT_N,
): Promise<string> {
  return encryptKeystoreJson(account, password, { scrypt: { N: scryptN, r: 8, p: 1 } });
}

/** The secret in a keystore file. @throws SubletException NoSuchPath, StateCorrupt (no V3 keystore), WrongPassword */
export async function readKeystore(file: string, password: string): Promise<Uint8Array> {
  const json = await readFile(file, "utf8").catch((cause) => {
    throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
  });
  if (json.length > MAX_FILE_BYTES || scryptBytes(json) > MAX_SCRYPT_BYTES) {
    const reason = "no keystore is as long, or as costly to open";
    throw new SubletException({ code: "StateCorrupt", file, reason });
  }
  try {
    return getBytes((await decryptKeystoreJson(json, password)).privateKey);
  } catch (cause) {
    if (cause instanceof Error && /incorrect password/.test(cause.message)) {
      throw new SubletException({ code: "WrongPassword", keystore: file }, { cause });
    }
    throw new SubletException({ code: "StateCorrupt", file, reason: "it is no Ethereum V3 keystore" }, { cause });
  }
}

function scryptBytes(json: string): number {
  const figure = (name: string): number => Number(new RegExp(`"${name}"\\s*:\\s*"?(\\d+)`, "i").exec(json)?.[1] ?? 1);
  return figure("n") * figure("r") * 128;
}

function hex(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}
