/**
 * Moves a provider's data folder. Everything is laid down and flushed at the new place first, by hard links where it is on
 * the same disk; then one file says that the data are there; only then the old ones go. Killed at any step, the provider
 * has the one place or the other, whole, and the same command goes on.
 */
import { copyFile, link, mkdir, open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { SubletException } from "../protocol/Errors.ts";
import { readText, replaceFile, syncFolder } from "./Durable.ts";
import type { Home } from "./Home.ts";
import { INCOME_FILE } from "./Income.ts";
import { openDatabase, STORE_FILE } from "./storage/Database.ts";
import { nodeDisk } from "./storage/Disk.ts";
import { Index } from "./storage/Index.ts";
import { Journal } from "./storage/Journal.ts";
import { nameOf, sectorPath } from "./storage/Space.ts";

export interface MoveOptions {
  readonly home: Home;
  readonly to: string;
  /** Called before each step, for whoever waits. */
  readonly onStep: (step: string) => void;
}

export interface Moved {
  readonly from: string;
  readonly to: string;
  readonly sectors: number;
  /** Of these, hard links: nothing was copied. */
  readonly linked: number;
}

/** In the new place until it counts: whose data are on their way there. */
const MARK = "moving.json";
const SECTORS = "sectors";

/** @throws SubletException HomeBusy (the provider runs), NotInitialized, BadArgument, StateCorrupt */
export async function move({ home, to: target, onStep }: MoveOptions): Promise<Moved> {
  await finish(home, onStep);
  const to = resolve(target);
  const from = await home.dataDir();
  if (to === from) return { from, to, sectors: 0, linked: 0 };
  if (!relative(from, to).startsWith("..")) throw refused(to, "it lies in the folder that is moved");
  const file = join(from, STORE_FILE);
  if ((await nodeDisk.size(file)) === undefined) throw new SubletException({ code: "NotInitialized", home: from });
  // Held until the old data are gone, so that no provider runs on them.
  const database = openDatabase(file);
  try {
    onStep("claiming the new folder");
    await claim(from, to);
    const { sectors, linked } = await carrySectors(database, from, to, onStep);
    await carryFiles(from, to, onStep);
    onStep("copying the database");
    await carryDatabase(database, join(to, STORE_FILE));
    await syncFolder(to);
    onStep("switching over");
    await home.remember({ data: to, old: from });
    await finish(home, onStep);
    return { from, to, sectors, linked };
  } finally {
    database.close();
  }
}

/** Removes what a move has left behind, if it has. */
async function finish(home: Home, onStep: (step: string) => void): Promise<void> {
  const { old } = await home.state();
  if (old === null) return;
  onStep("removing the old database");
  const now = await home.dataDir();
  await rm(join(now, MARK), { force: true });
  // First what a provider could be started on: two of one key would sign against each other.
  for (const name of await filesIn(old)) if (name.startsWith(STORE_FILE)) await rm(join(old, name), { force: true });
  onStep("removing the old files");
  for (const name of await filesIn(now)) await rm(join(old, name), { force: true });
  for (const suffix of ["-wal", "-shm"]) await rm(join(old, `${INCOME_FILE}${suffix}`), { force: true });
  await rm(join(old, SECTORS), { recursive: true, force: true });
  // It may be a mount point, or hold what is not ours.
  await rmdir(old).catch(() => undefined);
  onStep("forgetting the old folder");
  await home.remember({ old: null });
}

/** @throws BadArgument unless the folder is empty, or claimed by an earlier try */
async function claim(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const mark = JSON.stringify({ from });
  if ((await readText(join(to, MARK))) === mark) return;
  const names = (await readdir(to)).filter((name) => name !== "lost+found" && name !== `${MARK}.new`);
  if (names.length > 0) throw refused(to, `it is not empty (${names[0]})`);
  await replaceFile(join(to, MARK), mark);
}

async function carrySectors(database: DatabaseSync, from: string, to: string, onStep: (step: string) => void) {
  const index = new Index(database);
  const carried = { sectors: 0, linked: 0 };
  const folders = new Set([to, join(to, SECTORS)]);
  await mkdir(join(to, SECTORS), { recursive: true, mode: 0o700 });
  for (const { id } of new Journal(database).deals()) {
    for (const { slab, folder } of index.slabs(id)) {
      if (folder !== 0) continue;
      const path = sectorPath(SECTORS, id, slab);
      onStep(`sector ${nameOf(slab)}`);
      const [source, target] = [join(from, path), join(to, path)];
      // One that is lost is lost at the new place as well.
      if ((await nodeDisk.size(source)) === undefined) continue;
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      carried.sectors++;
      if (await carry(source, target)) carried.linked++;
      folders.add(dirname(target)).add(dirname(dirname(target)));
    }
  }
  for (const folder of folders) await syncFolder(folder);
  return carried;
}

/** Whether a link did it. */
async function carry(source: string, target: string): Promise<boolean> {
  // Whatever an earlier try left: the provider may have gone on at the old place since.
  await rm(target, { force: true });
  try {
    await link(source, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!["EXDEV", "EPERM", "ENOTSUP", "ENOSYS", "EMLINK"].includes(code ?? "")) throw error;
  }
  await copyDurably(source, target);
  const [before, after] = await Promise.all([readFile(source), readFile(target)]);
  if (Buffer.compare(before, after) === 0) return false;
  throw new SubletException({ code: "StateCorrupt", file: target, reason: `it is not what was copied from ${source}` });
}

/** Keys, announcements, income: small, and never links, since they are written over. */
async function carryFiles(from: string, to: string, onStep: (step: string) => void): Promise<void> {
  for (const name of await filesIn(from)) {
    if (name.startsWith(STORE_FILE) || name.startsWith(INCOME_FILE)) continue;
    onStep(`file ${name}`);
    await copyDurably(join(from, name), join(to, name));
  }
  if ((await nodeDisk.size(join(from, INCOME_FILE))) === undefined) return;
  onStep(`file ${INCOME_FILE}`);
  const income = new DatabaseSync(join(from, INCOME_FILE));
  try {
    await carryDatabase(income, join(to, INCOME_FILE));
  } finally {
    income.close();
  }
}

async function carryDatabase(database: DatabaseSync, target: string): Promise<void> {
  const part = `${target}.part`;
  await rm(part, { force: true });
  database.prepare("VACUUM INTO ?").run(part);
  await sync(part);
  await rename(part, target);
}

async function copyDurably(source: string, target: string): Promise<void> {
  const part = `${target}.part`;
  await copyFile(source, part);
  await sync(part);
  await rename(part, target);
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile() && entry.name !== MARK).map(({ name }) => name);
}

async function sync(file: string): Promise<void> {
  await using handle = await open(file, "r+");
  await handle.sync();
}

function refused(path: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name: "folder", value: path, reason });
}
