/**
 * Lays ciphertext into the slabs of one volume, stripe by stripe: into the journal first, and, at a checkpoint, into the
 * catalogue with the roots of all n positions. Only what a checkpoint covers may be sent: places beyond it can still get
 * other bytes after a crash, places before it never.
 */
import { BLOCK_BYTES, NODE_BYTES, SECTOR_BYTES, SectorTree, Slab } from "../../codec/index.ts";
import type { Catalogue, Extent, SlabRecord } from "../catalogue/Catalogue.ts";
import type { Lanes } from "../catalogue/Heads.ts";
import type { Database } from "../home/Database.ts";
import type { Volume } from "../volumes/Volume.ts";
import type { Journal } from "./Journal.ts";
import type { Shards } from "./Shards.ts";

/** What a writer needs of the drive around it. */
export interface Surroundings {
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly lanes: Lanes;
  readonly journal: Journal;
  readonly shards: Shards;
  /** After a checkpoint: more may be sent. Resolves when the next slab may be begun (memory, disk, providers). */
  readonly grown: () => Promise<void>;
  /** @throws SubletException VolumeFull when no further slab fits the volume */
  readonly requireSlab: () => void;
}

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

  constructor(volume: Volume, around: Surroundings) {
    this.#volume = volume;
    this.#around = around;
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
   * Lays an object's ciphertext. `alone`: in slabs of its own, as large files are; otherwise from the open slab on.
   * The extents count only after the next checkpoint.
   */
  async store(ciphertext: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, alone: boolean): Promise<Extent[]> {
    if (alone) await this.#seal();
    const extents: Extent[] = [];
    const stripe = new Gathered(this.#volume.k * BLOCK_BYTES);
    for await (let piece of ciphertext) {
      while (piece.length > 0) {
        const open = this.#open ?? (await this.#begin());
        const room = Math.min(stripe.capacity, Slab.room(open.length, this.#volume.k));
        const taken = stripe.add(piece, room);
        piece = piece.subarray(taken);
        if (stripe.length === room) await this.#lay(open, stripe.take(), extents);
      }
    }
    if (stripe.length > 0) await this.#lay(this.#open!, stripe.take(), extents);
    return extents;
  }

  /** Makes everything laid so far lasting; `alongside` is recorded in the same transaction, before the slab. */
  async checkpoint(alongside: () => void = () => {}): Promise<void> {
    const open = this.#open;
    if (open && open.length > open.checkpointed) {
      await this.#around.journal.sync(open.id);
      await this.#hash(open);
    }
    this.#around.database.transaction(() => {
      alongside();
      if (open && open.length > open.checkpointed) this.#around.catalogue.writeSlab(this.#record(open));
      this.#around.database.run(
        "UPDATE volume SET open_slab = ? WHERE id = ?",
        open && open.length < SECTOR_BYTES ? Slab.idBytes(open.id) : null,
        `${this.#volume.id}`,
      );
    });
    if (open) open.checkpointed = open.length;
    if (open?.length === SECTOR_BYTES) this.#open = undefined;
    await this.#around.grown();
  }

  async #begin(): Promise<OpenSlab> {
    this.#around.requireSlab();
    const id = this.#around.lanes.nextSlab();
    this.#open = { id, length: 0, checkpointed: 0, nodes: this.#emptyNodes() };
    return this.#open;
  }

  /** Nothing more goes into the open slab. */
  async #seal(): Promise<void> {
    if (!this.#open) return;
    await this.checkpoint();
    this.#open = undefined;
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
