/**
 * Brings what the drive has under a path to what a folder of this machine holds. What is compared is contents, by their
 * SHA-256: a new process finds what an earlier one stored, also one that was killed, and stores nothing twice.
 */

import { SubletException } from "../../protocol/Errors.ts";
import { normalize } from "../catalogue/Path.ts";
import { type Failure, failureOf } from "../Parallel.ts";
import { changeNames } from "../upload/Naming.ts";
import { type Files, type PutOptions, putFiles } from "../upload/Put.ts";
import type { Named } from "../upload/Source.ts";
import type { Writable } from "../upload/Writable.ts";
import { type Folder, type Look, type Seen, steady } from "./Folder.ts";

/** What one pass did; paths of the drive. `busy`: files that are written to now, for the next pass. */
export interface Mirrored {
  readonly put: readonly string[];
  readonly moved: readonly { readonly from: string; readonly to: string }[];
  readonly removed: readonly string[];
  readonly failed: readonly Failure[];
  readonly busy: number;
}

/** What is to be done, and what with which content. */
interface Difference {
  readonly put: ReadonlyMap<string, Seen>;
  readonly moved: readonly { readonly from: string; readonly to: string }[];
  readonly removed: readonly string[];
}

export class Mirror {
  readonly #drive: Writable;
  readonly #folder: Folder;
  readonly #path: string;
  readonly #options: PutOptions & { readonly parallel: number };
  #first = true;

  constructor(drive: Writable, folder: Folder, path: string, options: PutOptions & { readonly parallel: number }) {
    this.#drive = drive;
    this.#folder = folder;
    this.#path = normalize(path);
    this.#options = options;
  }

  /**
   * @throws SubletException NoSuchPath (the folder is gone), BadArgument (at first: it is empty, and the drive has files),
   * VolumeFull, NotDurable: another pass goes on
   */
  async pass(signal: AbortSignal): Promise<Mirrored> {
    const { parts, publisher } = this.#drive;
    // What an earlier pass named and did not bring to its end: it must be seen, or it would be stored again.
    for (const id of parts.segments.unfinishedVolumes())
      await publisher.publish(parts.volumes.require(id, parts.home.path));
    const look = await this.#folder.look(signal);
    const { named, failed } = this.#named(look);
    const difference = this.#compare(named, look);
    if (this.#first && look.files.size + look.busy.size === 0 && difference.removed.length > 0) {
      const reason = `it is empty and the drive has ${difference.removed.length} files there; put something into it, or rm them`;
      throw new SubletException({ code: "BadArgument", name: "folder", value: this.#path, reason });
    }
    this.#first = false;
    const { moved, removed } = difference;
    await changeNames(this.#drive, moved, removed);
    const stored = await this.#put(difference.put);
    return {
      ...{ put: stored.put, moved, removed, busy: look.busy.size },
      failed: [...look.failed, ...failed, ...stored.failed],
    };
  }

  #named({ files }: Look): { named: Map<string, Seen>; failed: Failure[] } {
    const named = new Map<string, Seen>();
    const failed: Failure[] = [];
    for (const [below, seen] of files) {
      try {
        named.set(normalize(`${this.#path}/${below}`), seen);
      } catch (error) {
        failed.push(failureOf(below, error));
      }
    }
    return { named, failed };
  }

  #compare(named: ReadonlyMap<string, Seen>, { busy }: Look): Difference {
    const there = new Map<string, string>();
    const gone = new Map<string, { path: string; bytes: number }[]>();
    const busyPaths = new Map([...busy].map(([below, bytes]) => [`${this.#path}/${below}`.normalize("NFC"), bytes]));
    for (const { path, bytes, sha256 } of this.#drive.parts.catalogue.list(this.#path)) {
      const hash = Buffer.from(sha256).toString("hex");
      there.set(path, hash);
      if (named.has(path) || busyPaths.has(path)) continue;
      gone.set(hash, [...(gone.get(hash) ?? []), { path, bytes }]);
    }
    // One of these may be what a file that is gone is called now: it is not removed before that can be told.
    const arriving = new Set([...busyPaths].filter(([path]) => !there.has(path)).map(([, bytes]) => bytes));
    const put = new Map<string, Seen>();
    const moved: { from: string; to: string }[] = [];
    for (const [path, seen] of named) {
      if (there.get(path) === seen.hash) continue;
      const from = there.has(path) ? undefined : gone.get(seen.hash)?.shift()?.path;
      if (from === undefined) put.set(path, seen);
      else moved.push({ from, to: path });
    }
    const removed = [...gone.values()].flat().filter(({ bytes }) => !arriving.has(bytes));
    return { put, moved, removed: removed.map(({ path }) => path).sort() };
  }

  async #put(wanted: ReadonlyMap<string, Seen>): Promise<{ put: string[]; failed: readonly Failure[] }> {
    if (wanted.size === 0) return { put: [], failed: [] };
    const files: Named[] = [...wanted].map(([path, seen]) => ({ path, content: steady(seen) }));
    const all: Files = { folder: true, files, failed: [] };
    const { failed } = await putFiles(this.#drive, this.#path, all, this.#options);
    const lost = new Set(failed.map(({ path }) => path));
    return { put: [...wanted.keys()].filter((path) => !lost.has(path)), failed };
  }
}
