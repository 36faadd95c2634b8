/** What a proof must not get through: PROTOCOL section 11, as far as proofs answer it. */
import { expect } from "chai";
import { concat, dataLength, dataSlice, getBytes, hexlify, sha256, zeroPadBytes } from "ethers";
import { ChallengeProof, Positions, SECTOR_CHUNKS } from "../../src/codec/index.ts";
import { contentOf, hex } from "./Content.ts";
import { type Agreement, createWorld, LEDGER, RATE, rollBack } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob, dave } = world;

const NODE_BYTES = 24;
const CHUNK_BYTES = 32;

/** The seed of the epoch running now, recorded, and bob's good proof for it. */
async function ready(): Promise<{ seed: string; proof: string; challenged: Positions.Position[] }> {
  await world.to("prove");
  const seed = await world.recordSeed();
  return { seed, proof: await world.proof(bob.address), challenged: await world.challenged(bob.address) };
}

/** The five whole answers that a proof of one deal stands for, and where in it lies what it has of each: bytes [from, to). */
function answersOf(proof: string, challenged: readonly Positions.Position[], sectors: number) {
  const asked = challenged.map((place) => ({ ...place, sectors }));
  const answers = ChallengeProof.split(asked, getBytes(proof));
  const end = (count: number) => ChallengeProof.join(asked.slice(0, count), answers.slice(0, count)).length;
  return answers.map((answer, i) => ({ answer: hexlify(answer), from: end(i), to: end(i + 1) }));
}

describe("attacks on proofs", () => {
  rollBack(world);

  describe("given one deal of 3 sectors", () => {
    let deal: Agreement;
    beforeEach(async () => {
      deal = await world.active(3);
    });

    it("attack 'altered bytes': any flipped bit of any answer is a wrong root", async () => {
      const { seed, proof, challenged } = await ready();
      const { root } = await world.deal(deal);
      const parts = answersOf(proof, challenged, 3);
      const bytes = getBytes(proof);
      for (let at = 0; at < bytes.length; at += 61) {
        const { from } = parts.find(({ to }) => at < to)!;
        // The first leads to the root of the deal, the others to a node that stands in one before them.
        const goals = from === 0 ? root : dataSlice(proof, 0, from);
        const isGoal = (node: string) => goals.includes(node.slice(2));
        bytes[at]! ^= 0x80;
        await expect(market.prove.staticCall(bob.address, seed, bytes))
          .to.be.revertedWithCustomError(market, "Market_ProofRoot")
          .withArgs(isGoal, (reached: string) => !isGoal(reached));
        bytes[at]! ^= 0x80;
      }
      await expect(market.prove(bob.address, seed, bytes)).to.emit(market, "Proven");
    });

    it("attack 'unused bytes': a proof is as long as the chain's own count says, no byte more or less", async () => {
      const { seed, proof } = await ready();
      const expected = dataLength(proof);
      for (const wrong of ["0x", dataSlice(proof, 0, expected - 1), `${proof}00`, `${proof}${"00".repeat(24)}`]) {
        await expect(market.prove(bob.address, seed, wrong))
          .to.be.revertedWithCustomError(market, "Market_ProofLength")
          .withArgs(expected, dataLength(wrong));
      }
    });

    it("attack 'inner nodes as chunks': a climb from one level up is too short, and stretched it is wrong", async () => {
      const { seed, proof, challenged } = await ready();
      const parts = answersOf(proof, challenged, 3);
      const climbed = (index: number) => {
        const { from, to } = parts[index]!;
        const answer = dataSlice(proof, from, to);
        const pair = [dataSlice(answer, 0, 32), dataSlice(answer, 32, 64)];
        if (challenged[index]!.chunkIndex % 2 === 1) pair.reverse();
        const node = zeroPadBytes(dataSlice(sha256(concat(pair)), 0, NODE_BYTES), CHUNK_BYTES);
        const beside = zeroPadBytes(dataSlice(answer, 64, 64 + NODE_BYTES), CHUNK_BYTES);
        const short = concat([node, beside, dataSlice(answer, 64 + NODE_BYTES)]);
        const padding = `0x${"00".repeat(NODE_BYTES)}`;
        const within = (other: string) => concat([dataSlice(proof, 0, from), other, dataSlice(proof, to)]);
        return { short: within(short), stretched: within(concat([short, padding])) };
      };
      await expect(market.prove(bob.address, seed, climbed(4).short))
        .to.be.revertedWithCustomError(market, "Market_ProofLength")
        .withArgs(dataLength(proof), dataLength(proof) - NODE_BYTES);
      // Before other answers it takes its last node from the next one.
      for (const wrong of [climbed(0).short, climbed(0).stretched, climbed(4).stretched]) {
        await expect(market.prove(bob.address, seed, wrong)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
      }
    });

    it("attack 'one good chunk for all': answers do not stand in for one another", async () => {
      const { seed, proof, challenged } = await ready();
      const parts = answersOf(proof, challenged, 3);
      const made = (order: number[]) =>
        concat(parts.map(({ from, to }, i) => dataSlice(parts[order[i]!]!.answer, 0, to - from)));
      expect(made([0, 1, 2, 3, 4])).to.equal(proof);
      const same = made([0, 0, 0, 0, 0]);
      await expect(market.prove(bob.address, seed, same)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
      const swapped = made([1, 0, 2, 3, 4]);
      await expect(market.prove(bob.address, seed, swapped)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
    });

    it("attack 'past-epoch proofs': yesterday's proof does not answer today's seed (INV-10)", async () => {
      const { proof } = await ready();
      await world.live(bob);
      const { seed, proof: today } = await ready();
      expect(today).to.not.equal(proof);
      await expect(market.prove(bob.address, seed, proof)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
      await expect(market.prove(bob.address, seed, today)).to.emit(market, "Proven");
    });

    it("attack 'copied proofs': the same data at another provider is challenged elsewhere (INV-10)", async () => {
      const content = contentOf("shared", 3);
      const twins = [await world.open({ position: 1 }), await world.open({}, { client: alice, host: dave })];
      world.keep(content);
      await world.as(bob).abandon(deal);
      for (const twin of twins) {
        const revision = await world.revision(twin, 3, { root: content.root });
        await world.commitAll([await world.countersigned(twin, revision)]);
      }
      const { seed, proof } = await ready();
      await expect(market.prove(dave.address, seed, proof)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
      await expect(market.prove(dave.address, seed, await world.proof(dave.address))).to.emit(market, "Proven");
    });

    it("attack 'cross-market, cross-chain proofs': the draw names both (INV-10)", async () => {
      const content = world.content(deal, 3);
      const { seed } = await ready();
      const drawn = { seed: getBytes(seed), epoch: await world.epoch(), provider: getBytes(bob.address) };
      const here = { ...drawn, chainId: 31337n, market: getBytes(await market.getAddress()) };
      const [elsewhere, overThere] = [
        { ...here, market: getBytes(await world.token.getAddress()) },
        { ...here, chainId: 1n },
      ];
      const proofFor = (from: Positions.Draw) => {
        const drawn = Positions.draw(from, 3).map((x) => Positions.locate(x, [3]));
        return hex(
          ChallengeProof.join(
            drawn,
            drawn.map(({ chunkIndex }) => content.answer(chunkIndex)),
          ),
        );
      };
      for (const from of [elsewhere, overThere]) {
        await expect(market.prove(bob.address, seed, proofFor(from))).to.be.revertedWithCustomError(
          market,
          "Market_ProofRoot",
        );
      }
      await expect(market.prove(bob.address, seed, proofFor(here))).to.emit(market, "Proven");
    });

    it("attack 'padding': no position ever falls beyond the last sector", async () => {
      for (let lived = 0; lived < 8; lived++) {
        await world.to("prove");
        await world.recordSeed();
        for (const { chunkIndex, sector } of await world.challenged(bob.address)) {
          expect(chunkIndex).to.be.lessThan(3 * SECTOR_CHUNKS);
          expect(sector).to.be.lessThan(3);
        }
        await world.live(bob);
      }
    });

    it("attack 'lost data': without one of its sectors a provider fails where it is challenged", async () => {
      const { seed, challenged } = await ready();
      const wrong = contentOf("not what was committed", 3);
      const good = world.content(deal, 3);
      const lost = challenged[2]!.sector;
      const answers = challenged.map(({ chunkIndex, sector }) =>
        sector === lost ? wrong.answer(chunkIndex) : good.answer(chunkIndex),
      );
      const lacking = hex(ChallengeProof.join(challenged, answers));
      await expect(market.prove(bob.address, seed, lacking)).to.be.revertedWithCustomError(market, "Market_ProofRoot");
    });
  });

  describe("given a deal whose cover is used up", () => {
    it("attack 'exhausted deals as dilution': it makes the proof void until it is pruned or refilled", async () => {
      const deal = await world.active(4);
      await world.miss(8);
      await expect(world.prove(bob)).to.be.revertedWithCustomError(market, "Market_DealNotProvable").withArgs(0);
      await world.start();
      await world.as(bob).refill(deal);
      await expect(world.prove(bob)).to.emit(market, "Proven");
    });

    it("the miss before the last one is still provable", async () => {
      await world.active(4);
      await world.miss(7);
      await expect(world.prove(bob)).to.emit(market, "Proven");
    });
  });

  it("attack 'dilution by self-deals': every sector that was never stored burns at least half a P in the mean", async () => {
    // bob is his own client for 24 of 32 sectors that exist nowhere; 8 are alice's. He proves when he can.
    const self = await world.open({ capacity: 24, rate: RATE }, { client: bob, host: bob, escrow: 50_000_000n });
    const honest = await world.open({ capacity: 8 }, { client: alice, host: bob, escrow: 50_000_000n });
    await world.commit(honest, 8);
    const nowhere = await world.revision(self, 24);
    await world.commitAll([await world.countersigned(self, nowhere)]);
    const epochs = 7;
    let proven = 0;
    for (let lived = 0; lived < epochs; lived++) {
      await world.to("prove");
      await world.recordSeed();
      const challenged = await world.challenged(bob.address);
      if (challenged.every(({ slot }) => slot === honest.slot)) {
        await world.prove(bob);
        proven++;
      }
      await world.start();
    }
    const before = await world.ledger(bob.address);
    await market.settle([self, honest]);
    const after = await world.ledger(bob.address);
    // Three of the five strata lie wholly in his own 24 sectors, so he never meets alice's alone and proves nothing.
    expect(proven).to.equal(0);
    const penaltyRate = (await market.providerOf(bob.account)).penaltyRate;
    const toAlice = BigInt(epochs) * 8n * penaltyRate;
    const ownHalf = (BigInt(epochs) * 24n * penaltyRate) / 2n; // comes back to him as his own client
    expect(before.balance - after.balance).to.equal(toAlice + ownHalf);
    expect(await market.burnt()).to.equal((BigInt(epochs) * 32n * penaltyRate) / 2n);
    expect((await world.ledger(alice.address)).balance / LEDGER).to.equal(toAlice / 2n / LEDGER);
  });
});
