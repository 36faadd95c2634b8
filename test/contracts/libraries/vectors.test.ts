/** The published vectors, read by the chain's own libraries: one set of bytes for every implementation. */
import { expect } from "chai";
import { dataLength, dataSlice, getBytes } from "ethers";
import hre from "hardhat";
import { ChallengeProof } from "../../../src/codec/index.ts";
import challengeProofs from "../../vectors/challenge-proofs.json" with { type: "json" };
import epochProofs from "../../vectors/epoch-proofs.json" with { type: "json" };
import positions from "../../vectors/positions.json" with { type: "json" };

const connection = await hre.network.create();
const chain = await connection.ethers.deployContract("Libraries");
const call = (name: string, ...args: unknown[]) => chain.getFunction(name)(...args);
const CHUNKS_PER_SECTOR = 32_768;

describe("libraries and the published vectors", () => {
  after(() => connection.close());

  it("challenge-proofs.json: every proof leads to its root and has its length", async () => {
    expect(challengeProofs.cases.length).to.be.greaterThan(0);
    for (const { sectors, root, chunkIndex, proof } of challengeProofs.cases) {
      const [found, length] = await call("proofRoot", proof, chunkIndex, sectors);
      expect(found, `${sectors} sectors, chunk ${chunkIndex}`).to.equal(root);
      expect(Number(length)).to.equal(dataLength(proof));
    }
  });

  it("positions.json: every draw, and every place in a set", async () => {
    for (const { seed, prevRandao, chainId, market, epoch, provider, sectors, ...expected } of positions.draws) {
      expect(dataSlice(prevRandao, 0, 28)).to.equal(seed);
      const randoms = await call("draws", seed, chainId, market, epoch, provider);
      expect(randoms.map(String)).to.deep.equal(expected.randoms);
      if (sectors === 0) continue; // nothing is challenged
      const chunks = BigInt(sectors) * BigInt(CHUNKS_PER_SECTOR);
      const places = await call("positions", seed, chainId, market, epoch, provider, chunks);
      expect(places.map(Number)).to.deep.equal(expected.positions);
    }
  });

  it("positions.json: every chunk of a set lies in the deal that counting finds", async () => {
    const { sectorsBySlot, cases } = positions.locate;
    const { restore } = await connection.networkHelpers.takeSnapshot();
    await call("setLeaves", [...sectorsBySlot.keys()], sectorsBySlot);
    const { slots, indices } = await call(
      "find",
      cases.map(({ x }) => Math.floor(x / CHUNKS_PER_SECTOR)),
    );
    expect(slots.map(Number)).to.deep.equal(cases.map(({ slot }) => slot));
    expect(indices.map(Number)).to.deep.equal(cases.map(({ sector }) => sector));
    await restore();
  });

  it("epoch-proofs.json: the challenged chunks, and each answer within the whole proof", async () => {
    for (const {
      seed,
      chainId,
      market,
      epoch,
      provider,
      sectorsBySlot,
      roots,
      challenged,
      proof,
    } of epochProofs.cases) {
      const { restore } = await connection.networkHelpers.takeSnapshot();
      await call("setLeaves", [...sectorsBySlot.keys()], sectorsBySlot);
      const total = sectorsBySlot.reduce((sum, sectors) => sum + sectors, 0);
      const chunks = BigInt(total) * BigInt(CHUNKS_PER_SECTOR);
      const places: bigint[] = [...(await call("positions", seed, chainId, market, epoch, provider, chunks))];
      const { slots, indices } = await call(
        "find",
        places.map((place) => place / BigInt(CHUNKS_PER_SECTOR)),
      );
      const asked = challenged.map((challenge) => ({ ...challenge, sectors: sectorsBySlot[challenge.slot]! }));
      const answers = ChallengeProof.split(asked, getBytes(proof));
      for (const [index, { slot, sector, chunkIndex }] of challenged.entries()) {
        expect([Number(slots[index]), Number(indices[index])]).to.deep.equal([slot, sector]);
        const inSector = Number(places[index]! % BigInt(CHUNKS_PER_SECTOR));
        expect(sector * CHUNKS_PER_SECTOR + inSector).to.equal(chunkIndex);
        const [root] = await call("proofRoot", answers[index], chunkIndex, sectorsBySlot[slot]);
        expect(root).to.equal(roots[slot]);
      }
      await restore();
    }
  });
});
