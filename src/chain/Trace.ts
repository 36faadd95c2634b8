/** What a transaction's trace tells of messages between contracts. */
import type { Address, Hex } from "viem";

/** What debug_traceTransaction's callTracer tells of one call. */
export interface CallTrace {
  readonly type: string;
  readonly from: Address;
  readonly to?: Address;
  readonly input: Hex;
  readonly error?: string;
  readonly calls?: readonly CallTrace[];
}

/** Messages that reached `market` in a transaction, in order; those that failed changed nothing and are left out. */
export function messagesTo(market: Address, trace: CallTrace): { from: Address; input: Hex }[] {
  if (trace.error !== undefined) return [];
  if (trace.type === "CALL" && trace.to?.toLowerCase() === market.toLowerCase()) return [trace];
  return (trace.calls ?? []).flatMap((inner) => messagesTo(market, inner));
}
