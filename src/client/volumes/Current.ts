/** Which volumes are in use: a drive has several one after another, and, as it grows, beside one another. */
import type { Market } from "../../chain/Market.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { refreshDeals } from "./Standing.ts";
import type { Volume, Volumes } from "./Volume.ts";

interface Surroundings {
  readonly market: Market;
  readonly volumes: Volumes;
}

/** Those whose time is not over, oldest first: nothing goes to the others, and nothing comes back from them. */
export async function currentVolumes(around: Surroundings): Promise<Volume[]> {
  const { market, volumes } = around;
  const epoch = await market.epoch().catch((error: unknown) => {
    if (SubletException.is(error, "ChainUnavailable")) return undefined;
    throw error;
  });
  // Storing needs no chain: what is over is found out by its providers then.
  if (epoch === undefined) return volumes.all();
  const over = ({ id }: Volume): boolean => volumes.endOf(id) <= epoch;
  // Another device may have extended them.
  for (const volume of volumes.all().filter(over))
    if (volumes.deals(volume.id).length > 0) await refreshDeals(around, volume);
  return volumes.all().filter((volume) => !over(volume));
}

/** The newest of these: changes of names go there. @throws SubletException NoVolume */
export async function newestVolume(
  around: Surroundings & { readonly home: { readonly path: string } },
): Promise<Volume> {
  const volume = (await currentVolumes(around)).at(-1);
  if (!volume) throw new SubletException({ code: "NoVolume", home: around.home.path });
  return volume;
}
