import type { Command } from "commander";
import { renewalLines } from "./extend.ts";
import { command, endWith, type HomeFlags, withDrive } from "./Session.ts";
import { print } from "./Terminal.ts";

export function repairCommand(): Command {
  return command(
    "repair",
    "give lost positions to fresh providers, bring everybody up to date, extend what ends soon (volume renew)",
  ).action((flags: HomeFlags) => repair(flags));
}

/** Exit code 1 while a position of any volume is not whole, or ends soon though it was to be extended. */
async function repair(flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    const [volumes, decimals] = [await drive.repair(signal), await drive.tokenDecimals()];
    const ok = volumes.every(
      ({ complete, n, renewed, failed }) =>
        !failed && complete.length === n && !renewed?.short && !renewed?.report?.failed.length,
    );
    print(flags, { ok, volumes, incidents }, () =>
      volumes.flatMap(({ volume, replaced, complete, n, renewed }) => [
        ...replaced.map(
          ({ position, from, to, why }) =>
            `Volume ${volume}, position ${position}: ${why}${from ? ` at ${from}` : ""}; rebuilt at ${to}.`,
        ),
        `Volume ${volume}: ${complete.length} of ${n} positions are whole.`,
        ...renewalLines(renewed, decimals),
      ]),
    );
    endWith(
      volumes.flatMap(({ renewed, failed }) => [...(failed ? [failed] : []), ...(renewed?.report?.failed ?? [])]),
    );
    if (!ok) process.exitCode = 1;
  });
}
