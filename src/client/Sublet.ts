/**
 * A drive: files under names, on other people's disks.
 *
 *     const drive = await Sublet.open({ home, password });
 *     await drive.put("notes/today.txt", bytes);
 *     for await (const bytes of drive.get("notes/today.txt")) ...
 *     await drive.close();
 */
import type { Address } from "viem";
import { orAborted, within } from "../network/Deadline.ts";
import { SubletException } from "../protocol/Errors.ts";
import type { Entry } from "./catalogue/Catalogue.ts";
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
import { type Fetched, type FetchOptions, fetch } from "./retrieve/Fetching.ts";
import { type GetOptions, read, streamOf } from "./retrieve/Reading.ts";
import { type Status, statusOf } from "./Status.ts";
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
import type { Volume } from "./volumes/Volume.ts";
import { WARN_EPOCHS, type Warning, warningsOf } from "./volumes/Warnings.ts";
import { type WatchOptions, watchFolder } from "./watch/Watching.ts";

/** A block of a public chain, and then some: how long closing waits for a transaction that was sent. */
const RECORD_MS = 30_000;

/** Of what waits for providers or the chain. */
export interface Waiting {
  /** Ends the wait with its reason; what was begun by then, and recorded or sent, is not taken back. */
  readonly signal?: AbortSignal;
}

/**
 * A drive: one home, one writer at a time, any number of calls at once. Whatever takes time takes an {@link AbortSignal};
 * a call that is given up leaves the drive as usable as before. Every failure is a SubletException, whose `code` says what.
 */
export class Sublet {
  readonly #parts: Parts;
  readonly #publisher: Publisher;
  #lock: WriterLock | undefined;
  #exclusive: Promise<unknown> = Promise.resolve();
  /** Changes that are not over, though their callers may have given them up. */
  readonly #changing = new Set<Promise<unknown>>();
  /** Something was changed, or is being: the lock is kept until the drive is closed. */
  #writes = false;
  #syncing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.#publisher = new Publisher({
      ...parts,
      writing: (volume) => parts.uploads.of(volume),
      volume: (id) => parts.volumes.require(id, parts.home.path),
      learnOthers: (volume) => learnOthers(parts, volume.id, parts.closing.signal),
      exclusively: (work) => this.#exclusively(work),
    });
  }

  /**
   * The drive of a home. Reading needs no lock; the first change takes it, until the drive is closed.
   * @throws SubletException NotInitialized, WrongPassword, StateCorrupt, ChainUnavailable, WrongChain, NotAMarket,
   * BadArgument (key, password or trace)
   */
  static async open(options: OpenOptions): Promise<Sublet> {
    const { signal } = options;
    signal?.throwIfAborted();
    const opening = assemble(options).then((parts) => {
      const drive = new Sublet(parts);
      const close = (): void => {
        // What is under way ends with the reason that its caller gave.
        parts.closing.abort(signal?.reason);
        void drive.close().catch(() => undefined);
      };
      // Who gave up meanwhile has no drive to close.
      if (signal?.aborted) close();
      else signal?.addEventListener("abort", close, { once: true });
      return drive;
    });
    return orAborted(opening, signal);
  }

  /** Opens a home that has its key and config but nothing else, and brings everything back from chain and providers. */
  static async restore(options: OpenOptions): Promise<{ drive: Sublet; recovered: Recovered }> {
    const drive = await Sublet.open(options);
    try {
      drive.#writable(drive.#parts.closing.signal);
      return { drive, recovered: await orAborted(recover(drive.#parts, options.signal), options.signal) };
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

  /** What providers' logs have of this drive's calls: 32 digits of hex. */
  get trace(): string {
    return this.#parts.trace;
  }

  // ---------------------------------------------------------------- files

  /**
   * Stores a file, or every file of a folder, under `path`; resolves when it is durable and every provider that answers
   * has it (`until: "durable"`: when it is durable).
   * @throws SubletException NoVolume, VolumeFull (before a byte moves), NoSuchPath, NotDurable (the outcome is unknown:
   * what was put is in the journal and goes on with the next change), SourceUnreadable, HomeBusy, BadArgument; what a stream
   * failed with, as it is
   */
  put(path: string, source: Source, options: PutOptions = {}): Promise<Receipt> {
    return this.#changeNames(options.signal, (drive) => put(drive, path, source, options));
  }

  /**
   * What {@link put} of the same would do and cost; moves no money and changes nothing. Reads a stream to its end.
   * @throws SubletException what the put would end with, as far as it can be known before
   */
  plan(path: string, source: Source, options: PlanOptions = {}): Promise<Plan> {
    return this.#awaited(options.signal, () => plan(this.#parts, path, source, options));
  }

  /**
   * The bytes of a file, in order. A file read whole is compared with its SHA-256 at the end.
   * @throws SubletException NoSuchPath, NoSuchVersion, TooFewProviders, BadArgument (a range outside the file)
   */
  get(path: string, options: GetOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return read(this.#parts, path, options);
  }

  /**
   * {@link get} as a web stream: it fetches as it is read, a little ahead, and ends when it is cancelled.
   *
   *     await drive.stream("film.mp4").pipeTo(sink, { signal });
   *
   * Its errors are those of {@link get}, when it is read.
   */
  stream(path: string, options: GetOptions = {}): ReadableStream<Uint8Array> {
    return streamOf((signal) => read(this.#parts, path, { ...options, signal }), options.signal);
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
  forget(path: string, { signal }: Waiting = {}): Promise<number> {
    return this.#changeNames(signal, (drive) => forget(drive, path));
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
  remove(path: string, options: Removal = {}): Promise<number> {
    return this.#changeNames(options.signal, (drive) => remove(drive, path, options));
  }

  /**
   * Gives a file, or everything below a folder, another name: all of it or nothing, and no content is sent. `force`: files
   * of the new names are replaced. @returns how many files
   * @throws SubletException NoSuchPath, PathTaken, BadArgument (into itself, onto a folder, below a file), NotDurable
   */
  move(from: string, to: string, { force = false, signal }: Waiting & { force?: boolean } = {}): Promise<number> {
    return this.#changeNames(signal, (drive) => rename(drive, from, to, { force, keep: false }));
  }

  /** {@link move}, but what was there stays; both names have the same content in the same place, and it is paid once. */
  copy(from: string, to: string, { force = false, signal }: Waiting & { force?: boolean } = {}): Promise<number> {
    return this.#changeNames(signal, (drive) => rename(drive, from, to, { force, keep: true }));
  }

  /**
   * Keeps what a folder of this machine holds under `path`, until the signal aborts: new and changed files are put, once
   * nobody writes to them, renamed ones are moved, and what is gone from the folder is removed, and is a version then.
   * @throws SubletException NoSuchPath, BadArgument, NoVolume, VolumeFull, NotDurable at first; later ones are told of
   */
  watch(folder: string, path: string, options: WatchOptions = {}): Promise<void> {
    return this.#change(options.signal, (drive) => watchFolder(drive, folder, path, options));
  }

  // ---------------------------------------------------------------- share links

  /**
   * A link that reads a file or a folder as it is now, and nothing else, until it expires or its budget is used up: for
   * {@link SharedFiles.open}, by anybody who has it.
   * @throws SubletException NoSuchPath, BadArgument, VolumeFull, NotDurable, InsufficientFunds, HomeBusy
   */
  share(path: string, options: ShareOptions = {}): Promise<NewShare> {
    // What it has laid is taken away again where it was given up, so it may change something after that.
    const lasting = () => this.#writable(this.#parts.closing.signal);
    return this.#change(options.signal, () => createShare(lasting(), path, options));
  }

  /** What {@link share} of the same would come to; nothing is changed. @throws SubletException NoSuchPath, BadArgument */
  planShare(path: string, options: ShareOptions = {}): Promise<SharePlan> {
    return this.#awaited(options.signal, () => planShare(this.#parts, path, options));
  }

  /** The links that were not taken back, and what each has cost. */
  shares({ signal }: Waiting = {}): Promise<ShareStatus[]> {
    return this.#awaited(signal, () => listShares(this.#parts));
  }

  /**
   * Takes a link back. It leads nowhere at once, and its key reads nothing two epochs later.
   * @param id its address, or the beginning of it
   * @throws SubletException BadArgument, NotDurable, InsufficientFunds, HomeBusy
   */
  unshare(id: string, { signal }: Waiting = {}): Promise<{ id: Address; path?: string }> {
    return this.#change(signal, (drive) => revokeShare(drive, id));
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
    return new Devices(this.#parts, () => this.#writable(this.#parts.closing.signal));
  }

  // ---------------------------------------------------------------- volumes

  /**
   * Rents space: n deals with as many providers, opened in one transaction.
   * @throws SubletException TooFewProviders, InsufficientFunds (of what, and how much is missing), BadArgument
   */
  createVolume(options: VolumeOptions): Promise<Volume> {
    return this.#change(options.signal, ({ parts }) => createVolume(parts, options));
  }

  /**
   * What {@link createVolume} of the same would cost; providers sign for it, and no money moves.
   * @throws SubletException TooFewProviders, BadArgument
   */
  planVolume(options: VolumeOptions): Promise<VolumePlan> {
    return this.#awaited(options.signal, () => planVolume(this.#parts, options));
  }

  /** What the market's providers ask now. @throws SubletException TooFewProviders when none answers that has room */
  prices(signal?: AbortSignal): Promise<Prices> {
    return this.#awaited(signal, () => pricesNow(this.#parts, signal));
  }

  /**
   * What a file or folder of this machine, or so many bytes, would cost: in the newest volume, else in one to be rented.
   * @throws SubletException NoSuchPath, TooFewProviders, BadArgument
   */
  quote(what: string | number, options: QuoteOptions = {}): Promise<Quote> {
    return this.#awaited(options.signal, () => quote(this.#parts, what, options));
  }

  /**
   * What ends or runs out `within` so many epochs, of one volume or all; asks the chain only.
   * @throws SubletException NoVolume
   */
  warnings(options: Waiting & { volume?: bigint; within?: number } = {}): Promise<Warning[]> {
    const { volume, within = WARN_EPOCHS, signal } = options;
    return this.#awaited(signal, async () => {
      const { volumes, home } = this.#parts;
      const looked = volume === undefined ? volumes.all() : [volumes.require(volume, home.path)];
      return warningsOf(this.#parts, looked, within);
    });
  }

  /** How everything stands; asks every provider. `warnWithin`: see {@link warnings}. */
  status(signal?: AbortSignal, warnWithin = WARN_EPOCHS): Promise<Status> {
    return this.#awaited(signal, () => statusOf(this.#parts, signal, warnWithin));
  }

  /**
   * Gives positions that are lost to fresh providers and brings everybody up to date; finishes what was interrupted, and
   * extends deals that end soon, as far as the home's budget for that goes.
   * @throws SubletException TooFewProviders, InsufficientFunds, NotDurable
   */
  repair(signal?: AbortSignal): Promise<RepairReport[]> {
    return this.#change(signal, (drive) => repairAll(drive, signal));
  }

  /**
   * Adds token base units to the deals' escrow (or with `egress` to what pays for reads), in one transaction, shared out
   * by their prices.
   * @throws SubletException NoVolume, InsufficientFunds
   */
  topUp(amount: bigint, { egress = false, signal }: Waiting & { egress?: boolean } = {}): Promise<TopUp[]> {
    return this.#change(signal, ({ parts }) => topUp(parts, amount, egress));
  }

  /** What {@link topUp} would pay, and how long the deals would last then. @throws SubletException NoVolume, BadArgument */
  planTopUp(amount: bigint, { egress = false, signal }: Waiting & { egress?: boolean } = {}): Promise<TopUpPlan> {
    return this.#awaited(signal, () => planTopUp(this.#parts, amount, egress));
  }

  /**
   * A later end for the deals of one volume or all, at what their providers ask now; what that costs goes into their escrow.
   * @throws SubletException NoVolume, OverBudget, InsufficientFunds, BadArgument: nothing was changed
   */
  extend(options: ExtendOptions & { volume?: bigint } = {}): Promise<ExtensionReport[]> {
    return this.#change(options.signal, ({ parts }) => extendAll(parts, options));
  }

  /** Ledger units that this drive's vouchers for reads of a volume add up to. */
  promised(volume: bigint): bigint {
    const { volumes } = this.#parts;
    return volumes.history(volume).reduce((sum, { id }) => sum + volumes.paid(id), 0n);
  }

  /** How many of the token's base units' digits stand behind the point. @throws SubletException ChainUnavailable */
  tokenDecimals({ signal }: Waiting = {}): Promise<number> {
    return this.#awaited(signal, () => this.#parts.market.tokenDecimals());
  }

  /**
   * Ends everything under way; what was not finished goes on with the next drive of this home. A transaction that was sent is
   * waited for, within reason, so that the home knows of it.
   */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#parts.closing.abort();
      await within(RECORD_MS, Promise.allSettled(this.#changing));
      await dismantle(this.#parts, this.#exclusive);
      this.#unlock();
    })();
    return this.#closed;
  }

  /** Closes it, at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---------------------------------------------------------------- inside

  /**
   * Once the signal aborts nothing more of a change begins, and nobody waits for it: what lies in the journal, or was sent to
   * the chain, goes on.
   */
  async #change<Result>(signal: AbortSignal | undefined, work: (drive: Writable) => Promise<Result>): Promise<Result> {
    const either = orClosed(this.#parts.closing, signal);
    const changing = work(this.#writable(either));
    this.#changing.add(changing);
    const over = () => this.#changing.delete(changing);
    changing.then(over, over);
    return orAborted(changing, either);
  }

  /** What changes nothing here is simply not waited for any more. */
  async #awaited<Result>(signal: AbortSignal | undefined, work: () => Promise<Result>): Promise<Result> {
    const either = orClosed(this.#parts.closing, signal);
    either.throwIfAborted();
    return orAborted(work(), either);
  }

  /** @throws SubletException HomeBusy */
  #writable(signal: AbortSignal): Writable {
    signal.throwIfAborted();
    this.#locked();
    this.#writes = true;
    return {
      parts: this.#parts,
      publisher: this.#publisher,
      exclusively: (work) =>
        this.#exclusively(async () => {
          signal.throwIfAborted();
          return work();
        }),
    };
  }

  /** {@link #change}, after what others did as far as providers tell: a change that too few of them take says so itself. */
  #changeNames<Result>(signal: AbortSignal | undefined, work: (drive: Writable) => Promise<Result>): Promise<Result> {
    return this.#change(signal, async (drive) => {
      if (this.shared) await this.#catchUp();
      return work(drive);
    });
  }

  async #catchUp(): Promise<void> {
    this.#syncing ??= this.sync().finally(() => {
      this.#syncing = undefined;
    });
    await this.#syncing.catch((error: unknown) => {
      if (!SubletException.is(error, "TooFewProviders", "ChainUnavailable")) throw error;
    });
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
}
