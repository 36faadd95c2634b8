/** The directed challenge: one named chunk, shown or paid for. PROTOCOL section 5. */
import { expect } from "chai";
import { dataSlice } from "ethers";
import { SECTOR_CHUNKS } from "../../src/codec/index.ts";
import { hex } from "./Content.ts";
import {
  type Agreement,
  createWorld,
  delegation,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  rollBack,
  SCOPES,
  ZERO_ROOT,
} from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, stranger } = world;
const BOND = 1_000n;
const FULL = 8n * PENALTY_RATE * BigInt(PARAMETERS.coverEpochs);
const CONVICTED = 6n;

const answerFor = (deal: Agreement, sectors: number, chunk: number) => hex(world.content(deal, sectors).answer(chunk));

describe("directed challenges", () => {
  rollBack(world);
  let deal: Agreement;
  let epoch: number;
  beforeEach(async () => {
    deal = await world.active(3);
    epoch = await world.epoch();
  });

  describe("challenge", () => {
    it("names a chunk and pays the bond, until the end of the next epoch", async () => {
      const call = world.as(alice).challenge(deal, 77);
      await expect(call)
        .to.emit(market, "Challenged")
        .withArgs(deal.id, alice.address, 77n, epoch + 1);
      await expect(call).to.changeTokenBalance(world.ethers, token, alice.account, -BOND);
      const { challengeDeadline, challengedChunk, challenger } = await world.deal(deal);
      expect([challengeDeadline, challengedChunk, challenger]).to.deep.equal([BigInt(epoch + 1), 77n, alice.address]);
    });

    it("is the client's or its AUDIT delegate's, who pays its own bond", async () => {
      const refuse = async (party: typeof carol) =>
        expect(world.as(party).challenge(deal, 0))
          .to.be.revertedWithCustomError(market, "Market_Unauthorized")
          .withArgs(party.address);
      await refuse(carol);
      await refuse(bob);
      await world.as(alice).authorize(carol.account, delegation(SCOPES.READ | SCOPES.WRITE | SCOPES.REPAIR, 90));
      await refuse(carol);
      await refuse(stranger);
      await world.as(alice).authorize(stranger.account, delegation(SCOPES.AUDIT, epoch + 2));
      await expect(world.as(stranger).challenge(deal, 0)).to.changeTokenBalance(
        world.ethers,
        token,
        stranger.account,
        -BOND,
      );
      await market.answer(deal, answerFor(deal, 3, 0));
      await world.start(epoch + 2);
      await refuse(stranger);
    });

    it("by a delegate ends two epochs after it was revoked", async () => {
      await world.as(alice).authorize(stranger.account, delegation(SCOPES.AUDIT, 90));
      await world.as(alice).revoke(stranger.account);
      await world.to("last", epoch + 1);
      await world.as(stranger).challenge(deal, 0);
      await market.answer(deal, answerFor(deal, 3, 0));
      await expect(world.as(stranger).challenge(deal, 0))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(stranger.address);
    });

    it("names the last chunk and none beyond it", async () => {
      const limit = 3 * SECTOR_CHUNKS;
      await expect(world.as(alice).challenge(deal, limit))
        .to.be.revertedWithCustomError(market, "Market_ChunkOutOfRange")
        .withArgs(limit, limit);
      await world.as(alice).challenge(deal, limit - 1);
    });

    it("is not for a deal without data", async () => {
      const empty = await world.open({ position: 1 });
      await expect(world.as(alice).challenge(empty, 0))
        .to.be.revertedWithCustomError(market, "Market_ChunkOutOfRange")
        .withArgs(0n, 0n);
    });

    it("attack 'blocking challenges': one at a time, and none that would outlast the deal", async () => {
      await world.as(alice).challenge(deal, 1);
      await expect(world.as(alice).challenge(deal, 2))
        .to.be.revertedWithCustomError(market, "Market_ChallengeOpen")
        .withArgs(deal.id);
      const short = await world.active(1, { position: 1, endEpoch: epoch + 2 });
      await world.as(alice).challenge(short, 0);
      const shorter = await world.active(1, { position: 2, endEpoch: epoch + 1 });
      await expect(world.as(alice).challenge(shorter, 0))
        .to.be.revertedWithCustomError(market, "Market_WrongState")
        .withArgs(shorter.id);
    });

    it("is possible in any phase, and during notice", async () => {
      await world.as(alice).terminate(deal);
      await world.to("challenge");
      await expect(world.as(alice).challenge(deal, 1)).to.emit(market, "Challenged");
    });

    it("needs the money for the bond", async () => {
      await token.connect(alice.account).approve(market, BOND - 1n);
      await expect(world.as(alice).challenge(deal, 1)).to.be.revertedWithCustomError(
        token,
        "ERC20InsufficientAllowance",
      );
    });
  });

  describe("answer", () => {
    it("shows the chunk: the bond goes to the provider, whoever sends it", async () => {
      await world.as(alice).challenge(deal, 40_000);
      const before = await world.ledger(bob.address);
      await expect(world.as(stranger).answer(deal, answerFor(deal, 3, 40_000)))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, true, BOND * LEDGER);
      expect((await world.ledger(bob.address)).balance - before.balance).to.equal(BOND * LEDGER);
      await expect(market.answer(deal, answerFor(deal, 3, 40_000)))
        .to.be.revertedWithCustomError(market, "Market_NoChallenge")
        .withArgs(deal.id);
      await world.as(alice).challenge(deal, 40_001);
    });

    it("takes exactly that chunk's proof", async () => {
      await world.as(alice).challenge(deal, 40_000);
      const { root } = world.content(deal, 3);
      const good = answerFor(deal, 3, 40_000);
      for (const wrong of [answerFor(deal, 3, 40_002), `0x01${good.slice(4)}`]) {
        await expect(market.answer(deal, wrong))
          .to.be.revertedWithCustomError(market, "Market_ProofRoot")
          .withArgs(root, (shown: string) => shown !== root);
      }
      for (const wrong of ["0x", dataSlice(good, 1), `${good}00`]) {
        await expect(market.answer(deal, wrong))
          .to.be.revertedWithCustomError(market, "Market_ProofLength")
          .withArgs(good.length / 2 - 1, wrong.length / 2 - 1);
      }
      expect((await world.deal(deal)).root).to.equal(root);
    });

    it("answers against the root of now: data that was added does not get in the way", async () => {
      await world.as(alice).challenge(deal, 40_000);
      await world.commit(deal, 5);
      await expect(market.answer(deal, answerFor(deal, 3, 40_000))).to.be.revertedWithCustomError(
        market,
        "Market_ProofLength",
      );
      await expect(market.answer(deal, answerFor(deal, 5, 40_000))).to.emit(market, "ChallengeClosed");
    });

    it("gives the bond back where the chunk was trimmed meanwhile", async () => {
      await world.as(alice).challenge(deal, 3 * SECTOR_CHUNKS - 1);
      await world.commit(deal, 2);
      const before = await world.ledger(alice.address);
      await expect(market.answer(deal, "0x"))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, BOND * LEDGER);
      expect((await world.ledger(alice.address)).balance - before.balance).to.equal(BOND * LEDGER);
    });

    it("and where nothing is left at all", async () => {
      await world.as(alice).challenge(deal, 0);
      await world.commitAll([await world.countersigned(deal, await world.revision(deal, 0, { root: ZERO_ROOT }))]);
      await expect(market.answer(deal, "0x"))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, BOND * LEDGER);
    });

    it("gives a delegate's bond back to the delegate", async () => {
      await world.as(alice).authorize(stranger.account, delegation(SCOPES.AUDIT, 90));
      await world.as(stranger).challenge(deal, 3 * SECTOR_CHUNKS - 1);
      await world.commit(deal, 2);
      await market.answer(deal, "0x");
      expect((await world.ledger(stranger.address)).balance).to.equal(BOND * LEDGER);
    });

    it("through the last block of the deadline, and not after", async () => {
      await world.as(alice).challenge(deal, 5);
      const proof = answerFor(deal, 3, 5);
      await world.start(epoch + 2);
      await expect(market.answer(deal, proof))
        .to.be.revertedWithCustomError(market, "Market_Expired")
        .withArgs(epoch + 1, epoch + 2);
    });

    it("in the very last block it still counts", async () => {
      await world.as(alice).challenge(deal, 5);
      await world.to("last", epoch + 1);
      await expect(market.answer(deal, answerFor(deal, 3, 5))).to.emit(market, "ChallengeClosed");
    });
  });

  describe("convict", () => {
    beforeEach(async () => {
      await world.as(alice).challenge(deal, 5);
    });

    it("past the deadline stops the deal: the collateral to the client, the bond back, the leaf out", async () => {
      await world.live(bob, 2);
      const before = await world.ledger(alice.address);
      const call = world.as(stranger).convict(deal);
      await expect(call)
        .to.emit(market, "Stopped")
        .withArgs(deal.id, CONVICTED, epoch + 2, FULL);
      await expect(call)
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, BOND * LEDGER);
      expect((await world.ledger(alice.address)).balance - before.balance).to.equal(FULL + BOND * LEDGER);
      expect(await market.leaves(bob.account, 0, 1)).to.deep.equal([0n]);
      expect((await world.ledger(stranger.address)).balance).to.equal(0n); // nothing to front-run
    });

    it("not before, and not without a challenge", async () => {
      await world.live(bob, 1);
      await expect(market.convict(deal))
        .to.be.revertedWithCustomError(market, "Market_NotDue")
        .withArgs(epoch + 2, epoch + 1);
      const other = await world.active(1, { position: 1 });
      await expect(market.convict(other))
        .to.be.revertedWithCustomError(market, "Market_NoChallenge")
        .withArgs(other.id);
    });

    it("not after an answer", async () => {
      await market.answer(deal, answerFor(deal, 3, 5));
      await world.live(bob, 2);
      await expect(market.convict(deal)).to.be.revertedWithCustomError(market, "Market_NoChallenge").withArgs(deal.id);
    });

    it("attack 'self-conviction cheaper than abandon': it costs the provider the same", async () => {
      const paid = async (leave: () => Promise<unknown>) => {
        const { restore } = await world.connection.networkHelpers.takeSnapshot();
        const before = (await world.ledger(bob.address)).balance;
        await leave();
        const after = (await world.ledger(bob.address)).balance;
        await restore();
        return before - after;
      };
      await world.live(bob, 2);
      expect(await paid(() => world.as(bob).convict(deal))).to.equal(await paid(() => world.as(bob).abandon(deal)));
    });

    it("attack 'resigned before conviction': a notice does not void the challenge, nor save the collateral", async () => {
      await world.as(bob).resign(deal);
      await world.live(bob, 2);
      await expect(market.convict(deal))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, CONVICTED, epoch + 2, FULL);
      await world.start(epoch + 4);
      await expect(market.close([deal])).to.emit(market, "Closed");
    });
  });

  describe("convict while the provider's set is frozen", () => {
    it("is for a deal that is not in it: its leaf is gone", async () => {
      await world.as(alice).terminate(deal); // stops at epoch + 3
      await world.live(bob, 1);
      await world.as(alice).challenge(deal, 5); // until the end of epoch + 2
      await world.live(bob, 1);
      await world.prove(bob);
      await market.prune([deal]);
      await world.start();
      await world.to("gap");
      await expect(market.convict(deal))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, CONVICTED, epoch + 3, FULL);
      expect((await world.deal(deal)).settledThrough).to.equal(epoch + 2);
    });

    it("or it was emptied, and nobody gave the bond back in time", async () => {
      await world.as(alice).challenge(deal, 5);
      await world.commitAll([await world.countersigned(deal, await world.revision(deal, 0, { root: ZERO_ROOT }))]);
      await world.start(epoch + 2);
      await world.to("gap");
      await expect(market.convict(deal))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, CONVICTED, epoch + 2, FULL);
      const { misses, settledThrough } = await world.deal(deal);
      expect([misses, settledThrough]).to.deep.equal([0n, BigInt(epoch) + 1n]);
    });
  });

  describe("an immediate exit voids the challenge: the bond goes back", () => {
    beforeEach(async () => {
      await world.as(alice).challenge(deal, 5);
    });

    it("abandon", async () => {
      await expect(world.as(bob).abandon(deal))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, BOND * LEDGER);
      await expect(market.answer(deal, answerFor(deal, 3, 5))).to.be.revertedWithCustomError(
        market,
        "Market_NoChallenge",
      );
    });

    it("terminateMissed", async () => {
      await world.miss(3);
      await expect(world.as(alice).terminateMissed(deal))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, BOND * LEDGER);
    });

    it("prune of a used-up cover", async () => {
      await world.miss(8);
      await expect(market.prune([deal]))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, BOND * LEDGER);
    });
  });

  it("outlives the leaf of a deal that ended by notice: it can still be answered, or convicted", async () => {
    await world.as(alice).terminate(deal);
    await world.live(bob, 1);
    await world.as(alice).challenge(deal, 5);
    await world.prove(bob);
    await world.start();
    await world.prove(bob);
    await market.prune([deal]);
    await expect(market.answer(deal, answerFor(deal, 3, 5)))
      .to.emit(market, "ChallengeClosed")
      .withArgs(deal.id, true, BOND * LEDGER);
  });
});
