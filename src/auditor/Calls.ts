/** What a transaction asked of the market, however it was wrapped: alone, in a multicall, through a forwarder. */
import { type Address, type DecodeFunctionDataReturnType, decodeFunctionData, type Hex, parseAbi } from "viem";
import { storageMarketAbi } from "../chain/abi.ts";

const multicallAbi = parseAbi(["function multicall(bytes[] data) returns (bytes[] results)"]);

/** OpenZeppelin's ERC2771Forwarder. */
const forwarderAbi = parseAbi([
  "struct Request { address from; address to; uint256 value; uint256 gas; uint48 deadline; bytes data; bytes signature; }",
  "function execute(Request request) payable",
  "function executeBatch(Request[] requests, address refundReceiver) payable",
]);

/** Calls within calls that are followed; deeper ones are nobody's way of using the market. */
const MAX_DEPTH = 4;

export type Call = DecodeFunctionDataReturnType<typeof storageMarketAbi>;
/** The arguments of the call of that name. */
export type ArgsOf<Name extends Call["functionName"]> = Extract<Call, { functionName: Name }>["args"];

/** Every call of `market` in a transaction's calldata, in order. Unknown bytes yield nothing. */
export function callsOf(market: Address, to: Address | null, data: Hex, depth = 0): Call[] {
  if (depth > MAX_DEPTH || to === null) return [];
  if (to.toLowerCase() !== market.toLowerCase()) {
    return forwarded(data).flatMap((request) => callsOf(market, request.to, request.data, depth + MAX_DEPTH));
  }
  const several = attempt(() => decodeFunctionData({ abi: multicallAbi, data }));
  if (several) return several.args[0].flatMap((inner) => callsOf(market, market, inner, depth + 1));
  const one = attempt(() => decodeFunctionData({ abi: storageMarketAbi, data }));
  return one ? [one] : [];
}

function forwarded(data: Hex): readonly { to: Address; data: Hex }[] {
  const decoded = attempt(() => decodeFunctionData({ abi: forwarderAbi, data }));
  if (!decoded) return [];
  return decoded.functionName === "execute" ? [decoded.args[0]] : decoded.args[0];
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
