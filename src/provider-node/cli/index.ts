/** `sublet provider`: arguments, passwords and printing only. Failures are thrown as SubletExceptions. */
import { Command } from "commander";
import { exitCommand } from "./exit.ts";
import { initCommand } from "./init.ts";
import { runCommand } from "./run.ts";
import type { Shell } from "./Shell.ts";
import { statusCommand } from "./status.ts";

export function commands(shell: Shell): Command {
  const provider = new Command("provider").description("store other people's data for tokens");
  for (const make of [initCommand, runCommand, statusCommand, exitCommand]) provider.addCommand(make(shell));
  return provider;
}
