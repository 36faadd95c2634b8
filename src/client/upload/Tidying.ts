/** Giving back what earlier versions of files take, once they were kept long enough. */
import { SubletException } from "../../protocol/Errors.ts";
import type { Volume } from "../volumes/Volume.ts";
import type { Writable } from "./Writable.ts";

/**
 * Has versions forgotten whose time is over, and gives their slabs back. While too few providers answer nothing is: the
 * next change goes on with it.
 */
export async function tidy(drive: Writable, volume: Volume): Promise<void> {
  const { parts, publisher, exclusively } = drive;
  const expired = await exclusively(async () => parts.database.transaction(() => parts.versions.expire(volume.id)));
  if (expired === 0) return;
  try {
    await publisher.publish(volume);
    await reclaimAll(drive);
  } catch (error) {
    if (!SubletException.is(error, "NotDurable")) throw error;
  }
}

/** Gives back the slabs that nothing is in any more, of all volumes. */
export async function reclaimAll({ parts, exclusively }: Writable): Promise<void> {
  for (const volume of parts.volumes.all()) await exclusively(() => parts.uploads.reclaim(volume));
}
