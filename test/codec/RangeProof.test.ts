import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, LengthError, RangeProof, SectorTree } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";
import { sectorLayers } from "./naive.ts";

const BLOCK = 65_536;
const CHUNKS = 1 << 15;

/** A provider's view of `bytes` that notes which blocks are read. */
function stored(bytes: Uint8Array): RangeProof.StoredSector & { read: number[] } {
  const read: number[] = [];
  return {
    length: bytes.length,
    blockNodes: SectorTree.blockNodes(bytes),
    read,
    readBlock(index) {
      read.push(index);
      return bytes.subarray(index * BLOCK, (index + 1) * BLOCK);
    },
  };
}

/** The documented proof out of complete layers: per level the left, then the right sibling. */
function naiveProof(all: Uint8Array[][], first: number, end: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let [left, right] = [first, end];
  for (const layer of all.slice(0, -1)) {
    if (left % 2 === 1) parts.push(layer[left - 1]!);
    if (right % 2 === 1) parts.push(layer[right]!);
    [left, right] = [left >> 1, (right + 1) >> 1];
  }
  return Buffer.concat(parts);
}

function chunksOf(bytes: Uint8Array, first: number, end: number): Uint8Array {
  const chunks = new Uint8Array(32 * (end - first));
  chunks.set(bytes.subarray(32 * first, 32 * end));
  return chunks;
}

const range = fc.oneof(
  fc.tuple(fc.nat(CHUNKS - 1), fc.nat(CHUNKS - 1)),
  fc.nat(CHUNKS - 1).map((chunk) => [chunk, chunk] as [number, number]),
  fc.tuple(fc.nat(15), fc.nat(15)).map(([a, b]) => [2048 * a, 2048 * b + 2047] as [number, number]),
);

describe("RangeProof", () => {
  const full = content(20, 1 << 20);
  const asOfs = [0, 32, 1000, BLOCK, 5 * BLOCK + 4096, 11 * BLOCK, 1 << 20];
  const history = new Map(asOfs.map((asOf) => [asOf, sectorLayers(full.subarray(0, asOf))]));

  it("is the siblings of the range, level by level, for any range, length and earlier length", () => {
    fc.assert(
      fc.property(range, fc.nat(asOfs.length - 1), fc.nat(asOfs.length - 1), ([a, b], one, two) => {
        const [first, end] = [Math.min(a, b), Math.max(a, b) + 1];
        const [asOf, length] = [asOfs[Math.min(one, two)]!, asOfs[Math.max(one, two)]!];
        const sector = stored(full.subarray(0, length));
        const proof = RangeProof.prove(sector, first, end, asOf);
        const layers = history.get(asOf)!;
        expect(hex(proof)).to.equal(hex(naiveProof(layers, first, end)));
        expect(proof.length).to.equal(RangeProof.proofBytes(first, end));
        expect(sector.read).to.deep.equal(RangeProof.blocksRead(length, first, end, asOf));
        const root = layers.at(-1)![0]!;
        RangeProof.verify(chunksOf(full.subarray(0, asOf), first, end), first, end, proof, root);
      }),
      { numRuns: 300 },
    );
  });

  it("reads no block for whole blocks, one for a chunk, and at most three", () => {
    expect(RangeProof.blocksRead(1 << 20, 2048, 3 * 2048)).to.deep.equal([]);
    expect(RangeProof.blocksRead(1 << 20, 2049, 2050)).to.deep.equal([1]);
    expect(RangeProof.blocksRead(1 << 20, 2049, 3 * 2048 + 1, 9 * BLOCK + 1)).to.deep.equal([1, 3, 9]);
    expect(RangeProof.blocksRead(100, 2049, 2050)).to.deep.equal([]);
  });

  it("of the whole sector is empty", () => {
    const root = SectorTree.root(full);
    expect(RangeProof.prove(stored(full), 0, CHUNKS).length).to.equal(0);
    RangeProof.verify(full, 0, CHUNKS, new Uint8Array(0), root);
  });

  describe("refuses", () => {
    const sector = stored(full);
    const root = SectorTree.root(full);
    const [first, end] = [1001, 1004];
    const bytes = chunksOf(full, first, end);
    const proof = RangeProof.prove(sector, first, end);

    it("any changed byte of content or proof", () => {
      for (const text of [bytes, proof]) {
        for (let at = 0; at < text.length; at++) {
          text[at]! ^= 0x80;
          expect(() => RangeProof.verify(bytes, first, end, proof, root), `byte ${at}`)
            .to.throw(RangeProof.RootMismatchError)
            .that.includes({ code: "ROOT_MISMATCH", expected: hex(root) });
          text[at]! ^= 0x80;
        }
      }
      RangeProof.verify(bytes, first, end, proof, root);
    });

    it("missing and unused bytes", () => {
      const longer = Buffer.concat([proof, new Uint8Array(24)]);
      for (const wrong of [proof.subarray(1), proof.subarray(24), longer, longer.subarray(0, proof.length + 1)]) {
        expect(() => RangeProof.verify(bytes, first, end, wrong, root))
          .to.throw(LengthError)
          .that.includes({ least: proof.length, actual: wrong.length });
      }
      for (const wrong of [bytes.subarray(1), bytes.subarray(32), Buffer.concat([bytes, new Uint8Array(32)])]) {
        expect(() => RangeProof.verify(wrong, first, end, proof, root)).to.throw(LengthError);
      }
      expect(() => RangeProof.verify(bytes, first, end, proof, root.subarray(1))).to.throw(LengthError);
    });

    it("the same bytes under another index or another length", () => {
      const alike = [...Array(200).keys()].filter(
        (at) => at !== first && RangeProof.proofBytes(at, at + 3) === proof.length,
      );
      expect(alike.length).to.be.greaterThan(0);
      for (const at of alike) {
        expect(() => RangeProof.verify(bytes, at, at + 3, proof, root)).to.throw(RangeProof.RootMismatchError);
      }
      const earlier = RangeProof.prove(sector, first, end, 5 * BLOCK);
      expect(() => RangeProof.verify(bytes, first, end, earlier, root)).to.throw(RangeProof.RootMismatchError);
    });

    it("empty, reversed and outside ranges", () => {
      for (const [a, b] of [
        [5, 5],
        [6, 5],
        [-1, 5],
        [0, CHUNKS + 1],
        [0.5, 5],
      ] as const) {
        expect(() => RangeProof.prove(sector, a, b), `${a}..${b}`).to.throw(BoundsError);
        expect(() => RangeProof.verify(bytes, a, b, proof, root), `${a}..${b}`).to.throw(BoundsError);
      }
      expect(() => RangeProof.prove(stored(full.subarray(0, 64)), 0, 1, 65)).to.throw(BoundsError);
    });

    it("a store that returns less than it says it has", () => {
      const lossy = { ...sector, readBlock: (index: number) => sector.readBlock(index).subarray(0, 100) };
      expect(() => RangeProof.prove(lossy, first, end))
        .to.throw(LengthError)
        .that.includes({ least: BLOCK, actual: 100 });
    });
  });
});
