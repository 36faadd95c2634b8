/**
 * Learning what other devices of the owner did. Whatever one of them calls durable lies with ceil((n + k) / 2) providers of
 * its volume, so asking as many leaves nothing out.
 */
import { SubletException } from "../../protocol/Errors.ts";
import { DEVICES } from "../catalogue/Catalogue.ts";
import { isOwner } from "../home/Identity.ts";
import type { Parts } from "../Parts.ts";
import { learnOpenings } from "../volumes/Openings.ts";
import { refreshDeals } from "../volumes/Standing.ts";
import { quorum } from "../volumes/Volume.ts";
import { learnSegments } from "./Recovery.ts";

/** A segment that its writer has merged into another since it was named is gone: the newest heads name the other. */
const ATTEMPTS = 3;

/** Whether anybody else may write to the drive. */
export function hasOthers(parts: Parts): boolean {
  if (!isOwner(parts) || parts.lanes.entries().some(({ lane }) => lane !== parts.lanes.drawn())) return true;
  return parts.catalogue.isFolder(DEVICES);
}

/** All of it. @throws SubletException TooFewProviders: what could be learned is */
export async function sync(parts: Parts, signal?: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await learnOthers(parts, undefined, signal);
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || !SubletException.is(error, "TooFewProviders")) throw error;
    }
  }
}

/**
 * All that was durable when this began.
 * @param published a volume that this drive has just published to: what others had published there before, it took over then
 * @throws SubletException TooFewProviders
 */
export async function learnOthers(parts: Parts, published?: bigint, signal?: AbortSignal): Promise<void> {
  await learnOpenings(parts, parts.signer.address);
  for (const volume of parts.volumes.all()) {
    if (volume.id === published) continue;
    const need = quorum(volume);
    // To one that is over nobody can have published.
    if ((await refreshDeals(parts, volume)).size < need) continue;
    const have = await parts.uploads.look(volume, need, signal);
    if (have < need) throw new SubletException({ code: "TooFewProviders", have, need });
  }
  await learnSegments(parts, signal);
}
