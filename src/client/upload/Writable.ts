import type { Parts } from "../Parts.ts";
import type { Publisher } from "./Publisher.ts";

/** A drive with its lock taken. */
export interface Writable {
  readonly parts: Parts;
  readonly publisher: Publisher;
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>;
}
