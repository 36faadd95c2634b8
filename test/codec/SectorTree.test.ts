import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, LengthError, SectorTree } from "../../src/codec/index.ts";
import { native, portable } from "../../src/codec/Layer.ts";
import { content, hex } from "../vectors/content.ts";
import { layers, sectorLayers, sectorRoot } from "./naive.ts";

const BLOCK = 65_536;
const MIB = 1 << 20;

describe("SectorTree", () => {
  describe("root", () => {
    const lengths = [0, 1, 31, 32, 33, 63, 64, 65, 96, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 100, MIB - 1, MIB];
    for (const length of lengths) {
      it(`of ${length} bytes is that of the zero-padded sector`, () => {
        const bytes = content(length, length);
        expect(hex(SectorTree.root(bytes))).to.equal(hex(sectorRoot(bytes)));
      });
    }

    it("of trailing zeros is that without them", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(2 * BLOCK), (bytes, zeros) => {
          const padded = new Uint8Array(bytes.length + zeros);
          padded.set(bytes);
          expect(hex(SectorTree.root(padded))).to.equal(hex(SectorTree.root(bytes)));
        }),
      );
      expect(hex(SectorTree.zeroRoot())).to.equal(hex(sectorRoot(new Uint8Array(0))));
    });

    it("reads bytes at any alignment", () => {
      const bytes = content(5, 100_000);
      const shifted = new Uint8Array(bytes.length + 3);
      shifted.set(bytes, 3);
      expect(hex(SectorTree.root(shifted.subarray(3)))).to.equal(hex(SectorTree.root(bytes)));
    });

    it("of more than a sector is an error", () => {
      expect(() => SectorTree.root(new Uint8Array(MIB + 1)))
        .to.throw(LengthError)
        .that.includes({ most: MIB, actual: MIB + 1 });
    });
  });

  describe("block nodes", () => {
    it("are the layer eleven levels above the chunks", () => {
      for (const length of [0, 1, BLOCK, BLOCK + 33, MIB]) {
        const bytes = content(1, length);
        const expected = Buffer.concat(sectorLayers(bytes)[11]!);
        expect(hex(SectorTree.blockNodes(bytes)), `${length} bytes`).to.equal(hex(expected));
      }
    });

    it("lead to the root", () => {
      const bytes = content(2, 5 * BLOCK + 77);
      expect(hex(SectorTree.rootOfBlockNodes(SectorTree.blockNodes(bytes)))).to.equal(hex(SectorTree.root(bytes)));
    });

    const bytes = content(3, MIB);
    it("follow any appends, hashing only from the block each began in", () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 12 }), (sizes) => {
          let nodes = SectorTree.blockNodes(new Uint8Array(0));
          let length = 0;
          for (const size of sizes) {
            const grown = Math.min(length + size, MIB);
            if (grown === length) break;
            const block = Math.floor(length / BLOCK);
            nodes = SectorTree.withBlocks(nodes, block, bytes.subarray(block * BLOCK, grown));
            length = grown;
          }
          expect(hex(nodes)).to.equal(hex(SectorTree.blockNodes(bytes.subarray(0, length))));
        }),
        { numRuns: 30 },
      );
    });

    it("do not change in place", () => {
      const nodes = SectorTree.blockNodes(content(4, 100));
      const before = hex(nodes);
      SectorTree.withBlocks(nodes, 0, content(5, 100));
      expect(hex(nodes)).to.equal(before);
    });

    it("reject wrong lengths and blocks beyond the sector", () => {
      const nodes = SectorTree.blockNodes(new Uint8Array(0));
      expect(() => SectorTree.withBlocks(nodes, 16, new Uint8Array(1))).to.throw(BoundsError);
      expect(() => SectorTree.withBlocks(nodes, 15, new Uint8Array(BLOCK + 1))).to.throw(LengthError);
      expect(() => SectorTree.withBlocks(nodes.subarray(1), 0, new Uint8Array(1))).to.throw(LengthError);
      expect(() => SectorTree.rootOfBlockNodes(nodes.subarray(24)))
        .to.throw(LengthError)
        .that.includes({ least: 384 });
    });
  });

  describe("block layers", () => {
    it("hold the naive nodes as far as there is content", () => {
      const bytes = content(6, 1000);
      const padded = new Uint8Array(BLOCK);
      padded.set(bytes);
      const naive = layers(Array.from({ length: 2048 }, (_, at) => padded.subarray(32 * at, 32 * at + 32)));
      for (const [height, layer] of SectorTree.blockLayers(bytes).entries()) {
        const slots = Math.ceil(1000 / (32 << height));
        const expected = naive[height]!.slice(0, slots).map((one) => Buffer.concat([one], 32));
        expect(hex(layer), `height ${height}`).to.equal(hex(Buffer.concat(expected).subarray(0, layer.length)));
      }
    });
  });
});

describe("Layer", () => {
  const bound = ["linux-x64", "linux-arm64", "darwin-arm64", "win32-x64"];

  it("hashes with the native binding wherever one is published", () => {
    expect(native !== null).to.equal(bound.includes(`${process.platform}-${process.arch}`));
  });

  it("hashes the same with node:crypto alone", () => {
    for (const pairs of [0, 1, 2, 7, 8, 9, 100]) {
      const input = content(7, 64 * pairs);
      const [one, other] = [new Uint8Array(32 * pairs), new Uint8Array(32 * pairs)];
      (native ?? portable)(input, one);
      portable(input, other);
      expect(hex(other), `${pairs} pairs`).to.equal(hex(one));
    }
  });
});
