import type { Command } from "commander";
import { move } from "../Move.ts";
import { command, type Flags, homeOf, note, print, type Shell } from "./Shell.ts";

const NOTE_EVERY_MS = 5_000;

export function moveCommand(shell: Shell): Command {
  return command("move", "move the data folder; the provider must be stopped. Interrupted, it goes on when repeated")
    .argument("<folder>", "an empty folder, or one that is made")
    .action((to: string, _: unknown, own: Command) => moveTo(to, own.optsWithGlobals<Flags>(), shell));
}

async function moveTo(target: string, flags: Flags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  // Whether there is a provider at all.
  await home.settings();
  let noted = performance.now();
  const onStep = (step: string): void => {
    if (performance.now() - noted < NOTE_EVERY_MS) return;
    noted = performance.now();
    note(`${step} ...`);
  };
  const moved = await move({ home, to: target, onStep });
  const { from, to, sectors, linked } = moved;
  print(flags, moved, () => [
    from === to
      ? `The data are in ${to}.`
      : `The data are in ${to} now: ${sectors} sectors, ${sectors - linked} of them copied.`,
    "A service that was printed before may write to the old folder only: print its unit anew.",
  ]);
}
