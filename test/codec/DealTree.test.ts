import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, DealTree, dealHeight, LengthError } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";
import { dealLayers, dealRoot, node, siblings } from "./naive.ts";

const rootOf = (seed: number) => content(seed, 24);
const around = [127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049];
const sizes = [...Array.from({ length: 65 }, (_, count) => count), ...around];

/** Everything a tree says of itself is what a naive tree over `roots` says. */
function check(tree: DealTree, roots: Uint8Array[], indexes: Iterable<number> = roots.keys()): void {
  const naive = dealLayers(roots);
  expect(tree.sectors).to.equal(roots.length);
  expect(hex(tree.root)).to.equal(hex(naive.at(-1)![0]!));
  for (const index of indexes) {
    expect(hex(tree.sectorRoot(index))).to.equal(hex(roots[index]!));
    expect(tree.siblings(index).map(hex), `siblings of ${index}`).to.deep.equal(siblings(naive, index).map(hex));
  }
}

describe("DealTree", () => {
  it("of no sector has the zero root", () => {
    expect(hex(new DealTree().root)).to.equal(hex(new Uint8Array(24)));
    expect(hex(DealTree.of([]).root)).to.equal(hex(new Uint8Array(24)));
  });

  it("of one sector has that sector's root", () => {
    expect(hex(DealTree.of([rootOf(1)]).root)).to.equal(hex(rootOf(1)));
  });

  it("is the naive tree for 0 to 64 sectors and around powers of two, built at once", () => {
    for (const size of sizes) {
      const roots = Array.from({ length: size }, (_, index) => rootOf(index));
      const some = size <= 64 ? undefined : [0, 1, size >> 1, size - 2, size - 1];
      check(DealTree.of(roots), roots, some);
    }
  });

  it("is the naive tree at every size when it grows and when it shrinks by one", () => {
    const tree = new DealTree();
    const roots: Uint8Array[] = [];
    for (let size = 1; size <= 300; size++) {
      roots.push(rootOf(size));
      tree.append(roots.at(-1)!);
      expect(hex(tree.root), `grown to ${size}`).to.equal(hex(dealRoot(roots)));
    }
    while (roots.length > 0) {
      roots.pop();
      tree.drop(roots.length);
      expect(hex(tree.root), `shrunk to ${roots.length}`).to.equal(hex(dealRoot(roots)));
    }
  });

  it("is the naive tree after any appends, fills and drops", () => {
    const operation = fc.record({
      kind: fc.constantFrom("append", "append", "fill", "drop" as const),
      at: fc.nat(),
      seed: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.nat(40), fc.array(operation, { maxLength: 60 }), (start, operations) => {
        const roots = Array.from({ length: start }, (_, index) => rootOf(index));
        const tree = DealTree.of(roots);
        for (const { kind, at, seed } of operations) {
          const index = roots.length === 0 ? 0 : at % roots.length;
          if (kind === "append") {
            tree.append(rootOf(seed));
            roots.push(rootOf(seed));
          } else if (roots.length > 0 && kind === "fill") {
            tree.fill(index, rootOf(seed));
            roots[index] = rootOf(seed);
          } else if (roots.length > 0) {
            tree.drop(index);
            const last = roots.pop()!;
            if (index < roots.length) roots[index] = last;
          }
        }
        check(tree, roots);
      }),
      { numRuns: 200 },
    );
  });

  it("changes a large tree by one path", () => {
    const size = 2 ** 15 + 1;
    const roots = Array.from({ length: size }, (_, index) => rootOf(index));
    const tree = DealTree.of(roots);
    for (const index of [0, 12_345, size - 1]) {
      roots[index] = rootOf(index + 1);
      tree.fill(index, roots[index]!);
    }
    roots[5] = roots.pop()!;
    tree.drop(5);
    check(tree, roots, [0, 5, 12_345, size - 2]);
  });

  it("shares nothing with its clones or with what it returned", () => {
    const tree = DealTree.of([rootOf(1), rootOf(2), rootOf(3)]);
    const before = hex(tree.root);
    const copy = tree.clone();
    copy.append(rootOf(4));
    copy.fill(0, rootOf(5));
    tree.root.fill(0);
    tree.siblings(0)[0]!.fill(0);
    tree.sectorRoot(0).fill(0);
    check(tree, [rootOf(1), rootOf(2), rootOf(3)]);
    expect(hex(tree.root)).to.equal(before);
    check(copy, [rootOf(5), rootOf(2), rootOf(3), rootOf(4)]);
  });

  it("is as high as its count asks, and two roots are one pair", () => {
    const [a, b] = [rootOf(1), rootOf(2)];
    expect(hex(DealTree.of([a, b]).root)).to.equal(hex(node(a, b)));
    expect([1, 2, 3, 4, 5, 8, 9, 2 ** 24].map(dealHeight)).to.deep.equal([0, 1, 2, 2, 3, 3, 4, 24]);
  });

  it("rejects roots of a wrong length, indexes it does not have and impossible counts", () => {
    const tree = DealTree.of([rootOf(1), rootOf(2)]);
    expect(() => tree.append(content(1, 32)))
      .to.throw(LengthError)
      .that.includes({ least: 24, actual: 32 });
    expect(() => tree.fill(0, content(1, 23))).to.throw(LengthError);
    expect(() => DealTree.of([content(1, 25)])).to.throw(LengthError);
    for (const index of [-1, 2, 0.5]) {
      expect(() => tree.fill(index, rootOf(1)))
        .to.throw(BoundsError)
        .that.includes({ most: 1, actual: index });
      expect(() => tree.drop(index)).to.throw(BoundsError);
      expect(() => tree.siblings(index)).to.throw(BoundsError);
      expect(() => tree.sectorRoot(index)).to.throw(BoundsError);
    }
    check(tree, [rootOf(1), rootOf(2)]);
    for (const count of [0, -1, 2 ** 24 + 1]) expect(() => dealHeight(count)).to.throw(BoundsError);
  });
});
