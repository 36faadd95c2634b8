/** What wallets sign that is not the market's own: see src/protocol/TypedData.ts for that. */
import { concat, Signature, type TypedDataField, toBeHex } from "ethers";

export const PERMIT: Record<string, TypedDataField[]> = {
  Permit: fields("address owner, address spender, uint256 value, uint256 nonce, uint256 deadline"),
};
export const FORWARD_REQUEST: Record<string, TypedDataField[]> = {
  ForwardRequest: fields(
    "address from, address to, uint256 value, uint256 gas, uint256 nonce, uint48 deadline, bytes data",
  ),
};

const SECP256K1_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** Other forms of one signature that recover to the same key, and what is none at all. The market takes none of them. */
export const MALLEATED: Record<string, (signature: string) => string> = {
  "with a high s": (signature) => {
    const { r, s, yParity } = Signature.from(signature);
    return concat([r, toBeHex(SECP256K1_ORDER - BigInt(s), 32), yParity === 0 ? "0x1c" : "0x1b"]);
  },
  "in 64 bytes": (signature) => Signature.from(signature).compactSerialized,
  "with v of 0 or 1": (signature) => {
    const { r, s, yParity } = Signature.from(signature);
    return concat([r, s, toBeHex(yParity, 1)]);
  },
  "with a byte too many": (signature) => `${signature}00`,
  "of zeros": () => `0x${"00".repeat(65)}`,
  "of nothing": () => "0x",
};

function fields(declaration: string): TypedDataField[] {
  return declaration.split(", ").map((field) => {
    const [type, name] = field.split(" ");
    return { type: type!, name: name! };
  });
}
