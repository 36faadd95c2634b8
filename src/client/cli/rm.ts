import { type Command, Option } from "commander";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { counted, print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly recursive?: boolean;
  readonly forget?: boolean;
  readonly versions?: boolean;
}

export function rmCommand(): Command {
  return command("rm", "remove a file; what it was is kept as a version for a time")
    .argument("<path>", "its name on the drive")
    .option("-r, --recursive", "a folder with everything below it")
    .option("--forget", "keep no version of what is removed")
    .addOption(
      new Option("--versions", "remove earlier versions only, at and below the path").conflicts([
        "recursive",
        "forget",
      ]),
    )
    .action((path: string, flags: Flags) => rm(path, flags));
}

async function rm(path: string, flags: Flags): Promise<void> {
  await withDrive(flags, async ({ drive, incidents }) => {
    if (flags.versions) {
      const versions = await drive.forget(path);
      print(flags, { path, versions, incidents }, () => [`${path}: ${counted(versions, "earlier version")} removed`]);
      return;
    }
    const files = await drive.remove(path, { recursive: flags.recursive ?? false, forget: flags.forget ?? false });
    print(flags, { path, files, incidents }, () => [`${path}: ${counted(files, "file")} removed`]);
  });
}
