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
  /** Slabs on their way to each provider at once. */
  parallel = 2;

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

  /** Slabs that nothing live is in any more go from every provider. Places of others may change. */
  unwant(slabs: readonly Slab.SlabId[]): void {
    const gone = new Set(slabs.map(slabName));
    const left = this.#slabs.filter(({ slab }) => !gone.has(slabName(slab)));
    this.#slabs.splice(0, this.#slabs.length, ...left);
    this.#indexes.clear();
    for (const [index, { slab }] of left.entries()) this.#indexes.set(slabName(slab), index);
    this.version++;
  }

  wants(slab: Slab.SlabId): boolean {
    return this.#indexes.has(slabName(slab));
  }

  setHead(bytes: Uint8Array): void {
    this.headBytes = bytes;
    this.version++;
  }
}
