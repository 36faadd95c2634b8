import { expect } from "chai";
import { AbiCoder, keccak256 } from "ethers";
import fc from "fast-check";
import { BoundsError, LengthError, Positions } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";

const CHUNKS = 1 << 15;
const from: Positions.Draw = {
  seed: content(1, 28),
  chainId: 31_337n,
  market: content(2, 20),
  epoch: 77,
  provider: content(3, 20),
};

const anyDraw = fc.record({
  seed: fc.uint8Array({ minLength: 28, maxLength: 28 }),
  chainId: fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
  market: fc.uint8Array({ minLength: 20, maxLength: 20 }),
  epoch: fc.nat(2 ** 32 - 1),
  provider: fc.uint8Array({ minLength: 20, maxLength: 20 }),
});

describe("Positions", () => {
  it("keep the first 28 bytes of prevRandao", () => {
    const prevRandao = content(9, 32);
    expect(hex(Positions.seedOf(prevRandao))).to.equal(hex(prevRandao.subarray(0, 28)));
    expect(() => Positions.seedOf(from.seed))
      .to.throw(LengthError)
      .that.includes({ least: 32, actual: 28 });
  });

  it("draw the low half of keccak256 of the ABI-encoded words", () => {
    const types = ["bytes28", "uint256", "address", "uint32", "address", "uint256"];
    fc.assert(
      fc.property(anyDraw, fc.nat(4), (draw, stratum) => {
        const values = [hex(draw.seed), draw.chainId, hex(draw.market), draw.epoch, hex(draw.provider), stratum];
        const digest = BigInt(keccak256(AbiCoder.defaultAbiCoder().encode(types, values)));
        expect(Positions.randomAt(draw, stratum)).to.equal(digest & (2n ** 128n - 1n));
      }),
    );
  });

  it("put one in each fifth of the set, where the formula says", () => {
    fc.assert(
      fc.property(
        anyDraw,
        fc.oneof(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 1, max: 9 })),
        (draw, sectors) => {
          const chunks = BigInt(sectors) * 32_768n;
          const positions = Positions.draw(draw, sectors);
          expect(positions.length).to.equal(5);
          for (const [stratum, position] of positions.entries()) {
            const numerator = (BigInt(stratum) * 2n ** 128n + Positions.randomAt(draw, stratum)) * chunks;
            expect(BigInt(position)).to.equal(numerator / (5n * 2n ** 128n));
            expect(BigInt(position) >= (BigInt(stratum) * chunks) / 5n).to.equal(true);
            expect(BigInt(position) * 5n < BigInt(stratum + 1) * chunks).to.equal(true);
          }
        },
      ),
    );
  });

  it("are none for a provider that holds nothing", () => {
    expect(Positions.draw(from, 0)).to.deep.equal([]);
  });

  it("change with seed, chain, market, epoch and provider", () => {
    const others: Positions.Draw[] = [
      from,
      { ...from, seed: content(4, 28) },
      { ...from, chainId: 1n },
      { ...from, market: content(4, 20) },
      { ...from, epoch: 78 },
      { ...from, provider: content(4, 20) },
      { ...from, market: from.provider, provider: from.market },
    ];
    const draws = others.map((one) => Positions.draw(one, 2 ** 20).join());
    expect(new Set(draws).size).to.equal(draws.length);
  });

  it("reject fields that do not fit their words", () => {
    expect(() => Positions.draw({ ...from, seed: content(1, 32) }, 1)).to.throw(LengthError);
    expect(() => Positions.draw({ ...from, market: content(1, 19) }, 1)).to.throw(LengthError);
    expect(() => Positions.draw({ ...from, provider: content(1, 32) }, 1)).to.throw(LengthError);
    expect(() => Positions.draw({ ...from, epoch: 2 ** 32 }, 1)).to.throw(BoundsError);
    expect(() => Positions.draw({ ...from, chainId: 2n ** 256n }, 1)).to.throw(BoundsError);
    expect(() => Positions.draw(from, 2 ** 31 + 1))
      .to.throw(BoundsError)
      .that.includes({ most: 2 ** 31 });
    expect(() => Positions.randomAt(from, 5)).to.throw(BoundsError);
  });

  describe("locate", () => {
    it("finds the deal, sector and chunk, skipping empty slots", () => {
      const sectors = [0, 2, 0, 0, 1, 3, 0];
      const cases: [number, number, number, number][] = [
        [0, 1, 0, 0],
        [CHUNKS - 1, 1, 0, CHUNKS - 1],
        [CHUNKS, 1, 1, CHUNKS],
        [2 * CHUNKS - 1, 1, 1, 2 * CHUNKS - 1],
        [2 * CHUNKS, 4, 0, 0],
        [3 * CHUNKS, 5, 0, 0],
        [6 * CHUNKS - 1, 5, 2, 3 * CHUNKS - 1],
      ];
      for (const [x, slot, sector, chunkIndex] of cases) {
        expect(Positions.locate(x, sectors), `${x}`).to.deep.equal({ slot, sector, chunkIndex });
      }
    });

    it("undoes the count of all chunks before", () => {
      fc.assert(
        fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 40 }), fc.nat(), (sectors, any) => {
          const total = sectors.reduce((sum, count) => sum + count, 0) * CHUNKS;
          fc.pre(total > 0);
          const x = any % total;
          const { slot, sector, chunkIndex } = Positions.locate(x, sectors);
          const before = sectors.slice(0, slot).reduce((sum, count) => sum + count, 0) * CHUNKS;
          expect(before + chunkIndex).to.equal(x);
          expect(chunkIndex < sectors[slot]! * CHUNKS).to.equal(true);
          expect(sector).to.equal(Math.floor(chunkIndex / CHUNKS));
        }),
      );
    });

    it("rejects a position behind the last chunk", () => {
      expect(() => Positions.locate(3 * CHUNKS, [1, 0, 2]))
        .to.throw(BoundsError)
        .that.includes({ most: 3 * CHUNKS - 1, actual: 3 * CHUNKS });
      expect(() => Positions.locate(0, [0, 0])).to.throw(BoundsError);
      expect(() => Positions.locate(-1, [1])).to.throw(BoundsError);
      expect(() => Positions.locate(0, [-1, 5])).to.throw(BoundsError);
    });
  });
});
