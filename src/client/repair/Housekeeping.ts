/** Everything that a drive needs from time to time, of all its volumes. */
import { completeSlabs, learnSegments } from "../restore/Recovery.ts";
import { tidy } from "../upload/Tidying.ts";
import type { Writable } from "../upload/Writable.ts";
import { renew, type VolumeRenewed } from "../volumes/Renewal.ts";
import { type RepairReport, repairVolume } from "./Repair.ts";

export async function repairAll(drive: Writable, signal?: AbortSignal): Promise<RepairReport[]> {
  const { parts, publisher, exclusively } = drive;
  const volumes = parts.volumes.all();
  const unfinished = parts.segments.unfinishedVolumes();
  for (const volume of volumes) await (await parts.uploads.of(volume)).upload.look(signal);
  await learnSegments(parts, signal);
  const reports: RepairReport[] = [];
  for (const volume of volumes) {
    await completeSlabs(parts, volume, signal);
    await parts.uploads.spread(volume);
    await exclusively(() => parts.uploads.reclaim(volume));
    reports.push(await repairVolume(parts, volume, signal));
    if (unfinished.includes(volume.id)) await publisher.publish(volume);
  }
  const kept = await housekeep(drive, signal);
  return reports.map((report, index) => ({ ...report, renewed: kept[index]! }));
}

/** What costs nothing, or no more than was allowed: old versions go, deals that end soon are extended. By volume. */
export async function housekeep(drive: Writable, signal?: AbortSignal): Promise<VolumeRenewed[]> {
  const { parts } = drive;
  const volumes = parts.volumes.all();
  const newest = volumes.at(-1);
  if (newest) await tidy(drive, newest);
  const renewed: VolumeRenewed[] = [];
  for (const volume of volumes) renewed.push({ volume: volume.id, ...(await renew(parts, volume, signal)) });
  return renewed;
}
