/** Putting files: into the journal, to the providers, into the catalogue; and the receipt that says how far it came. */
import type { Address, Hash } from "viem";
import { SubletException } from "../../protocol/Errors.ts";
import type { Catalogue, StoredObject } from "../catalogue/Catalogue.ts";
import { foldersOf, normalize } from "../catalogue/Path.ts";
import { orClosed } from "../closing.ts";
import { type Failure, failureOf, requireParallel, USUAL_PARALLEL } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import { quorum, type Volume } from "../volumes/Volume.ts";
import type { Published } from "./Publisher.ts";
import { type Content, contentsOf, readAhead, type Source } from "./Source.ts";
import { type Progress, slabsNeeded, storeObject } from "./Storing.ts";
import { tidy } from "./Tidying.ts";
import type { VolumeUpload } from "./VolumeUpload.ts";
import type { Writable } from "./Writable.ts";

/** Countersigned by w positions; by all n; recorded on chain by w. */
export type PutState = "durable" | "complete" | "committed";

export interface PutOptions {
  /** The volume to put it in; the newest with enough room unless told. */
  readonly volume?: bigint;
  /** How far to wait; "complete" (as long as providers answer) unless told. "committed" waits for their transactions. */
  readonly until?: PutState;
  /** Files read ahead, and slabs on their way to each provider, at once; 4 unless told. */
  readonly parallel?: number;
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal;
}

/** `number`: of the newest revision that the provider countersigned. */
export interface PositionReceipt {
  readonly position: number;
  readonly provider: Address;
  readonly deal: Hash;
  readonly number: bigint;
  readonly state: "behind" | "countersigned" | "committed";
}

export interface Receipt {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  /** Files of a folder that could not be read or be called so, in the order of their paths; the others are stored. */
  readonly failed: readonly Failure[];
  /** SHA-256 of the content, hex; of a single file only. */
  readonly hash?: string;
  readonly state: PutState;
  readonly volume: bigint;
  /** `durable` of the n positions make it durable, `k` bring it back. */
  readonly k: number;
  readonly n: number;
  readonly durable: number;
  readonly positions: readonly PositionReceipt[];
}

/** A file to be put, and what it is to be called. */
export interface Named {
  readonly path: string;
  readonly content: Content;
}

/** What a source holds; `failed`: what is left out. */
export interface Files {
  readonly folder: boolean;
  readonly files: readonly Named[];
  readonly failed: readonly Failure[];
}

/** Files that are laid before the catalogue is told of them. */
const FILES_AT_ONCE = 256;
/** Files that one change of the catalogue carries at most. */
const FILES_PER_CHANGE = 8_192;

export async function put(drive: Writable, path: string, source: Source, wanted: PutOptions): Promise<Receipt> {
  const { parallel = USUAL_PARALLEL } = wanted;
  requireParallel(parallel);
  return putFiles(drive, normalize(path), await filesOf(drive.parts, path, source), { ...wanted, parallel });
}

/** @param path what the receipt is for */
export async function putFiles(
  drive: Writable,
  path: string,
  { folder, files, failed: refused }: Files,
  wanted: PutOptions & { readonly parallel: number },
): Promise<Receipt> {
  const { parts, publisher } = drive;
  const signal = orClosed(parts.closing, wanted.signal);
  const options = { ...wanted, signal };
  const volume = chooseVolume(parts, options.volume);
  await tidy(drive, volume);
  const failed = [...refused];
  let [stored, bytes]: [StoredObject[], number] = [[], 0];
  let published: Published | undefined;
  for (let at = 0; at < files.length || !published; at += FILES_PER_CHANGE) {
    const batch = files.slice(at, at + FILES_PER_CHANGE);
    // All of it is counted before the first byte is laid.
    const counted = at === 0 ? files : [];
    const laid = await drive.exclusively(() => lay(parts, volume, batch, counted, { ...options, folder }));
    stored.push(...laid.stored);
    failed.push(...laid.failed);
    bytes += laid.stored.reduce((sum, object) => sum + object.length, 0);
    published = await publisher.publish(volume);
  }
  const { upload } = await parts.uploads.of(volume);
  let state: PutState = options.until === "durable" ? "durable" : await published.complete();
  await parts.uploads.dropComplete(volume);
  const positions = receiptsOf(upload, published.version);
  const committed =
    options.until === "committed" ? await awaitCommitted(parts, upload, positions, options.signal) : positions;
  if (committed.filter((one) => one.state === "committed").length >= quorum(volume)) state = "committed";
  const hash = folder ? undefined : Buffer.from(stored[0]!.sha256).toString("hex");
  return {
    ...{ path, files: stored.length, bytes, ...(hash && { hash }), failed: failed.sort(byPath), state },
    ...{ volume: volume.id, k: volume.k, n: volume.n, durable: quorum(volume), positions: committed },
  };
}

function byPath(a: Failure, b: Failure): number {
  return a.path < b.path ? -1 : 1;
}

/** @throws SubletException NoSuchPath, SourceUnreadable; BadArgument when a single file cannot be called so */
export async function filesOf({ catalogue }: Parts, path: string, source: Source): Promise<Files> {
  const { folder, contents } = await contentsOf(source);
  const files: Named[] = [];
  const failed: Failure[] = [];
  if (folder) normalize(path);
  for (const content of contents) {
    try {
      const name = pathOf(path, folder, content);
      requireNameable(catalogue, name);
      files.push({ path: name, content });
    } catch (error) {
      if (!folder) throw error;
      failed.push(failureOf(content.below, error));
    }
  }
  return { folder, files, failed };
}

function pathOf(path: string, folder: boolean, { below }: Content): string {
  return normalize(folder ? `${path.replace(/\/+$/, "")}/${below}` : path);
}

/** @throws SubletException BadArgument when a file would stand where a folder is, or below a file */
export function requireNameable(catalogue: Catalogue, path: string): void {
  const refuse = (reason: string): never => {
    throw new SubletException({ code: "BadArgument", name: "path", value: path, reason });
  };
  if (catalogue.isFolder(path)) refuse("there are files below it, so it cannot be a file itself");
  for (const folder of foldersOf(path))
    if (catalogue.find(folder)) refuse(`${folder} is a file, nothing can be below it`);
}

/** @throws SubletException NoVolume */
export function chooseVolume({ volumes, home }: Parts, wanted: bigint | undefined): Volume {
  return wanted === undefined ? volumes.latest(home.path) : volumes.require(wanted, home.path);
}

/** Lays and names files; everything of it is on disk when this returns. @throws SubletException VolumeFull */
async function lay(
  parts: Parts,
  volume: Volume,
  batch: readonly Named[],
  counted: readonly Named[],
  { folder, parallel, onProgress, signal }: PutOptions & { folder: boolean; parallel: number },
): Promise<{ stored: StoredObject[]; failed: Failure[] }> {
  const { writer, upload } = await parts.uploads.of(volume);
  upload.target.parallel = parallel;
  await parts.uploads.reclaim(volume);
  const lengths = counted.map(({ content }) => content.bytes ?? 0);
  parts.uploads.requireRoom(volume, slabsNeeded(lengths, volume, writer.offset));
  const stored: StoredObject[] = [];
  const failed: Failure[] = [];
  let waiting: { path: string; object: StoredObject }[] = [];
  const record = async (): Promise<void> => {
    const recorded = waiting;
    waiting = [];
    await writer.checkpoint(() => {
      for (const { path, object } of recorded) {
        parts.catalogue.addObject(object, volume.id, null);
        parts.catalogue.setName(path, object.id, volume.id);
      }
      parts.versions.expire(volume.id);
    });
  };
  for await (const { path, content } of ahead(batch, parallel)) {
    signal?.throwIfAborted();
    try {
      const object = await storeObject(parts.drive, volume, writer, content, onProgress ?? (() => {}), signal);
      stored.push(object);
      waiting.push({ path, object });
    } catch (error) {
      // Its places are free again; the others of the folder go on.
      if (!folder || !SubletException.is(error, "SourceUnreadable")) throw error;
      failed.push(failureOf(path, error));
    }
    if (waiting.length >= FILES_AT_ONCE) await record();
  }
  await record();
  return { stored, failed };
}

/** The next `count` files, of which small ones are read already when their turn comes. */
async function* ahead(files: readonly Named[], count: number): AsyncGenerator<Named> {
  const queue: Promise<Named>[] = [];
  for (const named of files) {
    queue.push(readAhead(named.content).then((content) => ({ ...named, content })));
    if (queue.length >= count) yield await queue.shift()!;
  }
  for (const next of queue) yield await next;
}

function receiptsOf(upload: VolumeUpload, version: number): PositionReceipt[] {
  return upload.pumps
    .map(({ mirror: { deal, number }, covered }) => ({
      ...{ position: deal.position, provider: deal.provider, deal: deal.id, number },
      state: covered >= version ? ("countersigned" as const) : ("behind" as const),
    }))
    .sort((a, b) => a.position - b.position);
}

/** Until the chain has what every position countersigned, of those that did. */
async function awaitCommitted(
  { market }: Parts,
  upload: VolumeUpload,
  receipts: readonly PositionReceipt[],
  signal: AbortSignal | undefined,
): Promise<PositionReceipt[]> {
  const slots = new Map(upload.pumps.map(({ mirror: { deal } }) => [deal.id, deal.slot]));
  let latest = [...receipts];
  for await (const _ of market.heads(signal)) {
    latest = await Promise.all(
      latest.map(async (receipt) => {
        if (receipt.state !== "countersigned") return receipt;
        const onChain = await market.deal(receipt.provider, slots.get(receipt.deal)!);
        return onChain.id === receipt.deal && onChain.number >= receipt.number
          ? { ...receipt, state: "committed" as const }
          : receipt;
      }),
    );
    if (latest.every(({ state }) => state !== "countersigned")) break;
  }
  return latest;
}
