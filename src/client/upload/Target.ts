/** What every provider of a volume should hold: its slabs, as far as the journal or k providers have them, and the head. */
import type { Slab } from "../../codec/index.ts";
import { slabName } from "../catalogue/Catalogue.ts";

export interface Wanted {
  readonly slab: Slab.SlabId;
  readonly length: number;
}

export class Target {
  readonly #slabs: Wanted[] = [];
  readonly #indexes = new Map<string, number>();
  headBytes: Uint8Array;
  /** Rises with every change: a provider that covers a version has everything that was wanted by then. */
  version = 0;
  /** Up to here it is wanted countersigned now; what came later may wait for more to go with it. */
  due = 0;

  constructor(slabs: Iterable<Wanted>, headBytes: Uint8Array) {
    for (const wanted of slabs) this.want(wanted);
    this.headBytes = headBytes;
  }

  get slabs(): readonly Wanted[] {
    return this.#slabs;
  }

  lacks({ slab, length }: Wanted): boolean {
    const index = this.#indexes.get(slabName(slab));
    return index === undefined || this.#slabs[index]!.length < length;
  }

  /** A slab that is new or longer now. @returns its place */
  want(wanted: Wanted): number {
    const name = slabName(wanted.slab);
    const index = this.#indexes.get(name) ?? this.#slabs.length;
    this.#indexes.set(name, index);
    this.#slabs[index] = wanted;
    this.version++;
    return index;
  }

  setHead(bytes: Uint8Array): void {
    this.headBytes = bytes;
    this.version++;
  }
}
