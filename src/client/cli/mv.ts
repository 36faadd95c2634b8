import { basename } from "node:path/posix";
import type { Command } from "commander";
import { normalize, normalizeFolder } from "../catalogue/Path.ts";
import type { Sublet } from "../Sublet.ts";
import { command, type HomeFlags, withDrive, withNews } from "./Session.ts";
import { counted, print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly force?: boolean;
}

type Rename = (drive: Sublet, from: string, to: string, options: { force: boolean }) => Promise<number>;

export function mvCommand(): Command {
  return renaming("mv", "give a file or folder of the drive another name", "moved", (drive, ...args) =>
    drive.move(...args),
  );
}

export function cpCommand(): Command {
  return renaming("cp", "give a file or folder of the drive one more name", "copied", (drive, ...args) =>
    drive.copy(...args),
  );
}

function renaming(name: string, description: string, done: string, rename: Rename): Command {
  return command(name, description)
    .argument("<path>", "its name on the drive")
    .argument("<target>", "another name, or a folder (one that exists, or ending in /) to go into")
    .option("--force", "replace files that are there")
    .action(async (path: string, target: string, flags: Flags) => {
      await withDrive(flags, async (session) => {
        await withNews(session);
        const { drive, incidents } = session;
        const to = targetOf(drive, path, target);
        const files = await rename(drive, path, to, { force: flags.force ?? false });
        const document = { from: normalize(path), path: to, files, incidents };
        print(flags, document, () => [`${to}: ${counted(files, "file")} ${done}`]);
      });
    });
}

function targetOf(drive: Sublet, path: string, target: string): string {
  const into = target.endsWith("/") || drive.kind(target) === "folder";
  return into ? normalize(`${normalizeFolder(target)}/${basename(normalize(path))}`) : normalize(target);
}
