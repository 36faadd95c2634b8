/** A folder of this machine, looked at again and again: which files are in it, and what their contents are. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { SubletException } from "../../protocol/Errors.ts";
import { type Failure, failureOf } from "../Parallel.ts";
import { type Content, file } from "../upload/Source.ts";

/** What tells, without reading a file, that it is as it was. */
interface Print {
  readonly bytes: number;
  /** Of content or place: a file that was moved here may be as old as it likes. */
  readonly changedNs: bigint;
  readonly inode: bigint;
}

/** A file that nobody wrote to while it was read. `hash`: SHA-256, hex. */
export interface Seen extends Print {
  readonly place: string;
  readonly hash: string;
}

/** By path below the folder. `busy`: files that somebody writes to now, and how long they are by now. */
export interface Look {
  readonly files: ReadonlyMap<string, Seen>;
  readonly busy: ReadonlyMap<string, number>;
  readonly failed: readonly Failure[];
}

export class Folder {
  readonly #root: string;
  readonly #quietMs: number;
  /** Contents are read again only where size, time or place on disk tell that they may have changed. */
  #known = new Map<string, Seen>();
  #identity: string | undefined;

  /** @param quietMs a file is taken once nobody wrote to it for so long */
  constructor(root: string, quietMs: number) {
    this.#root = root;
    this.#quietMs = quietMs;
  }

  /** @throws SubletException NoSuchPath when it is not there any more, or another one is: a disk that was unmounted */
  async look(signal: AbortSignal): Promise<Look> {
    await this.#requireSame();
    const known = this.#known;
    const files = new Map<string, Seen>();
    const busy = new Map<string, number>();
    const failed: Failure[] = [];
    for (const entry of await readdir(this.#root, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue;
      signal.throwIfAborted();
      const place = join(entry.parentPath, entry.name);
      const below = relative(this.#root, place).split(sep).join("/");
      try {
        const seen = await this.#see(place, known.get(below));
        if ("hash" in seen) files.set(below, seen);
        else busy.set(below, seen.bytes);
      } catch (error) {
        // Gone since: another look will tell.
        if ((error as NodeJS.ErrnoException).code === "ENOENT") busy.set(below, 0);
        else failed.push(failureOf(below, error));
      }
    }
    await this.#requireSame();
    this.#known = files;
    return { files, busy, failed };
  }

  async #requireSame(): Promise<void> {
    const found = await lstat(this.#root, { bigint: true }).catch(() => undefined);
    const identity = found?.isDirectory() ? `${found.dev} ${found.ino}` : undefined;
    this.#identity ??= identity;
    if (identity === undefined || identity !== this.#identity)
      throw new SubletException({ code: "NoSuchPath", path: this.#root });
  }

  /** @returns without its hash while somebody writes to it */
  async #see(place: string, before: Seen | undefined): Promise<Seen | Print> {
    const print = await printOf(place);
    if (before && isSame(print, before)) return before;
    if (Date.now() - Number(print.changedNs / 1_000_000n) < this.#quietMs) return print;
    const hash = createHash("sha256");
    for await (const bytes of createReadStream(place)) hash.update(bytes as Buffer);
    return isSame(print, await printOf(place)) ? { ...print, place, hash: hash.digest("hex") } : print;
  }
}

/** The content of a file as it was seen; reading it fails at its end where it was changed meanwhile. */
export function steady(seen: Seen): Content {
  const content = file(seen.place, "", seen.bytes);
  return {
    ...content,
    async *open() {
      const hash = createHash("sha256");
      for await (const bytes of content.open()) {
        hash.update(bytes);
        yield bytes;
      }
      if (hash.digest("hex") === seen.hash) return;
      throw new SubletException({ code: "SourceUnreadable", path: seen.place, reason: "it changed while it was read" });
    },
  };
}

async function printOf(place: string): Promise<Print> {
  const { size, ctimeNs, ino } = await lstat(place, { bigint: true });
  return { bytes: Number(size), changedNs: ctimeNs, inode: ino };
}

function isSame(one: Print, other: Print): boolean {
  return one.bytes === other.bytes && one.changedNs === other.changedNs && one.inode === other.inode;
}
