/**
 * Folders besides the store's own. Each bears an id in a file, by which it is known again wherever its disk is mounted; the
 * empty folder that a disk leaves behind when it is not is never taken for it.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { bytesToHex, type Hex } from "viem";
import { SubletException } from "../../protocol/Errors.ts";
import type { Disk } from "./Disk.ts";
import type { Journal, KnownFolder } from "./Journal.ts";
import type { Folder } from "./Space.ts";

export interface FolderQuota {
  readonly path: string;
  readonly quotaBytes: number;
}

const ID_FILE = "folder.id";
const ID_BYTES = 16;

/**
 * Makes folders that are new, and knows again those that are not. With them come those that were given up, without quota.
 * @throws SubletException FolderMissing, BadArgument (another store's, or one named twice)
 */
export async function settle(journal: Journal, disk: Disk, wanted: readonly FolderQuota[]): Promise<Folder[]> {
  const settled: Folder[] = [];
  for (const { path, quotaBytes } of wanted) {
    const key = await settleOne(journal, disk, path);
    if (settled.some((one) => one.key === key)) throw refused(path, "it is named twice");
    settled.push({ key, path: sectorsOf(path), quotaBytes });
  }
  for (const known of journal.folders()) {
    if (settled.some(({ key }) => key === known.key)) continue;
    if (slabsIn(journal, known) === 0) continue;
    if (known.givenUp) settled.push({ key: known.key, path: sectorsOf(known.path), quotaBytes: 0 });
    else throw missing(journal, known);
  }
  return settled;
}

/** Its sectors are lost for good. @throws SubletException BadArgument where there is no such folder */
export function giveUp(journal: Journal, path: string): void {
  const known = journal.folders().find((one) => one.path === path);
  if (!known) throw refused(path, "no sectors lie there, as far as is known");
  journal.transaction(() => journal.giveUpFolder(known.key));
}

export function sectorsOf(path: string): string {
  return join(path, "sectors");
}

async function settleOne(journal: Journal, disk: Disk, path: string): Promise<number> {
  const known = journal.folders();
  const id = await readId(disk, path);
  const same = known.find((one) => one.id === id);
  if (same) {
    if (same.path !== path || same.givenUp) journal.transaction(() => journal.foundFolder(same.key, path));
    return same.key;
  }
  if (id) throw refused(path, "it belongs to another provider");
  const before = known.find((one) => one.path === path);
  if (before && slabsIn(journal, before) > 0) throw missing(journal, before);
  // The journal first: a file without an entry would be another provider's.
  const fresh = before?.id ?? bytesToHex(randomBytes(ID_BYTES));
  if (!before) journal.transaction(() => journal.addFolder(fresh, path));
  await disk.makeDirectory(sectorsOf(path));
  const file = join(path, ID_FILE);
  await disk.write(file, 0, Buffer.from(fresh));
  await disk.sync(file);
  await disk.syncDirectory(path);
  await disk.syncDirectory(join(path, ".."));
  return journal.folders().find((one) => one.id === fresh)!.key;
}

/** Undefined where there is no whole one. */
async function readId(disk: Disk, path: string): Promise<Hex | undefined> {
  const file = join(path, ID_FILE);
  const length = 2 + 2 * ID_BYTES;
  if (((await disk.size(file)) ?? 0) < length) return undefined;
  return Buffer.from(await disk.read(file, 0, length)).toString() as Hex;
}

function slabsIn(journal: Journal, { key }: KnownFolder): number {
  return journal.shares().find(({ folder }) => folder === key)?.slabs ?? 0;
}

function missing(journal: Journal, known: KnownFolder): SubletException {
  return new SubletException({ code: "FolderMissing", folder: known.path, sectors: slabsIn(journal, known) });
}

function refused(path: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name: "folder", value: path, reason });
}
