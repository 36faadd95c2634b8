/** Laying files into volumes: into the journal, then into the catalogue; nothing is sent before both are on disk. */
import { SECTOR_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { StoredObject } from "../catalogue/Catalogue.ts";
import { type Failure, failureOf } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import type { Volume } from "../volumes/Volume.ts";
import { placeOrGrow, type ToPlace } from "./Placing.ts";
import type { Elsewhere } from "./SlabWriter.ts";
import { type Named, readAhead } from "./Source.ts";
import { type Progress, slabsNeeded, storeObject } from "./Storing.ts";
import type { Writing } from "./Uploads.ts";

export interface LayOptions {
  /** Whether a file that cannot be read is left out. */
  readonly folder: boolean;
  readonly parallel: number;
  /** The only volume to use. */
  readonly volume?: bigint;
  readonly onProgress?: Progress;
  readonly signal: AbortSignal;
}

/** What was laid. */
export interface Laid {
  readonly stored: readonly StoredObject[];
  readonly failed: readonly Failure[];
}

/** Files that are laid before the catalogue is told of them. */
const FILES_AT_ONCE = 256;

/** One put. It goes into one volume, but for a stream whose length nobody knew: that goes on in another where one is full. */
export class Laying {
  readonly #parts: Parts;
  readonly #options: LayOptions;
  #current: Writing | undefined;

  constructor(parts: Parts, options: LayOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Where it goes on. */
  get volume(): Volume | undefined {
    return this.#current?.upload.volume;
  }

  /** Finds room for all of it, before the first byte is laid. @throws SubletException as {@link placeOrGrow} */
  async begin(files: readonly Named[]): Promise<void> {
    if (this.#current) return;
    const { uploads } = this.#parts;
    const lengths = files.map(({ content }) => content.bytes ?? 0);
    const current = await this.#place({ lengths });
    const { volume } = current.upload;
    await uploads.reclaim(volume);
    uploads.requireRoom(volume, slabsNeeded(lengths, volume, current.writer.offset));
    this.#current = current;
  }

  /** Lays and names files; everything of it is on disk when this returns. @throws SubletException VolumeFull */
  async lay(batch: readonly Named[]): Promise<Laid> {
    const { folder, parallel, signal } = this.#options;
    const stored: StoredObject[] = [];
    const failed: Failure[] = [];
    let waiting: { path: string; object: StoredObject }[] = [];
    const record = async (): Promise<void> => {
      await this.#record(waiting);
      waiting = [];
    };
    for await (const { path, content } of ahead(batch, parallel)) {
      signal.throwIfAborted();
      try {
        const { object, into } = await this.#store(content);
        if (into !== this.#current) await record();
        this.#current = into;
        stored.push(object);
        waiting.push({ path, object });
      } catch (error) {
        // Its places are free again; the others of the folder go on.
        if (!folder || !SubletException.is(error, "SourceUnreadable")) throw error;
        failed.push(failureOf(path, error));
      }
      if (waiting.length >= FILES_AT_ONCE) await record();
    }
    await record();
    return { stored, failed };
  }

  /** @returns with where the end of it lies, which is where it is to be named */
  async #store(content: Named["content"]): Promise<{ object: StoredObject; into: Writing }> {
    const { drive } = this.#parts;
    const { onProgress = () => {}, signal } = this.#options;
    let into = this.#current!;
    const elsewhere: Elsewhere = async (rest, kind, full) => {
      const next = await this.#place({ lengths: [into.upload.volume.k * SECTOR_BYTES], laying: true });
      if (next.upload.volume.id === into.upload.volume.id) throw full;
      into = next;
      return next.writer.store(rest, kind, elsewhere);
    };
    const object = await storeObject(drive, into, content, { elsewhere, progress: onProgress, signal });
    return { object, into };
  }

  async #record(files: readonly { readonly path: string; readonly object: StoredObject }[]): Promise<void> {
    const { catalogue, versions } = this.#parts;
    const { upload, writer } = this.#current!;
    const { volume } = upload;
    await writer.checkpoint(() => {
      for (const { path, object } of files) {
        catalogue.addObject(object, volume.id, null);
        catalogue.setName(path, object.id, volume.id);
      }
      versions.expire(volume.id);
    });
  }

  async #place(what: ToPlace): Promise<Writing> {
    const { volume: wanted, parallel, signal } = this.#options;
    const volume = await placeOrGrow(this.#parts, { ...what, wanted }, signal);
    const writing = await this.#parts.uploads.of(volume);
    writing.upload.target.parallel = parallel;
    return writing;
  }
}

/** The next `count` files, of which small ones are read already when their turn comes. */
async function* ahead(files: readonly Named[], count: number): AsyncGenerator<Named> {
  const queue: Promise<Named>[] = [];
  for (const named of files) {
    queue.push(readAhead(named.content).then((content) => ({ ...named, content })));
    if (queue.length >= count) yield await queue.shift()!;
  }
  for (const next of queue) yield await next;
}
