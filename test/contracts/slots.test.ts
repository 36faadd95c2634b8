/**
 * A provider's 4,096 slots: terms name one and the deal before in it, so they open once (INV-14), and a closed deal, which is
 * final (INV-11), leaves nothing there.
 */
import { expect } from "chai";
import { id, ZeroAddress, ZeroHash } from "ethers";
import {
  type Agreement,
  compact,
  createWorld,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  plain,
  RATE,
  rollBack,
  ZERO_ROOT,
} from "./fixture.ts";

const world = await createWorld();
const { market, alice, carol, bob, dave } = world;
const COVER = PARAMETERS.coverEpochs;

/** Waits as long as a stopped deal must, and closes it. */
async function close(deal: Agreement): Promise<void> {
  await world.start(Number((await world.deal(deal)).stopAt) + PARAMETERS.finalEpochs + 1);
  expect(await world.skipped(market.close([deal]))).to.deep.equal([]);
}
async function closed(overrides: Parameters<typeof world.open>[0] = {}): Promise<Agreement> {
  const deal = await world.active(2, overrides);
  await world.as(bob).abandon(deal);
  await close(deal);
  return deal;
}
async function skips(terms: Agreement["terms"]) {
  return world.skipped(world.openDeals(alice, [await world.item(terms, bob.key)], 0));
}

describe("slots", () => {
  rollBack(world);

  describe("named by terms", () => {
    const leave: Record<string, (deal: Agreement) => Promise<unknown>> = {
      open: async () => undefined,
      active: (deal) => world.commit(deal, 2),
      "given notice": (deal) => world.as(alice).terminate(deal),
      stopped: (deal) => world.as(bob).abandon(deal),
    };
    for (const [state, reach] of Object.entries(leave)) {
      it(`are taken while their deal is ${state}`, async () => {
        const deal = await world.open();
        await reach(deal);
        const record = plain(await world.deal(deal));
        for (const previous of [ZeroHash, deal.id]) {
          const terms = await world.terms({ slot: deal.slot, previous });
          expect(await skips(terms)).to.deep.equal([[0, "Market_SlotTaken"]]);
        }
        expect(plain(await world.deal(deal))).to.deep.equal(record);
        expect((await market.providerOf(bob.account)).deals).to.equal(1n);
      });
    }

    it("are taken within the call that takes them, and the first of two offers has them", async () => {
      const [first, second] = [await world.terms({ slot: 4 }), await world.terms({ slot: 4, rate: RATE / 2n })];
      const items = [await world.item(first, bob.key), await world.item(second, bob.key)];
      expect(await world.skipped(world.openDeals(alice, items, 1))).to.deep.equal([[1, "Market_SlotTaken"]]);
      expect((await market.deal(bob.address, 4)).id).to.equal(world.dealId(first));
    });

    it("are each provider's own", async () => {
      const [ofBob, ofDave] = [await world.terms({ slot: 4 }), await world.terms({ slot: 4 }, alice, dave)];
      const items = [await world.item(ofBob, bob.key), await world.item(ofDave, dave.key)];
      expect(await world.skipped(world.openDeals(alice, items, 2))).to.deep.equal([]);
    });

    it("may come in any order; those in between are empty, and counted in no figure but the highest", async () => {
      for (const [slot, slots] of [
        [5, 6],
        [2, 6],
        [9, 10],
      ] as const) {
        const deal = await world.active(1, { slot });
        expect(deal.slot).to.equal(slot);
        expect((await market.providerOf(bob.account)).slots).to.equal(slots);
      }
      const { deals, sectors } = await market.providerOf(bob.account);
      expect({ deals, sectors }).to.deep.equal({ deals: 3n, sectors: 3n });
      expect(await market.leaves(bob.account, 0, 10)).to.deep.equal([0n, 0n, 1n, 0n, 0n, 1n, 0n, 0n, 0n, 1n]);
      for (const slot of [0, 1, 3, 4, 6, 7, 8, 10, 4095, 4096, 65_535]) {
        const { id: nothing, state, client, capacity, stopAt } = await market.deal(bob.address, slot);
        expect([nothing, state, client, capacity, stopAt]).to.deep.equal([ZeroHash, 0n, ZeroAddress, 0n, 0n]);
      }
      await expect(world.prove(bob))
        .to.emit(market, "Proven")
        .withArgs(bob.address, await world.epoch(), 3);
    });

    it("are filled in one call, in whatever order, wherever they lie", async () => {
      const slots = [9, 0, 64, 1, 8, 70, 10];
      const items = [];
      for (const slot of slots) {
        const deal = await world.open({ slot });
        items.push(await world.countersigned(deal, await world.revision(deal, 1 + (slot % 5))));
      }
      expect(await world.skipped(world.commitAll(items))).to.deep.equal([]);
      const leaves = await market.leaves(bob.account, 0, 71);
      for (const slot of slots) expect(leaves[slot], `slot ${slot}`).to.equal(BigInt(1 + (slot % 5)));
      await expect(world.prove(bob)).to.emit(market, "Proven");
    });

    it("are given up one by one: their neighbours, near and far, keep what they hold", async () => {
      const slots = [0, 7, 8, 9, 15, 16, 17, 63, 64, 70];
      const deals = [];
      for (const slot of slots) deals.push(await world.active(1 + (slot % 5), { slot }));
      const left = new Map(slots.map((slot) => [slot, BigInt(1 + (slot % 5))]));
      for (const gone of [9, 70, 16, 0]) {
        await world.as(bob).abandon(deals[slots.indexOf(gone)]!);
        left.delete(gone);
        const leaves = await market.leaves(bob.account, 0, 71);
        expect([...leaves.entries()].filter(([, sectors]) => sectors !== 0n)).to.deep.equal([...left]);
        const { sectors } = await market.providerOf(bob.account);
        expect(sectors).to.equal([...left.values()].reduce((sum, each) => sum + each, 0n));
      }
      await expect(world.prove(bob)).to.emit(market, "Proven");
    });

    it("are at most 4,096: the last one holds a deal like any other", async () => {
      for (const slot of [4096, 4097, 65_535]) {
        expect(await skips(await world.terms({ slot }))).to.deep.equal([[0, "Market_BadTerms"]]);
      }
      const deal = await world.active(3, { slot: 4095 });
      const { slots, deals } = await market.providerOf(bob.account);
      expect({ slots, deals }).to.deep.equal({ slots: 4096n, deals: 1n });
      const epoch = await world.epoch();
      await expect(world.prove(bob)).to.emit(market, "Proven").withArgs(bob.address, epoch, 3);
      await expect(market.settle([deal]))
        .to.emit(market, "Settled")
        .withArgs(deal.id, epoch, 3n * RATE);
      await expect(market.leaves(bob.account, 4095, 2))
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(4096, 4097);
    });

    it("beyond them name no deal in any call", async () => {
      const deal = await world.active(2);
      const { item, assent } = await world.countersigned(deal, await world.revision(deal, 3));
      const voucher = { deal: deal.id, cumulative: 1n };
      const signature = compact(await world.sign(alice.key, "Voucher", voucher));
      const { extension, signature: promise } = await world.extension(deal);
      for (const slot of [4096, 4096 + deal.slot, 65_535]) {
        const ref = { ...deal, slot };
        for (const batch of [
          () => market.settle([ref]),
          () => market.prune([ref]),
          () => market.close([ref]),
          () => market.redeem([{ provider: bob.address, slot, voucher, signature }]),
          () => market.commit(bob.address, [{ ...item, slot }], [assent]),
        ]) {
          expect(await world.skipped(batch())).to.deep.equal([[0, "Market_WrongDeal"]]);
        }
        for (const call of [
          () => world.as(alice).terminate(ref),
          () => world.as(alice).extend(ref, extension, promise),
          () => world.as(bob).refill(ref),
          () => world.as(alice).topUp(ref, 1n, 1n),
          () => world.as(alice).challenge(ref, 0),
          () => market.answer(ref, "0x"),
          () => market.convict(ref),
        ]) {
          await expect(call()).to.be.revertedWithCustomError(market, "Market_WrongDeal").withArgs(ZeroHash, deal.id);
        }
      }
    });
  });

  describe("and the deal before in them", () => {
    it("attack 'terms replay': the old deal's terms do not open it again", async () => {
      const deal = await world.open();
      expect(await skips(deal.terms)).to.deep.equal([[0, "Market_SlotTaken"]]);
      await world.as(bob).abandon(deal);
      expect(await skips(deal.terms)).to.deep.equal([[0, "Market_SlotTaken"]]);
      await close(deal);
      for (const again of [deal.terms, { ...deal.terms, previous: deal.id }]) {
        const item = { ...(await world.item(deal.terms, bob.key)), terms: again };
        expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal([[0, "Market_WrongSigner"]]);
      }
    });

    it("attack 'terms replay': of two offers for a slot the one that was not taken is void for ever", async () => {
      const [taken, left] = [await world.terms({ slot: 0 }), await world.terms({ slot: 0, rate: 1n })];
      const [deal] = await world.opened(await world.openDeals(alice, [await world.item(taken, bob.key)], 1));
      await world.as(bob).abandon(deal!);
      await close({ ...deal!, terms: taken, client: alice, host: bob });
      expect(await skips(left)).to.deep.equal([[0, "Market_WrongSigner"]]);
    });

    it("are in the terms: none where there was none, the last one where there were several", async () => {
      const first = await closed();
      const { id: previous } = await world.deal(first);
      expect(previous).to.equal(first.id);
      for (const wrong of [ZeroHash, id("another"), `${first.id.slice(0, 40)}01${"00".repeat(12)}`]) {
        const terms = await world.terms({ slot: first.slot, previous: wrong });
        expect(await skips(terms)).to.deep.equal([[0, "Market_WrongSigner"]]);
      }
      const fresh = await world.terms({ slot: first.slot + 1, previous: first.id });
      expect(await skips(fresh)).to.deep.equal([[0, "Market_WrongSigner"]]);

      const second = await world.open({ slot: first.slot, previous: first.id });
      await world.as(bob).abandon(second);
      await close(second);
      const stale = await world.terms({ slot: first.slot, previous: first.id });
      expect(await skips(stale)).to.deep.equal([[0, "Market_WrongSigner"]]);
      const third = await world.open({ slot: first.slot, previous: second.id });
      expect(third.id).to.not.equal(first.id).and.not.equal(second.id);
      expect((await market.providerOf(bob.account)).slots).to.equal(1n);
    });

    it("make the same terms another deal: no id comes twice", async () => {
      const first = await closed({ endEpoch: 100 });
      const second = await world.open({ endEpoch: 100 });
      expect(second.terms).to.deep.equal({ ...first.terms, previous: first.id });
      expect(second.id).to.not.equal(first.id);
    });
  });

  describe("given their deal is closed", () => {
    const next = {
      capacity: 2,
      rate: RATE / 2n,
      minSectors: 1,
      answerBond: 7n,
      noticeEpochs: 5,
      volume: 99n,
      k: 1,
      n: 2,
    };
    /** What a deal of 3 sectors can leave behind: losses, used cover, notice, a fee, a challenge, budgets, a number. */
    const endings: Record<string, (deal: Agreement) => Promise<void>> = {
      "given up after losses": async (deal) => {
        await world.miss(2);
        await world.as(bob).abandon(deal);
      },
      "convicted, with its challenge": async (deal) => {
        await world.as(alice).challenge(deal, 1);
        await world.miss(2);
        await market.convict(deal);
      },
      "used up": async () => {
        await world.miss(COVER);
      },
      "resigned from": async (deal) => {
        await world.as(bob).resign(deal);
        await world.miss(1);
        await world.live(bob, 2);
      },
      "emptied, with used cover": async (deal) => {
        await world.miss(3);
        const revision = await world.revision(deal, 0, { root: ZERO_ROOT });
        await world.commitAll([await world.countersigned(deal, revision)]);
        await world.as(bob).abandon(deal);
      },
      "opened and left": async (deal) => {
        await world.as(alice).terminate(deal);
        await world.live(bob, 1);
      },
    };
    for (const [ending, end] of Object.entries(endings)) {
      it(`keep nothing of one that was ${ending}`, async () => {
        const deal = await world.open({ minSectors: 2 }, { client: alice, host: bob, egress: 500n });
        const high = await world.revision(deal, 3, { number: 1n << 40n });
        if (ending !== "opened and left") await world.commitAll([await world.countersigned(deal, high)]);
        await end(deal);
        await market.prune([deal]);
        await close(deal);

        const fresh = await world.open(next, { client: carol, host: bob, escrow: 9_000_000n });
        expect(fresh.slot).to.equal(deal.slot);
        const record = plain(await world.deal(fresh));
        expect(record).to.deep.equal({
          id: fresh.id,
          client: carol.address,
          clientSigner: carol.key.address,
          state: 1n,
          reason: 0n,
          rate: RATE / 2n,
          capacity: 2n,
          minSectors: 1n,
          noticeEpochs: 5n,
          activeSince: 0n,
          stopAt: BigInt(fresh.terms.endEpoch),
          settledThrough: BigInt((await world.epoch()) - 1),
          number: 0n,
          sectors: 0n,
          root: ZERO_ROOT,
          misses: 0n,
          escrow: 9_000_000n * LEDGER,
          egress: 0n,
          collateral: PARAMETERS.minCollateral * LEDGER,
          answerBond: 7n,
          challengeDeadline: 0n,
          challengedChunk: 0n,
          challenger: ZeroAddress,
        });
        expect(await market.leaves(bob.account, fresh.slot, 1)).to.deep.equal([0n]);
        await expect(world.as(carol).challenge(fresh, 0))
          .to.be.revertedWithCustomError(market, "Market_ChunkOutOfRange")
          .withArgs(0n, 0n);
        await expect(world.as(carol).terminateMissed(fresh)).to.be.revertedWithCustomError(market, "Market_WrongState");
        expect(await world.skipped(market.prune([fresh]))).to.deep.equal([[0, "Market_NotDue"]]);

        const epoch = await world.epoch();
        const low = await world.revision(fresh, 2, { number: 1n });
        expect(await world.skipped(world.commitAll([await world.countersigned(fresh, low)]))).to.deep.equal([]);
        const { activeSince, misses, number } = await world.deal(fresh);
        expect([activeSince, misses, number]).to.deep.equal([BigInt(epoch), 0n, 1n]);
        await world.miss(COVER - 1); // its cover bears as much as any
        await world.live(bob, 1);
        expect((await world.deal(fresh)).misses).to.equal(BigInt(COVER - 1));
        const call = market.settle([fresh]);
        await expect(call)
          .to.emit(market, "Settled")
          .withArgs(fresh.id, epoch + COVER - 1, RATE);
        await expect(call)
          .to.emit(market, "Penalised")
          .withArgs(fresh.id, 2n * BigInt(COVER - 1) * PENALTY_RATE);
      });
    }

    it("keep no figure of it through notice, exit and close, where it never had data", async () => {
      const old = await closed();
      const fresh = await world.open({ noticeEpochs: 1 }, { client: carol, host: bob });
      expect(fresh.slot).to.equal(old.slot);
      await world.as(bob).resign(fresh); // whose fee is of the sectors held: none
      await world.live(bob, 2);
      await market.prune([fresh]);
      const { sectors, root, collateral } = await world.deal(fresh);
      expect([sectors, root]).to.deep.equal([0n, ZERO_ROOT]);
      await world.start((await world.epoch()) + 2);
      await expect(market.close([fresh]))
        .to.emit(market, "Closed")
        .withArgs(fresh.id, 10_000_000n * LEDGER, 0n, collateral);
    });

    it("attack 'id replay after slot reuse': the old id, its revisions and its vouchers fit the new deal no more", async () => {
      const deal = await closed();
      const stale = await world.countersigned(deal, await world.revision(deal, 1, { number: 1n << 40n }));
      const voucher = { deal: deal.id, cumulative: 5n };
      const signature = compact(await world.sign(alice.key, "Voucher", voucher));
      const fresh = await world.open({}, { client: alice, host: bob, egress: 500n });
      expect(fresh.slot).to.equal(deal.slot);
      const { extension, signature: promise } = await world.extension({ ...fresh, id: deal.id });
      expect(await world.skipped(world.commitAll([stale]))).to.deep.equal([[0, "Market_WrongSigner"]]);
      expect(await world.skipped(world.as(bob).commit(bob.address, [stale.item], []))).to.deep.equal([
        [0, "Market_WrongSigner"],
      ]);
      const redeem = market.redeem([{ provider: bob.address, slot: deal.slot, voucher, signature }]);
      expect(await world.skipped(redeem)).to.deep.equal([[0, "Market_WrongDeal"]]);
      for (const batch of [market.settle([deal]), market.prune([deal]), market.close([deal])]) {
        expect(await world.skipped(batch)).to.deep.equal([[0, "Market_WrongDeal"]]);
      }
      for (const call of [
        () => world.as(alice).terminate(deal),
        () => world.as(bob).resign(deal),
        () => world.as(bob).abandon(deal),
        () => world.as(bob).refill(deal),
        () => world.as(alice).terminateMissed(deal),
        () => world.as(alice).challenge(deal, 0),
        () => market.answer(deal, "0x"),
        () => market.convict(deal),
        () => world.as(alice).topUp(deal, 1n, 1n),
        () => world.as(alice).extend(deal, extension, promise),
        () => world.as(alice).extend(fresh, extension, promise),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(market, "Market_WrongDeal").withArgs(fresh.id, deal.id);
      }
    });

    it("are used again in any order, and new ones beside them", async () => {
      const trio = [await world.open(), await world.open(), await world.open()];
      expect(trio.map(({ slot }) => slot)).to.deep.equal([0, 1, 2]);
      for (const each of trio) await world.as(bob).abandon(each);
      await world.start((await world.epoch()) + 2);
      await market.close([trio[1]!, trio[0]!]);
      expect(await skips(await world.terms({ slot: 2 }))).to.deep.equal([[0, "Market_SlotTaken"]]);
      for (const slot of [1, 3, 0]) expect((await world.open({ slot })).slot).to.equal(slot);
      const { slots, deals } = await market.providerOf(bob.account);
      expect({ slots, deals }).to.deep.equal({ slots: 4n, deals: 4n });
    });
  });
});
