/** Everything that a drive needs from time to time, of all its volumes. */
import { orClosed } from "../closing.ts";
import { inParallel } from "../Parallel.ts";
import { completeSlabs, learnSegments } from "../restore/Recovery.ts";
import { tidy } from "../upload/Tidying.ts";
import type { Writable } from "../upload/Writable.ts";
import { currentVolumes } from "../volumes/Current.ts";
import { renew, type VolumeRenewed } from "../volumes/Renewal.ts";
import type { Volume } from "../volumes/Volume.ts";
import { type RepairReport, repairVolume } from "./Repair.ts";

export async function repairAll(drive: Writable, signal?: AbortSignal): Promise<RepairReport[]> {
  const { parts, publisher, exclusively } = drive;
  await leaveEnded(drive);
  const volumes = await currentVolumes(parts);
  const unfinished = parts.segments.unfinishedVolumes();
  for (const volume of volumes) await (await parts.uploads.of(volume)).upload.look(signal);
  await learnSegments(parts, signal);
  const mend = async (volume: Volume): Promise<RepairReport> => {
    await completeSlabs(parts, volume, signal);
    await parts.uploads.spread(volume);
    await exclusively(() => parts.uploads.reclaim(volume));
    const report = await repairVolume(parts, volume, signal);
    if (unfinished.includes(volume.id)) await publisher.publish(volume);
    return report;
  };
  // What is lost in one volume must not keep the others from being mended.
  const outcomes = await inParallel(volumes, 1, mend, ({ id }) => `${id}`, orClosed(parts.closing, signal));
  const kept = await housekeep(drive, signal);
  return volumes.map(({ id: volume, n }, index): RepairReport => {
    const { result, failure } = outcomes[index]!;
    const renewed = kept.find((one) => one.volume === volume)!;
    return { ...(result ?? { volume, n, replaced: [], complete: [] }), ...(failure && { failed: failure }), renewed };
  });
}

/** What the catalogue kept in volumes whose time is over, and is not lost with them, goes into the newest one. */
async function leaveEnded({ parts, publisher, exclusively }: Writable): Promise<void> {
  const current = await currentVolumes(parts);
  const newest = current.at(-1);
  if (!newest) return;
  const ended = parts.volumes.all().filter(({ id }) => !current.some((one) => one.id === id));
  const left = await exclusively(async () => ended.filter(({ id }) => parts.segments.leave(id, newest.id)));
  if (left.length > 0) await publisher.publish(newest);
}

/** What costs nothing, or no more than was allowed: old versions go, deals that end soon are extended. By volume. */
export async function housekeep(drive: Writable, signal?: AbortSignal): Promise<VolumeRenewed[]> {
  const { parts } = drive;
  const volumes = await currentVolumes(parts);
  const newest = volumes.at(-1);
  if (newest) await tidy(drive, newest);
  const renewed: VolumeRenewed[] = [];
  for (const volume of volumes) renewed.push({ volume: volume.id, ...(await renew(parts, volume, signal)) });
  return renewed;
}
