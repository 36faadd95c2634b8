/** OpenZeppelin's ERC-2771 forwarder: calls that one account signs and another one sends and pays for. */
import { type Address, encodeFunctionData, type Hex, type LocalAccount, parseAbi } from "viem";
import type { ForwardedCall } from "../protocol/Relay.ts";
import type { Node } from "./Connection.ts";

const abi = parseAbi([
  "struct ForwardRequestData { address from; address to; uint256 value; uint256 gas; uint48 deadline; bytes data; bytes signature; }",
  "function execute(ForwardRequestData request) payable",
  "function nonces(address owner) view returns (uint256)",
  "function eip712Domain() view returns (bytes1 fields, string name, string version, uint256 chainId, address verifyingContract, bytes32 salt, uint256[] extensions)",
]);

const FORWARD_REQUEST = [
  { name: "from", type: "address" },
  { name: "to", type: "address" },
  { name: "value", type: "uint256" },
  { name: "gas", type: "uint256" },
  { name: "nonce", type: "uint256" },
  { name: "deadline", type: "uint48" },
  { name: "data", type: "bytes" },
] as const;

/** Seconds in which a signed call may be sent. */
const VALID_SECONDS = 600;

export interface Unsigned {
  readonly to: Address;
  readonly data: Hex;
  readonly gas: bigint;
}

/** `account` has `forwarder` make a call in its name: once, and soon. */
export async function sign(
  node: Node,
  forwarder: Address,
  chainId: number,
  account: LocalAccount,
  { to, data, gas }: Unsigned,
): Promise<ForwardedCall> {
  const at = { address: forwarder, abi } as const;
  const from = account.address;
  const [nonce, [, name, version], { timestamp }] = await Promise.all([
    node.readContract({ ...at, functionName: "nonces", args: [from] }),
    node.readContract({ ...at, functionName: "eip712Domain" }),
    node.getBlock(),
  ]);
  const call = { from, to, value: 0n, gas, deadline: Number(timestamp) + VALID_SECONDS, data };
  const signature = await account.signTypedData({
    domain: { name, version, chainId, verifyingContract: forwarder },
    types: { ForwardRequest: FORWARD_REQUEST },
    primaryType: "ForwardRequest",
    message: { ...call, nonce },
  });
  return { ...call, signature };
}

/** What the sender of a signed call sends to the forwarder. */
export function execution(call: ForwardedCall): Hex {
  return encodeFunctionData({ abi, functionName: "execute", args: [call] });
}
