import { expect } from "chai";
import fc from "fast-check";
import { Epochs, type Phase } from "../../src/chain/Epochs.ts";

const lengths = fc
  .record({
    commitBlocks: fc.integer({ min: 1, max: 60 }),
    gapBlocks: fc.integer({ min: 1, max: 10 }),
    proveBlocks: fc.integer({ min: 1, max: 200 }),
    genesis: fc.bigInt({ min: 0n, max: 1n << 40n }),
  })
  .map(({ commitBlocks, gapBlocks, proveBlocks, genesis }) => ({
    epochs: new Epochs(genesis, { commitBlocks, gapBlocks, epochBlocks: commitBlocks + gapBlocks + 1 + proveBlocks }),
    phases: [
      ...Array.from({ length: commitBlocks }, (): Phase => "commit"),
      ...Array.from({ length: gapBlocks }, (): Phase => "gap"),
      "challenge" as Phase,
      ...Array.from({ length: proveBlocks }, (): Phase => "prove"),
    ],
  }));

describe("the epoch clock", () => {
  it("agrees with walking block by block", () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 3 }), ({ epochs, phases }, count) => {
        let block = epochs.genesis;
        for (let epoch = 1; epoch <= count; epoch++) {
          expect(epochs.start(epoch)).to.equal(block);
          for (const [offset, phase] of phases.entries()) {
            expect(epochs.at(block)).to.equal(epoch);
            expect(epochs.phase(block)).to.equal(phase);
            if (phase === "challenge") expect(epochs.challengeBlock(epoch)).to.equal(block);
            const after = phases.findIndex((each, at) => at > offset && each !== phase);
            const boundary = epochs.start(epoch) + BigInt(after < 0 ? phases.length : after);
            expect(epochs.nextBoundary(block)).to.equal(boundary);
            block++;
          }
          expect(epochs.end(epoch)).to.equal(block - 1n);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("lets a set be written in the commit phase for this epoch, once proven for the next, and not otherwise", () => {
    const epochs = new Epochs(100n, { epochBlocks: 40, commitBlocks: 10, gapBlocks: 2 });
    expect(epochs.effective(109n, false)).to.equal(1);
    expect(epochs.effective(109n, true)).to.equal(1);
    for (const block of [110n, 111n, 112n, 113n, 139n]) {
      expect(epochs.effective(block, false)).to.equal(undefined);
      expect(epochs.effective(block, true)).to.equal(2);
    }
    expect(epochs.effective(140n, false)).to.equal(2);
  });

  it("refuses blocks before the market, and lengths that leave no time to prove", () => {
    const epochs = new Epochs(100n, { epochBlocks: 40, commitBlocks: 10, gapBlocks: 2 });
    expect(() => epochs.at(99n)).to.throw(RangeError, "99");
    expect(() => new Epochs(0n, { epochBlocks: 12, commitBlocks: 10, gapBlocks: 2 })).to.throw(RangeError);
  });
});
