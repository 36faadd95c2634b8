/** The trees as PROTOCOL section 1 words them, by node:crypto alone: nothing here comes from the codec. */
import { createHash } from "node:crypto";

export function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  const pair = Buffer.alloc(64);
  pair.set(left, 0);
  pair.set(right, 32);
  return createHash("sha256").update(pair).digest().subarray(0, 24);
}

/** All layers over leaves, from the leaves to the root. */
export function layers(leaves: Uint8Array[]): Uint8Array[][] {
  const all = [leaves];
  while (all.at(-1)!.length > 1) {
    const below = all.at(-1)!;
    all.push(Array.from({ length: below.length / 2 }, (_, i) => node(below[2 * i]!, below[2 * i + 1]!)));
  }
  return all;
}

export function sectorLayers(bytes: Uint8Array): Uint8Array[][] {
  const padded = new Uint8Array(1 << 20);
  padded.set(bytes);
  return layers(Array.from({ length: 1 << 15 }, (_, i) => padded.subarray(32 * i, 32 * i + 32)));
}

export function sectorRoot(bytes: Uint8Array): Uint8Array {
  return sectorLayers(bytes).at(-1)![0]!;
}

let zero: Uint8Array | undefined;

export function dealLayers(roots: Uint8Array[]): Uint8Array[][] {
  if (roots.length === 0) return [[new Uint8Array(24)]];
  zero ??= sectorRoot(new Uint8Array(0));
  let size = 1;
  while (size < roots.length) size *= 2;
  return layers([...roots, ...Array.from({ length: size - roots.length }, () => zero!)]);
}

export function dealRoot(roots: Uint8Array[]): Uint8Array {
  return dealLayers(roots).at(-1)![0]!;
}

/** The siblings of a leaf, from the one beside it up. */
export function siblings(all: Uint8Array[][], index: number): Uint8Array[] {
  return all.slice(0, -1).map((layer, height) => layer[Math.floor(index / 2 ** height) ^ 1]!);
}
