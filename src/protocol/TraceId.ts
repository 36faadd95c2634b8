/**
 * What joins the log lines of several machines that belong to one call: the trace-id of W3C Trace Context, so that other
 * tools may begin or continue it. It is drawn at random and says nothing about who calls or what for.
 */
import { bytesToHex, hexToBytes } from "viem";
import { SubletException } from "./Errors.ts";
import { type Field, FieldError } from "./Fields.ts";

/** 32 digits of hex in lower case, not all of them 0. */
export type TraceId = string;

export const TRACE_BYTES = 16;

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
/** A traceparent header: version, trace-id, the caller's own span, flags, and what later versions may add. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

export function newTrace(): TraceId {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(TRACE_BYTES))).slice(2);
}

/** The trace that a text names, which is its id or a whole traceparent; undefined: it names none. */
export function traceIn(text: string): TraceId | undefined {
  const lower = text.toLowerCase();
  const id = TRACEPARENT.exec(lower)?.[1] ?? lower;
  return TRACE_ID.test(id) ? id : undefined;
}

/** @throws SubletException BadArgument naming `name` */
export function requireTrace(name: string, value: string): TraceId {
  const trace = traceIn(value);
  if (trace !== undefined) return trace;
  const reason = "a trace id is 32 hexadecimal digits, not all of them 0, or a W3C traceparent";
  throw new SubletException({ code: "BadArgument", name, value, reason });
}

/**
 * The trace of a command: the one that is given with `--trace`, else the one that its environment is in (TRACEPARENT: what
 * others have set for their own sake is no reason to fail), else one of its own.
 * @throws SubletException BadArgument
 */
export function traceOfCommand(given: string | undefined, environment: { readonly TRACEPARENT?: string }): TraceId {
  if (given !== undefined) return requireTrace("--trace", given);
  return traceIn(environment.TRACEPARENT ?? "") ?? newTrace();
}

/** On the wire: its bytes, of which any are taken as they come. */
export const trace: Field<TraceId, Uint8Array> = {
  encode(value) {
    if (!TRACE_ID.test(value)) throw new FieldError("not a trace id");
    return hexToBytes(`0x${value}`);
  },
  decode(wire) {
    if (wire.length !== TRACE_BYTES) throw new FieldError(`${wire.length} bytes, not ${TRACE_BYTES}`);
    return bytesToHex(wire).slice(2);
  },
};
