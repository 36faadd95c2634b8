/**
 * Brings changes of the catalogue to the providers: a segment first, and only when enough of them hold it, a head that
 * names it. A change is visible, and a put durable, once w heads name it. Changes that wait together go together.
 */

import { SubletException } from "../../protocol/Errors.ts";
import type { Catalogue, Forgetting } from "../catalogue/Catalogue.ts";
import { type Lanes, sealListing } from "../catalogue/Heads.ts";
import type { Segments } from "../catalogue/Segments.ts";
import type { Database } from "../home/Database.ts";
import type { Volume } from "../volumes/Volume.ts";
import type { Writing } from "./Uploads.ts";
import type { Reach } from "./VolumeUpload.ts";

export interface PublisherSurroundings {
  readonly database: Database;
  readonly lanes: Lanes;
  readonly segments: Segments;
  readonly catalogue: Catalogue;
  readonly drive: Uint8Array;
  /** What others have published, here or elsewhere, before what this drive published to `volume`. */
  learnOthers(volume: Volume): Promise<void>;
  writing(volume: Volume): Promise<Writing>;
  volume(id: bigint): Volume;
  /** Work on the catalogue and the open slabs, one at a time. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** A change that w positions have; `complete` waits for the others that answer. */
export interface Published {
  readonly version: number;
  complete(): Promise<Reach>;
}

export class Publisher {
  readonly #around: PublisherSurroundings;
  readonly #turns = new Map<bigint, { running: Promise<unknown>; next: Promise<Published> | undefined }>();

  constructor(around: PublisherSurroundings) {
    this.#around = around;
  }

  /**
   * Everything that is named by now, in `volume`. Callers that come while one is under way share the next one.
   * @throws SubletException NotDurable: it is in the journal and goes on with the next change, or the next process
   */
  publish(volume: Volume): Promise<Published> {
    const turn = this.#turns.get(volume.id) ?? { running: Promise.resolve(), next: undefined };
    this.#turns.set(volume.id, turn);
    turn.next ??= turn.running.then(() => {
      const now = this.#publish(volume);
      turn.next = undefined;
      turn.running = now.catch(() => undefined);
      return now;
    });
    return turn.next;
  }

  async #publish(volume: Volume): Promise<Published> {
    const { database, lanes, segments, catalogue, drive } = this.#around;
    const { upload } = await this.#around.writing(volume);
    const salts = await this.#around.exclusively(() => this.#writeSegment(volume));
    await upload.durable(upload.target.version);
    for (const id of segments.volumesBeside(salts, volume.id)) {
      const { upload: other } = await this.#around.writing(this.#around.volume(id));
      await other.durable(other.target.version);
    }
    if (salts.length > 0) {
      database.transaction(() => {
        segments.markDurable(salts);
        const lane = lanes.own();
        const sequence = lanes.sequence() + 1;
        lanes.advance(sealListing(drive, { lane, sequence, segments: segments.live(lane) }));
      });
    }
    const named = catalogue.forgettings(salts);
    if (salts.length + named.length > 0) upload.setHead(lanes.head());
    const { version } = upload.target;
    await upload.durable(version);
    database.transaction(() => segments.markPublished(volume.id));
    if (named.length > 0) await this.#settle(volume, named);
    return { version, complete: () => upload.complete(version) };
  }

  /**
   * Lets go of what is forgotten, now that w providers have a head that says so. Another device may have given the content
   * another name meanwhile: where both published, one came second, and it has the other's head. So that is learned first.
   */
  async #settle(volume: Volume, named: readonly Forgetting[]): Promise<void> {
    const { database, catalogue, learnOthers } = this.#around;
    try {
      await learnOthers(volume);
    } catch (error) {
      // The change itself is durable; the next one lets go.
      if (SubletException.is(error)) return;
      throw error;
    }
    database.transaction(() => catalogue.settle(named));
  }

  /** @returns salts of the segments that are on their way, those that an interrupted process left among them */
  async #writeSegment(volume: Volume): Promise<Uint8Array[]> {
    const { lanes, segments } = this.#around;
    if (segments.pending(volume.id)) {
      const { writer } = await this.#around.writing(volume);
      const composed = segments.compose(lanes.own(), volume.id);
      const extents = await writer.store([composed.sealed], "catalogue");
      await writer.checkpoint(() => segments.record(composed, extents));
    }
    return segments.journaled(volume.id);
  }
}
