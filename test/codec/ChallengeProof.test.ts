import { expect } from "chai";
import fc from "fast-check";
import { BoundsError, ChallengeProof, DealTree, LengthError, RangeProof, SectorTree } from "../../src/codec/index.ts";
import { content, hex } from "../vectors/content.ts";
import { dealLayers, node, sectorLayers, siblings } from "./naive.ts";

const BLOCK = 65_536;
const CHUNKS = 1 << 15;

function stored(bytes: Uint8Array): RangeProof.StoredSector {
  return {
    length: bytes.length,
    blockNodes: SectorTree.blockNodes(bytes),
    readBlock: (index) => bytes.subarray(index * BLOCK, (index + 1) * BLOCK),
  };
}

/** Seven contents in turn, one of them over several blocks: as seven is odd, no two subtrees side by side are alike. */
const contents = Array.from({ length: 7 }, (_, kind) => content(kind, kind === 2 ? 3 * BLOCK + 64 : 32 * kind));
const naiveContents = contents.map((bytes) => sectorLayers(bytes));
const sectorBytes = (index: number) => contents[index % 7]!;
const sectorRoots = Array.from({ length: 257 }, (_, index) => naiveContents[index % 7]!.at(-1)![0]!);

/** The documented bytes, from complete naive trees. */
function naiveProof(sectors: number, chunkIndex: number): Uint8Array {
  const [sector, chunk] = [Math.floor(chunkIndex / CHUNKS), chunkIndex % CHUNKS];
  const within = naiveContents[sector % 7]!;
  return Buffer.concat([
    within[0]![chunk]!,
    ...siblings(within, chunk),
    ...siblings(dealLayers(sectorRoots.slice(0, sectors)), sector),
  ]);
}

function dealOf(sectors: number): DealTree {
  return DealTree.of(sectorRoots.slice(0, sectors));
}

describe("ChallengeProof", () => {
  it("is chunk, sibling chunk and siblings bottom up, for 1 to 64 sectors and around powers of two", () => {
    for (const sectors of [...Array.from({ length: 64 }, (_, at) => at + 1), 65, 127, 128, 129, 255, 256, 257]) {
      const tree = dealOf(sectors);
      const last = sectors * CHUNKS - 1;
      for (const chunkIndex of [0, last, last - CHUNKS + 2, (sectors ** 3 * 104_729 + 7919) % (last + 1)]) {
        const sector = stored(sectorBytes(Math.floor(chunkIndex / CHUNKS)));
        const proof = ChallengeProof.build(tree, chunkIndex, sector);
        expect(proof.length).to.equal(64 + 24 * (14 + Math.ceil(Math.log2(sectors))));
        expect(proof.length).to.equal(ChallengeProof.proofBytes(sectors));
        expect(hex(proof), `${sectors} sectors, chunk ${chunkIndex}`).to.equal(hex(naiveProof(sectors, chunkIndex)));
        ChallengeProof.verify({ root: tree.root, sectors, chunkIndex }, proof);
      }
    }
  });

  it("holds for every chunk one may be asked for, and fits no other", () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 9 })
          .chain((sectors) =>
            fc.tuple(fc.constant(sectors), fc.nat(sectors * CHUNKS - 1), fc.nat(sectors * CHUNKS - 1)),
          ),
        ([sectors, chunkIndex, other]) => {
          const tree = dealOf(sectors);
          const sector = stored(sectorBytes(ChallengeProof.sectorOf(chunkIndex)));
          const proof = ChallengeProof.build(tree, chunkIndex, sector);
          ChallengeProof.verify({ root: tree.root, sectors, chunkIndex }, proof);
          const same =
            hex(ChallengeProof.build(tree, other, stored(sectorBytes(ChallengeProof.sectorOf(other))))) === hex(proof);
          const verify = () => ChallengeProof.verify({ root: tree.root, sectors, chunkIndex: other }, proof);
          if (same) verify();
          else expect(verify).to.throw(RangeProof.RootMismatchError);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("can be made of a sector that has grown since, as of its earlier length", () => {
    const bytes = content(2, 9 * BLOCK);
    const committed = 4 * BLOCK + 100; // inside chunk 3 of its block
    const roots = [content(1, 24), SectorTree.root(bytes.subarray(0, committed)), content(3, 24)];
    const tree = DealTree.of(roots);
    for (const chunk of [0, 5, 4 * 2048 + 2, 4 * 2048 + 3, 6 * 2048, 32_767]) {
      const chunkIndex = CHUNKS + chunk;
      const proof = ChallengeProof.build(tree, chunkIndex, stored(bytes), committed);
      ChallengeProof.verify({ root: tree.root, sectors: 3, chunkIndex }, proof);
      const now = ChallengeProof.build(tree, chunkIndex, stored(bytes));
      expect(() => ChallengeProof.verify({ root: tree.root, sectors: 3, chunkIndex }, now), `${chunk}`).to.throw(
        RangeProof.RootMismatchError,
      );
    }
  });

  it("reads exactly the blocks it names", () => {
    const bytes = content(2, 9 * BLOCK);
    for (const [chunk, asOf] of [
      [5, 9 * BLOCK],
      [5, 4 * BLOCK + 96],
      [8 * 2048 + 1, 4 * BLOCK + 96],
      [32_767, 9 * BLOCK],
    ] as const) {
      const read = new Set<number>();
      const inner = stored(bytes);
      const sector = { ...inner, readBlock: (index: number) => inner.readBlock(read.add(index) && index) };
      const tree = DealTree.of([SectorTree.root(bytes.subarray(0, asOf))]);
      ChallengeProof.verify(
        { root: tree.root, sectors: 1, chunkIndex: chunk },
        ChallengeProof.build(tree, chunk, sector, asOf),
      );
      expect([...read].sort((a, b) => a - b)).to.deep.equal(ChallengeProof.blocksRead(bytes.length, chunk, asOf));
    }
  });

  describe("refuses", () => {
    const sectors = 3;
    const tree = dealOf(sectors);
    const chunkIndex = 2 * CHUNKS + 2050;
    const challenge = { root: tree.root, sectors, chunkIndex };
    const proof = ChallengeProof.build(tree, chunkIndex, stored(sectorBytes(2)));

    it("any changed byte", () => {
      for (let at = 0; at < proof.length; at++) {
        const altered = proof.slice();
        altered[at]! ^= 1;
        expect(() => ChallengeProof.verify(challenge, altered), `byte ${at}`).to.throw(RangeProof.RootMismatchError);
      }
    });

    it("missing and unused bytes", () => {
      for (const wrong of [proof.subarray(1), proof.subarray(0, -24), Buffer.concat([proof, new Uint8Array(24)])]) {
        expect(() => ChallengeProof.verify(challenge, wrong))
          .to.throw(LengthError)
          .that.includes({ least: proof.length, actual: wrong.length });
      }
    });

    it("an inner node passed off as a chunk", () => {
      // The node above the challenged chunk and the node beside it, padded: under the index that node has in its own
      // layer they do lead to the root, one level too early. Only the height, which the chain knows, gives them away.
      const index = chunkIndex / 2;
      const [beside, above] = naiveContents[2]![1]!.slice(1024, 1026).map((one) => Buffer.concat([one], 32));
      const forged = Buffer.concat([above!, beside!, proof.subarray(64 + 24)]);
      let climbed: Uint8Array = above!;
      for (let height = 0, at = 32; at < forged.length; height++) {
        const sibling = forged.subarray(at, at + (height === 0 ? 32 : 24));
        at += sibling.length;
        climbed = Math.floor(index / 2 ** height) % 2 === 0 ? node(climbed, sibling) : node(sibling, climbed);
      }
      expect(hex(climbed)).to.equal(hex(tree.root));
      expect(() => ChallengeProof.verify({ ...challenge, chunkIndex: index }, forged))
        .to.throw(LengthError)
        .that.includes({ least: proof.length, actual: forged.length });
      const stretched = Buffer.concat([forged, new Uint8Array(24)]);
      expect(() => ChallengeProof.verify({ ...challenge, chunkIndex: index }, stretched)).to.throw(
        RangeProof.RootMismatchError,
      );
    });

    it("another count of sectors, even at the same height", () => {
      ChallengeProof.verify({ ...challenge, sectors: 4 }, proof); // the root alone cannot tell: counts come from the chain
      for (const count of [5, 2]) {
        const other = { ...challenge, sectors: count, chunkIndex: chunkIndex % (count * CHUNKS) };
        expect(() => ChallengeProof.verify(other, proof)).to.throw(LengthError);
      }
    });

    it("a chunk of the padding", () => {
      const padding = sectors * CHUNKS;
      for (const index of [padding, padding + 5, -1, 0.5]) {
        const most = { most: padding - 1, actual: index };
        expect(() => ChallengeProof.verify({ ...challenge, chunkIndex: index }, proof))
          .to.throw(BoundsError)
          .that.includes(most);
        expect(() => ChallengeProof.build(tree, index, stored(sectorBytes(2))))
          .to.throw(BoundsError)
          .that.includes(most);
      }
    });

    it("a deal without sectors", () => {
      expect(() => ChallengeProof.verify({ ...challenge, sectors: 0 }, proof)).to.throw(BoundsError);
      expect(() => ChallengeProof.build(new DealTree(), 0, stored(new Uint8Array(0)))).to.throw(BoundsError);
    });
  });

  describe("of an epoch", () => {
    const deals = [1, 3, 8].map((sectors) => ({ sectors, tree: dealOf(sectors) }));
    const challenges = deals.map(({ sectors, tree }, slot) => ({
      slot,
      root: tree.root,
      sectors,
      chunkIndex: sectors * CHUNKS - 7,
    }));
    const answers = deals.map(({ sectors, tree }) =>
      ChallengeProof.build(tree, sectors * CHUNKS - 7, stored(sectorBytes(sectors - 1))),
    );

    it("is the answers one behind the other", () => {
      ChallengeProof.verifyAll(challenges, Buffer.concat(answers));
      ChallengeProof.verifyAll([], new Uint8Array(0));
    });

    it("is refused in another order, cut, extended, or with one answer wrong", () => {
      const all = Buffer.concat(answers);
      expect(() => ChallengeProof.verifyAll(challenges, Buffer.concat(answers.toReversed()))).to.throw(
        RangeProof.RootMismatchError,
      );
      expect(() => ChallengeProof.verifyAll(challenges, all.subarray(0, -1))).to.throw(LengthError);
      expect(() => ChallengeProof.verifyAll(challenges, Buffer.concat([all, answers[0]!]))).to.throw(LengthError);
      for (let at = 0; at < all.length; at += 97) {
        const altered = Uint8Array.from(all);
        altered[at]! ^= 4;
        expect(() => ChallengeProof.verifyAll(challenges, altered)).to.throw(RangeProof.RootMismatchError);
      }
    });

    describe("with several challenges in one deal", () => {
      const sectors = 8;
      const tree = dealOf(sectors);
      const answer = (chunkIndex: number) =>
        ChallengeProof.build(tree, chunkIndex, stored(sectorBytes(ChallengeProof.sectorOf(chunkIndex))));
      const place = (chunkIndex: number) => ({ slot: 2, root: tree.root, sectors, chunkIndex });
      const joined = (chunks: readonly number[]) => ChallengeProof.join(chunks.map(place), chunks.map(answer));

      it("leaves out what the one before has shown, wherever their ways meet", () => {
        const whole = ChallengeProof.proofBytes(sectors);
        for (let met = 0; met <= ChallengeProof.proofHeight(sectors); met++) {
          const chunks = met === 0 ? [77, 77] : [2 ** (met - 1) - 1, 2 ** (met - 1)];
          const proof = joined(chunks);
          expect(proof.length - whole, `met ${met} up`).to.equal(met < 2 ? 0 : 64 + (met - 2) * 24);
          ChallengeProof.verifyAll(chunks.map(place), proof);
          expect(ChallengeProof.split(chunks.map(place), proof).map(hex)).to.deep.equal(chunks.map(answer).map(hex));
        }
      });

      it("is refused with any byte altered, cut, or extended", () => {
        const chunks = [0, 1, 40_000, 40_000, 8 * CHUNKS - 1];
        const proof = joined(chunks);
        ChallengeProof.verifyAll(chunks.map(place), proof);
        for (let at = 0; at < proof.length; at += 13) {
          const altered = Uint8Array.from(proof);
          altered[at]! ^= 1;
          expect(() => ChallengeProof.verifyAll(chunks.map(place), altered), `byte ${at}`).to.throw(
            RangeProof.RootMismatchError,
          );
        }
        for (const wrong of [proof.subarray(0, -1), Buffer.concat([proof, proof.subarray(0, 24)])])
          expect(() => ChallengeProof.verifyAll(chunks.map(place), wrong)).to.throw(LengthError);
      });

      it("leaves out nothing where the deals only hold the same", () => {
        const twins = [5, 6].map((chunk, slot) => ({ ...place(chunk), slot }));
        const proof = ChallengeProof.join(twins, [5, 6].map(answer));
        expect(proof.length).to.equal(2 * ChallengeProof.proofBytes(sectors));
        ChallengeProof.verifyAll(twins, proof);
      });
    });
  });
});
