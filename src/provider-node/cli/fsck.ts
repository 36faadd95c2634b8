import { join, resolve } from "node:path";
import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import type { Settings } from "../Settings.ts";
import { type CheckReport, check } from "../storage/Check.ts";
import { openDatabase, STORE_FILE } from "../storage/Database.ts";
import { nodeDisk } from "../storage/Disk.ts";
import { giveUp, settle } from "../storage/Folders.ts";
import { Journal } from "../storage/Journal.ts";
import { foldersOf } from "../Values.ts";
import { command, type Flags, homeOf, note, print, type Shell, settingsOf } from "./Shell.ts";

type FsckFlags = Flags & { readonly repairIndex?: boolean; readonly giveUp?: string };

const NOTE_EVERY_MS = 5_000;

export function fsckCommand(shell: Shell): Command {
  return command("fsck", "hash every sector and compare it with what was countersigned; the provider must be stopped")
    .option("--repair-index", "put right what the index has wrong and the disk shows")
    .option("--give-up <folder>", "go on without a folder whose disk is lost for good")
    .action((_: unknown, own: Command) => fsck(own.optsWithGlobals<FsckFlags>(), shell));
}

async function fsck(flags: FsckFlags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const settings = await settingsOf(home, flags, shell);
  const report = await checkStore(await home.dataDir(), settings, flags);
  const { deals, revisions, sectors, bytes, lost, wrong } = report;
  const open = wrong.filter(({ repaired }) => !repaired);
  const ok = lost.length === 0 && open.length === 0;
  if (!ok) process.exitCode = 1;
  print(flags, { ok, ...report }, () => [
    `${sectors} sectors (${bytes} bytes) of ${deals} deals and ${revisions} revisions: ${ok ? "all as countersigned" : "NOT all as countersigned"}`,
    ...lost.map((one) => `lost: sector ${one.sector} of deal ${one.deal}, ${one.file}: ${one.reason}`),
    ...wrong.map((one) => `${one.repaired ? "repaired" : "wrong"} in the index: deal ${one.deal}, ${one.what}`),
    ...(open.length > 0 && !flags.repairIndex ? ["What the disk shows, --repair-index puts right."] : []),
    ...(lost.length > 0
      ? ["Restore these files from a copy, or give their deals up before the misses cost more."]
      : []),
  ]);
}

async function checkStore(dataDir: string, settings: Settings, flags: FsckFlags): Promise<CheckReport> {
  const file = join(dataDir, STORE_FILE);
  if ((await nodeDisk.size(file)) === undefined) throw new SubletException({ code: "NotInitialized", home: dataDir });
  const database = openDatabase(file);
  try {
    const journal = new Journal(database);
    if (flags.giveUp !== undefined) giveUp(journal, resolve(flags.giveUp));
    const own = { key: 0, path: join(dataDir, "sectors"), quotaBytes: settings.quotaBytes };
    let noted = performance.now();
    return await check({
      ...{ database, disk: nodeDisk, repair: flags.repairIndex ?? false },
      folders: [own, ...(await settle(journal, nodeDisk, foldersOf(settings.folders)))],
      market: { chainId: settings.chainId, address: settings.market },
      onSector: (done) => {
        if (performance.now() - noted < NOTE_EVERY_MS) return;
        noted = performance.now();
        note(`${done} sectors checked ...`);
      },
    });
  } finally {
    database.close();
  }
}
