/** Whatever a command threw, as one of the errors that have a code. */
import { CommanderError } from "commander";
import { SubletException } from "../protocol/Errors.ts";
import { toJson } from "../protocol/Json.ts";
import type { TraceId } from "../protocol/TraceId.ts";

const USAGE_EXIT_CODE = 2;

/** Where a command ends: in words on standard error, or as its one document on standard output; and the exit code. */
export function tellFailure(thrown: unknown, json: boolean, trace?: TraceId): void {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
  const { code, error, message, stack } = asSublet(thrown);
  process.exitCode = code === "Usage" ? USAGE_EXIT_CODE : 1;
  if (json) process.stdout.write(`${toJson({ error: { ...error, message }, ...(trace && { trace }) })}\n`);
  else process.stderr.write(`sublet: ${message} [${code}]\n`);
  if (code === "Unexpected") process.stderr.write(`${stack}\n`);
}

/** What is none of Sublet's own is a wrong command line, a refusal of the operating system, or a fault of the program. */
export function asSublet(thrown: unknown): SubletException {
  if (SubletException.is(thrown)) return thrown;
  if (!(thrown instanceof Error)) return new SubletException({ code: "Unexpected", reason: String(thrown) });
  if (thrown.name === "AbortError" && SubletException.is(thrown.cause)) return thrown.cause;
  if (thrown instanceof CommanderError) return new SubletException({ code: "Usage", reason: usage(thrown) });
  const { message: reason, stack = "" } = thrown;
  if (isRefusal(thrown)) return new SubletException({ code: "SystemError", reason }, { cause: thrown });
  const unexpected = new SubletException({ code: "Unexpected", reason }, { cause: thrown });
  unexpected.stack = stack;
  return unexpected;
}

function usage({ code, message }: CommanderError): string {
  if (code === "commander.help") return "it names no command of those that there are";
  return message.replace(/^error: /, "").replaceAll("\n", " ");
}

/** Node's way of telling what a system call answered. */
function isRefusal(error: NodeJS.ErrnoException): boolean {
  return error.syscall !== undefined && /^E[A-Z0-9]+$/.test(error.code ?? "");
}
