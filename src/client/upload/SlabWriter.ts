/**
 * Lays ciphertext into the slabs of one volume, stripe by stripe: into the journal first, and, at a checkpoint, into the
 * catalogue with the roots of all n positions. Only what a checkpoint covers may be sent: places beyond it can still get
 * other bytes after a crash, places before it never.
 */
import { BLOCK_BYTES, NODE_BYTES, SECTOR_BYTES, SectorTree, Slab } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { type Catalogue, type Extent, type SlabRecord, slabName } from "../catalogue/Catalogue.ts";
import type { Lanes } from "../catalogue/Heads.ts";
import type { Database } from "../home/Database.ts";
import type { Volume } from "../volumes/Volume.ts";
import type { Journal } from "./Journal.ts";
import type { Shards } from "./Shards.ts";
import type { Wanted } from "./Target.ts";

/** What a writer needs of the drive around it. */
export interface Surroundings {
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly lanes: Lanes;
  readonly journal: Journal;
  readonly shards: Shards;
  /** After a checkpoint: this much of a slab may be sent. Resolves when there is room for the next one. */
  readonly grown: (wanted: Wanted | undefined) => Promise<void>;
  /** @throws SubletException VolumeFull when no further slab fits the volume; the catalogue's own may use the reserve */
  readonly requireSlab: (forCatalogue: boolean) => void;
}

type Ciphertext = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** What is stored: a small file beside others, a large one from a new slab on, or a segment of the catalogue. */
export type Kind = "shared" | "alone" | "catalogue";

/** Lays the rest of something, of which no more fits here, in another volume. `full`: why. */
export type Elsewhere = (rest: AsyncIterable<Uint8Array>, kind: Kind, full: SubletException) => Promise<Extent[]>;

interface OpenSlab {
  readonly id: Slab.SlabId;
  /** Sector bytes laid so far, and how many of them the last checkpoint covered. */
  length: number;
  checkpointed: number;
  /** The packed block nodes of each position at the last checkpoint. */
  nodes: Uint8Array[];
}

export class SlabWriter {
  readonly #volume: Volume;
  readonly #around: Surroundings;
  #open: OpenSlab | undefined;
  /** The slab of small files, while a large one is laid. */
  #aside: OpenSlab | undefined;

  constructor(volume: Volume, around: Surroundings) {
    this.#volume = volume;
    this.#around = around;
  }

  /** Sector offset that the open slab is filled up to; undefined: none is open. */
  get offset(): number | undefined {
    return this.#open?.length;
  }

  /** Whether more may go into a slab: its bytes are needed here then. */
  keeps(slab: Slab.SlabId): boolean {
    return [this.#open, this.#aside].some((open) => open !== undefined && slabName(open.id) === slabName(slab));
  }

  /** Goes on with the slab that an earlier process left open, if its bytes are still here. */
  async resume(): Promise<void> {
    const { database, catalogue } = this.#around;
    const row = database.get<{ open_slab: Uint8Array | null }>(
      "SELECT open_slab FROM volume JOIN slab ON slab.id = open_slab WHERE volume.id = ? AND journaled = 1",
      `${this.#volume.id}`,
    );
    if (!row?.open_slab) return;
    const record = catalogue.slab(Slab.idFromBytes(row.open_slab))!;
    this.#open = { id: record.id, length: record.length, checkpointed: 0, nodes: this.#emptyNodes() };
    await this.#hash(this.#open);
    this.#open.checkpointed = record.length;
  }

  /**
   * Lays ciphertext, what does not fit `elsewhere`, if that is given: it is read from there on then. It counts only after the next checkpoint. When the source fails, its places are free again as
   * far as no checkpoint covered them.
   */
  async store(ciphertext: Ciphertext, kind: Kind, elsewhere?: Elsewhere): Promise<Extent[]> {
    if (kind !== "alone") return this.#store(ciphertext, kind, elsewhere);
    await this.checkpoint();
    const shared = this.#open;
    this.#aside = shared;
    this.#open = undefined;
    try {
      const extents = await this.#store(ciphertext, kind, elsewhere);
      // Small files go on in whichever of the two has more room.
      if (shared && shared.length < (this.offset ?? SECTOR_BYTES)) {
        await this.checkpoint();
        this.#open = shared;
      }
      return extents;
    } catch (error) {
      this.#open = shared;
      throw error;
    } finally {
      this.#aside = undefined;
    }
  }

  async #store(ciphertext: Ciphertext, kind: Kind, elsewhere?: Elsewhere): Promise<Extent[]> {
    const [begunIn, begunAt] = [this.#open, this.#open?.length ?? 0];
    const extents: Extent[] = [];
    try {
      const stripe = new Gathered(this.#volume.k * BLOCK_BYTES);
      for await (let piece of ciphertext) {
        while (piece.length > 0) {
          const full = this.#open ? undefined : this.#begin(kind);
          if (full && !elsewhere) throw full;
          // Every slab here is full and recorded, so nothing is left of it in the stripe.
          if (full) return [...extents, ...(await elsewhere!(resumed(piece, ciphertext), kind, full))];
          const open = this.#open!;
          const room = Math.min(stripe.capacity, Slab.room(open.length, this.#volume.k));
          piece = piece.subarray(stripe.add(piece, room));
          if (stripe.length === room) await this.#lay(open, stripe.take(), extents);
        }
      }
      if (stripe.length > 0) await this.#lay(this.#open!, stripe.take(), extents);
      return extents;
    } catch (error) {
      const open = this.#open;
      if (open) open.length = Math.max(open.checkpointed, open === begunIn ? begunAt : 0);
      if (open?.length === 0) this.#open = undefined;
      throw error;
    }
  }

  /** Makes everything laid so far lasting; `alongside` is recorded in the same transaction, before the slab. */
  async checkpoint(alongside: () => void = () => {}): Promise<void> {
    const open = this.#open;
    const grew = open !== undefined && open.length > open.checkpointed;
    try {
      if (grew) {
        await this.#around.journal.sync(open.id);
        await this.#hash(open);
      }
      this.#around.database.transaction(() => {
        alongside();
        if (grew) this.#around.catalogue.writeSlab(this.#record(open));
        this.#setOpen(open && open.length < SECTOR_BYTES ? open.id : undefined);
      });
    } catch (error) {
      // What was hashed and what is recorded differ now; the slab stays as it is recorded.
      this.#open = undefined;
      throw error;
    }
    if (open) open.checkpointed = open.length;
    if (open?.length === SECTOR_BYTES) this.#open = undefined;
    await this.#around.grown(grew ? { slab: open.id, length: open.length } : undefined);
  }

  #setOpen(slab: Slab.SlabId | undefined): void {
    const id = slab ? Slab.idBytes(slab) : null;
    this.#around.database.run("UPDATE volume SET open_slab = ? WHERE id = ?", id, `${this.#volume.id}`);
  }

  /** Opens a slab. @returns why it cannot */
  #begin(kind: Kind): SubletException<"VolumeFull"> | undefined {
    try {
      this.#around.requireSlab(kind === "catalogue");
    } catch (error) {
      if (SubletException.is(error, "VolumeFull")) return error;
      throw error;
    }
    const id = this.#around.lanes.nextSlab();
    this.#open = { id, length: 0, checkpointed: 0, nodes: this.#emptyNodes() };
    return undefined;
  }

  async #lay(open: OpenSlab, ciphertext: Uint8Array, extents: Extent[]): Promise<void> {
    const { k } = this.#volume;
    const width = Slab.stripeWidth(ciphertext.length, k);
    const padded = new Uint8Array(k * width);
    padded.set(ciphertext);
    const blocks = Array.from({ length: k }, (_, column) => padded.subarray(column * width, (column + 1) * width));
    await this.#around.journal.write(open.id, open.length, blocks);
    const last = extents.at(-1);
    if (last?.slab === open.id) {
      extents[extents.length - 1] = { ...last, length: last.length + ciphertext.length };
    } else {
      extents.push({ slab: open.id, offset: open.length, length: ciphertext.length });
    }
    open.length += width;
    if (open.length === SECTOR_BYTES) await this.checkpoint();
  }

  /** Brings the block nodes of all positions up to the slab's length. */
  async #hash(open: OpenSlab): Promise<void> {
    for (let index = Math.floor(open.checkpointed / BLOCK_BYTES); index * BLOCK_BYTES < open.length; index++) {
      const end = Math.min(open.length, (index + 1) * BLOCK_BYTES);
      const blocks = await this.#around.shards.block(this.#volume, open.id, index, end);
      open.nodes = open.nodes.map((nodes, position) => SectorTree.withBlocks(nodes, index, blocks[position]!));
    }
  }

  #record({ id, length, nodes }: OpenSlab): SlabRecord {
    const roots = new Uint8Array(this.#volume.n * NODE_BYTES);
    for (const [position, packed] of nodes.entries()) {
      roots.set(SectorTree.rootOfBlockNodes(packed), position * NODE_BYTES);
    }
    return { id, volume: this.#volume.id, length, roots };
  }

  #emptyNodes(): Uint8Array[] {
    const nodes = SectorTree.blockNodes(new Uint8Array(0));
    return Array.from({ length: this.#volume.n }, () => nodes);
  }
}

/** A stream that was read up to and with `piece`, of which this much is left, and what comes after. */
async function* resumed(piece: Uint8Array, after: Ciphertext): AsyncGenerator<Uint8Array> {
  yield piece;
  yield* after;
}

/** Pieces of any size, gathered into one of at most `capacity` bytes. */
class Gathered {
  readonly capacity: number;
  readonly #bytes: Uint8Array;
  length = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#bytes = new Uint8Array(capacity);
  }

  /** @returns how much of `piece` there was room for, up to `room` bytes in all */
  add(piece: Uint8Array, room: number): number {
    const taken = piece.subarray(0, room - this.length);
    this.#bytes.set(taken, this.length);
    this.length += taken.length;
    return taken.length;
  }

  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.length);
    this.length = 0;
    return taken;
  }
}
