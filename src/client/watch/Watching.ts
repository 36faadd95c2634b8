/** Keeps a folder of this machine on a drive: a pass whenever something in it changed, once it has been quiet for a while. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import chokidar from "chokidar";
import { SubletException } from "../../protocol/Errors.ts";
import { orClosed } from "../closing.ts";
import { requireParallel, USUAL_PARALLEL } from "../Parallel.ts";
import { housekeep } from "../repair/Housekeeping.ts";
import type { Writable } from "../upload/Writable.ts";
import type { VolumeRenewed } from "../volumes/Renewal.ts";
import { Folder } from "./Folder.ts";
import { Mirror, type Mirrored } from "./Mirror.ts";

/** How to keep a folder, and who is told of it. */
export interface WatchOptions {
  /** A file is stored once nobody wrote to it for so long; 2 s unless told. */
  readonly quietMs?: number;
  readonly volume?: bigint;
  readonly parallel?: number;
  /** Told of each pass that did something. */
  readonly onPass?: (mirrored: Mirrored) => void;
  /** Told of what kept a pass from its end; it is tried again. */
  readonly onFailure?: (error: SubletException) => void;
  /** Told once an epoch of each volume whose deals were extended, or should have been: see `volume renew`. */
  readonly onRenewed?: (renewed: VolumeRenewed) => void;
  readonly signal?: AbortSignal;
}

const USUAL_QUIET_MS = 2_000;
/** Changes go on and on: a pass comes all the same. */
const LONGEST_QUIET = 10;
/** Systems lose events: every so often it is looked without one. */
const LOOK_MS = 600_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Until the signal aborts.
 * @throws SubletException what the first pass ended with, and what no later pass could do better; the signal's reason
 */
export async function watchFolder(
  drive: Writable,
  root: string,
  path: string,
  { quietMs = USUAL_QUIET_MS, onPass = () => {}, onFailure = () => {}, onRenewed = () => {}, ...options }: WatchOptions,
): Promise<void> {
  const { parallel = USUAL_PARALLEL, volume } = options;
  requireParallel(parallel);
  const signal = orClosed(drive.parts.closing, options.signal);
  const putting = { parallel, signal, until: "durable", ...(volume !== undefined && { volume }) } as const;
  const { parts } = drive;
  const mirror = new Mirror(drive, new Folder(root, quietMs), path, putting);
  const changes = new Changes();
  const watcher = chokidar.watch(root, { ignoreInitial: true, followSymlinks: false, ignorePermissionErrors: true });
  watcher.on("all", () => changes.happen());
  watcher.on("error", () => changes.happen());
  try {
    // Only then every change is told of.
    await Promise.race([once(watcher, "ready"), aborted(signal)]);
    let failures = 0;
    let told = "";
    let epoch = -1;
    for (let first = true; ; ) {
      let waitMs = LOOK_MS;
      const seen = changes.count;
      try {
        const mirrored = await mirror.pass(signal);
        const { put, moved, removed, failed, busy } = mirrored;
        const failing = failed.map(({ path, code }) => `${path} ${code}`).join("\n");
        if (put.length + moved.length + removed.length > 0 || failing !== told) onPass(mirrored);
        told = failing;
        failures = failed.length > 0 ? failures + 1 : 0;
        if (failed.length > 0) waitMs = pauseMs(failures);
        if (busy > 0) waitMs = quietMs;
        first = false;
        const now = await parts.market.epoch();
        if (now !== epoch)
          for (const one of await housekeep(drive, signal)) if (one.report ?? one.short) onRenewed(one);
        epoch = now;
      } catch (error) {
        signal.throwIfAborted();
        if (first || !SubletException.is(error)) throw error;
        onFailure(error);
        failures++;
        waitMs = pauseMs(failures);
      }
      await changes.quiet(seen, quietMs, waitMs, signal);
    }
  } finally {
    await watcher.close();
  }
}

function pauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
}

/** @throws the signal's reason, once it aborts */
async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw signal.reason;
}

/** Changes that were told of. */
class Changes {
  count = 0;
  #next = Promise.withResolvers<void>();

  happen(): void {
    this.count++;
    this.#next.resolve();
    this.#next = Promise.withResolvers<void>();
  }

  /** Until there were others than `seen` and then none for `quietMs`, or `waitMs` are over. @throws the signal's reason */
  async quiet(seen: number, quietMs: number, waitMs: number, signal: AbortSignal): Promise<void> {
    const pause = (ms: number): Promise<unknown> =>
      sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
    if (this.count === seen) await this.#within(waitMs, signal);
    for (let round = 0, before = -1; before !== this.count && round < LONGEST_QUIET; round++) {
      before = this.count;
      await pause(quietMs);
    }
  }

  async #within(waitMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    await Promise.race([this.#next.promise, sleep(waitMs, undefined, { signal: either }).catch(() => undefined)]);
    stop.abort();
    signal.throwIfAborted();
  }
}
