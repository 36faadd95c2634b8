/** What viem throws, as the project's own errors. */
import {
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  type Hex,
  HttpRequestError,
  hexToString,
  ResponseBodyTooLargeError,
  RpcRequestError,
  TimeoutError,
} from "viem";
import { SubletException } from "../protocol/Errors.ts";
import { marketTokenAbi, seedSourceAbi, storageMarketAbi } from "./abi.ts";
import { refusal } from "./Refusals.ts";

/** Every custom error that a market call can end with, its token's and its seed source's among them. */
const errorAbi = [...storageMarketAbi, ...seedSourceAbi, ...marketTokenAbi].filter((item) => item.type === "error");

/** Fields that hold a word, as text in 32 bytes. */
const NAMES_A_RULE: ReadonlySet<string> = new Set(["field", "relation"]);

type Args = Record<string, string | number | bigint | boolean>;

/** Whether no answer came at all: whether the request was carried out is unknown. */
export function isUnanswered(thrown: unknown): boolean {
  if (!(thrown instanceof BaseError)) return false;
  if (thrown.walk((cause) => cause instanceof RpcRequestError)) return false;
  return thrown.walk((cause) => cause instanceof HttpRequestError || cause instanceof TimeoutError) !== null;
}

/** Whether the node holds more than it sends at once: ask for less. */
export function isTooMuch(thrown: unknown): boolean {
  return (
    thrown instanceof BaseError &&
    thrown.walk((cause) => cause instanceof ResponseBodyTooLargeError || cause instanceof RpcRequestError) !== null
  );
}

/** The data that a reverted call came back with, if the node told it. */
function revertData(thrown: BaseError): Hex | undefined {
  const reverted = thrown.walk((cause) => cause instanceof ContractFunctionRevertedError);
  if (reverted instanceof ContractFunctionRevertedError && reverted.raw) return reverted.raw;
  const carrier = thrown.walk((cause) => cause instanceof Error && "data" in cause && cause.data !== undefined);
  const data = (carrier as { data?: unknown } | null)?.data;
  const inner = typeof data === "object" && data !== null && "data" in data ? data.data : data;
  return typeof inner === "string" && inner.startsWith("0x") ? (inner as Hex) : undefined;
}

/** A revert's custom error as ChainRejected, or undefined where the data is none that is known here. */
function rejection(call: string, data: Hex | undefined): SubletException<"ChainRejected"> | undefined {
  if (!data || data.length < 10) return undefined;
  try {
    const { errorName, abiItem, args = [] } = decodeErrorResult({ abi: errorAbi, data });
    const inputs = "inputs" in abiItem ? abiItem.inputs : [];
    const named: Args = {};
    for (const [i, input] of inputs.entries()) {
      const value = (args as unknown as Args[string][])[i]!;
      named[input.name || `${i}`] = NAMES_A_RULE.has(input.name ?? "")
        ? hexToString(value as Hex, { size: 32 })
        : value;
    }
    return new SubletException({ code: "ChainRejected", call, error: errorName, args: named, ...refusal(errorName) });
  } catch {
    return undefined;
  }
}

/**
 * The project's error for something thrown while `call` was under way: ChainRejected for a decoded revert,
 * ChainUnavailable when no answer came, TransactionFailed for anything else that the node said.
 */
export function chainFailure(thrown: unknown, call: string, url: string): unknown {
  if (!(thrown instanceof BaseError)) return thrown;
  const rejected = rejection(call, revertData(thrown));
  if (rejected) return rejected;
  if (isUnanswered(thrown)) {
    return new SubletException({ code: "ChainUnavailable", url, reason: lastWord(thrown) }, { cause: thrown });
  }
  return new SubletException({ code: "TransactionFailed", call, reason: lastWord(thrown) }, { cause: thrown });
}

function lastWord(thrown: BaseError): string {
  const innermost = thrown.walk() as { details?: string; shortMessage?: string; message: string };
  const cause = (innermost as { cause?: { code?: string } }).cause?.code;
  return cause ?? (innermost.details || innermost.shortMessage || innermost.message).slice(0, 300);
}
