import type { Command } from "commander";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly recursive?: boolean;
}

export function rmCommand(): Command {
  return command("rm", "remove a file")
    .argument("<path>", "its name on the drive")
    .option("-r, --recursive", "a folder with everything below it")
    .action((path: string, flags: Flags) => rm(path, flags));
}

async function rm(path: string, flags: Flags): Promise<void> {
  await withDrive(flags, async ({ drive, incidents }) => {
    const files = await drive.remove(path, { recursive: flags.recursive ?? false });
    print(flags, { path, files, incidents }, () => [`${path}: ${files === 1 ? "1 file" : `${files} files`} removed`]);
  });
}
