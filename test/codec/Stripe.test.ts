import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, Cipher, Keys, LengthError, ReedSolomon, Slab, Stripe } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";

const BLOCK = 65_536;
const root = Keys.maskRoot(content(1, 32), 5n);
const slab = { lane: 9n, sequence: 2 };

/** A stripe of any preset, at any offset it fits, and k of its positions in any order. */
const stripe = fc.constantFrom(...ReedSolomon.PRESETS).chain((code) =>
  fc.record({
    code: fc.constant(code),
    offset: fc.nat(1000).map((chunk) => 32 * chunk),
    length: fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: code.k * BLOCK })),
    chosen: fc.shuffledSubarray(
      Array.from({ length: code.n }, (_, position) => position),
      { minLength: code.k, maxLength: code.k },
    ),
  }),
);

describe("Stripe", () => {
  it("comes back from any k blocks, each of them repairable from those", () => {
    fc.assert(
      fc.property(stripe, ({ code, offset, length, chosen }) => {
        const keys = Keys.maskKeys(root, slab, code.n);
        const ciphertext = content(length, length);
        const blocks = Stripe.encode(code, keys, offset, ciphertext);
        expect(blocks.length).to.equal(code.n);
        for (const block of blocks) expect(block.length).to.equal(Slab.stripeWidth(length, code.k));
        const some = new Map(chosen.map((position) => [position, blocks[position]!]));
        expect(hex(Stripe.decode(code, keys, offset, some, length))).to.equal(hex(ciphertext));
        const position = length % code.n;
        expect(hex(Stripe.repair(code, keys, offset, some, position))).to.equal(hex(blocks[position]!));
      }),
      { numRuns: 60 },
    );
  });

  it("is the coded blocks under the mask of slab, position and sector offset", () => {
    const code = { k: 4, n: 12 };
    const keys = Keys.maskKeys(root, slab, 12);
    const ciphertext = content(2, 300);
    const data = [0, 1, 2, 3].map((position) => {
      const block = new Uint8Array(96);
      block.set(ciphertext.subarray(96 * position, 96 * (position + 1)));
      return block;
    });
    const coded = [...data, ...ReedSolomon.encode(code, data)];
    const expected = coded.map((block, position) => Cipher.crypt(Keys.maskKey(root, slab, position), 4096, block));
    expect(Stripe.encode(code, keys, 4096, ciphertext).map(hex)).to.deep.equal(expected.map(hex));
  });

  it("hides what a code would give away: no masked block is one of the others, even at k = 1", () => {
    const code = { k: 1, n: 3 };
    const zeros = new Uint8Array(64);
    const blocks = Stripe.encode(code, Keys.maskKeys(root, slab, 3), 0, zeros);
    expect(new Set(blocks.map(hex)).size).to.equal(3);
    // Without its key, a masked block decodes to something else.
    const wrong = Keys.maskKeys(root, { ...slab, sequence: 3 }, 3);
    expect(hex(Stripe.decode(code, wrong, 0, new Map([[1, blocks[1]!]]), 64))).to.not.equal(hex(zeros));
  });

  it("serves a range of columns from the same columns of any k blocks", () => {
    const code = { k: 4, n: 12 };
    const keys = Keys.maskKeys(root, slab, 12);
    const ciphertext = content(3, 4 * BLOCK);
    const blocks = Stripe.encode(code, keys, 64, ciphertext);
    fc.assert(
      fc.property(fc.nat(BLOCK - 1), fc.nat(2000), fc.nat(3), (first, size, position) => {
        const end = Math.min(first + size + 1, BLOCK);
        const wanted = hex(ciphertext.subarray(position * BLOCK + first, position * BLOCK + end));
        for (const from of [[position], [11, 2, 7, 5]]) {
          const columns = new Map(from.map((at) => [at, blocks[at]!.subarray(first, end)]));
          const data = Stripe.dataBlocks(code, keys, 64 + first, columns, [position]);
          expect(hex(data.get(position)!)).to.equal(wanted);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("leaves its inputs alone", () => {
    const code = { k: 2, n: 6 };
    const keys = Keys.maskKeys(root, slab, 6);
    const ciphertext = content(4, 1000);
    const blocks = Stripe.encode(code, keys, 0, ciphertext);
    const before = blocks.map(hex);
    Stripe.decode(code, keys, 0, new Map(blocks.entries()), 1000);
    Stripe.repair(code, keys, 0, new Map([...blocks.entries()].slice(1)), 0);
    expect(hex(ciphertext)).to.equal(hex(content(4, 1000)));
    expect(blocks.map(hex)).to.deep.equal(before);
  });

  it("rejects wrong lengths, offsets, positions and too few blocks", () => {
    const code = { k: 4, n: 12 };
    const keys = Keys.maskKeys(root, slab, 12);
    const blocks = Stripe.encode(code, keys, 0, content(5, 1000));
    const three = new Map([...blocks.entries()].slice(9));
    const four = new Map([...blocks.entries()].slice(8));
    expect(() => Stripe.encode(code, keys, 0, new Uint8Array(0))).to.throw(LengthError);
    expect(() => Stripe.encode(code, keys, 0, new Uint8Array(4 * BLOCK + 1)))
      .to.throw(LengthError)
      .that.includes({ most: 4 * BLOCK });
    expect(() => Stripe.encode(code, keys, 31, content(5, 100))).to.throw(Slab.MisalignedError);
    expect(() => Stripe.encode(code, keys, 2 ** 20 - 32, content(5, 200))).to.throw(BoundsError);
    expect(() => Stripe.encode(code, keys.slice(1), 0, content(5, 100))).to.throw(BoundsError);
    for (const act of [
      () => Stripe.decode(code, keys, 0, three, 1000),
      () => Stripe.repair(code, keys, 0, three, 0),
      () => Stripe.dataBlocks(code, keys, 0, three, [0]),
      () => Stripe.decode(code, keys, 0, new Map(), 1000),
    ]) {
      expect(act).to.throw(ReedSolomon.NotEnoughBlocksError).that.includes({ needed: 4 });
    }
    expect(() => Stripe.decode(code, keys, 0, four, 1100))
      .to.throw(LengthError)
      .that.includes({ actual: 256 });
    expect(() => Stripe.repair(code, keys, 0, four, 12)).to.throw(BoundsError);
    expect(() => Stripe.dataBlocks(code, keys, 0, four, [4])).to.throw(BoundsError);
    expect(() => Stripe.repair(code, keys, 0, new Map([...four, [12, blocks[0]!]]), 0)).to.throw(BoundsError);
    for (const bad of [
      { k: 0, n: 3 },
      { k: 5, n: 3 },
    ]) {
      expect(() => Stripe.encode(bad, keys, 0, content(5, 100))).to.throw();
    }
  });
});
