/** The provider's key at rest. */
import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { type Address, bytesToHex } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { encryptKeystore } from "../chain/Keystore.ts";

/** Makes a key and its file, which must not be there yet; on the disk when this returns. */
export async function createKeystore(file: string, password: string): Promise<Address> {
  const privateKey = bytesToHex(randomBytes(32));
  const address = privateKeyToAddress(privateKey);
  const json = await encryptKeystore({ address, privateKey }, password);
  const handle = await open(file, "wx", 0o600);
  try {
    await handle.writeFile(`${json}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return address;
}
