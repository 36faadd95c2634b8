/** A disk that forgets, when the power is cut, everything that was not flushed: bytes of files and names in directories. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Disk, nodeDisk } from "../../../src/provider-node/storage/Disk.ts";

export class LossyDisk implements Disk {
  readonly #flushedBytes = new Map<string, Uint8Array>();
  readonly #flushedNames = new Map<string, Set<string>>();

  makeDirectory = nodeDisk.makeDirectory;
  list = nodeDisk.list;
  size = nodeDisk.size;
  read = nodeDisk.read;
  write = nodeDisk.write;
  truncate = nodeDisk.truncate;
  remove = nodeDisk.remove;

  async sync(path: string): Promise<void> {
    // What is flushed is at least what the file held when the flush began.
    const bytes = readFileSync(path);
    await nodeDisk.sync(path);
    this.#flushedBytes.set(path, bytes);
  }

  async syncDirectory(path: string): Promise<void> {
    const names = new Set(readdirSync(path));
    await nodeDisk.syncDirectory(path);
    this.#flushedNames.set(path, names);
  }

  /** Copies `directory` to `copy` as a power cut at this moment would leave it. The database looks after itself. */
  cut(directory: string, copy: string): void {
    cpSync(directory, copy, { recursive: true });
    this.#forget(directory, copy, join(directory, "sectors"));
  }

  #forget(directory: string, copy: string, at: string): void {
    const names = this.#flushedNames.get(at) ?? new Set();
    for (const name of readdirSync(join(copy, relative(directory, at)))) {
      const path = join(at, name);
      const copied = join(copy, relative(directory, path));
      const flushed = this.#flushedBytes.get(path);
      if (!names.has(name)) rmSync(copied, { recursive: true });
      else if (statSync(copied).isDirectory()) this.#forget(directory, copy, path);
      else writeFileSync(copied, flushed ?? new Uint8Array(0));
    }
  }
}
