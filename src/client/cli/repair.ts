import type { Command } from "commander";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print } from "./Terminal.ts";

export function repairCommand(): Command {
  return command("repair", "give lost positions to fresh providers, bring everybody up to date").action(
    (flags: HomeFlags) => repair(flags),
  );
}

/** Exit code 1 while a position of any volume is not whole. */
async function repair(flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    const volumes = await drive.repair(signal);
    const ok = volumes.every(({ complete, n }) => complete.length === n);
    print(flags, { ok, volumes, incidents }, () =>
      volumes.flatMap(({ volume, replaced, complete, n }) => [
        ...replaced.map(
          ({ position, from, to, why }) =>
            `Volume ${volume}, position ${position}: ${why}${from ? ` at ${from}` : ""}; rebuilt at ${to}.`,
        ),
        `Volume ${volume}: ${complete.length} of ${n} positions are whole.`,
      ]),
    );
    if (!ok) process.exitCode = 1;
  });
}
