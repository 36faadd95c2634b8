/** The store's tables as a check of them needs them: what they say of each slab's file, and ways to put that right. */
import type { DatabaseSync } from "node:sqlite";
import { type Hex, hexToBytes } from "viem";
import { idBytes, idFromBytes, type SlabId } from "../../codec/Slab.ts";
import { OF_DEAL } from "./Journal.ts";

export interface IndexedSlab {
  readonly slab: SlabId;
  readonly length: number;
  readonly blockNodes: Uint8Array;
  readonly folder: number;
}

/** A place in the list of some revisions, from step `since` on, that a slab has at a length. */
export interface IndexedPlace {
  readonly place: number;
  readonly since: number;
  readonly length: number;
  readonly root: Uint8Array;
}

export class Index {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  slabs(deal: Hex): IndexedSlab[] {
    const rows = this.#database.prepare(`SELECT * FROM kept WHERE ${OF_DEAL} ORDER BY slab`).all(hexToBytes(deal));
    return rows.map((row) => ({
      ...{ slab: idFromBytes(row.slab as Uint8Array), length: Number(row.length) },
      ...{ blockNodes: row.block_nodes as Uint8Array, folder: Number(row.folder) },
    }));
  }

  /** Oldest first. */
  places(deal: Hex, slab: SlabId): IndexedPlace[] {
    const sql = `SELECT * FROM place WHERE ${OF_DEAL} AND slab = ? ORDER BY since`;
    return this.#database
      .prepare(sql)
      .all(hexToBytes(deal), idBytes(slab))
      .map((row) => ({
        ...{ place: Number(row.place), since: Number(row.since) },
        ...{ length: Number(row.length), root: row.root as Uint8Array },
      }));
  }

  setFolder(deal: Hex, slab: SlabId, folder: number): void {
    const sql = `UPDATE kept SET folder = ? WHERE ${OF_DEAL} AND slab = ?`;
    this.#database.prepare(sql).run(folder, hexToBytes(deal), idBytes(slab));
  }

  setNodes(deal: Hex, slab: SlabId, nodes: Uint8Array): void {
    const sql = `UPDATE kept SET block_nodes = ? WHERE ${OF_DEAL} AND slab = ?`;
    this.#database.prepare(sql).run(nodes, hexToBytes(deal), idBytes(slab));
  }

  setRoot(deal: Hex, place: number, since: number, root: Uint8Array): void {
    const sql = `UPDATE place SET root = ? WHERE ${OF_DEAL} AND place = ? AND since = ?`;
    this.#database.prepare(sql).run(root, hexToBytes(deal), place, since);
  }
}
