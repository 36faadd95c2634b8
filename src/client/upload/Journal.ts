/**
 * Bytes on their way: the ciphertext of every slab that not all its providers have yet. One file a slab holds its k data
 * columns one after another, each as long as a sector, so that any range of any position can be computed from it again.
 * Nothing is sent that is not synced here first: after a crash the same place gets the same bytes.
 */
import { mkdirSync } from "node:fs";
import { constants, type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { SECTOR_BYTES, type Slab } from "../../codec/index.ts";
import { slabName } from "../catalogue/Catalogue.ts";
import { syncFolder } from "../home/Home.ts";

export class Journal {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Writes one stripe: its k data blocks, of one width, at sector offset `offset`. Not yet safe from a power cut. */
  async write(slab: Slab.SlabId, offset: number, blocks: readonly Uint8Array[]): Promise<void> {
    await this.#with(slab, async (file) => {
      for (const [column, block] of blocks.entries()) {
        await writeWhole(file, block, column * SECTOR_BYTES + offset);
      }
    });
  }

  /** Everything written to the slab is on disk when this returns. */
  async sync(slab: Slab.SlabId): Promise<void> {
    await this.#with(slab, (file) => file.sync());
    await syncFolder(this.#folder);
  }

  /** Bytes [from, to) of the k data columns; what was never written reads as zero. */
  async read(slab: Slab.SlabId, k: number, from: number, to: number): Promise<Uint8Array[]> {
    return this.#with(slab, async (file) => {
      const columns: Uint8Array[] = [];
      for (let column = 0; column < k; column++) {
        columns.push(await readWhole(file, column * SECTOR_BYTES + from, to - from));
      }
      return columns;
    });
  }

  /** Every provider has it, or nobody ever needs it. */
  async drop(slab: Slab.SlabId): Promise<void> {
    await rm(this.#file(slab), { force: true });
  }

  /** Bytes that the journal takes on disk. */
  async size(): Promise<number> {
    const sizes = (await readdir(this.#folder)).map(
      async (name) => (await stat(join(this.#folder, name))).blocks * 512,
    );
    return (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Opened for each use: a drive with providers behind has more files here than a process may hold open. */
  async #with<Result>(slab: Slab.SlabId, work: (file: FileHandle) => Promise<Result>): Promise<Result> {
    const file = await open(this.#file(slab), constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      return await work(file);
    } finally {
      await file.close();
    }
  }

  #file(slab: Slab.SlabId): string {
    return join(this.#folder, `${slabName(slab)}.slab`);
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written);
    written += bytesWritten;
  }
}

async function readWhole(file: FileHandle, at: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length; ) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes;
}
