import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { normalize } from "../catalogue/Path.ts";
import { USUAL_PARALLEL } from "../Parallel.ts";
import type { VolumeRenewed } from "../volumes/Renewal.ts";
import type { Mirrored } from "../watch/Mirror.ts";
import { bad, volumeId, wholeNumber } from "./Arguments.ts";
import { renewalLines } from "./extend.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { note, print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly volume?: string;
  readonly parallel: string;
  readonly quiet: string;
}

export function watchCommand(): Command {
  return command(
    "watch",
    "keep a folder of this machine on the drive, and renew as volume renew says, until it is stopped",
  )
    .argument("<folder>", "of this machine; links in it are left out")
    .argument("<path>", "what to call it; files there that are not in the folder are removed, and are versions then")
    .option("--quiet <seconds>", "store a file once nobody wrote to it for so long", "2")
    .option("--volume <id>", "which volume to put it in (the newest)")
    .option("--parallel <count>", "files read, and slabs sent to each provider, at once", `${USUAL_PARALLEL}`)
    .action((folder: string, path: string, flags: Flags) => watch(folder, path, flags));
}

/** With --json one document a line, for each time that something was done. Ctrl-C is how it ends. */
async function watch(folder: string, path: string, flags: Flags): Promise<void> {
  const root = resolve(folder);
  if (!(await stat(root).catch(() => undefined))?.isDirectory()) throw bad("folder", folder, "it is no folder");
  const target = normalize(path);
  const options = {
    quietMs: 1_000 * wholeNumber("--quiet", flags.quiet),
    parallel: wholeNumber("--parallel", flags.parallel),
    ...(flags.volume !== undefined && { volume: volumeId(flags.volume) }),
  };
  await withDrive(flags, async ({ drive, signal }) => {
    note(`${root} is kept at ${target}`);
    const onPass = (mirrored: Mirrored): void => print(flags, mirrored, () => lines(mirrored));
    const onFailure = (error: SubletException): void => note(`${error.message} [${error.code}]`);
    const decimals = await drive.tokenDecimals();
    const onRenewed = (renewed: VolumeRenewed): void => renewalLines(renewed, decimals).forEach(note);
    await drive.watch(root, target, { ...options, onPass, onFailure, onRenewed, signal }).catch((error: unknown) => {
      if (!SubletException.is(error, "Interrupted")) throw error;
    });
  });
}

function lines({ put, moved, removed, failed }: Mirrored): string[] {
  return [
    ...moved.map(({ from, to }) => `moved    ${from} to ${to}`),
    ...removed.map((path) => `removed  ${path}`),
    ...put.map((path) => `put      ${path}`),
    ...failed.map(({ path, message, code }) => `failed   ${path}: ${message} [${code}]`),
  ];
}
