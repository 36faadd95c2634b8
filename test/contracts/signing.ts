/** What wallets sign that is not the market's own: see src/protocol/TypedData.ts for that. */
import type { TypedDataField } from "ethers";

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
