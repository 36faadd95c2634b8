/** Signatures that the market must not take, each a number or two away from one that it does. */
import { concat, dataSlice, keccak256, SigningKey, toBeHex, toUtf8Bytes, Wallet } from "ethers";
import type { Compact } from "./fixture.ts";

const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const V_BIT = 1n << 255n;
const ZERO = `0x${"00".repeat(32)}`;

/** What is left of a signature when a number of it is another. */
export const MALFORMED: Record<string, (signature: Compact) => Compact> = {
  "with its twin's high s": ({ r, vs }) => ({ r, vs: word(SECP256K1_ORDER - (BigInt(vs) & (V_BIT - 1n))) }),
  "with the other v": ({ r, vs }) => ({ r, vs: word(BigInt(vs) ^ V_BIT) }),
  "with no r": ({ vs }) => ({ r: ZERO, vs }),
  "with no s": ({ r, vs }) => ({ r, vs: word(BigInt(vs) & V_BIT) }),
  "with zeros alone": () => ({ r: ZERO, vs: ZERO }),
};

/**
 * A key, and a signature of `digest` by it that ECDSA takes, with the lowest s of the upper half, which still has room
 * beside v. Honest signatures never come so near to the middle; but a key can be made for one.
 */
export function inUpperHalf(digest: string): { key: Wallet; signature: Compact } {
  const nonce = BigInt(keccak256(toUtf8Bytes("nonce")));
  const point = SigningKey.computePublicKey(word(nonce), true);
  const r = BigInt(dataSlice(point, 1));
  const s = SECP256K1_ORDER / 2n + 1n;
  const secret = (s * nonce + SECP256K1_ORDER - (BigInt(digest) % SECP256K1_ORDER)) * inverse(r);
  const signature = { r: word(r), vs: word(point.startsWith("0x03") ? s | V_BIT : s) };
  return { key: new Wallet(word(secret % SECP256K1_ORDER)), signature };
}

/** What the chain's ECDSA precompile is asked for the address that signed `digest`. */
export function recovery(digest: string, { r, vs }: Compact): { to: string; data: string } {
  const v = BigInt(vs) & V_BIT ? 28n : 27n;
  return { to: `0x${"01".padStart(40, "0")}`, data: concat([digest, word(v), r, word(BigInt(vs) & (V_BIT - 1n))]) };
}

function word(value: bigint): string {
  return toBeHex(value, 32);
}

/** By Fermat: the order is a prime. */
function inverse(value: bigint): bigint {
  let [power, product] = [value, 1n];
  for (let exponent = SECP256K1_ORDER - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) product = (product * power) % SECP256K1_ORDER;
    power = (power * power) % SECP256K1_ORDER;
  }
  return product;
}
