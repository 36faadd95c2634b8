/**
 * A drive: files under names, on other people's disks.
 *
 *     const drive = await Sublet.open({ home, password });
 *     await drive.put("notes/today.txt", bytes);
 *     for await (const bytes of drive.get("notes/today.txt")) ...
 *     await drive.close();
 */
import { createHash } from "node:crypto";
import type { Address } from "viem";
import { SubletException } from "../protocol/Errors.ts";
import type { Entry, StoredObject } from "./catalogue/Catalogue.ts";
import { normalize, normalizeFolder } from "./catalogue/Path.ts";
import type { Version } from "./catalogue/Versions.ts";
import { orClosed } from "./closing.ts";
import { Devices } from "./devices/Devices.ts";
import type { Keep } from "./home/Home.ts";
import { WriterLock } from "./home/WriterLock.ts";
import { assemble, dismantle, type OpenOptions, type Parts } from "./Parts.ts";
import { repairAll } from "./repair/Housekeeping.ts";
import type { RepairReport } from "./repair/Repair.ts";
import { type Recovered, recover } from "./restore/Recovery.ts";
import { hasOthers, learnOthers, sync } from "./restore/Sync.ts";
import { download } from "./retrieve/Download.ts";
import { type Fetched, type FetchOptions, fetch } from "./retrieve/Fetching.ts";
import {
  createShare,
  listShares,
  type NewShare,
  planShare,
  revokeShare,
  type ShareOptions,
  type SharePlan,
  type ShareStatus,
} from "./share/Sharing.ts";
import { forget, type Removal, remove, rename } from "./upload/Naming.ts";
import { type Plan, type PlanOptions, plan } from "./upload/Plan.ts";
import { Publisher } from "./upload/Publisher.ts";
import { type PutOptions, put, type Receipt } from "./upload/Put.ts";
import { type Quote, type QuoteOptions, quote } from "./upload/Quote.ts";
import type { Source } from "./upload/Source.ts";
import type { Writable } from "./upload/Writable.ts";
import { createVolume, type VolumeOptions } from "./volumes/Creation.ts";
import { type ExtendOptions, type ExtensionReport, extendAll } from "./volumes/Extending.ts";
import { type TopUp, topUp } from "./volumes/Funding.ts";
import { planTopUp, planVolume, type TopUpPlan, type VolumePlan } from "./volumes/Payments.ts";
import { type Prices, pricesNow } from "./volumes/Prices.ts";
import { standingOf, type VolumeStatus } from "./volumes/Standing.ts";
import type { Volume } from "./volumes/Volume.ts";
import { WARN_EPOCHS, type Warning, warningsOf } from "./volumes/Warnings.ts";
import { type WatchOptions, watchFolder } from "./watch/Watching.ts";

/** Bytes `first` to `last` of a file, both included; without `last` to its end. */
export interface Range {
  readonly first: number;
  readonly last?: number;
}

export interface GetOptions {
  /** An earlier content of the file, as {@link Sublet.versions} counts them; 1, what was put last, unless told. */
  readonly version?: number;
  readonly range?: Range;
  readonly signal?: AbortSignal;
}

/** Amounts in base units: of the token, and wei. */
export interface Status {
  readonly account: Address;
  readonly tokens: bigint;
  /** Of the token: how many of its base units' digits stand behind the point. */
  readonly decimals: number;
  readonly gas: bigint;
  readonly epoch: number;
  readonly files: number;
  readonly bytes: number;
  /** What files were before and is kept: how many, and what they take at all providers together. */
  readonly earlier: { readonly versions: number; readonly stored: number };
  /** Changes that wait for providers, and what of them lies in the journal. */
  readonly unfinished: number;
  readonly journalBytes: number;
  readonly volumes: readonly VolumeStatus[];
  /** Of time or money that ends soon. */
  readonly warnings: readonly Warning[];
}

export class Sublet {
  readonly #parts: Parts;
  readonly #publisher: Publisher;
  #lock: WriterLock | undefined;
  #exclusive: Promise<unknown> = Promise.resolve();
  /** Something was changed, or is being: the lock is kept until the drive is closed. */
  #writes = false;
  #syncing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#publisher = new Publisher({
      ...parts,
      writing: (volume) => parts.uploads.of(volume),
      learnOthers: (volume) => learnOthers(parts, volume.id, parts.closing.signal),
      exclusively: (work) => this.#exclusively(work),
    });
  }

  /**
   * The drive of a home. Reading needs no lock; the first change takes it, until the drive is closed.
   * @throws SubletException NotInitialized, WrongPassword, StateCorrupt, ChainUnavailable, WrongChain, NotAMarket
   */
  static async open(options: OpenOptions): Promise<Sublet> {
    options.signal?.throwIfAborted();
    const drive = new Sublet(await assemble(options));
    options.signal?.addEventListener("abort", () => void drive.close().catch(() => undefined), { once: true });
    return drive;
  }

  /** Opens a home that has its key and config but nothing else, and brings everything back from chain and providers. */
  static async restore(options: OpenOptions): Promise<{ drive: Sublet; recovered: Recovered }> {
    const drive = await Sublet.open(options);
    try {
      drive.#writable();
      return { drive, recovered: await recover(drive.#parts, options.signal) };
    } catch (error) {
      await drive.close();
      throw error;
    }
  }

  /** Its folder. */
  get home(): string {
    return this.#parts.home.path;
  }

  /** The address to fund. */
  get account(): Address {
    return this.#parts.account.address;
  }

  // ---------------------------------------------------------------- files

  /**
   * Stores a file, or every file of a folder, under `path`; resolves when it is durable and every provider that answers
   * has it (`until: "durable"`: when it is durable).
   * @throws SubletException NoVolume, VolumeFull (before a byte moves), NoSuchPath, NotDurable (the outcome is unknown:
   * what was put is in the journal and goes on with the next change), HomeBusy
   */
  async put(path: string, source: Source, options: PutOptions = {}): Promise<Receipt> {
    return put(await this.#current(), path, source, options);
  }

  /**
   * What {@link put} of the same would do and cost; moves no money and changes nothing. Reads a stream to its end.
   * @throws SubletException what the put would end with, as far as it can be known before
   */
  plan(path: string, source: Source, options: PlanOptions = {}): Promise<Plan> {
    return plan(this.#parts, path, source, options);
  }

  /**
   * The bytes of a file, in order. A file read whole is compared with its SHA-256 at the end.
   * @throws SubletException NoSuchPath, NoSuchVersion, TooFewProviders, BadArgument (a range outside the file)
   */
  async *get(path: string, { version, range, signal }: GetOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const object = this.#object(path, version);
    const { first, end } = bounds(object, range);
    const either = orClosed(this.#parts.closing, signal);
    const hash = createHash("sha256");
    for await (const bytes of download(this.#parts.reading, object, first, end, either)) {
      hash.update(bytes);
      yield bytes;
    }
    if (end - first < object.length || Buffer.compare(hash.digest(), object.sha256) === 0) return;
    const reason = `what was put as ${path} had another SHA-256 than what came back`;
    throw new SubletException({ code: "StateCorrupt", file: this.#parts.home.databaseFile, reason });
  }

  /**
   * Fetches a file, or every file of a folder, to `target` on this machine, several at a time. A file that is there whole
   * is not fetched again; one that an earlier attempt began goes on where that ended, after what is there was checked; its
   * name it gets when all of it is right and on disk.
   * @throws SubletException NoSuchPath, NoSuchVersion, BadArgument; of a single file also what went wrong with it
   */
  async fetch(path: string, target: string, options: FetchOptions = {}): Promise<Fetched> {
    return fetch(this.#parts, normalizeFolder(path), target, options);
  }

  /** Files at and below a path (all of them: empty), in the order of their paths. */
  list(path = ""): Generator<Entry, void, undefined> {
    return this.#parts.catalogue.list(normalizeFolder(path));
  }

  /** How long earlier versions are kept. */
  get keep(): Keep {
    return this.#parts.config.keep;
  }

  /** What files at and below a path are and were, those removed since too: by path, the newest first. */
  versions(path = ""): Generator<Version, void, undefined> {
    return this.#parts.versions.list(normalizeFolder(path));
  }

  /** One of these. @throws SubletException NoSuchPath, NoSuchVersion */
  version(path: string, version: number): Version {
    return this.#parts.versions.require(normalize(path), version);
  }

  /**
   * Has earlier versions at and below a path forgotten at once, and gives their room back. @returns how many
   * @throws SubletException NoSuchPath, NotDurable
   */
  async forget(path: string): Promise<number> {
    return forget(await this.#current(), path);
  }

  /** Whether `path` names a file, a folder (something is stored below it), or nothing. */
  kind(path: string): "file" | "folder" | undefined {
    return this.#parts.catalogue.kind(normalizeFolder(path));
  }

  /**
   * Removes a file, or with `recursive` everything below a folder; what it was is a version from then on, unless it is to
   * be forgotten. @returns how many files
   * @throws SubletException NoSuchPath, BadArgument (a folder without `recursive`), NotDurable
   */
  async remove(path: string, options: Removal = {}): Promise<number> {
    return remove(await this.#current(), path, options);
  }

  /**
   * Gives a file, or everything below a folder, another name: all of it or nothing, and no content is sent. `force`: files
   * of the new names are replaced. @returns how many files
   * @throws SubletException NoSuchPath, PathTaken, BadArgument (into itself, onto a folder, below a file), NotDurable
   */
  async move(from: string, to: string, { force = false }: { force?: boolean } = {}): Promise<number> {
    return rename(await this.#current(), from, to, { force, keep: false });
  }

  /** {@link move}, but what was there stays; both names have the same content in the same place, and it is paid once. */
  async copy(from: string, to: string, { force = false }: { force?: boolean } = {}): Promise<number> {
    return rename(await this.#current(), from, to, { force, keep: true });
  }

  /**
   * Keeps what a folder of this machine holds under `path`, until the signal aborts: new and changed files are put, once
   * nobody writes to them, renamed ones are moved, and what is gone from the folder is removed, and is a version then.
   * @throws SubletException NoSuchPath, BadArgument, NoVolume, VolumeFull, NotDurable at first; later ones are told of
   */
  async watch(folder: string, path: string, options: WatchOptions = {}): Promise<void> {
    return watchFolder(this.#writable(), folder, path, options);
  }

  // ---------------------------------------------------------------- share links

  /**
   * A link that reads a file or a folder as it is now, and nothing else, until it expires or its budget is used up: for
   * {@link SharedFiles.open}, by anybody who has it.
   * @throws SubletException NoSuchPath, BadArgument, VolumeFull, NotDurable, InsufficientFunds, HomeBusy
   */
  share(path: string, options: ShareOptions = {}): Promise<NewShare> {
    return createShare(this.#writable(), path, options);
  }

  /** What {@link share} of the same would come to; nothing is changed. @throws SubletException NoSuchPath, BadArgument */
  planShare(path: string, options: ShareOptions = {}): Promise<SharePlan> {
    return planShare(this.#parts, path, options);
  }

  /** The links that were not taken back, and what each has cost. */
  shares(): Promise<ShareStatus[]> {
    return listShares(this.#parts);
  }

  /**
   * Takes a link back. It leads nowhere at once, and its key reads nothing two epochs later.
   * @param id its address, or the beginning of it
   * @throws SubletException BadArgument, NotDurable, InsufficientFunds, HomeBusy
   */
  unshare(id: string): Promise<{ id: Address; path?: string }> {
    return revokeShare(this.#writable(), id);
  }

  /** Whether other devices may write to the drive: what they did is learned before each change, and with {@link sync}. */
  get shared(): boolean {
    return hasOthers(this.#parts);
  }

  /** Learns what other devices did. @throws SubletException TooFewProviders (all that they tell is learned), HomeBusy */
  async sync(signal?: AbortSignal): Promise<void> {
    this.#locked();
    try {
      await sync(this.#parts, orClosed(this.#parts.closing, signal));
    } finally {
      // Who only reads holds up no other process.
      if (!this.#writes) this.#unlock();
    }
  }

  /** Other machines of the drive's owner. */
  get devices(): Devices {
    return new Devices(this.#parts, () => this.#writable());
  }

  // ---------------------------------------------------------------- volumes

  /**
   * Rents space: n deals with as many providers, opened in one transaction.
   * @throws SubletException TooFewProviders, InsufficientFunds (of what, and how much is missing), BadArgument
   */
  async createVolume(options: VolumeOptions): Promise<Volume> {
    return createVolume(this.#writable().parts, options);
  }

  /**
   * What {@link createVolume} of the same would cost; providers sign for it, and no money moves.
   * @throws SubletException TooFewProviders, BadArgument
   */
  planVolume(options: VolumeOptions): Promise<VolumePlan> {
    return planVolume(this.#parts, options);
  }

  /** What the market's providers ask now. @throws SubletException TooFewProviders when none answers that has room */
  prices(signal?: AbortSignal): Promise<Prices> {
    return pricesNow(this.#parts, signal);
  }

  /**
   * What a file or folder of this machine, or so many bytes, would cost: in the newest volume, else in one to be rented.
   * @throws SubletException NoSuchPath, TooFewProviders, BadArgument
   */
  quote(what: string | number, options: QuoteOptions = {}): Promise<Quote> {
    return quote(this.#parts, what, options);
  }

  /**
   * What ends or runs out `within` so many epochs, of one volume or all; asks the chain only.
   * @throws SubletException NoVolume
   */
  async warnings({ volume, within = WARN_EPOCHS }: { volume?: bigint; within?: number } = {}): Promise<Warning[]> {
    const { volumes, home } = this.#parts;
    const looked = volume === undefined ? volumes.all() : [volumes.require(volume, home.path)];
    return warningsOf(this.#parts, looked, within);
  }

  /** How everything stands; asks every provider. `warnWithin`: see {@link warnings}. */
  async status(signal?: AbortSignal, warnWithin = WARN_EPOCHS): Promise<Status> {
    const { market, account, catalogue, volumes, segments, journal, versions } = this.#parts;
    const [tokens, decimals, gas, block] = await Promise.all([
      market.tokenBalance(account.address),
      market.tokenDecimals(),
      market.gasBalance(account.address),
      market.blockNumber(),
    ]);
    let [files, bytes] = [0, 0];
    for (const entry of catalogue.list("")) {
      files++;
      bytes += entry.bytes;
    }
    const standings: VolumeStatus[] = [];
    for (const volume of volumes.all()) {
      standings.push(await standingOf(this.#parts, volume, catalogue.slabCount(volume.id), signal));
    }
    return {
      ...{ account: account.address, tokens, decimals, gas, epoch: market.epochs.at(block), files, bytes },
      earlier: versions.cost(),
      ...{ unfinished: segments.unfinished(), journalBytes: await journal.size(), volumes: standings },
      warnings: await this.warnings({ within: warnWithin }),
    };
  }

  /**
   * Gives positions that are lost to fresh providers and brings everybody up to date; finishes what was interrupted, and
   * extends deals that end soon, as far as the home's budget for that goes.
   * @throws SubletException TooFewProviders, InsufficientFunds, NotDurable
   */
  async repair(signal?: AbortSignal): Promise<RepairReport[]> {
    return repairAll(this.#writable(), signal);
  }

  /**
   * Adds token base units to the deals' escrow (or with `egress` to what pays for reads), in one transaction, shared out
   * by their prices.
   * @throws SubletException NoVolume, InsufficientFunds
   */
  async topUp(amount: bigint, options: { egress?: boolean } = {}): Promise<TopUp[]> {
    return topUp(this.#writable().parts, amount, options.egress ?? false);
  }

  /** What {@link topUp} would pay, and how long the deals would last then. @throws SubletException NoVolume, BadArgument */
  planTopUp(amount: bigint, options: { egress?: boolean } = {}): Promise<TopUpPlan> {
    return planTopUp(this.#parts, amount, options.egress ?? false);
  }

  /**
   * A later end for the deals of one volume or all, at what their providers ask now; what that costs goes into their escrow.
   * @throws SubletException NoVolume, OverBudget, InsufficientFunds, BadArgument: nothing was changed
   */
  async extend(options: ExtendOptions & { volume?: bigint } = {}): Promise<ExtensionReport[]> {
    return extendAll(this.#writable().parts, options);
  }

  /** Ledger units that this drive's vouchers for reads of a volume add up to. */
  promised(volume: bigint): bigint {
    const { volumes } = this.#parts;
    return volumes.history(volume).reduce((sum, { id }) => sum + volumes.paid(id), 0n);
  }

  tokenDecimals(): Promise<number> {
    return this.#parts.market.tokenDecimals();
  }

  /** Ends everything under way; what was not finished goes on with the next drive of this home. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      await dismantle(this.#parts, this.#exclusive);
      this.#unlock();
    })();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---------------------------------------------------------------- inside

  /** @throws SubletException HomeBusy */
  #writable(): Writable {
    this.#locked();
    this.#writes = true;
    return {
      parts: this.#parts,
      publisher: this.#publisher,
      exclusively: (work) => this.#exclusively(work),
    };
  }

  /** {@link #writable}, with what others did as far as providers tell: a change that too few of them take says so itself. */
  async #current(): Promise<Writable> {
    const writable = this.#writable();
    if (!this.shared) return writable;
    this.#syncing ??= this.sync().finally(() => {
      this.#syncing = undefined;
    });
    await this.#syncing.catch((error: unknown) => {
      if (!SubletException.is(error, "TooFewProviders")) throw error;
    });
    return writable;
  }

  #locked(): void {
    this.#parts.closing.signal.throwIfAborted();
    this.#lock ??= new WriterLock(this.#parts.home);
  }

  #unlock(): void {
    this.#lock?.release();
    this.#lock = undefined;
  }

  #exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#exclusive.then(work);
    this.#exclusive = result.catch(() => undefined);
    return result;
  }

  #object(path: string, version?: number): StoredObject {
    const { catalogue, versions } = this.#parts;
    const name = normalize(path);
    const found = version === undefined ? catalogue.find(name)?.object : versions.object(name, version);
    const object = found && catalogue.object(found);
    if (object) return object;
    if (version !== undefined) versions.require(name, version);
    throw new SubletException({ code: "NoSuchPath", path: name });
  }
}

function bounds({ length }: StoredObject, range: Range | undefined): { first: number; end: number } {
  if (!range) return { first: 0, end: length };
  const { first, last = length - 1 } = range;
  const whole = Number.isSafeInteger(first) && Number.isSafeInteger(last);
  if (!whole || first < 0 || last < first || first >= length) {
    const reason = `the file has ${length} bytes, counted from 0`;
    throw new SubletException({ code: "BadArgument", name: "range", value: `${first}-${range.last ?? ""}`, reason });
  }
  return { first, end: Math.min(length, last + 1) };
}
