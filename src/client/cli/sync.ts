import type { Command } from "commander";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print } from "./Terminal.ts";

export function syncCommand(): Command {
  return command("sync", "learn what other devices put, moved and removed; other commands do so by themselves").action(
    (flags: HomeFlags) => sync(flags),
  );
}

async function sync(flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive, incidents, signal }) => {
    const before = new Set([...drive.list()].map(({ path, stamp }) => `${stamp} ${path}`));
    await drive.sync(signal);
    let [files, changed] = [0, 0];
    for (const { path, stamp } of drive.list()) {
      files++;
      if (!before.delete(`${stamp} ${path}`)) changed++;
    }
    const removed = before.size;
    print(flags, { files, changed, removed, incidents }, () => [
      `${counted(files, "file")}: ${changed} changed elsewhere since the last look, and ${removed} replaced or removed.`,
    ]);
  });
}
