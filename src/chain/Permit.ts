/** Letting the market take tokens by a signature (ERC-2612) in place of a transaction. */
import { type Address, type Hex, type LocalAccount, parseAbi, parseSignature } from "viem";
import type { Node } from "./Connection.ts";

const abi = parseAbi([
  "function nonces(address owner) view returns (uint256)",
  "function name() view returns (string)",
  "function version() view returns (string)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)",
]);

const PERMIT = [
  { name: "owner", type: "address" },
  { name: "spender", type: "address" },
  { name: "value", type: "uint256" },
  { name: "nonce", type: "uint256" },
  { name: "deadline", type: "uint256" },
] as const;

export interface Permit {
  readonly owner: Address;
  readonly value: bigint;
  readonly deadline: bigint;
  readonly v: number;
  readonly r: Hex;
  readonly s: Hex;
}

/** Seconds from now that a permit may be used in. */
const VALID_SECONDS = 3_600n;

/** `account` lets `spender` take `value` token base units; undefined where the token knows no permit. */
export async function sign(
  node: Node,
  token: Address,
  chainId: number,
  account: LocalAccount,
  spender: Address,
  value: bigint,
): Promise<Permit | undefined> {
  const owner = account.address;
  const at = { address: token, abi } as const;
  const nonce = await node.readContract({ ...at, functionName: "nonces", args: [owner] }).catch(() => undefined);
  if (nonce === undefined) return undefined;
  const { name, version } = await describe(node, token);
  const { timestamp } = await node.getBlock();
  const deadline = timestamp + VALID_SECONDS;
  const signature = await account.signTypedData({
    domain: { name, version, chainId, verifyingContract: token },
    types: { Permit: PERMIT },
    primaryType: "Permit",
    message: { owner, spender, value, nonce, deadline },
  });
  const { r, s, yParity } = parseSignature(signature);
  return { owner, value, deadline, v: 27 + yParity, r, s };
}

/** ERC-5267 where the token has it, else what most tokens mean. */
async function describe(node: Node, token: Address): Promise<{ name: string; version: string }> {
  const at = { address: token, abi } as const;
  try {
    const [, name, version] = await node.readContract({ ...at, functionName: "eip712Domain" });
    return { name, version };
  } catch {
    const name = await node.readContract({ ...at, functionName: "name" });
    const version = await node.readContract({ ...at, functionName: "version" }).catch(() => "1");
    return { name, version };
  }
}
