/**
 * What is shared: names, the objects they lead to, the slabs those lie in, and the keys of just these. The same form holds
 * the one object that a link leads to. It comes from whoever made the link, who is a stranger: everything is checked.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { bytesToHex, type Hex } from "viem";
import { CHUNK_BYTES, Keys, NODE_BYTES, SECTOR_BYTES, Slab } from "../../codec/index.ts";
import type { SlabRecord, StoredObject } from "../catalogue/Catalogue.ts";
import { type Share, ShareSchema } from "../catalogue/gen/catalogue_pb.js";
import { decodeExtent, encodeExtent } from "../catalogue/Heads.ts";
import { normalize } from "../catalogue/Path.ts";

export interface SharedObject extends StoredObject {
  readonly key: Uint8Array;
}

export interface SharedSlab extends SlabRecord {
  readonly maskKey: Uint8Array;
}

export interface Tree {
  /** Which object a path leads to. */
  readonly names: readonly { readonly path: string; readonly object: Uint8Array }[];
  readonly objects: readonly SharedObject[];
  readonly slabs: readonly SharedSlab[];
}

/** Read whole, and bounded for it: some ten thousand files. */
export const MAX_TREE_BYTES = 4 * 1_048_576;
const SHA256_BYTES = 32;
const MAX_POSITIONS = 255;

export function encodeTree(tree: Tree): Uint8Array {
  return toBinary(ShareSchema, shareMessage(tree));
}

/** @throws Error that says what is wrong with it */
export function decodeTree(bytes: Uint8Array): Tree {
  return treeOf(fromBinary(ShareSchema, bytes));
}

export function shareMessage({ names, objects, slabs }: Tree): Share {
  return create(ShareSchema, {
    names: names.map(({ path, object }) => ({ path, object })),
    objects: objects.map(({ id, length, sha256, extents }) => {
      return { id, length: BigInt(length), sha256, extents: extents.map(encodeExtent) };
    }),
    slabs: slabs.map(({ id, volume, length, roots }) => ({ id: Slab.idBytes(id), volume, length, roots })),
    contentKeys: objects.map(({ key }) => key),
    maskKeys: slabs.map(({ maskKey }) => maskKey),
  });
}

/** @throws Error that says what is wrong with it */
export function treeOf(share: Share): Tree {
  demand(share.contentKeys.length === share.objects.length, "a key for each object");
  demand(share.maskKeys.length === share.slabs.length, "a key for each slab");
  const slabs = share.slabs.map((slab, index): SharedSlab => {
    const { volume, length, roots } = slab;
    const positions = roots.length / NODE_BYTES;
    demand(length > 0 && length <= SECTOR_BYTES && length % CHUNK_BYTES === 0, "a slab's length");
    demand(Number.isInteger(positions) && positions >= 1 && positions <= MAX_POSITIONS, "a slab's roots");
    return { id: Slab.idFromBytes(slab.id), volume, length, roots, maskKey: keyOf(share.maskKeys[index]!) };
  });
  const known = unique(slabs.map(({ id }) => bytesToHex(Slab.idBytes(id))));
  const objects = share.objects.map((object, index): SharedObject => {
    const { id, sha256 } = object;
    demand(id.length === Keys.OBJECT_ID_BYTES && sha256.length === SHA256_BYTES, "an object's id and hash");
    demand(object.length <= Number.MAX_SAFE_INTEGER, "an object's length");
    const extents = object.extents.map(decodeExtent);
    demand(
      extents.every(({ slab, length }) => length > 0 && known.has(bytesToHex(Slab.idBytes(slab)))),
      "where an object lies",
    );
    const length = Number(object.length);
    demand(extents.reduce((sum, extent) => sum + extent.length, 0) === length, "where an object lies");
    return { id, length, sha256, extents, key: keyOf(share.contentKeys[index]!) };
  });
  const ids = unique(objects.map(({ id }) => bytesToHex(id)));
  const names = share.names.map(({ path, object }) => {
    demand(isPlain(path) && normalize(path) === path, "a name");
    demand(ids.has(bytesToHex(object)), "what a name leads to");
    return { path, object };
  });
  unique(names.map(({ path }) => path));
  return { names, objects, slabs };
}

/** Names come from strangers and are shown on terminals. */
export function isPlain(path: string): boolean {
  return !/\p{Cc}/u.test(path);
}

function keyOf(bytes: Uint8Array): Uint8Array {
  demand(bytes.length === Keys.KEY_BYTES, "a key");
  return bytes;
}

function unique<Item extends string | Hex>(items: readonly Item[]): Set<Item> {
  const set = new Set(items);
  demand(set.size === items.length, "one of a kind");
  return set;
}

function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`it is not right about ${what}`);
}
