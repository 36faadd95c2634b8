/** Changes of names alone: no content is sent, and each is one change of the catalogue, there as a whole or not at all. */
import { SubletException } from "../../protocol/Errors.ts";
import type { Catalogue, Forgetting } from "../catalogue/Catalogue.ts";
import { laneBytes } from "../catalogue/Heads.ts";
import { normalize, normalizeFolder } from "../catalogue/Path.ts";
import { learnOthers } from "../restore/Sync.ts";
import { newestVolume } from "../volumes/Current.ts";
import type { Volume } from "../volumes/Volume.ts";
import { requireNameable } from "./Put.ts";
import { reclaimAll } from "./Tidying.ts";
import type { Writable } from "./Writable.ts";

interface Renaming {
  readonly force: boolean;
  /** Whether the old names stay. */
  readonly keep: boolean;
}

/** How to remove. */
export interface Removal {
  /** Everything below a folder. */
  readonly recursive?: boolean;
  /** Earlier versions, and what is removed, are not kept. */
  readonly forget?: boolean;
  readonly signal?: AbortSignal;
}

export async function remove(
  drive: Writable,
  path: string,
  { recursive = false, forget = false }: Removal,
): Promise<number> {
  const { parts } = drive;
  const name = normalize(path);
  const kind = parts.catalogue.kind(name);
  if (!kind) throw new SubletException({ code: "NoSuchPath", path: name });
  if (kind === "folder" && !recursive) {
    const reason = "it is a folder; say that everything below it is to go";
    throw new SubletException({ code: "BadArgument", name: "path", value: name, reason });
  }
  const paths = [...parts.catalogue.list(name)].map((entry) => entry.path);
  await change(drive, (volume) => {
    for (const one of paths) parts.catalogue.setName(one, null, volume.id);
    if (forget) parts.versions.forget(name, volume.id);
    else parts.versions.expire(volume.id);
  });
  return paths.length;
}

/** Earlier versions at and below a path go at once; files stay as they are. */
export async function forget(drive: Writable, path: string): Promise<number> {
  const { parts } = drive;
  const folder = normalizeFolder(path);
  let versions = 0;
  let known = false;
  for (const { replaced } of parts.versions.list(folder)) {
    known = true;
    if (replaced !== undefined) versions++;
  }
  if (!known) throw new SubletException({ code: "NoSuchPath", path: folder });
  if (versions === 0) return 0;
  await change(drive, (volume) => parts.versions.forget(folder, volume.id));
  return versions;
}

export async function rename(drive: Writable, from: string, to: string, options: Renaming): Promise<number> {
  const { parts, publisher, exclusively } = drive;
  const [source, target] = [normalize(from), normalize(to)];
  if (`${target}/`.startsWith(`${source}/`)) {
    const reason = `it is ${source} itself, or lies in it`;
    throw new SubletException({ code: "BadArgument", name: "target", value: target, reason });
  }
  const volume = await newestVolume(parts);
  for (;;) {
    // What was put and is not visible yet would be hidden behind the removal of its name: it comes first.
    for (const id of parts.segments.unfinishedVolumes()) {
      await publisher.publish(parts.volumes.require(id, parts.home.path));
    }
    const given = await exclusively(async () => {
      if (parts.segments.unfinished() > 0) return undefined;
      return setNames(drive, source, target, volume, options);
    });
    if (given === undefined) continue;
    await publish(drive, volume);
    await requireKept(drive, volume, given);
    return given.length;
  }
}

/** A new name of a content, and the names that it had by then. */
interface Given {
  readonly path: string;
  readonly object: Uint8Array;
  readonly before: readonly Forgetting[];
}

function setNames(
  { parts: { catalogue, database, versions } }: Writable,
  source: string,
  target: string,
  volume: Volume,
  { force, keep }: Renaming,
): Given[] {
  const paths = [...catalogue.list(source)].map(({ path }) => path);
  if (paths.length === 0) throw new SubletException({ code: "NoSuchPath", path: source });
  const renamed = paths.map((from) => ({ from, to: target + from.slice(source.length) }));
  for (const { to } of renamed) {
    requireNameable(catalogue, normalize(to));
    if (!force && catalogue.find(to)) throw new SubletException({ code: "PathTaken", path: to });
  }
  return database.transaction(() => {
    const given = renamed.map(({ from, to }) => giveName(catalogue, from, to, volume));
    if (!keep) for (const { from } of renamed) catalogue.setName(from, null, volume.id);
    versions.expire(volume.id);
    return given;
  });
}

function giveName(catalogue: Catalogue, from: string, to: string, volume: Volume): Given {
  const object = catalogue.find(from)?.object;
  if (!object) throw new SubletException({ code: "NoSuchPath", path: from });
  const before = catalogue.namesOf(object);
  catalogue.setName(to, object, volume.id);
  return { path: to, object, before };
}

/**
 * What lies in slabs of another device is dropped by it once it has the content forgotten, unless it has seen the new name:
 * where both were published at once one of the two sees the other, so it is looked here, as it is there. A name that may have
 * come too late is taken back.
 * @throws SubletException Forgotten, TooFewProviders (whether it is there to stay is unknown)
 */
async function requireKept({ parts, publisher, exclusively }: Writable, volume: Volume, given: readonly Given[]) {
  const { catalogue, lanes, database, versions, closing } = parts;
  const lane = lanes.own();
  const elsewhere = given.filter(({ object }) => catalogue.isElsewhere(object, lane));
  if (elsewhere.length === 0) return;
  await learnOthers(parts, volume.id, closing.signal);
  const gone = elsewhere.filter(({ before }) =>
    before.every((name) => catalogue.isForgottenElsewhere(name, laneBytes(lane))),
  );
  const [first] = gone;
  if (!first) return;
  await exclusively(async () =>
    database.transaction(() => {
      for (const { path, object } of gone) {
        if (Buffer.compare(catalogue.find(path)?.object ?? new Uint8Array(0), object) !== 0) continue;
        catalogue.setName(path, null, volume.id);
        versions.forget(path, volume.id);
      }
    }),
  );
  await publisher.publish(volume);
  throw new SubletException({ code: "Forgotten", path: first.path });
}

/** Moves files, whose new names are free, and removes others: one change, there as a whole or not at all. */
export async function changeNames(
  drive: Writable,
  moved: readonly { readonly from: string; readonly to: string }[],
  removed: readonly string[],
): Promise<void> {
  if (moved.length + removed.length === 0) return;
  const { catalogue, versions } = drive.parts;
  let given: Given[] = [];
  const volume = await change(drive, (volume) => {
    given = moved.map(({ from, to }) => giveName(catalogue, from, to, volume));
    for (const { from } of moved) catalogue.setName(from, null, volume.id);
    for (const path of removed) catalogue.setName(path, null, volume.id);
    versions.expire(volume.id);
  });
  await requireKept(drive, volume, given);
}

/** Has `work` change the catalogue, as part of the newest volume, and publishes that. */
async function change(drive: Writable, work: (volume: Volume) => void): Promise<Volume> {
  const { parts, exclusively } = drive;
  const volume = await newestVolume(parts);
  await exclusively(async () => parts.database.transaction(() => work(volume)));
  await publish(drive, volume);
  return volume;
}

/** Waits for all providers that answer, and gives back the room of what no name leads to any more. */
async function publish(drive: Writable, volume: Volume): Promise<void> {
  const { parts, publisher } = drive;
  await publisher.publish(volume);
  await reclaimAll(drive);
  const { upload } = await parts.uploads.of(volume);
  await upload.complete(upload.target.version);
}
