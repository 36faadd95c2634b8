/** The chain's own reading of proofs, positions and sums beside the codec's: what one builds the other accepts. */
import { expect } from "chai";
import { getBytes, hexlify, keccak256, toUtf8Bytes } from "ethers";
import fc from "fast-check";
import hre from "hardhat";
import { ChallengeProof, Positions, SECTOR_CHUNKS } from "../../../src/codec/index.ts";
import { contentOf, hex } from "../Content.ts";

const connection = await hre.network.create();
const chain = await connection.ethers.deployContract("Libraries");
const call = (name: string, ...args: unknown[]) => chain.getFunction(name)(...args);

describe("libraries beside the codec", () => {
  after(() => connection.close());

  const counts = [
    ...Array.from({ length: 64 }, (_, index) => index + 1),
    65,
    127,
    128,
    129,
    255,
    256,
    257,
    1023,
    1024,
    1025,
  ];

  it("every deal tree of 1 to 64 sectors and around powers of two: first, last and other chunks", async () => {
    for (const sectors of counts) {
      const content = contentOf("differential", sectors, 64);
      const last = sectors * SECTOR_CHUNKS - 1;
      for (const index of new Set([0, 1, last, last - 1, Math.floor(last / 2), (sectors * 7919 * 13) % (last + 1)])) {
        const proof = content.answer(index);
        const [root, length] = await call("proofRoot", proof, index, sectors);
        expect(root, `${sectors} sectors, chunk ${index}`).to.equal(content.root);
        expect(Number(length)).to.equal(proof.length).and.to.equal(ChallengeProof.proofBytes(sectors));
      }
    }
  });

  it("how the answers of an epoch share what they have in common, for any chunks of any deals", async () => {
    const deals = [1, 3, 8].map((sectors) => contentOf(`joined ${sectors}`, sectors));
    const last = (slot: number) => deals[slot]!.sectors * SECTOR_CHUNKS - 1;
    const near = fc.tuple(fc.nat(2), fc.nat(2 ** 18), fc.nat(18)).map(([slot, at, shift]) => ({
      slot,
      chunkIndex: Math.min(at >> shift, last(slot)),
    }));
    await fc.assert(
      fc.asyncProperty(fc.array(near, { minLength: 2, maxLength: 5 }), async (drawn) => {
        drawn.sort((a, b) => a.slot - b.slot || a.chunkIndex - b.chunkIndex);
        const proof = ChallengeProof.join(
          drawn,
          drawn.map(({ slot, chunkIndex }) => deals[slot]!.answer(chunkIndex)),
        );
        const heights = drawn.map(({ slot }) => ChallengeProof.proofHeight(deals[slot]!.sectors));
        const slots = drawn.map(({ slot }) => slot);
        const indices = drawn.map(({ chunkIndex }) => chunkIndex);
        const { levels: own, junctions } = await call("joined", slots, indices, heights);
        let end = 0;
        for (const [i, { slot, chunkIndex }] of drawn.entries()) {
          const [levels, offset] = [Number(own[i]), end];
          if (levels === 0) continue;
          end += 64 + (levels - 1) * 24;
          const { root, node } = await call("climbed", proof, offset, chunkIndex, levels, junctions[i]);
          expect(root).to.equal(junctions[i] === 0n ? deals[slot]!.root : node);
        }
        expect(end).to.equal(proof.length);
      }),
      { numRuns: 100 },
    );
  });

  it("positions for any seed, epoch, provider and size of a set", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 28, maxLength: 28 }),
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.nat(0xffffffff),
        fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
        fc.oneof(fc.integer({ min: 1, max: 2 ** 31 }), fc.integer({ min: 1, max: 64 }), fc.constant(2 ** 31)),
        async (seed, provider, epoch, chainId, sectors) => {
          const market = getBytes(keccak256(toUtf8Bytes("market"))).slice(0, 20);
          const drawn = Positions.draw({ seed, chainId, market, epoch, provider }, sectors);
          const chunks = BigInt(sectors) * BigInt(SECTOR_CHUNKS);
          const places = await call("positions", hexlify(seed), chainId, hex(market), epoch, hex(provider), chunks);
          expect(places.map(Number)).to.deep.equal(drawn);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("places of a sparse set: the sum tree finds the deal that counting finds", async () => {
    const slots = [0, 3, 7, 8, 63, 64, 511, 512, 513, 4095];
    const sectors = [5, 1, 0, 8, 1024, 3, 1, 2, 0, 9];
    await call("setLeaves", slots, sectors);
    const bySlot = new Array<number>(4096).fill(0);
    for (const [index, slot] of slots.entries()) bySlot[slot] = sectors[index]!;
    const total = sectors.reduce((sum, count) => sum + count, 0);
    const asked = Array.from({ length: total }, (_, index) => index);
    for (let from = 0; from < total; from += 256) {
      const part = asked.slice(from, from + 256);
      const { slots: found, indices } = await call("find", part);
      const expected = part.map((sector) => Positions.locate(sector * SECTOR_CHUNKS, bySlot));
      expect(found.map(Number)).to.deep.equal(expected.map(({ slot }) => slot));
      expect(indices.map(Number)).to.deep.equal(expected.map(({ sector }) => sector));
    }
  });
});
