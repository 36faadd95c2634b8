/**
 * Everything that can go wrong, as one union: a code with typed fields. Those of WIRE travel between peers, those of
 * LOCAL arise on this side only. A code once given keeps its name and meaning: programs, logs and docs/ERRORS.md use it.
 */
import type { Value } from "./Fields.ts";
import { LOCAL, type Local } from "./LocalErrors.ts";
import { WIRE, type Wording } from "./WireErrors.ts";

type WireError = { [Code in keyof typeof WIRE]: { readonly code: Code } & Value<(typeof WIRE)[Code]["field"]> };
type LocalError = { [Code in keyof Local]: { readonly code: Code } & Readonly<Local[Code]> };
export type WireCode = keyof WireError;
/** What went wrong, for programs; docs/ERRORS.md has all of them. */
export type ErrorCode = WireCode | keyof LocalError;
/** A code with the fields that belong to it: `error.code === "VolumeFull"` makes `error.freeSectors` known. */
export type SubletError = WireError[WireCode] | LocalError[keyof LocalError];
export type ErrorOf<Code extends ErrorCode> = SubletError & { readonly code: Code };

const WORDINGS = { ...WIRE, ...LOCAL } as unknown as Readonly<Record<ErrorCode, Wording<SubletError>>>;

/** What happened, why, and what to do, in one sentence for people. */
export function describe(error: SubletError): string {
  const { happened, advice } = WORDINGS[error.code];
  return `${happened(error)}: ${advice(error)}`;
}

export function isWireError(error: SubletError): error is WireError[WireCode] {
  return error.code in WIRE;
}

/** The one exception of Sublet: `error` says everything, `message` says it in words. */
export class SubletException<Code extends ErrorCode = ErrorCode> extends Error {
  /** The code, with its fields. */
  readonly error: ErrorOf<Code>;

  constructor(error: ErrorOf<Code>, options?: ErrorOptions) {
    super(describe(error), options);
    this.name = `SubletException(${error.code})`;
    this.error = error;
  }

  /** What went wrong, for programs. */
  get code(): Code {
    return this.error.code;
  }

  /** Whether something caught is a Sublet exception, of one of `codes` if any are given. */
  static is<Code extends ErrorCode = ErrorCode>(thrown: unknown, ...codes: Code[]): thrown is SubletException<Code> {
    return thrown instanceof SubletException && (codes.length === 0 || (codes as string[]).includes(thrown.code));
  }
}
