/**
 * Frames' contents, both ways: a request or response with its id, a failure, and what becomes of those that a peer of
 * another version, or no honest peer at all, has sent.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, type ErrorOf, isWireError, type SubletError, SubletException, type WireCode } from "./Errors.ts";
import { type Field, FieldError } from "./Fields.ts";
import { type Failure, FailureSchema, RequestSchema, ResponseSchema } from "./gen/sublet_pb.js";
import { MAX_SENTENCE_BYTES, MAX_TEXT_BYTES } from "./limits.ts";
import { TRACE_BYTES, type TraceId, trace as traceField } from "./TraceId.ts";
import { type Body, type RequestOf, type ResponseOf, VERBS, type Verb } from "./Verbs.ts";
import { WIRE } from "./WireErrors.ts";

/** A frame's two parts, see sublet.proto. */
export interface Parts {
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

export type AnyRequest = { [V in Verb]: { readonly verb: V; readonly content: RequestOf<V> } }[Verb];

/** A response with this id is a failure of the session as a whole. */
export const SESSION_ID = 0;

// biome-ignore lint/suspicious/noExplicitAny: the verb ties content and message together, which the compiler cannot follow
type AnyBody = Body<any, any>;

/** @throws SubletException MalformedMessage when the content does not fit its fields */
export function encodeRequest<V extends Verb>(id: number, verb: V, content: RequestOf<V>, trace?: TraceId): Parts {
  const { message, payload } = fitting(verb, () => (VERBS[verb].request as AnyBody).encode(content));
  const traced = trace === undefined ? {} : { trace: fitting("request.trace", () => traceField.encode(trace)) };
  const request = create(RequestSchema, { id, call: { case: verb, value: message }, ...traced });
  return { header: toBinary(RequestSchema, request), payload };
}

/** @throws SubletException MalformedMessage when the content does not fit its fields */
export function encodeResponse<V extends Verb>(id: number, verb: V, content: ResponseOf<V>): Parts {
  const { message, payload } = fitting(verb, () => (VERBS[verb].response as AnyBody).encode(content));
  const response = create(ResponseSchema, { id, result: { case: verb, value: message } });
  return { header: toBinary(ResponseSchema, response), payload };
}

/** An error that is not for the wire travels as InternalError with `reference`, so that nothing local leaks. */
export function encodeFailure(id: number, error: SubletError, reference = "nothing"): Parts {
  const result = { case: "failure", value: failureMessage(error, reference) } as const;
  return { header: toBinary(ResponseSchema, create(ResponseSchema, { id, result })), payload: new Uint8Array(0) };
}

export interface ReadRequest {
  readonly id: number;
  /** The verb, even where its content is bad. */
  readonly verb?: Verb;
  /** The caller's, for logs; left out where it sent none, or one that `open` refuses. */
  readonly trace?: TraceId;
  /** @throws SubletException UnknownVerb, or MalformedMessage */
  readonly open: () => AnyRequest;
}

/**
 * A request's id first, then its content: a bad content is answered under its id.
 * @throws SubletException MalformedMessage when there is not even an id
 */
export function decodeRequest({ header, payload }: Parts): ReadRequest {
  const request = fitting("request", () => parsed(() => fromBinary(RequestSchema, header)));
  const { id, call, trace: sent } = request;
  if (id === SESSION_ID) throw new SubletException({ code: "MalformedMessage", where: "request.id", reason: "id 0" });
  const trace = sent?.length === TRACE_BYTES ? { trace: traceField.decode(sent) } : {};
  if (call.case === undefined) {
    const verb = request.$unknown?.at(-1)?.no ?? 0;
    const open = () => {
      throw new SubletException({ code: "UnknownVerb", verb });
    };
    return { id, ...trace, open };
  }
  const verb = call.case;
  const open = () => {
    if (sent) fitting("request.trace", () => traceField.decode(sent));
    return { verb, content: fitting(verb, () => (VERBS[verb].request as AnyBody).decode(call.value, payload)) };
  };
  return { id, verb, ...trace, open };
}

export interface ReadResponse {
  readonly id: number;
  /**
   * The content as the answer to `verb`.
   * @throws SubletException the peer's failure, or MalformedMessage when this is no answer to `verb`
   */
  readonly open: <V extends Verb>(verb: V) => ResponseOf<V>;
}

/** @throws SubletException MalformedMessage when there is not even an id */
export function decodeResponse({ header, payload }: Parts): ReadResponse {
  const { id, result } = fitting("response", () => parsed(() => fromBinary(ResponseSchema, header)));
  const open = <V extends Verb>(verb: V): ResponseOf<V> => {
    if (result.case === "failure") throw new SubletException(failureError(result.value));
    if (result.case !== verb) {
      throw new SubletException({
        code: "MalformedMessage",
        where: verb,
        reason: `answered with ${result.case ?? "nothing"}`,
      });
    }
    return fitting(verb, () => (VERBS[verb].response as AnyBody).decode(result.value, payload));
  };
  return { id, open };
}

// ---------------------------------------------------------------- failures

type Detail = NonNullable<Failure["detail"]>;

function failureMessage(error: SubletError, reference: string): Failure {
  const sent: ErrorOf<WireCode> = isWireError(error) ? error : { code: "InternalError", reference };
  const field = WIRE[sent.code].field as unknown as Field<SubletError, unknown>;
  const detail = {
    case: sent.code[0]!.toLowerCase() + sent.code.slice(1),
    value: field.encode(shortened(sent)),
  } as Detail;
  return create(FailureSchema, { code: sent.code, message: cut(describe(sent), MAX_SENTENCE_BYTES), detail });
}

function failureError({ code, message, detail }: Failure): SubletError {
  if (detail.case === undefined) {
    return { code: "Unrecognized", theirCode: cut(code, MAX_TEXT_BYTES), sentence: cut(message, MAX_SENTENCE_BYTES) };
  }
  const known = (detail.case[0]!.toUpperCase() + detail.case.slice(1)) as WireCode;
  const field = WIRE[known].field as Field<object, unknown>;
  return { code: known, ...fitting(known, () => field.decode(detail.value)) } as SubletError;
}

/** Reasons are free text: a long one is cut rather than losing the whole failure. */
function shortened(error: SubletError): SubletError {
  const pairs = Object.entries(error).map(([key, value]) => [
    key,
    typeof value === "string" ? cut(value, MAX_TEXT_BYTES) : value,
  ]);
  return Object.fromEntries(pairs) as SubletError;
}

function cut(line: string, most: number): string {
  const encoded = new TextEncoder().encode(line);
  return encoded.length <= most
    ? line
    : new TextDecoder().decode(encoded.subarray(0, most - 3)).replace(/\uFFFD+$/, "");
}

// ---------------------------------------------------------------- bad bytes

function fitting<Result>(what: string, convert: () => Result): Result {
  try {
    return convert();
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    throw malformed(error.inside(what));
  }
}

function parsed<Result>(parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    throw new FieldError(error instanceof Error ? error.message : String(error));
  }
}

function malformed({ where, reason }: FieldError): SubletException {
  return new SubletException({
    code: "MalformedMessage",
    where: cut(where, MAX_TEXT_BYTES),
    reason: cut(reason, MAX_TEXT_BYTES),
  });
}
