/** How deals end, and what each way costs: PROTOCOL section 4. */
import { expect } from "chai";
import { ZeroAddress } from "ethers";
import {
  type Agreement,
  createWorld,
  delegation,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  RATE,
  rollBack,
} from "./fixture.ts";

const world = await createWorld();
const { market, alice, carol, bob, stranger } = world;
const FULL = 8n * PENALTY_RATE * BigInt(PARAMETERS.coverEpochs);
const REASON = { Ended: 1n, Terminated: 2n, Resigned: 3n, Missed: 4n, Abandoned: 5n, Convicted: 6n, Exhausted: 7n };

async function balances() {
  return {
    client: (await world.ledger(alice.address)).balance,
    provider: (await world.ledger(bob.address)).balance,
    locked: (await world.ledger(bob.address)).locked,
    burnt: await market.burnt(),
  };
}
async function leaf(deal: Agreement): Promise<bigint> {
  return (await market.leaves(deal.provider, deal.slot, 1))[0]!;
}

describe("exits", () => {
  rollBack(world);
  let deal: Agreement;
  let epoch: number;
  beforeEach(async () => {
    deal = await world.active(3);
    epoch = await world.epoch();
  });

  describe("terminate", () => {
    it("stops after the notice, free of charge", async () => {
      await expect(world.as(alice).terminate(deal))
        .to.emit(market, "NoticeGiven")
        .withArgs(deal.id, REASON.Terminated, epoch + 3);
      const { state, reason, stopAt, collateral } = await world.deal(deal);
      expect([state, reason, stopAt, collateral]).to.deep.equal([3n, REASON.Terminated, BigInt(epoch + 3), FULL]);
    });

    it("never lengthens a deal that ends before", async () => {
      const short = await world.active(1, { endEpoch: epoch + 2, noticeEpochs: 30, position: 1 });
      await world.as(alice).terminate(short);
      expect((await world.deal(short)).stopAt).to.equal(epoch + 2);
    });

    it("leaves the deal as it is until then: it commits, is proven and paid", async () => {
      await world.as(alice).terminate(deal);
      expect(await world.skipped(world.commit(deal, 4))).to.deep.equal([]);
      expect((await world.deal(deal)).state).to.equal(3n);
      await world.prove(bob);
      await expect(market.settle([deal]))
        .to.emit(market, "Settled")
        .withArgs(deal.id, epoch, 4n * RATE);
    });

    it("is over with the deal's time, pruned or not", async () => {
      const short = await world.active(1, { endEpoch: epoch + 1, position: 1 });
      await world.start(epoch + 1);
      for (const leave of [() => world.as(alice).terminate(short), () => world.as(bob).resign(short)]) {
        await expect(leave()).to.be.revertedWithCustomError(market, "Market_WrongState").withArgs(short.id);
      }
    });

    it("is no delegate's", async () => {
      const everything = delegation(15, 90, { egressCap: 1n, repairBudget: 1n });
      await world.as(alice).authorize(stranger.account, everything);
      for (const leave of ["terminate", "terminateMissed"] as const) {
        await expect(world.as(stranger)[leave](deal))
          .to.be.revertedWithCustomError(market, "Market_Unauthorized")
          .withArgs(stranger.address);
      }
    });

    it("is the client's, once", async () => {
      await expect(world.as(bob).terminate(deal))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(bob.address);
      await world.as(alice).terminate(deal);
      await expect(world.as(alice).terminate(deal))
        .to.be.revertedWithCustomError(market, "Market_WrongState")
        .withArgs(deal.id);
      await expect(world.as(bob).resign(deal))
        .to.be.revertedWithCustomError(market, "Market_WrongState")
        .withArgs(deal.id);
    });
  });

  describe("resign", () => {
    it("costs EXIT x final sectors x P at close, to the client", async () => {
      await expect(world.as(bob).resign(deal))
        .to.emit(market, "NoticeGiven")
        .withArgs(deal.id, REASON.Resigned, epoch + 3);
      await world.commit(deal, 2);
      await world.live(bob, 3);
      await market.prune([deal]);
      await world.start(epoch + 3 + PARAMETERS.finalEpochs + 1);
      const before = await balances();
      const { escrow } = await world.deal(deal);
      const fee = BigInt(PARAMETERS.exitEpochs) * 2n * PENALTY_RATE;
      await expect(market.close([deal]))
        .to.emit(market, "Closed")
        .withArgs(deal.id, escrow, fee, FULL - fee);
      expect(await balances()).to.deep.equal({
        client: before.client + escrow + fee,
        provider: before.provider - fee,
        locked: before.locked - FULL,
        burnt: before.burnt,
      });
    });

    it("costs no more than the collateral left (INV-8)", async () => {
      await world.commit(deal, 8);
      await world.miss(7);
      await world.as(bob).resign(deal); // and misses one epoch more before it is pruned
      await world.miss(1);
      await market.prune([deal]); // used up: it stops as exhausted, and nothing is left for a fee
      expect((await world.deal(deal)).reason).to.equal(REASON.Exhausted);
      await world.start(Number((await world.deal(deal)).stopAt) + 2);
      const { escrow } = await world.deal(deal);
      await expect(market.close([deal]))
        .to.emit(market, "Closed")
        .withArgs(deal.id, escrow, 0n, 0n);
    });

    it("takes what is there where that is less than the fee", async () => {
      await world.commit(deal, 8);
      await world.miss(4);
      await world.as(bob).resign(deal);
      const stopAt = Number((await world.deal(deal)).stopAt);
      await world.miss(stopAt - (await world.epoch()));
      await market.prune([deal]);
      const left = FULL - BigInt(stopAt - epoch) * 8n * PENALTY_RATE;
      expect(left)
        .to.be.lessThan(2n * 8n * PENALTY_RATE)
        .and.greaterThan(0n);
      await world.start(stopAt + 2);
      const { escrow } = await world.deal(deal);
      await expect(market.close([deal]))
        .to.emit(market, "Closed")
        .withArgs(deal.id, escrow, left, 0n);
    });

    it("is the provider's", async () => {
      await expect(world.as(alice).resign(deal))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(alice.address);
    });
  });

  describe("abandon", () => {
    it("ends no challenge where there is none: no bond comes out of nothing", async () => {
      const call = world.as(bob).abandon(deal);
      await expect(call).to.not.emit(market, "ChallengeClosed");
      expect((await world.ledger(ZeroAddress)).balance).to.equal(0n);
    });

    it("takes the last sector out of the set, also where it is the only one", async () => {
      await world.as(bob).abandon(deal);
      const single = await world.active(1, { position: 1 });
      expect(await leaf(single)).to.equal(1n);
      await world.as(bob).abandon(single);
      expect((await market.providerOf(bob.address)).sectors).to.equal(0n);
    });

    it("stops at E and gives the rest of this deal's collateral to the client, of no other deal's", async () => {
      const other = await world.active(2, { position: 1 });
      const before = await balances();
      await expect(world.as(bob).abandon(deal))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, REASON.Abandoned, epoch, FULL);
      expect(await balances()).to.deep.equal({
        client: before.client + FULL,
        provider: before.provider - FULL,
        locked: before.locked - FULL,
        burnt: before.burnt,
      });
      expect(await leaf(deal)).to.equal(0n);
      expect((await world.deal(other)).collateral).to.equal(FULL);
      await expect(world.prove(bob)).to.emit(market, "Proven").withArgs(bob.address, epoch, 2);
    });

    it("settles first: what was earned is paid, what was missed is taken", async () => {
      await world.live(bob, 1);
      await world.miss(1);
      const cost = 3n * PENALTY_RATE;
      const call = world.as(bob).abandon(deal);
      await expect(call)
        .to.emit(market, "Settled")
        .withArgs(deal.id, epoch + 1, 3n * RATE);
      await expect(call).to.emit(market, "Penalised").withArgs(deal.id, cost);
      await expect(call)
        .to.emit(market, "Stopped")
        .withArgs(deal.id, REASON.Abandoned, epoch + 2, FULL - cost);
    });

    it("is the provider's, while the deal lives", async () => {
      await expect(world.as(alice).abandon(deal))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(alice.address);
      await world.as(alice).terminate(deal);
      await world.start(epoch + 3);
      await expect(world.as(bob).abandon(deal))
        .to.be.revertedWithCustomError(market, "Market_WrongState")
        .withArgs(deal.id);
    });
  });

  describe("terminateMissed", () => {
    it("after M missed epochs in a row takes the rest of the collateral at once", async () => {
      await world.miss(3);
      const penalty = 3n * 3n * PENALTY_RATE;
      const before = await balances();
      await expect(world.as(alice).terminateMissed(deal))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, REASON.Missed, epoch + 3, FULL - penalty);
      expect((await balances()).client - before.client).to.equal(FULL - penalty / 2n);
      expect(await leaf(deal)).to.equal(0n);
    });

    it("not after M - 1", async () => {
      await world.miss(2);
      await expect(world.as(alice).terminateMissed(deal))
        .to.be.revertedWithCustomError(market, "Market_NotDue")
        .withArgs(epoch + 3, epoch + 2);
    });

    it("not where one of them was proven", async () => {
      await world.miss(2);
      await world.live(bob);
      await world.miss(2);
      await expect(world.as(alice).terminateMissed(deal))
        .to.be.revertedWithCustomError(market, "Market_NotDue")
        .withArgs(epoch + 2 + 1 + 3, epoch + 5);
      await world.miss(1);
      await expect(world.as(alice).terminateMissed(deal)).to.emit(market, "Stopped");
    });

    it("says from when on it is due, which the last of the proven epochs decides", async () => {
      await world.miss(1);
      await world.live(bob, 2);
      await expect(world.as(alice).terminateMissed(deal))
        .to.be.revertedWithCustomError(market, "Market_NotDue")
        .withArgs(epoch + 2 + 1 + 3, epoch + 3);
    });

    it("attack 'misses before data': epochs before the data came do not count", async () => {
      const late = await world.open({ position: 1 });
      await world.miss(3);
      await world.commit(late, 1);
      await expect(world.as(alice).terminateMissed(late))
        .to.be.revertedWithCustomError(market, "Market_NotDue")
        .withArgs(epoch + 6, epoch + 3);
    });

    it("counts up to the deal's last epoch, and is too late after that", async () => {
      const short = await world.active(1, { endEpoch: epoch + 3, position: 1 });
      const late = await world.active(1, { endEpoch: epoch + 3, position: 2 });
      await world.miss(3);
      await expect(world.as(alice).terminateMissed(short))
        .to.emit(market, "Stopped")
        .withArgs(short.id, REASON.Missed, epoch + 3, FULL - 3n * PENALTY_RATE);
      await world.miss(1);
      await expect(world.as(alice).terminateMissed(late))
        .to.be.revertedWithCustomError(market, "Market_WrongState")
        .withArgs(late.id);
    });

    it("is the client's", async () => {
      await world.miss(3);
      for (const party of [bob, carol]) {
        await expect(world.as(party).terminateMissed(deal))
          .to.be.revertedWithCustomError(market, "Market_Unauthorized")
          .withArgs(party.address);
      }
    });

    it("is not for a deal without data, which loses nothing", async () => {
      const empty = await world.open({ position: 1 });
      await world.miss(4);
      await expect(world.as(alice).terminateMissed(empty)).to.be.revertedWithCustomError(market, "Market_WrongState");
    });
  });

  describe("prune", () => {
    it("from stopAt on removes the leaf, keeps count and root, and takes no collateral", async () => {
      await world.as(alice).terminate(deal);
      await world.live(bob, 3);
      await expect(world.as(stranger).prune([deal]))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, REASON.Terminated, epoch + 3, 0n);
      const { sectors, root, collateral, state } = await world.deal(deal);
      expect([sectors, root, collateral, state]).to.deep.equal([3n, world.content(deal, 3).root, FULL, 4n]);
      expect(await leaf(deal)).to.equal(0n);
    });

    it("of a deal that came to its end says Ended", async () => {
      const short = await world.active(1, { position: 1, endEpoch: epoch + 1 });
      await world.prove(bob);
      await expect(market.prune([short]))
        .to.emit(market, "Stopped")
        .withArgs(short.id, REASON.Ended, epoch + 1, 0n);
    });

    it("before stopAt skips", async () => {
      await world.as(alice).terminate(deal);
      await world.live(bob, 2);
      expect(await world.skipped(market.prune([deal]))).to.deep.equal([[0, "Market_NotDue"]]);
    });

    it("of a deal whose cover is used up stops it at E, the rest to the client", async () => {
      await world.miss(7);
      expect(await world.skipped(market.prune([deal]))).to.deep.equal([[0, "Market_NotDue"]]);
      await world.miss(1);
      const left = FULL - 8n * 3n * PENALTY_RATE;
      await expect(market.prune([deal]))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, REASON.Exhausted, epoch + 8, left);
      expect(await world.skipped(market.prune([deal]))).to.deep.equal([[0, "Market_WrongState"]]);
    });

    it("of a deal that is used up and over takes it as over: the rest stays the provider's", async () => {
      const short = await world.active(1, { position: 1, endEpoch: epoch + 8 });
      await world.miss(8);
      await expect(market.prune([short]))
        .to.emit(market, "Stopped")
        .withArgs(short.id, REASON.Ended, epoch + 8, 0n);
      expect((await world.deal(short)).collateral).to.equal(FULL - 8n * PENALTY_RATE);
    });

    it("removes a deal without data too", async () => {
      const empty = await world.open({ position: 1, endEpoch: epoch + 1 });
      await world.prove(bob);
      expect(await world.skipped(market.prune([empty]))).to.deep.equal([]);
      expect((await world.deal(empty)).state).to.equal(4n);
    });
  });

  describe("close", () => {
    async function stopped() {
      await world.as(bob).abandon(deal);
      return Number((await world.deal(deal)).stopAt);
    }

    it("from FINAL epochs after the stop refunds escrow and egress budget and unlocks the collateral", async () => {
      await world.as(alice).topUp(deal, 0n, 9n);
      await world.as(alice).terminate(deal);
      await world.live(bob, 3);
      await market.prune([deal]);
      const { stopAt, escrow, egress } = await world.deal(deal);
      expect(escrow).to.equal(10_000_000n * LEDGER - 3n * 3n * RATE);
      await world.start(Number(stopAt) + PARAMETERS.finalEpochs);
      expect(await world.skipped(market.close([deal]))).to.deep.equal([[0, "Market_NotDue"]]);
      await world.start();
      const before = await balances();
      await expect(world.as(stranger).close([deal]))
        .to.emit(market, "Closed")
        .withArgs(deal.id, escrow + egress, 0n, FULL);
      expect(await balances()).to.deep.equal({
        ...before,
        client: before.client + escrow + egress,
        locked: before.locked - FULL,
      });
      expect((await market.providerOf(bob.account)).deals).to.equal(0n);
      const closed = await world.deal(deal);
      expect([closed.state, closed.escrow, closed.egress, closed.collateral]).to.deep.equal([5n, 0n, 0n, 0n]);
    });

    it("is terminal: nothing changes a closed deal (INV-11)", async () => {
      await world.active(1, { position: 1 });
      await world.start((await stopped()) + 2);
      await market.close([deal]);
      const record = await world.deal(deal);
      expect(await world.skipped(market.close([deal]))).to.deep.equal([[0, "Market_WrongState"]]);
      expect(await world.skipped(market.prune([deal]))).to.deep.equal([[0, "Market_WrongState"]]);
      expect(await world.skipped(market.settle([deal]))).to.deep.equal([[0, "Market_WrongState"]]);
      await expect(world.as(alice).topUp(deal, 1n, 1n))
        .to.be.revertedWithCustomError(market, "Market_WrongState")
        .withArgs(deal.id);
      await world.miss(3);
      await world.prove(bob); // counts them, for the other deal
      expect(await world.deal(deal)).to.deep.equal(record);
    });

    it("waits for the leaf to go and for a challenge to be decided", async () => {
      await world.as(alice).terminate(deal);
      await world.live(bob, 1);
      await world.as(alice).challenge(deal, 5);
      await world.live(bob, 1);
      await world.start(epoch + 9);
      expect(await world.skipped(market.close([deal]))).to.deep.equal([[0, "Market_WrongState"]]);
      await market.prune([deal]);
      expect(await world.skipped(market.close([deal]))).to.deep.equal([[0, "Market_ChallengeOpen"]]);
      const left = FULL - 3n * PENALTY_RATE; // epoch + 2 was missed
      await expect(market.convict(deal))
        .to.emit(market, "Stopped")
        .withArgs(deal.id, REASON.Convicted, epoch + 3, left);
      expect(await world.skipped(market.close([deal]))).to.deep.equal([]);
    });

    it("lets P change again, and the last base unit out", async () => {
      await world.start((await stopped()) + 2);
      await market.close([deal]);
      await world.as(bob).register(bob.key, 2n);
      const { free, locked } = await world.ledger(bob.address);
      expect(locked).to.equal(0n);
      await world.as(bob).withdraw(free / LEDGER, bob.account);
    });
  });

  for (const name of ["settle", "prune", "close"] as const) {
    it(`${name} takes at most 64`, async () => {
      await expect(market[name](new Array(65).fill(deal)))
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(64n, 65n);
      expect((await world.skipped(market[name](new Array(64).fill(deal)))).length).to.be.at.most(64);
    });
  }

  describe("immediate exits that are due in one and the same epoch", () => {
    // Used up, missed and challenged: every immediate exit applies to this deal at once.
    const leave = {
      terminateMissed: () => world.as(alice).terminateMissed(deal),
      abandon: () => world.as(bob).abandon(deal),
      convict: () => market.convict(deal),
      prune: () => market.prune([deal]),
    };
    const reasons = { terminateMissed: 4n, abandon: 5n, convict: 6n, prune: 7n };
    beforeEach(async () => {
      await world.as(alice).challenge(deal, 1);
      await world.miss(8);
    });

    for (const [first, leaveFirst] of Object.entries(leave)) {
      for (const [second, leaveSecond] of Object.entries(leave)) {
        it(`${first}, then ${second}: the first one counts`, async () => {
          const rest = (await world.deal(deal)).collateral - 8n * 3n * PENALTY_RATE; // the misses are not settled yet
          await expect(leaveFirst())
            .to.emit(market, "Stopped")
            .withArgs(deal.id, reasons[first as keyof typeof reasons], epoch + 8, rest);
          const record = await world.deal(deal);
          const money = await balances();
          if (second === "prune") {
            expect(await world.skipped(leaveSecond())).to.deep.equal([[0, "Market_WrongState"]]);
          } else {
            const error = second === "convict" ? "Market_NoChallenge" : "Market_WrongState";
            await expect(leaveSecond()).to.be.revertedWithCustomError(market, error).withArgs(deal.id);
          }
          expect(await world.deal(deal)).to.deep.equal(record);
          expect(await balances()).to.deep.equal(money);
        });
      }
    }
  });

  it("costs in the order the protocol promises: resign < abandon = convict < dark until terminated", async () => {
    const cost = async (leave: () => Promise<unknown>) => {
      const { restore } = await world.connection.networkHelpers.takeSnapshot();
      const before = (await balances()).provider;
      await leave();
      const after = (await balances()).provider;
      await restore();
      return before - after;
    };
    const income = 3n * RATE;
    const resigned = await cost(async () => {
      await world.as(bob).resign(deal);
      await world.live(bob, 3);
      await market.prune([deal]);
      await world.start(epoch + 5);
      await market.close([deal]);
    });
    const abandoned = await cost(() => world.as(bob).abandon(deal));
    const convicted = await cost(async () => {
      await world.as(alice).challenge(deal, 0);
      await world.live(bob, 2);
      await market.convict(deal);
    });
    const dark = await cost(async () => {
      await world.miss(3);
      await world.as(alice).terminateMissed(deal);
    });
    expect(resigned + 3n * income).to.equal(2n * 3n * PENALTY_RATE);
    expect(resigned).to.be.lessThan(abandoned);
    expect(abandoned).to.equal(FULL);
    expect(convicted + 2n * income).to.equal(FULL);
    // The collateral is what can be lost; dark also forgoes the income of every epoch it is dark in.
    expect(dark).to.equal(FULL);
  });
});
