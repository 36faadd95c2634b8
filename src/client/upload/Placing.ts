/** Which volume something is put to: the newest in which all of it fits, or a new one, where the drive may grow. */
import { SubletException } from "../../protocol/Errors.ts";
import type { Growth } from "../home/Home.ts";
import type { Parts } from "../Parts.ts";
import { currentVolumes } from "../volumes/Current.ts";
import { grow } from "../volumes/Growth.ts";
import type { Volume } from "../volumes/Volume.ts";
import { slabsNeeded } from "./Storing.ts";

/** Sectors at each position. */
export interface Room {
  readonly volume: Volume;
  readonly sectors: number;
  readonly free: number;
}

/** What files of these lengths would take of a volume, and what is free for them: what is to be given back counts as free. */
function roomIn({ catalogue, lanes, uploads }: Parts, volume: Volume, lengths: readonly number[]): Room {
  const lane = lanes.drawn();
  const reclaimed = lane === undefined ? 0 : catalogue.deadSlabs(volume.id, lane).length;
  const sectors = slabsNeeded(lengths, volume, catalogue.openLength(volume.id));
  return { volume, sectors, free: uploads.freeSectors(volume) + reclaimed };
}

/**
 * Where files of these lengths fit now.
 * @param wanted the only one to look at
 * @throws SubletException NoVolume, VolumeFull: of the newest, where they fit nowhere
 */
async function placeFor(parts: Parts, lengths: readonly number[], wanted?: bigint): Promise<Room> {
  const { volumes, home } = parts;
  const all = wanted === undefined ? await currentVolumes(parts) : [volumes.require(wanted, home.path)];
  const rooms = all.map((volume) => roomIn(parts, volume, lengths)).reverse();
  const [newest] = rooms;
  if (!newest) throw new SubletException({ code: "NoVolume", home: home.path });
  const fitting = rooms.find(({ sectors, free }) => sectors <= free);
  if (fitting) return fitting;
  const { volume, sectors: needSectors, free } = newest;
  throw new SubletException({ code: "VolumeFull", volume: volume.id, needSectors, freeSectors: Math.max(0, free) });
}

/**
 * As {@link placeFor}, or in a new volume, if the config lets the drive grow and no volume is asked for.
 * @throws SubletException NoVolume, VolumeFull, OverBudget, and what renting ends with
 */
export async function placeOrGrow(
  parts: Parts,
  lengths: readonly number[],
  wanted: bigint | undefined,
  signal?: AbortSignal,
): Promise<Volume> {
  const place = await placeOrGrowth(parts, lengths, wanted);
  return "growth" in place ? grow(parts, place.growth, place.model, place.sectors, signal) : place.volume;
}

/** What is to be rented, where nothing fits: a volume as `model` is, with so many sectors for files. */
export interface Growing {
  readonly growth: Growth;
  readonly model: Volume;
  readonly sectors: number;
}

/** What {@link placeOrGrow} does, undone. @throws SubletException NoVolume, VolumeFull */
export async function placeOrGrowth(
  parts: Parts,
  lengths: readonly number[],
  wanted: bigint | undefined,
): Promise<Room | Growing> {
  try {
    return await placeFor(parts, lengths, wanted);
  } catch (error) {
    const { growth } = await parts.home.readConfig();
    if (!growth || wanted !== undefined || !SubletException.is(error, "VolumeFull")) throw error;
    const model = parts.volumes.require(error.error.volume, parts.home.path);
    return { growth, model, sectors: slabsNeeded(lengths, model, undefined) };
  }
}
