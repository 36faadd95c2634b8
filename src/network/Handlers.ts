/** What the owner of a server brings: one function a verb, typed from the verb table. */
import type { Address } from "viem";
import type { TraceId } from "../protocol/TraceId.ts";
import type { RequestOf, ResponseOf, VERBS, Verb } from "../protocol/Verbs.ts";

/** Hello is the network's own; the rest is the provider's. */
export type ServedVerb = Exclude<Verb, "hello">;
type OpenVerb = { [V in ServedVerb]: (typeof VERBS)[V]["open"] extends true ? V : never }[ServedVerb];

/** Who asks. `remote` signed hello and may claim to be a delegate of `actingFor`, which only the chain can confirm. */
export interface Context {
  readonly remote?: Address;
  readonly actingFor?: Address;
  readonly peerId: string;
  readonly ip: string;
  /** For logs: the session, and what the caller wants to find this request by. */
  readonly session: string;
  readonly trace?: TraceId;
  /** Aborts when the session ends and nobody will hear the answer. */
  readonly signal: AbortSignal;
}
export type KnownContext = Context & { readonly remote: Address };
export type ContextOf<V extends ServedVerb> = V extends OpenVerb ? Context : KnownContext;

/** A SubletException that a handler throws is answered as it is, anything else as InternalError. */
export type Handlers = {
  readonly [V in ServedVerb]: (request: RequestOf<V>, context: ContextOf<V>) => Promise<ResponseOf<V>>;
};

/** An unexpected failure: the peer is told only `reference`. */
export interface Fault {
  readonly reference: string;
  readonly error: unknown;
  readonly session: string;
  readonly verb?: Verb;
  readonly trace?: TraceId;
}
