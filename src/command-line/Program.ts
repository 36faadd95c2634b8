/** All commands in one tree. A room is loaded only for its own commands, so that none waits for what another needs. */
import { Command } from "commander";
import { type TraceId, traceIn } from "../protocol/TraceId.ts";
import { completionCommand } from "./completion.ts";
import { examplesOf, helpOf } from "./examples.ts";

type Room = () => Promise<readonly Command[]>;

/** Rooms that have a command of their own name; all other commands are the client's. */
const ROOMS: Readonly<Record<string, Room>> = {
  provider: async () => [(await import("../provider-node/main.ts")).providerCommand()],
  relay: async () => [(await import("../relay/cli.ts")).relayCommand()],
  bootnode: async () => [(await import("../bootnode/cli.ts")).bootnodeCommand()],
  audit: async () => [(await import("../auditor/cli.ts")).auditCommand()],
};
const client: Room = async () => (await import("../client/cli/index.ts")).clientCommands();

/** The tree as far as the command called `name` needs it; what is left out is named with what it is for. */
export async function program(name: string | undefined): Promise<Command> {
  const room = name === undefined ? undefined : ROOMS[name];
  if (room) return treeOf(await room());
  return treeOf([
    ...(await client()),
    new Command("provider").description("store other people's data for tokens"),
    new Command("relay").description("send calls for hosts without gas, for their tips"),
    new Command("bootnode").description("tell clients and providers where other providers are"),
    new Command("audit").description("replay the whole market from the chain, and compare"),
  ]);
}

export async function wholeProgram(): Promise<Command> {
  const rooms = await Promise.all([client(), ...Object.values(ROOMS).map((room) => room())]);
  return treeOf(rooms.flat());
}

/** A command with all its parents, from the tool's own name on: `sublet volume create`. */
export function nameOf(command: Command): string {
  return command.parent ? `${nameOf(command.parent)} ${command.name()}` : command.name();
}

/** What providers' logs have of the command of a tree that ran, if that is one that calls them. */
export function traceOf(tree: Command): TraceId | undefined {
  const given = everyCommand(tree).map((command) => command.opts<{ trace?: string }>().trace);
  return given.flatMap((trace) => traceIn(trace ?? "") ?? [])[0];
}

/** Every command of a tree, parents before their own. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function treeOf(commands: readonly Command[]): Command {
  const sublet = new Command("sublet")
    .description("files on other people's disks: encrypted, spread, paid and proved")
    .configureHelp({ sortSubcommands: false });
  for (const command of commands) sublet.addCommand(command);
  sublet.addCommand(completionCommand(wholeProgram));
  for (const command of everyCommand(sublet)) {
    command.exitOverride().configureOutput({ outputError: () => {} });
    const examples = examplesOf(nameOf(command));
    if (examples.length > 0) command.addHelpText("after", helpOf(examples));
  }
  sublet.addHelpText("after", "\nErrors end with their code in brackets: docs/ERRORS.md says what to do about each.");
  return sublet;
}
