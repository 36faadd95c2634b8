/**
 * The command line: `sublet <command>`. Which room a command is in is decided from its name alone, so that none loads
 * what only another needs. Whatever fails ends here: in words on standard error, or with --json as the one document on
 * standard output; the exit code is 0 only when what was asked for is true.
 */
import { Command, CommanderError } from "commander";
import { toJson } from "./client/cli/Terminal.ts";
import { SubletException } from "./protocol/Errors.ts";

const USAGE_EXIT_CODE = 2;

async function program(name: string | undefined): Promise<Command> {
  const sublet = new Command("sublet")
    .description("files on other people's disks: encrypted, spread, paid and proved")
    .configureHelp({ sortSubcommands: false });
  const { clientCommands } = await import("./client/cli/index.ts");
  for (const command of clientCommands()) sublet.addCommand(command);
  if (name === "provider") sublet.addCommand((await import("./provider-node/cli.ts")).providerCommand());
  else sublet.command("provider").description("store other people's data for tokens");
  if (name === "audit") sublet.addCommand((await import("./auditor/cli.ts")).auditCommand());
  else sublet.command("audit").description("replay the whole market from the chain, and compare");
  throughout(sublet, (command) => command.exitOverride().configureOutput({ outputError: () => {} }));
  return sublet;
}

function throughout(command: Command, change: (command: Command) => void): void {
  change(command);
  for (const one of command.commands) throughout(one, change);
}

function fail(error: unknown, json: boolean): void {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  const usage = error instanceof CommanderError;
  process.exitCode = usage ? USAGE_EXIT_CODE : 1;
  const message = (error instanceof Error ? error.message : String(error)).replace(/^error: /, "");
  const known = SubletException.is(error);
  if (json)
    process.stdout.write(
      `${toJson({ error: known ? { ...error.error, message } : { code: usage ? "Usage" : "Unexpected", message } })}\n`,
    );
  else process.stderr.write(`sublet: ${message}\n`);
  if (!known && !usage && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

const args = process.argv.slice(2);
try {
  const name = args.find((argument) => !argument.startsWith("-"));
  await (await program(name)).parseAsync(process.argv);
} catch (error) {
  fail(error, args.includes("--json"));
}
