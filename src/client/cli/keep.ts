import type { Command } from "commander";
import { Home, type Keep } from "../home/Home.ts";
import { bad, wholeNumber } from "./Arguments.ts";
import { type HomeFlags, localCommand } from "./Session.ts";
import { print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly days?: string;
  readonly most?: string;
}

export function keepCommand(): Command {
  return localCommand("keep", "how long what files were before is kept")
    .option("--days <count>", "so long after it was replaced or removed (30)")
    .option("--most <count>", "of one file, what it is now included (10)")
    .action((flags: Flags) => keep(flags));
}

/** Needs neither key nor chain. */
async function keep({ days, most, ...flags }: Flags): Promise<void> {
  const home = new Home(flags.home);
  const wanted: Partial<Keep> = {
    ...(days !== undefined && { days: decimal("--days", days) }),
    ...(most !== undefined && { most: wholeNumber("--most", most) }),
  };
  const changed = days !== undefined || most !== undefined;
  const kept = changed ? await home.setKeep(wanted) : (await home.readConfig()).keep;
  print(flags, kept, () => [
    `Versions are kept for ${kept.days} days after they were replaced or removed, at most ${kept.most} of a file. ` +
      "What is kept no longer goes with the next change.",
  ]);
}

function decimal(name: string, value: string): number {
  if (/^\d{1,5}(\.\d{1,6})?$/.test(value)) return Number(value);
  throw bad(name, value, "it is a number of days");
}
