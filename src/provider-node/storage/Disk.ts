/** The few things that the store asks of a file system, so that each of them can be made to fail in a test. */
import { mkdir, open, readdir, rm, stat, truncate } from "node:fs/promises";

export interface Disk {
  makeDirectory(path: string): Promise<void>;
  /** File and directory names in a directory; none where there is no directory. */
  list(path: string): Promise<string[]>;
  /** Bytes in a file; undefined where there is none. */
  size(path: string): Promise<number | undefined>;
  /** Up to `length` bytes from `offset` on: fewer where the file ends before. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Writes into a file, creating it in a directory that exists. */
  write(path: string, offset: number, bytes: Uint8Array): Promise<void>;
  truncate(path: string, length: number): Promise<void>;
  /** Returns once a file's bytes would survive a power cut. */
  sync(path: string): Promise<void>;
  /** Returns once the names in a directory would survive a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** Removes a file or a directory with all in it; nothing there is fine. */
  remove(path: string): Promise<void>;
}

export const nodeDisk: Disk = {
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 });
  },

  async list(path) {
    return readdir(path).catch((error) => ifMissing(error, []));
  },

  async size(path) {
    return stat(path).then(
      ({ size }) => size,
      (error) => ifMissing(error, undefined),
    );
  },

  async read(path, offset, length) {
    await using file = await open(path, "r");
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  },

  async write(path, offset, bytes) {
    await using file = await openToWrite(path);
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
      done += bytesWritten;
    }
  },

  async truncate(path, length) {
    await truncate(path, length);
  },

  // A new descriptor is enough: fdatasync flushes every dirty page of the file, and a write-back error that nobody has
  // seen yet is reported to whoever opens the file next.
  async sync(path) {
    await using file = await open(path, "r+");
    await file.datasync();
  },

  async syncDirectory(path) {
    await using directory = await open(path, "r");
    await directory.sync();
  },

  async remove(path) {
    await rm(path, { recursive: true, force: true });
  },
};

async function openToWrite(path: string) {
  return open(path, "r+").catch((error) => {
    if (error.code !== "ENOENT") throw error;
    return open(path, "wx+", 0o600);
  });
}

function ifMissing<Value>(error: NodeJS.ErrnoException, value: Value): Value {
  if (error.code === "ENOENT") return value;
  throw error;
}
