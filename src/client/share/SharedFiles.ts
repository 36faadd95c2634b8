/**
 * What somebody shared by a link, for reading: without an account, a home or money. Everything that is learned on the way
 * is kept in memory; the link's own key says hello and signs vouchers, which the sharer's deals pay up to the link's cap.
 */
import { createHash } from "node:crypto";
import { bytesToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Market } from "../../chain/Market.ts";
import { Scope } from "../../chain/MarketReader.ts";
import { CHUNK_BYTES, Keys, NODE_BYTES, SECTOR_BYTES, Slab } from "../../codec/index.ts";
import { orAborted } from "../../network/Deadline.ts";
import { askingAt, createNode, type Node } from "../../network/Node.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { newTrace, requireTrace } from "../../protocol/TraceId.ts";
import { type Entry, slabName } from "../catalogue/Catalogue.ts";
import { normalize } from "../catalogue/Path.ts";
import { orClosed } from "../closing.ts";
import { Database } from "../home/Database.ts";
import { requireParallel, Slots, USUAL_PARALLEL } from "../Parallel.ts";
import { malformed } from "../Pasted.ts";
import { type DownloadSurroundings, download, RUNS_AHEAD } from "../retrieve/Download.ts";
import { type Fetched, type FetchOptions, fetchFiles } from "../retrieve/Fetching.ts";
import { bounds, type GetOptions, streamOf } from "../retrieve/Reading.ts";
import { type Incident, ShardReader } from "../retrieve/ShardReader.ts";
import { Vouchers } from "../retrieve/Vouchers.ts";
import { learnOpenings } from "../volumes/Openings.ts";
import { Providers } from "../volumes/Providers.ts";
import { refreshDeals } from "../volumes/Standing.ts";
import { type Volume, Volumes } from "../volumes/Volume.ts";
import { decodeLink, type Link } from "./Link.ts";
import { decodeTree, MAX_TREE_BYTES, type SharedObject, type Tree } from "./Tree.ts";

/** How to open a link. */
export interface SharedOptions {
  /** In place of what the link says. */
  readonly rpcUrl?: string;
  /** Whom to ask where a provider is that is not where it announced, each ending in /p2p/ and a peer id. */
  readonly bootnodes?: readonly string[];
  readonly signal?: AbortSignal;
  /** Told of every provider that failed or sent wrong bytes while the work went on. */
  readonly onIncident?: (incident: Incident) => void;
  /** What providers' logs have of its calls, as in {@link OpenOptions}. */
  readonly trace?: string;
}

/** What of a share to read; all of the single file that it is, unless told. */
export interface SharedGetOptions extends Omit<GetOptions, "version"> {
  /** Of a folder: which file, as its entry has it. */
  readonly path?: string;
}

interface Place {
  readonly volume: Volume;
  readonly maskKeys: Uint8Array[];
}

interface Foundations {
  readonly link: Link;
  readonly market: Market;
  readonly node: Node;
  readonly cap: bigint;
}

/** What a link leads to, opened for reading; {@link SharedFiles.open} does. Close it when it is read. */
export class SharedFiles {
  /** Files by their paths, of which the first part is the name of what is shared. */
  readonly entries: Entry[] = [];
  readonly #link: Link;
  readonly #market: Market;
  readonly #node: Node;
  readonly #database = new Database();
  readonly #volumes = new Volumes(this.#database);
  readonly #providers: Providers;
  readonly #reading: DownloadSurroundings;
  readonly #objects = new Map<string, SharedObject>();
  readonly #byPath = new Map<string, SharedObject>();
  readonly #places = new Map<string, Place>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;
  #sectors = 0;
  /** What a provider asked for last that the link does not pay. */
  #owed: bigint | undefined;

  private constructor({ link, market, node, cap }: Foundations, onIncident: (incident: Incident) => void) {
    const account = privateKeyToAccount(bytesToHex(link.delegateKey));
    this.#link = link;
    this.#market = market;
    this.#node = node;
    this.#providers = new Providers(node, market, { account }, this.#database);
    const vouchers = new Vouchers(market, account, this.#volumes, async () => cap);
    const report = (incident: Incident): void => {
      const { error } = incident;
      if (SubletException.is(error, "PaymentRequired")) this.#owed = error.error.owed - error.error.paid;
      onIncident(incident);
    };
    const around = { database: this.#database, providers: this.#providers, volumes: this.#volumes };
    this.#reading = {
      reader: new ShardReader({ ...around, vouchers, report }),
      contentKey: ({ id }) => this.#objects.get(bytesToHex(id))!.key,
      place: (slab) => this.#places.get(slabName(slab))!,
    };
  }

  /**
   * @throws SubletException LinkMalformed, LinkVersion, LinkExpired, LinkRevoked, LinkSpent, WrongChain, NotAMarket,
   * ChainUnavailable, TooFewProviders, BadArgument (the link does not say where the chain is; the trace is none)
   */
  static open(text: string, options: SharedOptions = {}): Promise<SharedFiles> {
    return orAborted(SharedFiles.#open(text, options), options.signal);
  }

  static async #open(text: string, options: SharedOptions): Promise<SharedFiles> {
    options.signal?.throwIfAborted();
    const link = decodeLink(text);
    const trace = options.trace === undefined ? newTrace() : requireTrace("trace", options.trace);
    const rpcUrl = options.rpcUrl ?? link.rpcUrl;
    if (rpcUrl === undefined) {
      const reason = "the link does not say where its chain can be reached";
      throw new SubletException({ code: "BadArgument", name: "--rpc", value: "", reason });
    }
    const market = await Market.connect({ rpcUrl, market: link.market, chainId: link.chainId });
    const cap = await standing(link, market);
    const node = await createNode({ ...askingAt(options.bootnodes), trace });
    const shared = new SharedFiles({ link, market, node, cap }, options.onIncident ?? (() => {}));
    const close = (): void => {
      // What is under way ends with the reason that its caller gave.
      shared.#closing.abort(options.signal?.reason);
      void shared.close().catch(() => undefined);
    };
    options.signal?.addEventListener("abort", close, { once: true });
    try {
      options.signal?.throwIfAborted();
      await shared.#learn(options.signal);
      return shared;
    } catch (error) {
      await shared.close();
      throw error;
    }
  }

  /** What providers' logs have of its calls: 32 digits of hex. */
  get trace(): string {
    return this.#node.trace!;
  }

  /** The name of what is shared. */
  get name(): string {
    return this.entries[0]!.path.split("/", 1)[0]!;
  }

  /** Whether that is one file or a folder. {@link get} and {@link stream} read a file, {@link fetch} brings all there are. */
  get kind(): "file" | "folder" {
    return this.entries.length === 1 && this.entries[0]!.path === this.name ? "file" : "folder";
  }

  /**
   * Fetches all of it to `target` on this machine, as {@link Sublet.fetch} does.
   * @throws SubletException of a single file: what went wrong with it
   */
  async fetch(target: string, options: Omit<FetchOptions, "version"> = {}): Promise<Fetched> {
    const { parallel = USUAL_PARALLEL } = options;
    requireParallel(parallel);
    const slots = new Slots(parallel + RUNS_AHEAD);
    const read = ({ path, bytes }: Entry, first: number, signal: AbortSignal) =>
      this.#bytes(this.#byPath.get(path)!, first, bytes, signal, slots);
    const signal = orClosed(this.#closing, options.signal);
    return fetchFiles(this.entries, this.name, target, read, { ...options, parallel }, signal);
  }

  /**
   * The bytes of a file, in order; of one that is read whole, what they are is checked at the end.
   * @throws SubletException TooFewProviders, LinkExpired, LinkRevoked, LinkSpent, LinkMalformed; NoSuchPath; BadArgument (a
   * folder, of which no file is named; a range outside the file)
   */
  async *get({ path, range, signal }: SharedGetOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const object = this.#byPath.get(normalize(path ?? this.name));
    if (!object && path !== undefined) throw new SubletException({ code: "NoSuchPath", path });
    if (!object) {
      const reason = "what is shared is a folder: name one of its files, or fetch all of it";
      throw new SubletException({ code: "BadArgument", name: "path", value: this.name, reason });
    }
    const { first, end } = bounds(object, range);
    const either = orClosed(this.#closing, signal);
    yield* first === 0 && end === object.length ? this.#whole(object, either) : this.#bytes(object, first, end, either);
  }

  /** {@link get} as a web stream: it fetches as it is read, a little ahead, and ends when it is cancelled. */
  stream(options: SharedGetOptions = {}): ReadableStream<Uint8Array> {
    return streamOf((signal) => this.get({ ...options, signal }), options.signal);
  }

  /** Ends everything under way. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#closing.abort();
      await this.#providers.close();
      await this.#node.stop();
      this.#database.close();
    })();
    return this.#closed;
  }

  /** Closes it, at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Finds the deals that hold it, and reads the list that the link leads to. */
  async #learn(signal?: AbortSignal): Promise<void> {
    const [market, volumes] = [this.#market, this.#volumes];
    await learnOpenings({ market, volumes, client: this.#link.client }, undefined);
    await this.#admit(this.#link.list);
    const [list] = this.#link.list.objects as [SharedObject];
    if (list.length > MAX_TREE_BYTES) throw malformed(`its list has ${list.length} bytes`);
    const pieces: Uint8Array[] = [];
    const either = orClosed(this.#closing, signal);
    for await (const piece of this.#whole(list, either)) pieces.push(piece);
    const tree = decoded(Buffer.concat(pieces));
    await this.#admit(tree);
    for (const { path, object: id } of tree.names.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
      const object = this.#objects.get(bytesToHex(id))!;
      this.entries.push({ path, bytes: object.length, stamp: 0, sha256: object.sha256 });
      this.#byPath.set(path, object);
    }
    const [first] = this.entries;
    const top = first?.path.split("/", 1)[0];
    if (top === undefined || this.entries.some(({ path }) => path !== top && !path.startsWith(`${top}/`)))
      throw malformed("what it shares is not one file or folder");
  }

  /** From now on these objects can be read: where their slabs lie is on chain. */
  async #admit({ objects, slabs }: Tree): Promise<void> {
    for (const volume of new Set(slabs.map((slab) => slab.volume))) {
      const known = this.#volumes.find(volume);
      if (!known) throw malformed(`its owner has no volume ${volume}`);
      await refreshDeals({ market: this.#market, volumes: this.#volumes }, known);
    }
    this.#database.transaction(() => {
      for (const { id, volume: of, length, roots, maskKey } of slabs) {
        const volume = this.#volumes.find(of)!;
        if (roots.length !== volume.n * NODE_BYTES) throw malformed("a slab does not fit its volume");
        this.#places.set(slabName(id), { volume, maskKeys: Keys.positionKeys(maskKey, volume.n) });
        for (const { id: deal, position } of this.#volumes.deals(of)) {
          const root = roots.slice(position * NODE_BYTES, (position + 1) * NODE_BYTES);
          const sql = "INSERT OR REPLACE INTO sector (deal, idx, slab, length, root) VALUES (?, ?, ?, ?, ?)";
          this.#database.run(sql, deal, this.#sectors++, Slab.idBytes(id), length, root);
        }
      }
    });
    const lengths = new Map(slabs.map(({ id, length }) => [slabName(id), length]));
    for (const object of objects) {
      const fits = object.extents.every(({ slab, offset, length }) => {
        const { k } = this.#places.get(slabName(slab))!.volume;
        if (offset % CHUNK_BYTES !== 0 || length > k * SECTOR_BYTES) return false;
        return offset + Slab.extentWidth(length, k) <= lengths.get(slabName(slab))!;
      });
      if (!fits) throw malformed("a file does not lie within its slabs");
      this.#objects.set(bytesToHex(object.id), object);
    }
  }

  async *#whole(object: SharedObject, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const hash = createHash("sha256");
    for await (const bytes of this.#bytes(object, 0, object.length, signal)) {
      hash.update(bytes);
      yield bytes;
    }
    if (Buffer.compare(hash.digest(), object.sha256) !== 0) throw malformed("what came back is not what it names");
  }

  async *#bytes(
    object: SharedObject,
    first: number,
    end: number,
    signal: AbortSignal,
    slots?: Slots,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* download({ ...this.#reading, ...(slots && { slots }) }, object, first, end, signal);
    } catch (error) {
      throw await this.#explained(error, signal);
    }
  }

  /** Of too few providers: why they are. */
  async #explained(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted || !SubletException.is(error, "TooFewProviders")) return error;
    try {
      const left = await standing(this.#link, this.#market);
      if (this.#owed === undefined) return error;
      return new SubletException({ code: "LinkSpent", owed: this.#owed, left }, { cause: error });
    } catch (why) {
      return why;
    }
  }
}

/** Ledger units that a link may still cost. @throws SubletException LinkExpired, LinkRevoked */
async function standing({ client, delegateKey, untilEpoch: promised }: Link, market: Market): Promise<bigint> {
  const { address } = privateKeyToAccount(bytesToHex(delegateKey));
  const [block, delegation] = await Promise.all([market.blockNumber(), market.delegation(client, address)]);
  const { scopes, untilEpoch, egressCap } = delegation;
  const epoch = market.epochs.at(block);
  if (epoch >= promised) throw new SubletException({ code: "LinkExpired", untilEpoch: promised, epoch });
  // A revocation brings the end forward; until that comes its owner has taken the list away.
  if (!(scopes & Scope.Read) || untilEpoch < promised)
    throw new SubletException({ code: "LinkRevoked", delegate: address });
  return egressCap;
}

function decoded(bytes: Uint8Array): Tree {
  try {
    return decodeTree(bytes);
  } catch (cause) {
    throw malformed(`its list: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}
