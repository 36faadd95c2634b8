/** The provider's key at rest: an Ethereum V3 keystore, as every wallet reads it. */
import { randomBytes } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { decryptKeystoreJson, encryptKeystoreJson } from "ethers";
import { type Address, bytesToHex, type Hex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { SubletException } from "../protocol/Errors.ts";

/** A keystore from elsewhere must not take this process's memory or time: N x r x 128 bytes of scrypt. */
const MAX_SCRYPT_BYTES = 2 ** 30;
const MAX_FILE_BYTES = 16_384;

/** Makes a key and its file, which must not be there yet; on the disk when this returns. */
export async function createKeystore(file: string, password: string): Promise<Address> {
  const privateKey = bytesToHex(randomBytes(32));
  const address = privateKeyToAddress(privateKey);
  const json = await encryptKeystoreJson({ address, privateKey }, password);
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(`${json}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return address;
}

/** @throws SubletException NoSuchPath, StateCorrupt (no V3 keystore), WrongPassword */
export async function openKeystore(file: string, password: string): Promise<Hex> {
  const json = await readFile(file, "utf8").catch((cause) => {
    throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
  });
  if (json.length > MAX_FILE_BYTES || scryptBytes(json) > MAX_SCRYPT_BYTES) {
    const reason = "no keystore is as long, or as costly to open";
    throw new SubletException({ code: "StateCorrupt", file, reason });
  }
  try {
    return (await decryptKeystoreJson(json, password)).privateKey as Hex;
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
