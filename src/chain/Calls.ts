/** The market's calls as the chain takes them. */
import {
  type Address,
  type ContractFunctionArgs,
  type ContractFunctionName,
  type DecodeFunctionDataReturnType,
  decodeFunctionData,
  encodeFunctionData,
  type Hex,
  parseSignature,
  signatureToCompactSignature,
} from "viem";
import { SubletException } from "../protocol/Errors.ts";
import type { Revision, Terms } from "../protocol/Messages.ts";
import type { Voucher } from "../protocol/TypedData.ts";
import { storageMarketAbi } from "./abi.ts";

type Abi = typeof storageMarketAbi;
type CallName = ContractFunctionName<Abi, "nonpayable">;
type CallArgs<Name extends CallName> = ContractFunctionArgs<Abi, "nonpayable", Name>;

/** One call, ready to be sent, alone or with others in one transaction. */
export interface Call {
  readonly name: string;
  readonly data: Hex;
}

export function call<Name extends CallName>(name: Name, args: CallArgs<Name>): Call {
  return { name, data: encodeFunctionData({ abi: storageMarketAbi, functionName: name, args } as never) };
}

/** A call that was asked for, by name. */
export type AskedCall = DecodeFunctionDataReturnType<Abi>;

/** What calldata of the market asks: one call, or those of a multicall; undefined where it is neither. */
export function callsIn(data: Hex): AskedCall[] | undefined {
  try {
    const asked = decodeFunctionData({ abi: storageMarketAbi, data });
    if (asked.functionName !== "multicall") return [asked];
    return asked.args[0].map((one) => decodeFunctionData({ abi: storageMarketAbi, data: one }));
  } catch {
    return undefined;
  }
}

/** `escrow`, `egress`: token base units. Signatures are of 65 bytes here and below. */
export interface DealItem {
  readonly terms: Terms;
  readonly signature: Hex;
  readonly escrow: bigint;
  readonly egress: bigint;
}

export interface CommitItem {
  readonly provider: Address;
  readonly slot: number;
  readonly revision: Revision;
  readonly clientSignature: Hex;
  readonly providerSignature: Hex;
}

export interface RedeemItem {
  readonly provider: Address;
  readonly slot: number;
  readonly voucher: Voucher;
  readonly signature: Hex;
}

export interface ProofItem {
  readonly provider: Address;
  readonly proof: Hex;
}

/** A signature as the market takes it (EIP-2098): 64 bytes, v in the top bit of s. */
export function compact(signature: Hex): { r: Hex; vs: Hex } {
  const { r, yParityAndS: vs } = signatureToCompactSignature(parseSignature(signature));
  return { r, vs };
}

/** What the deals of one opening have in common. */
const SHARED = [
  ...(["client", "clientSigner", "volume", "k", "n"] as const),
  ...(["capacity", "minSectors", "endEpoch", "noticeEpochs", "answerBond"] as const),
];

/** @throws SubletException BadArgument unless the terms of all items have in common what they must */
export function openCall(items: readonly DealItem[], minOpened: number): Call {
  const shared = items[0]?.terms;
  const differs = SHARED.find((field) => items.some(({ terms }) => terms[field] !== shared?.[field]));
  if (!shared || differs) {
    const reason = differs ? `deals that open together have one ${differs}` : "there are none";
    throw new SubletException({ code: "BadArgument", name: "items", value: `${items.length} deals`, reason });
  }
  const deals = items.map(({ terms, escrow, egress, signature }) => {
    return { ...terms, escrow, egress, signature: compact(signature) };
  });
  return call("openDeals", [shared, deals, BigInt(minOpened)]);
}

/** Revisions of one provider's deals; without its signatures, where it or its signer is the sender. */
export function commitCall(provider: Address, items: readonly Omit<CommitItem, "provider">[], own: boolean): Call {
  const revisions = items.map(({ slot, revision, clientSignature }) => {
    return { slot, ...revision, signature: compact(clientSignature) };
  });
  const assents = own ? [] : items.map(({ providerSignature }) => compact(providerSignature));
  return call("commit", [provider, revisions, assents]);
}

export function redeemCall(items: readonly RedeemItem[]): Call {
  return call("redeem", [items.map((item) => ({ ...item, signature: compact(item.signature) }))]);
}
