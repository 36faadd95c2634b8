/** What a transaction asked of the market and who asked, however it was wrapped: alone, in a multicall, forwarded. */
import {
  type Address,
  type DecodeFunctionDataReturnType,
  decodeFunctionData,
  getAddress,
  type Hex,
  parseAbi,
  size,
  slice,
} from "viem";
import { storageMarketAbi } from "../chain/abi.ts";

const multicallAbi = parseAbi(["function multicall(bytes[] data) returns (bytes[] results)"]);

/** OpenZeppelin's ERC2771Forwarder. */
const forwarderAbi = parseAbi([
  "struct Request { address from; address to; uint256 value; uint256 gas; uint48 deadline; bytes data; bytes signature; }",
  "function execute(Request request) payable",
  "function executeBatch(Request[] requests, address refundReceiver) payable",
]);

const ADDRESS_BYTES = 20;
/** Multicalls within multicalls that are followed; deeper ones are nobody's way of using the market. */
const MAX_DEPTH = 4;

export type MarketCall = DecodeFunctionDataReturnType<typeof storageMarketAbi>;
export type CallName = MarketCall["functionName"];
/** The arguments of the call of that name. */
export type ArgsOf<Name extends CallName> = Extract<MarketCall, { functionName: Name }>["args"];
export type Call = MarketCall & { readonly caller: Address };

/** A message that reached the market: from whom, and what. */
export interface Message {
  readonly from: Address;
  readonly input: Hex;
}

/** The calls in one message. A forwarder's names the true caller in its last 20 bytes. Unknown bytes yield nothing. */
export function callsOf({ from, input }: Message, forwarder: Address | undefined): Call[] {
  if (!isSame(from, forwarder)) return decode(from, input, 0);
  const length = size(input);
  if (length < ADDRESS_BYTES) return [];
  const caller = getAddress(slice(input, length - ADDRESS_BYTES));
  return length === ADDRESS_BYTES ? [] : decode(caller, slice(input, 0, length - ADDRESS_BYTES), 0);
}

/** What a forwarder's own calldata has it send to `market`: the messages as they arrive there. */
export function forwarded(market: Address, forwarder: Address, input: Hex): Message[] {
  const decoded = attempt(() => decodeFunctionData({ abi: forwarderAbi, data: input }));
  if (!decoded) return [];
  const requests = decoded.functionName === "execute" ? [decoded.args[0]] : decoded.args[0];
  return requests
    .filter(({ to }) => isSame(to, market))
    .map(({ from, data }) => ({ from: forwarder, input: `${data}${from.slice(2)}` as Hex }));
}

function decode(caller: Address, data: Hex, depth: number): Call[] {
  if (depth > MAX_DEPTH) return [];
  const several = attempt(() => decodeFunctionData({ abi: multicallAbi, data }));
  if (several) return several.args[0].flatMap((inner) => decode(caller, inner, depth + 1));
  const one = attempt(() => decodeFunctionData({ abi: storageMarketAbi, data }));
  return one ? [{ ...one, caller }] : [];
}

function isSame(one: Address, other: Address | undefined): boolean {
  return one.toLowerCase() === other?.toLowerCase();
}

function attempt<T>(decoding: () => T): T | undefined {
  try {
    return decoding();
  } catch {
    return undefined;
  }
}
