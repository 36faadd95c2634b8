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

/** What is to find a place. */
export interface ToPlace {
  readonly lengths: readonly number[];
  /** The only volume to look at. */
  readonly wanted?: bigint | undefined;
  /** The beginning of it is laid already: slabs that no name leads to may be its own. */
  readonly laying?: boolean;
}

/** What files of these lengths would take of a volume, and what is free for them: what is to be given back counts as free. */
function roomIn({ catalogue, lanes, uploads }: Parts, volume: Volume, { lengths, laying = false }: ToPlace): Room {
  const lane = laying ? undefined : lanes.drawn();
  const reclaimed = lane === undefined ? 0 : catalogue.deadSlabs(volume.id, lane).length;
  const sectors = slabsNeeded(lengths, volume, catalogue.openLength(volume.id));
  return { volume, sectors, free: uploads.freeSectors(volume) + reclaimed };
}

/**
 * Where it fits now.
 * @throws SubletException NoVolume, VolumeFull: of the newest, where they fit nowhere
 */
async function placeFor(parts: Parts, what: ToPlace): Promise<Room> {
  const { volumes, home } = parts;
  const { wanted } = what;
  const all = wanted === undefined ? await currentVolumes(parts) : [volumes.require(wanted, home.path)];
  const rooms = all.map((volume) => roomIn(parts, volume, what)).reverse();
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
export async function placeOrGrow(parts: Parts, what: ToPlace, signal?: AbortSignal): Promise<Volume> {
  const place = await placeOrGrowth(parts, what);
  return "growth" in place ? grow(parts, place.growth, place.model, place.sectors, signal) : place.volume;
}

/** What is to be rented, where nothing fits: a volume as `model` is, with so many sectors for files. */
export interface Growing {
  readonly growth: Growth;
  readonly model: Volume;
  readonly sectors: number;
}

/** What {@link placeOrGrow} does, undone. @throws SubletException NoVolume, VolumeFull */
export async function placeOrGrowth(parts: Parts, what: ToPlace): Promise<Room | Growing> {
  try {
    return await placeFor(parts, what);
  } catch (error) {
    const { growth } = await parts.home.readConfig();
    if (!growth || what.wanted !== undefined || !SubletException.is(error, "VolumeFull")) throw error;
    const model = parts.volumes.require(error.error.volume, parts.home.path);
    return { growth, model, sectors: slabsNeeded(what.lengths, model, undefined) };
  }
}
