/** `sublet provider`: arguments, passwords and printing only. Failures are thrown as SubletExceptions. */
import { Command } from "commander";
import { enrollCommand } from "./enroll.ts";
import { exitCommand } from "./exit.ts";
import { fsckCommand } from "./fsck.ts";
import { incomeCommand } from "./income.ts";
import { initCommand } from "./init.ts";
import { moveCommand } from "./move.ts";
import { runCommand } from "./run.ts";
import type { Shell } from "./Shell.ts";
import { serviceCommand } from "./service.ts";
import { statusCommand } from "./status.ts";

export function commands(shell: Shell): Command {
  const provider = new Command("provider").description("store other people's data for tokens");
  const all = [
    ...[initCommand, enrollCommand, runCommand, statusCommand, incomeCommand],
    ...[fsckCommand, moveCommand, serviceCommand, exitCommand],
  ];
  for (const make of all) provider.addCommand(make(shell));
  return provider;
}
