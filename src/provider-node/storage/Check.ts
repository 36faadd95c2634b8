/**
 * Compares a store with what was countersigned, whatever its index says: hashes every sector that a revision still holds,
 * and makes of them the roots that client and provider signed. What the disk has and the index has wrong can be put right.
 */
import type { DatabaseSync } from "node:sqlite";
import { bytesToHex, type Hex } from "viem";
import { DealTree, MAX_DEAL_SECTORS, SectorTree } from "../../codec/index.ts";
import { type Market, recoverSigner, revisionDigest } from "../../protocol/TypedData.ts";
import type { Disk } from "./Disk.ts";
import { Index, type IndexedPlace, type IndexedSlab } from "./Index.ts";
import { Journal } from "./Journal.ts";
import { type Folder, nameOf, sectorPath } from "./Space.ts";
import type { DealRecord } from "./Store.ts";

/** A sector whose bytes are not there as they were countersigned: it can be neither read nor proved. */
export interface LostSector {
  readonly deal: Hex;
  /** Its place in the newest revision that holds it. */
  readonly sector: number;
  readonly slab: string;
  readonly file: string;
  readonly reason: string;
}

/** Something that the index has wrong. */
export interface WrongIndex {
  readonly deal: Hex;
  readonly what: string;
  readonly repaired: boolean;
}

export interface CheckReport {
  readonly deals: number;
  readonly revisions: number;
  readonly sectors: number;
  readonly bytes: number;
  readonly lost: LostSector[];
  readonly wrong: WrongIndex[];
}

export interface CheckOptions {
  readonly database: DatabaseSync;
  readonly disk: Disk;
  readonly folders: readonly Folder[];
  readonly market: Market;
  /** Put right what the index has wrong and the disk shows. */
  readonly repair: boolean;
  readonly onSector?: (done: number) => void;
}

export async function check(options: CheckOptions): Promise<CheckReport> {
  const checking = new Checking(options);
  for (const deal of checking.journal.deals()) await checking.deal(deal);
  return checking.report;
}

/** Of slabs by name: the roots that their files have, at the lengths that revisions hold them at. */
type Found = Map<string, Map<number, Uint8Array>>;

interface Miss {
  readonly what: string;
  readonly repair: () => void;
}

class Checking {
  readonly journal: Journal;
  readonly report = {
    ...{ deals: 0, revisions: 0, sectors: 0, bytes: 0 },
    ...{ lost: [] as LostSector[], wrong: [] as WrongIndex[] },
  };
  readonly #options: CheckOptions;
  readonly #index: Index;
  /** What the index of the deal at hand has wrong, and what puts it right. */
  #wrong: Miss[] = [];
  /** By name: slabs whose bytes the index denies in every way, what is told if it is right, and if it is not. */
  #doubtful = new Map<string, { readonly lost: LostSector; readonly misses: readonly Miss[] }>();

  constructor(options: CheckOptions) {
    this.#options = options;
    this.journal = new Journal(options.database);
    this.#index = new Index(options.database);
  }

  async deal(deal: DealRecord): Promise<void> {
    this.report.deals++;
    this.#wrong = [];
    this.#doubtful = new Map();
    const found: Found = new Map();
    for (const slab of this.#index.slabs(deal.id)) await this.#slab(deal.id, slab, found);
    let unmade = await this.#unmade(deal, found);
    if (unmade.length > 0) {
      // Then what the index denies are other bytes than were signed, unless the rest is wrong as well.
      for (const [name, { lost }] of this.#doubtful) {
        found.delete(name);
        this.report.lost.push(lost);
      }
      unmade = await this.#unmade(deal, found);
    } else for (const { misses } of this.#doubtful.values()) this.#wrong.push(...misses);
    // Only what makes the roots that were signed is known to be right.
    const repaired = this.#options.repair && unmade.length === 0;
    if (repaired) {
      this.journal.transaction(() => {
        for (const { repair } of this.#wrong) repair();
      });
    }
    for (const { what } of this.#wrong) this.report.wrong.push({ deal: deal.id, what, repaired });
    for (const what of unmade) this.report.wrong.push({ deal: deal.id, what, repaired: false });
    this.report.revisions += this.journal.receiptCount(deal.id);
  }

  /** What is not as it was signed, with the bytes that the disk has and the index's word for those that it has not. */
  async #unmade({ id, clientSigner }: DealRecord, found: Found): Promise<string[]> {
    const unmade: string[] = [];
    for (const { revision, clientSignature } of this.journal.receipts(id)) {
      const { number, root, sectors } = revision;
      const signer = await recoverSigner(revisionDigest(this.#options.market, revision), clientSignature);
      if (signer !== clientSigner) unmade.push(`revision ${number} is not signed by ${clientSigner}`);
      const listed = this.journal.sectors(id, number, 0, MAX_DEAL_SECTORS);
      const roots = listed.map((sector) => found.get(nameOf(sector.slab))?.get(sector.length) ?? sector.root);
      if (listed.length === sectors && bytesToHex(DealTree.of(roots).root) === root) continue;
      unmade.push(
        `revision ${number} has ${sectors} sectors of root ${root}, and the ${listed.length} listed do not make it`,
      );
    }
    return unmade;
  }

  /** Hashes a slab's file, wherever it lies, and compares what the index says of it. */
  async #slab(deal: Hex, slab: IndexedSlab, found: Found): Promise<void> {
    this.report.sectors++;
    this.#options.onSector?.(this.report.sectors);
    const name = nameOf(slab.slab);
    const places = this.#index.places(deal, slab.slab);
    const { path, folder, bytes, reason } = await this.#find(deal, slab);
    const lost = { deal, sector: places.at(-1)?.place ?? 0, slab: name, file: path };
    if (!bytes) {
      this.report.lost.push({ ...lost, reason });
      return;
    }
    this.report.bytes += bytes.length;
    const nodes = SectorTree.blockNodes(bytes);
    const roots = rootsOf(bytes, nodes, places);
    const wrong = places.filter(({ length, root }) => Buffer.compare(roots.get(length)!, root) !== 0);
    const longest = Math.max(0, ...places.map(({ length }) => length));
    const sameNodes = Buffer.compare(nodes, slab.blockNodes) === 0;
    found.set(name, roots);
    const misses: Miss[] = wrong.map(({ place, since, length }) => ({
      what: `the root of sector ${place}`,
      repair: () => this.#index.setRoot(deal, place, since, roots.get(length)!),
    }));
    if (folder !== slab.folder) {
      const repair = (): void => this.#index.setFolder(deal, slab.slab, folder);
      misses.push({ what: `where slab ${name} lies: it is ${path}`, repair });
    }
    if (!sameNodes) {
      const repair = (): void => this.#index.setNodes(deal, slab.slab, nodes);
      misses.push({ what: `the nodes of slab ${name}`, repair });
    }
    // Either says that these are the bytes; where both deny it, only the roots that were signed can tell.
    if (sameNodes || wrong.every(({ length }) => length < longest)) this.#wrong.push(...misses);
    else {
      const reason = "other bytes are in it than were countersigned";
      this.#doubtful.set(name, { lost: { ...lost, reason }, misses });
    }
  }

  /** The first bytes of a slab's file: where the index says, else in any other folder. */
  async #find(deal: Hex, slab: IndexedSlab) {
    const { disk, folders } = this.#options;
    const fileIn = ({ path }: Folder): string => sectorPath(path, deal, slab.slab);
    const own = folders.find(({ key }) => key === slab.folder)!;
    let reason = "";
    for (const folder of [own, ...folders.filter((one) => one !== own)]) {
      const path = fileIn(folder);
      const size = await disk.size(path).catch(() => undefined);
      if (folder === own) reason = size === undefined ? "it is not there" : `it has ${size} bytes, not ${slab.length}`;
      if (size === undefined || size < slab.length) continue;
      try {
        return { path, folder: folder.key, bytes: await disk.read(path, 0, slab.length), reason: "" };
      } catch (error) {
        reason = error instanceof Error ? error.message : `${error}`;
      }
    }
    return { path: fileIn(own), folder: own.key, bytes: undefined, reason };
  }
}

function rootsOf(bytes: Uint8Array, nodes: Uint8Array, places: readonly IndexedPlace[]): Map<number, Uint8Array> {
  const roots = new Map<number, Uint8Array>();
  for (const { length } of places) {
    if (roots.has(length)) continue;
    const whole = length === bytes.length;
    roots.set(length, whole ? SectorTree.rootOfBlockNodes(nodes) : SectorTree.root(bytes.subarray(0, length)));
  }
  return roots;
}
