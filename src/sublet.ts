/**
 * The command line: `sublet <command>`. Which room a command is in is decided from its name alone, so that none loads
 * what only another needs. Whatever fails ends here: in words on standard error, or with --json as the one document on
 * standard output; the exit code is 0 only when what was asked for is true.
 */
import { CommanderError } from "commander";
import { asSublet } from "./command-line/failure.ts";
import { program } from "./command-line/Program.ts";
import { toJson } from "./protocol/Json.ts";

const USAGE_EXIT_CODE = 2;

function fail(thrown: unknown, json: boolean): void {
  if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
  const { code, error, message, stack } = asSublet(thrown);
  process.exitCode = code === "Usage" ? USAGE_EXIT_CODE : 1;
  if (json) process.stdout.write(`${toJson({ error: { ...error, message } })}\n`);
  else process.stderr.write(`sublet: ${message} [${code}]\n`);
  if (code === "Unexpected") process.stderr.write(`${stack}\n`);
}

const args = process.argv.slice(2);
try {
  await (await program(args[0] === "help" ? args[1] : args[0])).parseAsync(process.argv);
} catch (error) {
  fail(error, args.includes("--json"));
}
