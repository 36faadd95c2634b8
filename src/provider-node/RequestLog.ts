/**
 * What a provider logs of its callers: a line when a session begins, one with the sum when it ends or is refused, and at
 * debug one for each request. Each bears the caller's trace, if it sent one, and the session's own name.
 */
import type { Logger } from "pino";
import type { Fault } from "../network/Handlers.ts";
import type { SessionFacts, Witness } from "../network/SessionRecord.ts";

/** What joins a line to the others of its session and its caller's command. */
export function callOf({ session, trace }: Pick<SessionFacts, "session" | "trace">) {
  return { session, ...(trace && { trace }) };
}

/** Logs what a server's sessions do, and passes on what is counted. */
export function logSessions(log: Logger, counts: Pick<Required<Witness>, "answered" | "refused">): Required<Witness> {
  return {
    greeted: (by) => log.info(factsOf(by), "session opened"),
    answered: (by, answered) => {
      counts.answered(by, answered);
      const { verb, trace, refused, ms, received, sent } = answered;
      const said = { verb: verb ?? "unknown", ...(refused && { code: refused }), ms: Math.round(ms), received, sent };
      log.debug({ ...callOf({ session: by.session, ...(trace && { trace }) }), ...said }, "request answered");
    },
    refused: (by, code) => {
      counts.refused(by, code);
      log.info({ ...factsOf(by), code }, "session refused");
    },
    ended: (by, { requests, refused, ms, received, sent }) => {
      if (requests === 0) return;
      const sum = { requests, ...(Object.keys(refused).length > 0 && { refused }), received, sent, ms: Math.round(ms) };
      log.info({ ...factsOf(by), ...sum }, "session closed");
    },
  };
}

export function logFault(log: Logger, { reference, verb, error, ...by }: Fault): void {
  log.error({ ...callOf(by), ...(verb && { verb }), reference, err: error }, "a request failed unexpectedly");
}

function factsOf({ peerId, ip, remote, actingFor, ...by }: SessionFacts) {
  return { ...callOf(by), ...(remote && { client: remote }), ...(actingFor && { actingFor }), peer: peerId, ip };
}
