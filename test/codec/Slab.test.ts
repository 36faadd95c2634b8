import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, Slab } from "../../src/codec/index.ts";

const BLOCK = 65_536;
const MIB = 1 << 20;
const k = fc.constantFrom(1, 2, 4, 10);

/** An extent that fits its slab, any code. */
const place = k.chain((code) =>
  fc.tuple(fc.constant(code), fc.nat(MIB / 32 - 1)).chain(([one, chunk]) =>
    fc.record({
      k: fc.constant(one),
      offset: fc.constant(32 * chunk),
      length: fc.oneof(fc.integer({ min: 1, max: (MIB - 32 * chunk) * one }), fc.constant((MIB - 32 * chunk) * one)),
    }),
  ),
);

describe("Slab", () => {
  it("makes a stripe as wide as its k-th in whole chunks", () => {
    for (const [length, width] of [
      [1, 32],
      [128, 32],
      [129, 64],
      [4 * BLOCK - 127, BLOCK],
      [4 * BLOCK - 128, BLOCK - 32],
      [4 * BLOCK, BLOCK],
    ] as const) {
      expect(Slab.stripeWidth(length, 4), `${length}`).to.equal(width);
    }
    expect(() => Slab.stripeWidth(0, 4)).to.throw(BoundsError);
    expect(() => Slab.stripeWidth(4 * BLOCK + 1, 4))
      .to.throw(BoundsError)
      .that.includes({ most: 4 * BLOCK });
    expect(() => Slab.stripeWidth(1, 0)).to.throw(BoundsError);
  });

  it("lays the stripes of an extent end to end, all but the last one full", () => {
    fc.assert(
      fc.property(place, ({ k, offset, length }) => {
        const stripes = [...Slab.stripes({ offset, length }, k)];
        let [at, start] = [offset, 0];
        for (const [index, stripe] of stripes.entries()) {
          expect(stripe.offset).to.equal(at);
          expect(stripe.start).to.equal(start);
          expect(stripe.width).to.equal(Slab.stripeWidth(stripe.end - stripe.start, k));
          if (index < stripes.length - 1) expect(stripe.end - stripe.start).to.equal(k * BLOCK);
          at += stripe.width;
          start = stripe.end;
        }
        expect(start).to.equal(length);
        expect(at - offset).to.equal(Slab.extentWidth(length, k));
        expect(at).to.be.at.most(MIB);
      }),
    );
  });

  it("finds the stripes and the data blocks that hold a range, byte for byte", () => {
    fc.assert(
      fc.property(place, fc.nat(), fc.nat(), ({ k, offset, length }, a, b) => {
        const [first, end] = [Math.min(a % length, b % length), Math.max(a % length, b % length) + 1];
        const stripes = [...Slab.stripes({ offset, length }, k, first, end)];
        const all = [...Slab.stripes({ offset, length }, k)];
        expect(stripes).to.deep.equal(all.filter((stripe) => stripe.end > first && stripe.start < end));
        let at = first;
        for (const stripe of stripes) {
          for (const range of Slab.blockRanges(stripe, first, end)) {
            expect(stripe.start + range.position * stripe.width + range.first).to.equal(at);
            expect(range.first < range.end && range.end <= stripe.width && range.position < k).to.equal(true);
            at += range.end - range.first;
          }
        }
        expect(at).to.equal(end);
      }),
    );
  });

  it("spreads an object over a begun slab and whole new ones", () => {
    expect([...Slab.extents(0, 4)]).to.deep.equal([]);
    expect([...Slab.extents(9 * MIB, 4)]).to.deep.equal([
      { offset: 0, length: 4 * MIB },
      { offset: 0, length: 4 * MIB },
      { offset: 0, length: MIB },
    ]);
    fc.assert(
      fc.property(k, fc.nat(100 * MIB), fc.nat(MIB / 32 - 1), (code, length, chunk) => {
        const extents = [...Slab.extents(length, code, 32 * chunk)];
        expect(extents.reduce((sum, extent) => sum + extent.length, 0)).to.equal(length);
        for (const [index, extent] of extents.entries()) {
          expect(extent.offset).to.equal(index === 0 ? 32 * chunk : 0);
          const filled = extent.offset + Slab.extentWidth(extent.length, code);
          if (index < extents.length - 1) expect(filled).to.equal(MIB);
          else expect(filled).to.be.at.most(MIB);
        }
      }),
    );
  });

  it("counts the room that is left", () => {
    expect(Slab.room(0, 10)).to.equal(10 * MIB);
    expect(Slab.room(MIB, 10)).to.equal(0);
    expect(Slab.room(MIB - 32, 1)).to.equal(32);
  });

  it("rejects offsets inside a chunk, full slabs, ranges and extents that do not fit", () => {
    expect(() => Slab.room(33, 4))
      .to.throw(Slab.MisalignedError)
      .that.includes({ code: "MISALIGNED", offset: 33 });
    expect(() => [...Slab.extents(1, 4, MIB)]).to.throw(BoundsError);
    expect(() => [...Slab.stripes({ offset: MIB - 32, length: 129 }, 4)])
      .to.throw(Slab.SlabOverflowError)
      .that.includes({ code: "SLAB_OVERFLOW", offset: MIB - 32, width: 64 });
    expect(() => [...Slab.stripes({ offset: 16, length: 1 }, 4)]).to.throw(Slab.MisalignedError);
    expect(() => [...Slab.stripes({ offset: 0, length: 10 }, 4, 0, 11)]).to.throw(BoundsError);
    expect(() => [...Slab.stripes({ offset: 0, length: 10 }, 4, 6, 5)]).to.throw(BoundsError);
    expect([...Slab.stripes({ offset: 0, length: 10 }, 4, 5, 5)]).to.deep.equal([]);
  });
});
