/**
 * The command line: `sublet <command>`. Which room a command is in is decided from its name alone, so that none loads
 * what only another needs. Whatever fails ends here: in words on standard error, or with --json as the one document on
 * standard output; the exit code is 0 only when what was asked for is true.
 */
import type { Command } from "commander";
import { tellFailure } from "./command-line/failure.ts";
import { program, traceOf } from "./command-line/Program.ts";

const args = process.argv.slice(2);
let tree: Command | undefined;
try {
  tree = await program(args[0] === "help" ? args[1] : args[0]);
  await tree.parseAsync(process.argv);
} catch (error) {
  tellFailure(error, args.includes("--json"), tree && traceOf(tree));
}
