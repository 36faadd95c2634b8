/** The uploads of a drive, one a volume, begun when something is to be written: writers, pumps, and where bytes come from. */
import { type Address, type Hex, isAddressEqual, type LocalAccount } from "viem";
import type { Market } from "../../chain/Market.ts";
import { NODE_BYTES, Slab } from "../../codec/index.ts";
import type { Connection } from "../../network/Client.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { MAX_LIST_ENTRIES } from "../../protocol/limits.ts";
import type { SignedRevision } from "../../protocol/Messages.ts";
import { laneTag, nextNumber, recoverSigner, revisionDigest, signDigest } from "../../protocol/TypedData.ts";
import type { Catalogue } from "../catalogue/Catalogue.ts";
import type { Lanes } from "../catalogue/Heads.ts";
import type { Database } from "../home/Database.ts";
import { type Change, DealMirror, type Fill, headHash, type Listed, type Pending } from "../volumes/DealMirror.ts";
import type { Providers } from "../volumes/Providers.ts";
import { leaveIfEmpty } from "../volumes/Standing.ts";
import { type Deal, reservedSectors, type Volume, type Volumes } from "../volumes/Volume.ts";
import { DealPump } from "./DealPump.ts";
import type { Journal } from "./Journal.ts";
import type { Shards } from "./Shards.ts";
import { SlabWriter } from "./SlabWriter.ts";
import { Target } from "./Target.ts";
import { VolumeUpload } from "./VolumeUpload.ts";

export interface UploadSurroundings {
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly lanes: Lanes;
  readonly journal: Journal;
  readonly shards: Shards;
  readonly volumes: Volumes;
  readonly providers: Providers;
  readonly market: Market;
  readonly account: LocalAccount;
  readonly client: Address;
  readonly signer: LocalAccount;
  /** Named in errors. */
  readonly databaseFile: string;
  readonly signal: AbortSignal;
  readonly patienceMs: number;
  /** A position's bytes from k others, where the journal has them no more. */
  rebuild(slab: Slab.SlabId, position: number, from: number, to: number): Promise<Uint8Array>;
  /** A head that another writer of this owner left with a provider. */
  learnHead(headBytes: Uint8Array): void;
}

/** A volume being written to. */
export interface Writing {
  readonly upload: VolumeUpload;
  readonly writer: SlabWriter;
}

export class Uploads {
  readonly #around: UploadSurroundings;
  readonly #writings = new Map<bigint, Promise<Writing>>();

  constructor(around: UploadSurroundings) {
    this.#around = around;
  }

  of(volume: Volume): Promise<Writing> {
    let writing = this.#writings.get(volume.id);
    if (!writing) {
      writing = this.#begin(volume);
      this.#writings.set(volume.id, writing);
    }
    return writing;
  }

  /** The last sectors are the catalogue's alone, the room left in them too: a full volume can still be emptied. */
  freeSectors(volume: Volume): number {
    return volume.capacity - reservedSectors(volume.capacity) - this.#around.catalogue.slabCount(volume.id);
  }

  /**
   * @throws SubletException VolumeFull unless files may take `sectors` more at each position
   */
  requireRoom(volume: Volume, sectors: number): void {
    const free = this.freeSectors(volume);
    if (sectors <= free) return;
    const fields = { needSectors: Math.max(1, sectors), freeSectors: Math.max(0, free) };
    throw new SubletException({ code: "VolumeFull", volume: volume.id, ...fields });
  }

  /**
   * Gives back the slabs of this drive that nothing is in any more: removed files, and what interrupted puts left. Called
   * while nothing is being laid.
   */
  async reclaim(volume: Volume): Promise<void> {
    const { catalogue, lanes, journal } = this.#around;
    const { upload, writer } = await this.of(volume);
    // One that is just being sent, or that a revision of unknown outcome adds, goes another time.
    const dead = catalogue
      .deadSlabs(volume.id, lanes.own())
      .filter((slab) => !writer.keeps(slab) && !upload.pumps.some((pump) => pump.works(slab)));
    if (dead.length === 0) return;
    catalogue.forgetSlabs(dead);
    upload.unwant(dead);
    for (const slab of dead) await journal.drop(slab);
  }

  /** Wants what the catalogue has learned since of slabs that other devices wrote. */
  async spread(volume: Volume): Promise<void> {
    const { upload } = await this.of(volume);
    for (const { id, length } of this.#around.catalogue.slabs(volume.id)) upload.want({ slab: id, length });
  }

  /**
   * Sees what other devices did to the deals of a volume, of `enough` positions if so many answer. Nothing is begun for it.
   * @returns how many were seen
   */
  async look(volume: Volume, enough: number, signal?: AbortSignal): Promise<number> {
    if (this.#writings.has(volume.id)) {
      await this.join(volume);
      return (await this.of(volume)).upload.look(signal, enough);
    }
    const stop = new AbortController();
    const either = AbortSignal.any([stop.signal, this.#around.signal, ...(signal ? [signal] : [])]);
    let seen = 0;
    const looks = this.#around.volumes.serving(volume.id).map(async (deal) => {
      await this.#see(deal, either);
      if (++seen >= enough) stop.abort();
    });
    await Promise.allSettled(looks);
    this.#around.signal.throwIfAborted();
    signal?.throwIfAborted();
    return seen;
  }

  async #see(deal: Deal, signal: AbortSignal): Promise<void> {
    const { database, providers } = this.#around;
    const mirror = new DealMirror(database, deal);
    await providers.call(deal.provider, async (connection) => {
      const { newest } = await connection.head({ deal: deal.id }, { signal });
      if (mirror.lags(newest)) await this.#adopt(mirror, connection, newest);
    });
  }

  /** Pumps for deals that were opened since. */
  async join(volume: Volume): Promise<void> {
    const { upload } = await this.of(volume);
    const known = new Set(upload.pumps.map(({ mirror }) => mirror.deal.id));
    for (const deal of this.#around.volumes.serving(volume.id))
      if (!known.has(deal.id)) upload.start(this.#pump(volume, deal, upload));
  }

  /** Slabs that every position has in full need their bytes here no more; the one still open does. */
  async dropComplete(volume: Volume): Promise<void> {
    const { database, journal } = this.#around;
    const rows = database.all<{ id: Uint8Array }>(
      `SELECT id FROM slab WHERE volume = ?1 AND journaled = 1
       AND id IS NOT (SELECT open_slab FROM volume WHERE volume.id = ?1)
       AND (SELECT count(DISTINCT deal.position) FROM sector JOIN deal ON deal.id = sector.deal
            WHERE sector.slab = slab.id AND sector.length = slab.length AND deal.retired = 0) = ?2`,
      `${volume.id}`,
      volume.n,
    );
    const { writer } = await this.of(volume);
    for (const { id } of rows) {
      if (writer.keeps(Slab.idFromBytes(id))) continue;
      database.run("UPDATE slab SET journaled = 0 WHERE id = ?", id);
      await journal.drop(Slab.idFromBytes(id));
    }
  }

  async close(): Promise<void> {
    for (const writing of this.#writings.values()) {
      const { upload } = await writing.catch(() => ({ upload: undefined }));
      await upload?.close();
    }
  }

  async #begin(volume: Volume): Promise<Writing> {
    const { catalogue, lanes, volumes, signal, patienceMs } = this.#around;
    lanes.own();
    const wanted = catalogue.slabs(volume.id).map(({ id, length }) => ({ slab: id, length }));
    const upload = new VolumeUpload(volume, new Target(wanted, lanes.head()), signal, patienceMs);
    for (const deal of volumes.serving(volume.id)) upload.start(this.#pump(volume, deal, upload));
    const writer = new SlabWriter(volume, {
      ...this.#around,
      grown: async (slab) => {
        if (slab) upload.want(slab);
        await upload.room();
      },
      requireSlab: (forCatalogue) => {
        if (!forCatalogue) this.requireRoom(volume, 1);
        else if (catalogue.slabCount(volume.id) >= volume.capacity) this.requireRoom(volume, 1);
      },
    });
    await writer.resume();
    return { upload, writer };
  }

  #pump(volume: Volume, deal: Deal, upload: VolumeUpload): DealPump {
    const { database, providers, signal } = this.#around;
    return new DealPump(new DealMirror(database, deal), {
      target: upload.target,
      signal,
      changed: upload.changed,
      connect: () => providers.connection(deal.provider),
      moved: (connection) => providers.moved(deal.provider, connection),
      range: (slab, from, to) => this.#range(volume, slab, deal.position, from, to),
      fill: (slab) => this.#fill(slab, deal.position),
      lane: this.#around.lanes.own(),
      sign: (mirror, change, headBytes) => this.#sign(mirror, change, headBytes),
      requireCountersigned: (signed) => this.#requireCountersigned(deal.provider, signed),
      adopt: (mirror, connection, newest) => this.#adopt(mirror, connection, newest),
      leave: (mirror) => leaveIfEmpty(this.#around, mirror),
    });
  }

  #range(volume: Volume, slab: Slab.SlabId, position: number, from: number, to: number): Promise<Uint8Array> {
    const { database, shards, rebuild } = this.#around;
    const row = database.get<{ journaled: number }>("SELECT journaled FROM slab WHERE id = ?", Slab.idBytes(slab));
    if (row?.journaled) return shards.range(volume, slab, position, from, to);
    return rebuild(slab, position, from, to);
  }

  async #fill(slab: Slab.SlabId, position: number): Promise<Fill> {
    const { length, roots } = this.#around.catalogue.slab(slab)!;
    return { slab, length, root: roots.slice(position * NODE_BYTES, (position + 1) * NODE_BYTES) };
  }

  /** Never a number twice: one whose revision was given up may be out there, countersigned, for ever. */
  async #sign(mirror: DealMirror, change: Change, headBytes: Uint8Array): Promise<Pending> {
    const { signer, lanes } = this.#around;
    const revision = mirror.next(change, headBytes, nextNumber(mirror.highest, laneTag(lanes.own())));
    const signature = await signDigest(signer, revisionDigest(this.#identity, revision));
    mirror.begin(revision, change, headBytes, signature);
    return mirror.pending()!;
  }

  async #requireCountersigned(provider: Address, { revision, providerSignature }: SignedRevision): Promise<void> {
    const signer = await recoverSigner(revisionDigest(this.#identity, revision), providerSignature);
    if (signer && (await this.#around.providers.signsFor(provider, signer))) return;
    throw badSignature("countersigned revision", signer);
  }

  async #adopt(mirror: DealMirror, connection: Connection, newest: SignedRevision): Promise<void> {
    const { deal } = mirror;
    const { lanes, catalogue, signer, learnHead } = this.#around;
    await requireOwn(this.#identity, signer.address, newest);
    await this.#requireCountersigned(deal.provider, newest);
    this.#requireKnown(mirror, newest);
    const { newest: now, headBytes } = await connection.head({ deal: deal.id });
    if (now?.revision.number !== newest.revision.number) throw new SubletException({ code: "Conflict" });
    if (headHash(headBytes) !== newest.revision.head) {
      const reason = "its head is not the one of its revision";
      throw new SubletException({ code: "BadReply", provider: deal.provider, verb: "head", reason });
    }
    const before = mirror.slabs;
    const list = await listed(connection, deal.id, newest.revision.number);
    // First: a mirror that has come so far is not looked at again, and what the head says would be lost on the next one.
    learnHead(headBytes);
    mirror.adopt(newest, list);
    const dropped = before.filter((slab) => slab.lane !== lanes.own() && !mirror.held(slab));
    catalogue.forgetSlabs(dropped);
    // From now on nobody is told less of other devices than this provider knew.
    for (const writing of this.#writings.values()) {
      const { upload } = await writing;
      if (upload.volume.id === deal.volume && dropped.length > 0) upload.unwant(dropped);
      upload.setHead(lanes.head());
    }
  }

  /**
   * Numbers of this drive's own lane come from here alone. One that is not known here was signed by a later state of this
   * home: this is an old copy of it, and would give places that are taken to other bytes.
   * @throws SubletException StateCorrupt
   */
  #requireKnown(mirror: DealMirror, { revision }: SignedRevision): void {
    const { lanes, databaseFile } = this.#around;
    if (laneTag(revision.number) !== laneTag(lanes.own()) || revision.number <= mirror.highest) return;
    const reason = "it is an older copy of a drive that has written since; restore the drive from its key instead";
    throw new SubletException({ code: "StateCorrupt", file: databaseFile, reason });
  }

  get #identity() {
    const { chainId, address } = this.#around.market;
    return { chainId, address };
  }
}

/**
 * All sectors of a deal in order, as its provider lists them at revision `number`.
 * @throws SubletException Conflict when the deal moved on meanwhile
 */
export async function listed(
  connection: Connection,
  deal: Hex,
  number: bigint,
  signal?: AbortSignal,
): Promise<Listed[]> {
  const entries: Listed[] = [];
  for (let sectors = 1; entries.length < sectors; ) {
    const page = await connection.list(
      { deal, from: entries.length, limit: MAX_LIST_ENTRIES },
      signal ? { signal } : {},
    );
    if (page.number !== number) throw new SubletException({ code: "Conflict" });
    sectors = page.sectors;
    if (page.entries.length === 0) break;
    entries.push(...page.entries);
  }
  return entries;
}

/** @throws SubletException BadSignature unless the drive's signer signed the revision */
export async function requireOwn(
  market: { chainId: number; address: Address },
  expected: Address,
  { revision, clientSignature }: SignedRevision,
): Promise<void> {
  const signer = await recoverSigner(revisionDigest(market, revision), clientSignature);
  if (!signer || !isAddressEqual(signer, expected)) throw badSignature("client's revision", signer);
}

function badSignature(what: string, actual: Address | undefined): SubletException {
  return new SubletException({ code: "BadSignature", what, ...(actual && { actual }) });
}
