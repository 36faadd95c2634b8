import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { type Command, Option } from "commander";
import { formatUnits } from "viem";
import { SubletException } from "../../protocol/Errors.ts";
import { USUAL_PARALLEL } from "../Parallel.ts";
import type { Sublet } from "../Sublet.ts";
import type { PutState, Receipt } from "../upload/Put.ts";
import type { Source } from "../upload/Source.ts";
import type { Warning } from "../volumes/Warnings.ts";
import { bad, volumeId, wholeNumber } from "./Arguments.ts";
import { command, endWith, type HomeFlags, withDrive } from "./Session.ts";
import { counted, note, Progress, print, sizeText } from "./Terminal.ts";
import { warningLines } from "./warnings.ts";

interface Flags extends HomeFlags {
  readonly volume?: string;
  readonly until: PutState;
  readonly parallel: string;
  readonly dryRun?: boolean;
}

export function putCommand(): Command {
  return command("put", "store a file, a folder, or what comes in (-)")
    .argument("<source>", "a file or folder of this machine, or -")
    .argument("[path]", "what to call it (its own name)")
    .option("--volume <id>", "which volume to put it in (the newest)")
    .addOption(
      new Option("--until <state>", "how far to wait")
        .choices(["durable", "complete", "committed"])
        .default("complete"),
    )
    .option("--parallel <count>", "files read, and slabs sent to each provider, at once", `${USUAL_PARALLEL}`)
    .option("--dry-run", "only say what it would take and cost")
    .action((source: string, path: string | undefined, flags: Flags) => put(source, path, flags));
}

async function put(source: string, path: string | undefined, flags: Flags): Promise<void> {
  const parallel = wholeNumber("--parallel", flags.parallel);
  if (source === "-" && path === undefined) throw bad("path", "", "what comes in needs a name");
  const name = path ?? basename(resolve(source));
  const found = source === "-" ? undefined : await stat(source).catch(() => undefined);
  if (source !== "-" && !found) throw new SubletException({ code: "NoSuchPath", path: source });
  const content = source === "-" ? process.stdin : source;
  const volume = flags.volume === undefined ? {} : { volume: volumeId(flags.volume) };
  if (flags.dryRun) return dryRun(name, content, volume, flags);
  const bytes = found?.isFile() ? found.size : undefined;
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    const progress = new Progress("put", bytes);
    try {
      const receipt = await drive.put(name, content, {
        ...volume,
        parallel,
        until: flags.until,
        onProgress: (more) => progress.add(more),
        signal,
      });
      progress.stop();
      const { path, files, bytes, state, positions, n, durable } = receipt;
      const have = positions.filter((one) => one.state !== "behind").length;
      const warnings = await warningsOf(drive, receipt);
      print(flags, { ...receipt, warnings, incidents }, () => [
        `${filesText(path, files, bytes)}, ${state} ` +
          `(${have} of ${n} providers have signed for it, ${durable} make it durable)`,
      ]);
      endWith(receipt.failed);
    } finally {
      progress.stop();
    }
  });
}

/** What was put is there, whether or not the chain can be asked how long. */
async function warningsOf(drive: Sublet, { volume }: Receipt): Promise<readonly Warning[]> {
  try {
    const warnings = await drive.warnings({ volume });
    for (const line of warningLines(warnings, await drive.tokenDecimals())) note(line);
    return warnings;
  } catch (error) {
    if (!SubletException.is(error)) throw error;
    note(error.message);
    return [];
  }
}

async function dryRun(name: string, content: Source, volume: { volume?: bigint }, flags: Flags): Promise<void> {
  await withDrive(flags, async ({ drive, signal }) => {
    const [decimals, plan] = await Promise.all([
      drive.tokenDecimals(),
      drive.plan(name, content, { ...volume, signal }),
    ]);
    const { path, files, bytes, n, sectors, freeSectors, deals, month, term, epochs, missing, rents } = plan;
    const [monthly, whole, short] = [month, term, missing].map((amount) => formatUnits(amount, decimals));
    print(flags, { decimals, ...plan }, () => [
      `${filesText(path, files, bytes)}, would take ${sectors} of ${freeSectors} free sectors at each of ${n} providers, ` +
        `by ${deals} deals and no transaction of this account. Nothing was changed.`,
      ...(rents
        ? [
            `Nothing fits now: a new volume would be rented for it first, for ${formatUnits(rents.total, decimals)} tokens.`,
          ]
        : []),
      `It costs ${monthly} tokens for 30 epochs, ${whole} for the ${epochs} that the deals last` +
        (missing > 0n ? `; the deals lack ${short} for it: topup adds them.` : ", and is paid in already."),
    ]);
  });
}

function filesText(path: string, files: number, bytes: number): string {
  return `${path}: ${counted(files, "file")}, ${sizeText(bytes)}`;
}
