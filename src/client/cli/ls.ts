import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { normalizeFolder } from "../catalogue/Path.ts";
import { command, type HomeFlags, withDrive, withNews } from "./Session.ts";
import { print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly versions?: boolean;
}

export function lsCommand(): Command {
  return command("ls", "what is stored at and below a path")
    .argument("[path]", "a file or folder of the drive (everything)")
    .option("--versions", "also what files were before, and those that were removed, with what each costs")
    .action((path: string | undefined, flags: Flags) => (flags.versions ? lsVersions : ls)(path ?? "", flags));
}

async function ls(path: string, flags: HomeFlags): Promise<void> {
  await withDrive(flags, async (session) => {
    await withNews(session);
    const { drive } = session;
    const files = [...drive.list(path)].map(({ path, bytes, sha256, stamp }) => ({
      path,
      bytes,
      hash: Buffer.from(sha256).toString("hex"),
      put: time(stamp),
    }));
    if (files.length === 0 && normalizeFolder(path) !== "") throw new SubletException({ code: "NoSuchPath", path });
    const width = Math.max(0, ...files.map(({ bytes }) => `${bytes}`.length));
    print(flags, { path: normalizeFolder(path), files }, () =>
      files.map(({ path, bytes, put }) => `${`${bytes}`.padStart(width)}  ${short(put)}  ${path}`),
    );
  });
}

/** `stored`: bytes at all providers together. A version goes when its time is over, or with rm --versions. */
async function lsVersions(path: string, flags: HomeFlags): Promise<void> {
  await withDrive(flags, async (session) => {
    await withNews(session);
    const { drive } = session;
    const versions = [...drive.versions(path)].map(({ path, version, bytes, sha256, stamp, replaced, stored }) => ({
      ...{ path, version, bytes, hash: Buffer.from(sha256).toString("hex"), put: time(stamp) },
      ...(replaced !== undefined && { replaced: time(replaced) }),
      stored,
    }));
    if (versions.length === 0 && normalizeFolder(path) !== "") throw new SubletException({ code: "NoSuchPath", path });
    const keep = drive.keep;
    const [wide, wider] = (["bytes", "stored"] as const).map((key) =>
      Math.max(0, ...versions.map((one) => `${one[key]}`.length)),
    ) as [number, number];
    print(flags, { path: normalizeFolder(path), keep, versions }, () => [
      ...versions.map(
        ({ path, version, bytes, put, replaced, stored }) =>
          `${`${bytes}`.padStart(wide)}  ${`${stored}`.padStart(wider)} at providers  ${short(put)}  ${path}  ` +
          `version ${version}${replaced === undefined ? "" : `, until ${short(replaced)}`}`,
      ),
      `Versions are kept for ${keep.days} days after they were replaced or removed, at most ${keep.most} of a file.`,
    ]);
  });
}

function time(stamp: number): string {
  return new Date(stamp / 1000).toISOString();
}

function short(time: string): string {
  return time.slice(0, 19).replace("T", " ");
}
