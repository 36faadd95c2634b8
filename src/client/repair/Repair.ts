/**
 * Makes every position of a volume whole again. A position whose provider is gone, or does not have what it signed for,
 * gets a new deal with a fresh provider; then whatever any provider lacks is sent to it, from the journal or computed from
 * k others. Each step is recorded, so an interrupted repair goes on where it was.
 */
import type { Address } from "viem";
import { type Deal as ChainDeal, DealState } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { HealthRule } from "../home/Home.ts";
import { isOwner } from "../home/Identity.ts";
import type { Failure } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import { DealMirror } from "../volumes/DealMirror.ts";
import { learnOpenings, openDeals } from "../volumes/Openings.ts";
import type { VolumeRenewed } from "../volumes/Renewal.ts";
import { examine, type Health, provedOf, refreshDeals } from "../volumes/Standing.ts";
import { type Deal, quorum, type Volume } from "../volumes/Volume.ts";

/** `from` is left out where nobody served the position any more. */
export interface Replacement {
  readonly position: number;
  readonly from?: Address;
  readonly to: Address;
  readonly why: Health;
}

/** `complete`: positions that have everything now. `failed`: why not all was done, while other volumes were mended. */
export interface RepairReport {
  readonly volume: bigint;
  readonly replaced: readonly Replacement[];
  readonly complete: readonly number[];
  readonly n: number;
  readonly failed?: Failure;
  /** What became of extending deals that end soon. */
  readonly renewed?: VolumeRenewed;
}

interface Faulty {
  readonly position: number;
  readonly deal: Deal | undefined;
  readonly health: Health;
}

/** Epochs that a deal must have been active for before it is judged by what was proved in them. */
const LEAST_SEEN_EPOCHS = 4;
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
  const judging = { epoch: await parts.market.epoch(), rule: (await parts.home.readConfig()).health };
  const health = await Promise.all(
    Array.from({ length: volume.n }, async (_, position): Promise<Faulty> => {
      const deal = deals.get(position);
      if (!deal || !standing.has(deal.id)) return { position, deal: undefined, health: "over" };
      return { position, deal, health: await soundness(parts, deal, standing.get(deal.id)!, judging, signal) };
    }),
  );
  const faulty = health.filter((one) => one.health === "lost" || one.health === "over" || one.health === "silent");
  const replaced = faulty.length > 0 ? await replace(parts, volume, faulty, deals, signal) : [];
  const weak = health.filter((one) => one.health === "weak");
  if (weak.length > 0) {
    // Better than nobody: where no other is to be had, they stay.
    const fresh = await replace(parts, volume, weak, deals, signal).catch((error: unknown) => {
      if (!SubletException.is(error, "TooFewProviders")) throw error;
      return [];
    });
    replaced.push(...fresh);
  }
  await parts.uploads.join(volume);
  const { upload } = await parts.uploads.of(volume);
  const { version } = upload.target;
  if (replaced.length > 0 || upload.covered(version).length < quorum(volume)) await upload.durable(version, signal);
  await upload.complete(version, signal);
  const complete = upload.covered(version);
  for (const position of complete) await leaveOlder(parts, volume, position);
  await parts.uploads.dropComplete(volume);
  return { volume: volume.id, replaced, complete, n: volume.n };
}

/** A silent provider that went on proving is only out of reach for now; one that proves too seldom is weak. */
async function soundness(
  parts: Parts,
  deal: Deal,
  onChain: ChainDeal,
  { epoch, rule }: { readonly epoch: number; readonly rule: HealthRule },
  signal?: AbortSignal,
): Promise<Health> {
  const { health } = await examine(parts, new DealMirror(parts.database, deal), signal);
  if (health === "good" || health === "behind") {
    const proved = await provedOf(parts.market, deal.provider, onChain, { epoch, most: rule.epochs });
    return proved && proved.of >= LEAST_SEEN_EPOCHS && proved.epochs < rule.least * proved.of ? "weak" : health;
  }
  if (health !== "silent") return health;
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

/** Once the new provider has everything, nothing goes to the old one any more, and its owner gives its deal notice. */
async function leaveOlder(parts: Parts, volume: Volume, position: number): Promise<void> {
  const { market, volumes } = parts;
  const [, ...older] = volumes.deals(volume.id).filter((deal) => deal.position === position);
  for (const { id, provider, slot } of older) {
    const { id: there, state } = await market.deal(provider, slot);
    const running = isOwner(parts) && there === id && (state === DealState.Open || state === DealState.Active);
    if (running) await market.terminate({ provider, slot, id });
    volumes.retire(id);
  }
}

function newestByPosition(deals: readonly Deal[]): Map<number, Deal> {
  const newest = new Map<number, Deal>();
  for (const deal of deals) if (!newest.has(deal.position)) newest.set(deal.position, deal);
  return newest;
}
