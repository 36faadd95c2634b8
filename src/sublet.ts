/**
 * The command line: `sublet <command>`. Which room a command is in is decided from its name alone, so that none loads
 * what only another needs. Whatever fails ends here: in words on standard error, or with --json as the one document on
 * standard output; the exit code is 0 only when what was asked for is true.
 */
import { Command, CommanderError } from "commander";
import { SubletException } from "./protocol/Errors.ts";
import { toJson } from "./protocol/Json.ts";

const USAGE_EXIT_CODE = 2;

/** Commands with a room of their own; all others are the client's. */
const ROOMS: Record<string, () => Promise<Command>> = {
  provider: async () => (await import("./provider-node/main.ts")).providerCommand(),
  relay: async () => (await import("./relay/cli.ts")).relayCommand(),
  audit: async () => (await import("./auditor/cli.ts")).auditCommand(),
};

async function program(name: string | undefined): Promise<Command> {
  const sublet = new Command("sublet")
    .description("files on other people's disks: encrypted, spread, paid and proved")
    .configureHelp({ sortSubcommands: false });
  const room = name === undefined ? undefined : ROOMS[name];
  if (room) sublet.addCommand(await room());
  else {
    for (const command of (await import("./client/cli/index.ts")).clientCommands()) sublet.addCommand(command);
    sublet.command("provider").description("store other people's data for tokens");
    sublet.command("relay").description("send calls for hosts without gas, for their tips");
    sublet.command("audit").description("replay the whole market from the chain, and compare");
  }
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
  const message = usage && error.code === "commander.help" ? "say which of these commands" : messageOf(error);
  const known = SubletException.is(error);
  if (json)
    process.stdout.write(
      `${toJson({ error: known ? { ...error.error, message } : { code: usage ? "Usage" : "Unexpected", message } })}\n`,
    );
  else process.stderr.write(`sublet: ${message}\n`);
  if (!known && !usage && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/^error: /, "");
}

const args = process.argv.slice(2);
try {
  await (await program(args[0] === "help" ? args[1] : args[0])).parseAsync(process.argv);
} catch (error) {
  fail(error, args.includes("--json"));
}
