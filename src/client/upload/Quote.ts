/** What something would cost, before any of it is put. */
import { SubletException } from "../../protocol/Errors.ts";
import type { Parts } from "../Parts.ts";
import { DEFAULT_EPOCHS, requireShape } from "../volumes/Creation.ts";
import { currentVolumes } from "../volumes/Current.ts";
import { type Cost, costInVolume, costOnMarket } from "../volumes/Prices.ts";
import { contentsOf } from "./Source.ts";
import { slabsNeeded } from "./Storing.ts";

/** Given `k`, `n` or `epochs`, it is a volume that is yet to be rented, for 4 of 12 and 30 epochs unless told. */
export interface QuoteOptions {
  readonly k?: number;
  readonly n?: number;
  readonly epochs?: number;
  readonly signal?: AbortSignal;
}

/** `volume`: the one whose deals' prices it is by; without one, what the market's middle provider asks. */
export interface Quote extends Cost {
  readonly files: number;
  readonly bytes: number;
  readonly volume?: bigint;
}

const USUAL = { k: 4, n: 12 };

/** @param what a file or folder of this machine, or a number of bytes */
export async function quote(parts: Parts, what: string | number, options: QuoteOptions): Promise<Quote> {
  const lengths = await lengthsOf(what);
  const { k = USUAL.k, n = USUAL.n, epochs = DEFAULT_EPOCHS, signal } = options;
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  const files = lengths.length;
  const asked = [options.k, options.n, options.epochs].some((one) => one !== undefined);
  const volume = asked ? undefined : (await currentVolumes(parts)).at(-1);
  if (volume) {
    const sectors = slabsNeeded(lengths, volume, parts.catalogue.openLength(volume.id));
    return { files, bytes, volume: volume.id, ...(await costInVolume(parts, volume, sectors)) };
  }
  requireShape(parts, { k, n, epochs });
  const sectors = slabsNeeded(lengths, { k }, undefined);
  return { files, bytes, ...(await costOnMarket(parts, { k, n, sectors, epochs }, signal)) };
}

async function lengthsOf(what: string | number): Promise<number[]> {
  if (typeof what === "string") return (await contentsOf(what)).contents.map(({ bytes }) => bytes ?? 0);
  if (Number.isSafeInteger(what) && what >= 0) return [what];
  throw new SubletException({ code: "BadArgument", name: "bytes", value: `${what}`, reason: "it is a whole number" });
}
