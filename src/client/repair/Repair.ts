/**
 * Makes every position of a volume whole again. A position whose provider is gone, or does not have what it signed for,
 * gets a new deal with a fresh provider; then whatever any provider lacks is sent to it, from the journal or computed from
 * k others. Each step is recorded, so an interrupted repair goes on where it was.
 */
import type { Address } from "viem";
import { SubletException } from "../../protocol/Errors.ts";
import type { Parts } from "../Parts.ts";
import { DealMirror } from "../volumes/DealMirror.ts";
import { learnOpenings, openDeals } from "../volumes/Openings.ts";
import type { VolumeRenewed } from "../volumes/Renewal.ts";
import { examine, type Health, refreshDeals } from "../volumes/Standing.ts";
import { type Deal, quorum, type Volume } from "../volumes/Volume.ts";

/** `from` is left out where nobody served the position any more. */
export interface Replacement {
  readonly position: number;
  readonly from?: Address;
  readonly to: Address;
  readonly why: Health;
}

/** `complete`: positions that have everything now. */
export interface RepairReport {
  readonly volume: bigint;
  readonly replaced: readonly Replacement[];
  readonly complete: readonly number[];
  readonly n: number;
  /** What became of extending deals that end soon. */
  readonly renewed?: VolumeRenewed;
}

interface Faulty {
  readonly position: number;
  readonly deal: Deal | undefined;
  readonly health: Health;
}

/** Epochs in a row that a silent provider must have missed before its position is given to another. */
const MISSED_EPOCHS = 2;

/**
 * @throws SubletException TooFewProviders (fewer than k to rebuild from, or no fresh one to be had), InsufficientFunds,
 * NotDurable
 */
export async function repairVolume(parts: Parts, volume: Volume, signal?: AbortSignal): Promise<RepairReport> {
  await learnOpenings(parts, parts.signer.address);
  const standing = await refreshDeals(parts, volume);
  const deals = newestByPosition(parts.volumes.deals(volume.id));
  const health = await Promise.all(
    Array.from({ length: volume.n }, async (_, position): Promise<Faulty> => {
      const deal = deals.get(position);
      if (!deal || !standing.has(deal.id)) return { position, deal: undefined, health: "over" };
      return { position, deal, health: await soundness(parts, deal, signal) };
    }),
  );
  const faulty = health.filter((one) => one.health === "lost" || one.health === "over" || one.health === "silent");
  const replaced = faulty.length > 0 ? await replace(parts, volume, faulty, deals, signal) : [];
  await parts.uploads.join(volume);
  const { upload } = await parts.uploads.of(volume);
  const { version } = upload.target;
  if (replaced.length > 0 || upload.covered(version).length < quorum(volume)) await upload.durable(version, signal);
  await upload.complete(version, signal);
  const complete = upload.covered(version);
  for (const { position } of replaced) if (complete.includes(position)) retireOlder(parts, volume, position);
  await parts.uploads.dropComplete(volume);
  return { volume: volume.id, replaced, complete, n: volume.n };
}

/** A silent provider that went on proving is only out of reach for now. */
async function soundness(parts: Parts, deal: Deal, signal?: AbortSignal): Promise<Health> {
  const { health } = await examine(parts, new DealMirror(parts.database, deal), signal);
  if (health !== "silent") return health;
  const epoch = parts.market.epochs.at(await parts.market.blockNumber());
  const epochs = Array.from({ length: MISSED_EPOCHS }, (_, index) => epoch - 1 - index).filter(
    (one) => one > deal.startEpoch,
  );
  const proved = await Promise.all(epochs.map((one) => parts.market.proven(deal.provider, one)));
  return epochs.length < MISSED_EPOCHS || proved.some(Boolean) ? "good" : "silent";
}

async function replace(
  parts: Parts,
  volume: Volume,
  faulty: readonly Faulty[],
  deals: ReadonlyMap<number, Deal>,
  signal?: AbortSignal,
): Promise<Replacement[]> {
  const sound = [...deals.values()].filter((deal) => !faulty.some(({ position }) => position === deal.position));
  if (sound.length < volume.k) {
    throw new SubletException({ code: "TooFewProviders", have: sound.length, need: volume.k });
  }
  const endEpoch = Math.max(...sound.map((deal) => deal.endEpoch));
  const positions = faulty.map(({ position }) => position);
  const refusing = parts.volumes.history(volume.id).filter(({ id }) => parts.volumes.problem(id) !== undefined);
  const taken = [...deals.values(), ...refusing].map(({ provider }) => provider);
  const wish = { volume, positions, endEpoch, taken, least: 1 };
  const opened = await openDeals({ ...parts, localNetwork: parts.config.localNetwork }, wish, signal);
  return opened.map(({ position, provider }) => {
    const { deal, health } = faulty.find((one) => one.position === position)!;
    return { position, ...(deal && { from: deal.provider }), to: provider, why: health };
  });
}

/** Once the new provider has everything, nothing goes to the old one any more; its deal on chain runs out by itself. */
function retireOlder(parts: Parts, volume: Volume, position: number): void {
  const [, ...older] = parts.volumes.deals(volume.id).filter((deal) => deal.position === position);
  for (const deal of older) parts.volumes.retire(deal.id);
}

function newestByPosition(deals: readonly Deal[]): Map<number, Deal> {
  const newest = new Map<number, Deal>();
  for (const deal of deals) if (!newest.has(deal.position)) newest.set(deal.position, deal);
  return newest;
}
