/** A drive that grows: what fits nowhere any more goes into a new volume, rented within a budget that its owner set. */
import { SECTOR_BYTES } from "../../codec/index.ts";
import type { Growth } from "../home/Home.ts";
import type { Parts } from "../Parts.ts";
import { Allowance } from "./Allowance.ts";
import { createVolume, type VolumeOptions } from "./Creation.ts";
import { reservedSectors, type Volume } from "./Volume.ts";

/**
 * A volume as `model` is, with as much room as the config says, or more if `sectors` need it.
 * @throws SubletException OverBudget, TooFewProviders, InsufficientFunds, BadArgument (more than any volume holds)
 */
export async function grow(
  parts: Parts,
  growth: Growth,
  model: Volume,
  sectors: number,
  signal?: AbortSignal,
): Promise<Volume> {
  const allowance = new Allowance(growth.budget, (left) => parts.home.setGrowth({ ...growth, budget: left }));
  const options = { ...volumeFor(growth, model, sectors), ...(signal && { signal }) };
  return createVolume(parts, options, allowance);
}

/** What {@link grow} asks for. */
export function volumeFor({ epochs, bytes }: Growth, { k, n }: Volume, sectors: number): VolumeOptions {
  // One more, for what the catalogue has beside files.
  const least = capacityFor(sectors + 1) * k * SECTOR_BYTES;
  return { k, n, epochs, bytes: Math.max(bytes, least) };
}

/** Sectors at each position, of which files may take `sectors`. */
function capacityFor(sectors: number): number {
  let capacity = sectors + 1;
  while (capacity - reservedSectors(capacity) < sectors) capacity++;
  return capacity;
}
