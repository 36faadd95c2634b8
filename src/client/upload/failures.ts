/** What failures of a provider mean for what is sent to it. */
import { type ErrorCode, isWireError, SubletException } from "../../protocol/Errors.ts";

const EXCUSES: readonly ErrorCode[] = [
  "DialFailed",
  "ConnectionLost",
  "RequestTimeout",
  "ShuttingDown",
  "RateLimited",
  "TooManySessions",
  "TooSlow",
  "InternalError",
  "UnknownDeal",
  "StagingFull",
  "ChainUnavailable",
  "TooFewProviders",
  // Another device moved the deal on while this one was looking.
  "Conflict",
];
/** What a provider answers whose staged bytes are gone, or whose sectors are not those of the mirror. */
const OUT_OF_STEP: readonly ErrorCode[] = ["Behind", "BadOperation", "RootMismatch", "NoSuchSlab"];

/** Whether time may heal it. */
export function heals(error: unknown): boolean {
  return SubletException.is(error, ...EXCUSES, "DiskFull");
}

export function isOutOfStep(error: unknown): boolean {
  return SubletException.is(error, ...OUT_OF_STEP);
}

/**
 * Whether the provider itself said that it does not take what it is paid to take. A full disk is no excuse, though it may
 * have room again: the space was sold.
 */
export function isRefusal(error: unknown): boolean {
  return SubletException.is(error) && isWireError(error.error) && !SubletException.is(error, ...EXCUSES);
}
