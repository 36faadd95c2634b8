/** Changes of names alone: no content is sent, and each is one change of the catalogue, there as a whole or not at all. */
import { SubletException } from "../../protocol/Errors.ts";
import { normalize } from "../catalogue/Path.ts";
import type { Volume } from "../volumes/Volume.ts";
import { requireNameable, type Writable } from "./Put.ts";

interface Renaming {
  readonly force: boolean;
  /** Whether the old names stay. */
  readonly keep: boolean;
}

export async function remove(drive: Writable, path: string, recursive: boolean): Promise<number> {
  const { parts, exclusively } = drive;
  const name = normalize(path);
  const kind = parts.catalogue.kind(name);
  if (!kind) throw new SubletException({ code: "NoSuchPath", path: name });
  if (kind === "folder" && !recursive) {
    const reason = "it is a folder; say that everything below it is to go";
    throw new SubletException({ code: "BadArgument", name: "path", value: name, reason });
  }
  const volume = parts.volumes.latest(parts.home.path);
  const paths = [...parts.catalogue.list(name)].map((entry) => entry.path);
  await exclusively(async () =>
    parts.database.transaction(() => {
      for (const one of paths) parts.catalogue.setName(one, null, volume.id);
    }),
  );
  await publish(drive, volume);
  return paths.length;
}

export async function rename(drive: Writable, from: string, to: string, options: Renaming): Promise<number> {
  const { parts, publisher, exclusively } = drive;
  const [source, target] = [normalize(from), normalize(to)];
  if (`${target}/`.startsWith(`${source}/`)) {
    const reason = `it is ${source} itself, or lies in it`;
    throw new SubletException({ code: "BadArgument", name: "target", value: target, reason });
  }
  const volume = parts.volumes.latest(parts.home.path);
  for (;;) {
    // What was put and is not visible yet would be hidden behind the removal of its name: it comes first.
    for (const id of parts.segments.unfinishedVolumes()) {
      await publisher.publish(parts.volumes.require(id, parts.home.path));
    }
    const files = await exclusively(async () => {
      if (parts.segments.unfinished() > 0) return undefined;
      return setNames(drive, source, target, volume, options);
    });
    if (files === undefined) continue;
    await publish(drive, volume);
    return files;
  }
}

function setNames(
  { parts: { catalogue, database } }: Writable,
  source: string,
  target: string,
  volume: Volume,
  { force, keep }: Renaming,
): number {
  const paths = [...catalogue.list(source)].map(({ path }) => path);
  if (paths.length === 0) throw new SubletException({ code: "NoSuchPath", path: source });
  const renamed = paths.map((path) => ({
    path,
    object: catalogue.find(path)!.object,
    to: target + path.slice(source.length),
  }));
  for (const { to } of renamed) {
    requireNameable(catalogue, normalize(to));
    if (!force && catalogue.find(to)) throw new SubletException({ code: "PathTaken", path: to });
  }
  database.transaction(() => {
    for (const { path, object, to } of renamed) {
      catalogue.setName(to, object, volume.id);
      if (!keep) catalogue.setName(path, null, volume.id);
    }
  });
  return renamed.length;
}

/** Waits for all providers that answer, and gives back the room of what no name leads to any more. */
async function publish({ parts, publisher, exclusively }: Writable, volume: Volume): Promise<void> {
  await publisher.publish(volume);
  for (const one of parts.volumes.all()) await exclusively(() => parts.uploads.reclaim(one));
  const { upload } = await parts.uploads.of(volume);
  await upload.complete(upload.target.version);
}
