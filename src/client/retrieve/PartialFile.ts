/**
 * A file on its way to this machine, beside the name it will have: `NAME.<hash>.part`, and for a large one `.part.sums` with
 * the SHA-256 of each piece that was written. A process that is killed leaves both, and the next one goes on after the last
 * piece that still has its hash. Both are named after the content, and every write is to its own place: two processes that
 * fetch the same file write the same bytes to the same places.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { constants, type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncFolder } from "../home/Home.ts";

const PIECE_BYTES = 1_048_576;
const SUM_BYTES = 32;
/** Links are not followed: the place may be others' too. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
const PARTIAL = /^(.*)\.[0-9a-f]{16}\.part(?:\.sums)?$/;

/** What the file is to be. */
export interface Wanted {
  readonly length: number;
  readonly sha256: Uint8Array;
}

export class PartialFile {
  readonly #destination: string;
  readonly #path: string;
  readonly #wanted: Wanted;
  readonly #file: FileHandle;
  readonly #whole = createHash("sha256");
  readonly #piece: Buffer;
  /** Bytes written, and how many of them wait in `#piece`. */
  #length = 0;
  #waiting = 0;
  #sums: FileHandle | undefined;

  private constructor(destination: string, path: string, wanted: Wanted, file: FileHandle) {
    this.#destination = destination;
    this.#path = path;
    this.#wanted = wanted;
    this.#file = file;
    this.#piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, wanted.length));
  }

  /** Begins a file, or goes on with what an earlier process left of it. */
  static async open(destination: string, wanted: Wanted): Promise<PartialFile> {
    await mkdir(dirname(destination), { recursive: true });
    const path = `${destination}.${Buffer.from(wanted.sha256).toString("hex", 0, 8)}.part`;
    const partial = new PartialFile(destination, path, wanted, await open(path, FLAGS, 0o666));
    try {
      await partial.#resume();
      return partial;
    } catch (error) {
      await partial.leave();
      throw error;
    }
  }

  /** Bytes from the start on that are there and what they should be. */
  get length(): number {
    return this.#length;
  }

  /** The next bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length; ) {
      const some = bytes.subarray(taken, taken + this.#piece.length - this.#waiting);
      this.#piece.set(some, this.#waiting);
      this.#waiting += some.length;
      this.#length += some.length;
      taken += some.length;
      if (this.#waiting === this.#piece.length) await this.#flush();
    }
  }

  /** Gives the file its name, once all of it is on disk. @returns whether it is what it should be; nothing is left if not */
  async finish(): Promise<boolean> {
    const { length, sha256 } = this.#wanted;
    try {
      await this.#flush();
      if (this.#length !== length || Buffer.compare(this.#whole.digest(), sha256) !== 0) return false;
      await this.#file.truncate(length);
      await this.#file.sync();
      await rename(this.#path, this.#destination);
    } finally {
      await this.#close();
      await this.#remove();
    }
    await syncFolder(dirname(this.#destination));
    return true;
  }

  /** For the next attempt, if it would have anything to go on with. */
  async leave(): Promise<void> {
    await this.#close();
    if (this.#length < PIECE_BYTES) await this.#remove();
  }

  async #resume(): Promise<void> {
    if (this.#wanted.length <= PIECE_BYTES) return;
    this.#sums = await open(`${this.#path}.sums`, FLAGS, 0o666);
    const sum = Buffer.alloc(SUM_BYTES);
    while (this.#length < this.#wanted.length) {
      const size = Math.min(PIECE_BYTES, this.#wanted.length - this.#length);
      const piece = this.#piece.subarray(0, size);
      const { bytesRead } = await this.#file.read(piece, 0, size, this.#length);
      const known = await this.#sums.read(sum, 0, SUM_BYTES, this.#sumOffset);
      if (bytesRead < size || known.bytesRead < SUM_BYTES || Buffer.compare(sha256(piece), sum) !== 0) return;
      this.#whole.update(piece);
      this.#length += size;
    }
  }

  /** The bytes first, then their hash: one that is there without them fits nothing. */
  async #flush(): Promise<void> {
    const piece = this.#piece.subarray(0, this.#waiting);
    const at = this.#length - this.#waiting;
    this.#waiting = 0;
    if (piece.length === 0) return;
    this.#whole.update(piece);
    await writeAt(this.#file, piece, at);
    if (this.#sums) await writeAt(this.#sums, sha256(piece), (at / PIECE_BYTES) * SUM_BYTES);
  }

  get #sumOffset(): number {
    return (this.#length / PIECE_BYTES) * SUM_BYTES;
  }

  async #close(): Promise<void> {
    await this.#file.close();
    await this.#sums?.close();
  }

  async #remove(): Promise<void> {
    for (const path of [this.#path, `${this.#path}.sums`]) await rm(path, { force: true });
  }
}

/** Whether a file is there already, whole. */
export async function isThere(path: string, { length, sha256 }: Wanted): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  if (!there?.isFile() || there.size !== length) return false;
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(path)) hash.update(bytes as Buffer);
  return Buffer.compare(hash.digest(), sha256) === 0;
}

/** Removes what attempts for other contents of these files left beside them. */
export async function sweep(destinations: Iterable<string>): Promise<void> {
  const folders = Map.groupBy(destinations, dirname);
  for (const [folder, files] of folders) {
    const names = new Set(files.map((file) => basename(file)));
    for (const entry of await readdir(folder).catch(() => [])) {
      const of = PARTIAL.exec(entry)?.[1];
      if (of !== undefined && names.has(of)) await rm(join(folder, entry), { force: true });
    }
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written);
    written += bytesWritten;
  }
}
