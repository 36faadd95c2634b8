/** What wallets sign that is not the market's own (see src/protocol/TypedData.ts for that), and signatures as it takes them. */
import {
  concat,
  dataSlice,
  keccak256,
  Signature,
  SigningKey,
  type TypedDataField,
  toBeHex,
  toUtf8Bytes,
  Wallet,
} from "ethers";

/** A signature in 64 bytes: r, and s with v in its top bit. */
export interface Compact {
  readonly r: string;
  readonly vs: string;
}

export const PERMIT: Record<string, TypedDataField[]> = {
  Permit: fields("address owner, address spender, uint256 value, uint256 nonce, uint256 deadline"),
};
export const FORWARD_REQUEST: Record<string, TypedDataField[]> = {
  ForwardRequest: fields(
    "address from, address to, uint256 value, uint256 gas, uint256 nonce, uint48 deadline, bytes data",
  ),
};

function fields(declaration: string): TypedDataField[] {
  return declaration.split(", ").map((field) => {
    const [type, name] = field.split(" ");
    return { type: type!, name: name! };
  });
}
