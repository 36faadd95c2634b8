import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, LengthError, ReedSolomon } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";

type Code = ReedSolomon.Code;

/** Multiplication as the field is defined: shift, add, reduce by 0x11d. */
function times(a: number, b: number): number {
  let [result, shifted] = [0, a];
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) result ^= shifted;
    shifted = (shifted << 1) ^ (shifted & 0x80 ? 0x11d : 0);
  }
  return result;
}

function blocksOf(code: Code, width: number, seed = 1): Uint8Array[] {
  const data = Array.from({ length: code.k }, (_, position) => content(seed * 1000 + position, width));
  return [...data, ...ReedSolomon.encode(code, data)];
}

function* subsets(size: number, from: number, start = 0): Generator<number[]> {
  if (size === 0) yield [];
  else
    for (let first = start; first <= from - size; first++) {
      for (const rest of subsets(size - 1, from, first + 1)) yield [first, ...rest];
    }
}

/** Everything from one choice of k positions is what it was. */
function checkFrom(code: Code, blocks: Uint8Array[], chosen: readonly number[]): void {
  const all = blocks.map((_, position) => position);
  const rebuilt = ReedSolomon.reconstruct(code, new Map(chosen.map((position) => [position, blocks[position]!])), all);
  for (const position of all) {
    if (Buffer.compare(rebuilt.get(position)!, blocks[position]!) !== 0) {
      expect.fail(`position ${position} from ${chosen} of ${code.k}/${code.n}`);
    }
  }
}

function determinant(matrix: number[][]): number {
  if (matrix.length === 1) return matrix[0]![0]!;
  return matrix[0]!.reduce(
    (sum, entry, column) =>
      sum ^ times(entry, determinant(matrix.slice(1).map((cells) => cells.filter((_, other) => other !== column)))),
    0,
  );
}

const anyCode = fc
  .integer({ min: 1, max: 255 })
  .chain((n) => fc.record({ k: fc.integer({ min: 1, max: Math.min(n, 40) }), n: fc.constant(n) }));

describe("ReedSolomon", () => {
  describe("the matrix", () => {
    for (const code of [...ReedSolomon.PRESETS, { k: 100, n: 255 }]) {
      it(`of ${code.k}/${code.n} is the identity over 1 / (row xor column)`, () => {
        for (let position = 0; position < code.n; position++) {
          const row = ReedSolomon.row(code, position);
          expect(row.length).to.equal(code.k);
          for (let column = 0; column < code.k; column++) {
            if (position < code.k) expect(row[column]).to.equal(position === column ? 1 : 0);
            // That the points are distinct makes each minor a Cauchy determinant, which is never zero.
            else expect(times(row[column]!, position ^ column)).to.equal(1);
          }
        }
      });
    }

    it("of 10/30 has no zero minor of one, two or three rows", () => {
      const code = { k: 10, n: 30 };
      const parity = Array.from({ length: 20 }, (_, row) => [...ReedSolomon.row(code, 10 + row)]);
      for (const size of [1, 2, 3]) {
        const columnSets = [...subsets(size, 10)];
        for (const rows of subsets(size, 20)) {
          for (const columns of columnSets) {
            const minor = rows.map((row) => columns.map((column) => parity[row]![column]!));
            if (determinant(minor) === 0) expect.fail(`rows ${rows}, columns ${columns}`);
          }
        }
      }
    });
  });

  describe("encode", () => {
    it("is the matrix times the data, byte by byte", () => {
      fc.assert(
        fc.property(anyCode, fc.integer({ min: 0, max: 70 }), (code, width) => {
          const blocks = blocksOf(code, width);
          for (const position of [code.k, code.n - 1].filter((at) => at >= code.k && at < code.n)) {
            const row = ReedSolomon.row(code, position);
            const expected = Uint8Array.from({ length: width }, (_, at) =>
              row.reduce((sum, coefficient, column) => sum ^ times(coefficient, blocks[column]![at]!), 0),
            );
            expect(hex(blocks[position]!)).to.equal(hex(expected));
          }
        }),
        { numRuns: 60 },
      );
    });

    it("treats each column alone, across widths beyond one strip", () => {
      const code = { k: 10, n: 30 };
      const wide = blocksOf(code, 65_536);
      for (const [from, to] of [
        [0, 4096],
        [4095, 4130],
        [65_500, 65_536],
      ] as const) {
        const narrow = ReedSolomon.encode(
          code,
          wide.slice(0, 10).map((block) => block.subarray(from, to)),
        );
        for (const [index, block] of narrow.entries()) {
          expect(Buffer.compare(block, wide[10 + index]!.subarray(from, to))).to.equal(0);
        }
      }
    });
  });

  describe("reconstruct", () => {
    for (const code of ReedSolomon.PRESETS.filter(({ n }) => n <= 12)) {
      it(`gives everything back from every ${code.k} of ${code.n}`, () => {
        const blocks = blocksOf(code, 37);
        for (const chosen of subsets(code.k, code.n)) checkFrom(code, blocks, chosen);
      });
    }

    it("gives everything back from any 10 of 30", () => {
      const code = { k: 10, n: 30 };
      const blocks = blocksOf(code, 33);
      const positions = Array.from({ length: 30 }, (_, position) => position);
      fc.assert(
        fc.property(fc.shuffledSubarray(positions, { minLength: 10, maxLength: 10 }), (chosen) =>
          checkFrom(code, blocks, chosen),
        ),
        { numRuns: 1000 },
      );
      checkFrom(code, blocks, positions.slice(20));
    });

    it("gives everything back from any k of n, for any code", () => {
      fc.assert(
        fc.property(
          anyCode.chain((code) =>
            fc.tuple(
              fc.constant(code),
              fc.shuffledSubarray(
                Array.from({ length: code.n }, (_, position) => position),
                { minLength: code.k, maxLength: code.n },
              ),
            ),
          ),
          ([code, chosen]) => checkFrom(code, blocksOf(code, 5), chosen),
        ),
        { numRuns: 100 },
      );
    });
  });

  describe("bad input", () => {
    const code = { k: 4, n: 12 };
    const blocks = blocksOf(code, 32);

    it("is too few blocks", () => {
      expect(() => ReedSolomon.encode(code, blocks.slice(0, 3)))
        .to.throw(ReedSolomon.NotEnoughBlocksError)
        .that.includes({ needed: 4, actual: 3 });
      expect(() => ReedSolomon.reconstruct(code, new Map([[5, blocks[5]!]]), [0]))
        .to.throw(ReedSolomon.NotEnoughBlocksError)
        .that.includes({ needed: 4, actual: 1 });
    });

    it("is blocks of different widths", () => {
      const uneven = [...blocks.slice(0, 3), blocks[3]!.subarray(1)];
      expect(() => ReedSolomon.encode(code, uneven))
        .to.throw(LengthError)
        .that.includes({ least: 32, actual: 31 });
      expect(() => ReedSolomon.reconstruct(code, new Map(uneven.entries()), [7])).to.throw(LengthError);
    });

    it("is a position or a code that does not exist", () => {
      const available = new Map(blocks.slice(0, 4).entries());
      expect(() => ReedSolomon.reconstruct(code, available, [12]))
        .to.throw(BoundsError)
        .that.includes({ actual: 12 });
      expect(() => ReedSolomon.reconstruct(code, new Map([[-1, blocks[0]!], ...available]), [4])).to.throw(BoundsError);
      for (const bad of [
        { k: 0, n: 3 },
        { k: 4, n: 3 },
        { k: 4, n: 256 },
        { k: 1.5, n: 3 },
      ]) {
        expect(() => ReedSolomon.encode(bad, blocks), JSON.stringify(bad)).to.throw(BoundsError);
      }
    });
  });
});
