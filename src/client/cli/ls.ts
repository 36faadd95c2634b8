import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { normalizeFolder } from "../catalogue/Path.ts";
import { command, type HomeFlags, withDrive } from "./Session.ts";
import { print } from "./Terminal.ts";

export function lsCommand(): Command {
  return command("ls", "what is stored at and below a path")
    .argument("[path]", "a file or folder of the drive (everything)")
    .action((path: string | undefined, flags: HomeFlags) => ls(path ?? "", flags));
}

async function ls(path: string, flags: HomeFlags): Promise<void> {
  await withDrive(flags, async ({ drive }) => {
    const files = [...drive.list(path)].map(({ path, bytes, sha256, stamp }) => ({
      path,
      bytes,
      hash: Buffer.from(sha256).toString("hex"),
      put: new Date(stamp / 1000).toISOString(),
    }));
    if (files.length === 0 && normalizeFolder(path) !== "") throw new SubletException({ code: "NoSuchPath", path });
    const width = Math.max(0, ...files.map(({ bytes }) => `${bytes}`.length));
    print(flags, { path: normalizeFolder(path), files }, () =>
      files.map(
        ({ path, bytes, put }) => `${`${bytes}`.padStart(width)}  ${put.slice(0, 19).replace("T", " ")}  ${path}`,
      ),
    );
  });
}
