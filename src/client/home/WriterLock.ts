/**
 * One writer a home. The lock is SQLite's own on a file of its own: the system drops it when the process dies, however it
 * dies, so there is never a stale one. Readers (get, ls, status) do not need it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { SubletException } from "../../protocol/Errors.ts";
import type { Home } from "./Home.ts";

export class WriterLock {
  readonly #database: DatabaseSync;

  /** @throws SubletException HomeBusy when another process (or another drive of this one) writes */
  constructor(home: Pick<Home, "path" | "lockFile">) {
    this.#database = new DatabaseSync(home.lockFile);
    try {
      this.#database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    } catch (cause) {
      this.#database.close();
      const pid = holder(`${home.lockFile}.pid`);
      throw new SubletException({ code: "HomeBusy", home: home.path, ...(pid !== undefined && { pid }) }, { cause });
    }
    writeFileSync(`${home.lockFile}.pid`, `${process.pid}\n`);
  }

  release(): void {
    this.#database.close();
  }
}

function holder(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
