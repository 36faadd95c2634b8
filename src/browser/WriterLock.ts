/** One writer a home, as src/client/home/WriterLock.ts has it: the homes of a page are its own. */
import type { Home } from "../client/home/Home.ts";
import { SubletException } from "../protocol/Errors.ts";

const held = new Set<string>();

export class WriterLock {
  readonly #home: string;

  /** @throws SubletException HomeBusy */
  constructor({ path }: Pick<Home, "path">) {
    if (held.has(path)) throw new SubletException({ code: "HomeBusy", home: path });
    held.add(path);
    this.#home = path;
  }

  release(): void {
    held.delete(this.#home);
  }
}
