/** What a put would do and cost, without doing any of it. */
import { SubletException } from "../../protocol/Errors.ts";
import { normalize } from "../catalogue/Path.ts";
import type { Failure } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import { type Cost, costInVolume } from "../volumes/Prices.ts";
import { quorum } from "../volumes/Volume.ts";
import { chooseVolume, filesOf } from "./Put.ts";
import { type Content, piecesOf, type Source } from "./Source.ts";
import { slabsNeeded } from "./Storing.ts";

/** What a put to be planned would be told. */
export interface PlanOptions {
  /** The newest unless told. */
  readonly volume?: bigint;
  readonly signal?: AbortSignal;
}

/** The catalogue's own few bytes are not in it. */
export interface Plan extends Cost {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** Files that cannot be called so. */
  readonly failed: readonly Failure[];
  readonly volume: bigint;
  /** At each position, before. */
  readonly freeSectors: number;
  /** Of this account: providers put on chain what they sign for. */
  readonly transactions: number;
}

export async function plan(
  parts: Parts,
  path: string,
  source: Source,
  { volume: wanted, signal }: PlanOptions,
): Promise<Plan> {
  const { catalogue, lanes, uploads } = parts;
  const { files, failed } = await filesOf(parts, path, source);
  const volume = chooseVolume(parts, wanted);
  const lengths: number[] = [];
  for (const { content } of files) lengths.push(content.bytes ?? (await lengthOf(content, signal)));
  const sectors = slabsNeeded(lengths, volume, catalogue.openLength(volume.id));
  const lane = lanes.drawn();
  const reclaimed = lane === undefined ? 0 : catalogue.deadSlabs(volume.id, lane).length;
  uploads.requireRoom(volume, sectors, reclaimed);
  const cost = await costInVolume(parts, volume, sectors);
  const need = quorum(volume);
  if (cost.deals < need) throw new SubletException({ code: "TooFewProviders", have: cost.deals, need });
  return {
    ...{ path: normalize(path), files: files.length, failed, bytes: lengths.reduce((sum, length) => sum + length, 0) },
    ...{ volume: volume.id, freeSectors: uploads.freeSectors(volume) + reclaimed, transactions: 0 },
    ...cost,
  };
}

async function lengthOf(content: Content, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const piece of piecesOf(content, signal)) bytes += piece.length;
  return bytes;
}
