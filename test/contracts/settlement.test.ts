/** What an epoch pays and what it costs: PROTOCOL sections 3 and 4, to the ledger unit. */
import { expect } from "chai";
import { type Agreement, createWorld, LEDGER, PARAMETERS, PENALTY_RATE, RATE, rollBack, ZERO_SEED } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob, stranger } = world;
const { coverEpochs } = PARAMETERS;

/** What alice, bob and the fire have, and what the deal holds, for comparing before and after. */
async function figures(deal: Agreement) {
  const { escrow, collateral, settledThrough } = await world.deal(deal);
  return {
    client: (await world.ledger(alice.address)).balance,
    provider: (await world.ledger(bob.address)).balance,
    locked: (await world.ledger(bob.address)).locked,
    burnt: await market.burnt(),
    escrow,
    collateral,
    settledThrough,
  };
}

describe("settlement", () => {
  rollBack(world);

  describe("given a deal of 3 sectors, committed in epoch e", () => {
    let deal: Agreement;
    let committed: number;
    beforeEach(async () => {
      deal = await world.active(3);
      committed = await world.epoch();
    });

    describe("when its epochs are proven", () => {
      it("pays sectors x rate for each, and nothing twice (INV-7)", async () => {
        await world.live(bob, 4);
        const before = await figures(deal);
        const call = market.settle([deal]);
        await expect(call)
          .to.emit(market, "Settled")
          .withArgs(deal.id, committed + 3, 4n * 3n * RATE);
        await expect(call).to.not.emit(market, "Penalised");
        const after = await figures(deal);
        expect(after.provider - before.provider).to.equal(4n * 3n * RATE);
        expect(before.escrow - after.escrow).to.equal(4n * 3n * RATE);
        expect(after.burnt).to.equal(before.burnt);
        expect(after.settledThrough).to.equal(committed + 3);

        const again = market.settle([deal, deal]);
        await expect(again).to.not.emit(market, "Settled");
        expect(await world.skipped(again)).to.deep.equal([]);
        expect(await figures(deal)).to.deep.equal(after);
      });

      it("pays each of two deals its own epochs, were one of them settled later than the other", async () => {
        const other = await world.active(2, { position: 1 });
        await world.live(bob, 2);
        await market.settle([deal]);
        await world.miss();
        await world.live(bob, 3);
        const call = market.settle([deal, other]);
        for (const [{ id }, earned] of [
          [deal, 3n * 3n * RATE],
          [other, 5n * 2n * RATE],
        ] as const) {
          await expect(call)
            .to.emit(market, "Settled")
            .withArgs(id, committed + 5, earned);
        }
      });

      it("pays the running epoch as soon as it is proven", async () => {
        await world.prove(bob);
        await expect(market.settle([deal]))
          .to.emit(market, "Settled")
          .withArgs(deal.id, committed, 3n * RATE);
      });

      it("pays a bill of minSectors where fewer are stored", async () => {
        const reserved = await world.active(1, { minSectors: 5 });
        await world.live(bob, 2);
        await expect(market.settle([reserved]))
          .to.emit(market, "Settled")
          .withArgs(reserved.id, committed + 1, 2n * 5n * RATE);
      });
    });

    describe("when its epochs are missed", () => {
      it("takes sectors x P from the collateral: half burnt, half to the client", async () => {
        const before = await figures(deal);
        await world.miss(2);
        const call = market.settle([deal]);
        await expect(call)
          .to.emit(market, "Settled")
          .withArgs(deal.id, committed + 1, 0n);
        await expect(call)
          .to.emit(market, "Penalised")
          .withArgs(deal.id, 2n * 3n * PENALTY_RATE);
        const after = await figures(deal);
        expect(after.burnt - before.burnt).to.equal(3n * PENALTY_RATE);
        expect(after.client - before.client).to.equal(3n * PENALTY_RATE);
        expect(before.collateral - after.collateral).to.equal(6n * PENALTY_RATE);
        expect(before.locked - after.locked).to.equal(6n * PENALTY_RATE);
        expect(before.provider - after.provider).to.equal(6n * PENALTY_RATE);
        expect(after.escrow).to.equal(before.escrow);
      });

      it("leaves the running epoch open until it is over", async () => {
        await world.to("last");
        await market.settle([deal]);
        expect((await figures(deal)).collateral).to.equal((await world.deal(deal)).collateral);
        expect((await world.deal(deal)).settledThrough).to.equal(committed - 1);
      });

      it("never takes more than the collateral left (INV-8)", async () => {
        const full = await world.active(8, { capacity: 8 });
        const { collateral } = await world.deal(full);
        expect(collateral).to.equal(8n * PENALTY_RATE * BigInt(coverEpochs));
        await world.miss(coverEpochs + 4);
        const call = market.settle([full]);
        await expect(call)
          .to.emit(market, "Settled")
          .withArgs(full.id, committed + coverEpochs + 3, 0n);
        await expect(call).to.emit(market, "Penalised").withArgs(full.id, collateral);
        expect((await world.deal(full)).collateral).to.equal(0n);
      });
    });

    it("counts proven and missed epochs apart, across a word of the record", async () => {
      await world.start(254);
      await market.settle([deal]);
      await world.start(255);
      await market.settle([deal]);
      const patient = await world.active(2, { endEpoch: 400, capacity: 100 }, { client: alice, host: world.dave });
      const start = await world.epoch();
      for (const proven of [true, false, true, true, false]) await (proven ? world.live(world.dave) : world.miss());
      const call = market.settle([patient]);
      await expect(call)
        .to.emit(market, "Settled")
        .withArgs(patient.id, start + 4, 3n * 2n * RATE);
      await expect(call)
        .to.emit(market, "Penalised")
        .withArgs(patient.id, 2n * 2n * PENALTY_RATE);
    });

    it("settles an old figure before a new one is committed", async () => {
      await world.live(bob, 2);
      const revision = await world.revision(deal, 6);
      await expect(world.commitAll([await world.countersigned(deal, revision)]))
        .to.emit(market, "Committed")
        .withArgs(deal.id, revision.number, revision.root, 6, revision.head, 2n * 3n * RATE);
      await world.live(bob, 1);
      await expect(market.settle([deal]))
        .to.emit(market, "Settled")
        .withArgs(deal.id, committed + 2, 6n * RATE);
    });

    it("stops at stopAt, exclusive: that epoch is neither paid nor penalised", async () => {
      await world.as(alice).terminate(deal);
      const { stopAt } = await world.deal(deal);
      await world.miss(Number(stopAt) - committed + 3);
      const call = market.settle([deal]);
      await expect(call)
        .to.emit(market, "Settled")
        .withArgs(deal.id, stopAt - 1n, 0n);
      await expect(call)
        .to.emit(market, "Penalised")
        .withArgs(deal.id, (stopAt - BigInt(committed)) * 3n * PENALTY_RATE);
    });

    for (const proven of [true, false]) {
      it(`and that holds of epoch stopAt itself, ${proven ? "proven" : "missed"}, once it is the last one decided`, async () => {
        await world.active(1, { position: 1 });
        await world.as(alice).terminate(deal);
        const { stopAt, escrow } = await world.deal(deal);
        await world.live(bob, Number(stopAt) - committed);
        await market.prune([deal]);
        const short = await world.open({ endEpoch: Number(stopAt) + 1, minSectors: 2 });
        if (proven) await world.live(bob, 2);
        else await world.miss(2);
        await market.settle([deal, short]);
        expect((await world.deal(deal)).settledThrough).to.equal(stopAt - 1n);
        expect((await world.deal(deal)).collateral).to.equal(8n * PENALTY_RATE * BigInt(coverEpochs));
        expect(escrow - (await world.deal(deal)).escrow).to.equal((stopAt - BigInt(committed)) * 3n * RATE);
        const bill = proven ? 2n * RATE : 0n; // of epoch stopAt alone, its only one
        expect(10_000_000n * LEDGER - (await world.deal(short)).escrow).to.equal(bill);
        expect((await world.deal(short)).settledThrough).to.equal(stopAt);
      });
    }

    it("begins with a deal's first epoch: one that starts in the next has nothing to settle", async () => {
      await world.to("gap");
      const late = await world.open({ minSectors: 2 });
      const call = market.settle([late]);
      await expect(call).to.not.emit(market, "Settled");
      expect(await world.skipped(call)).to.deep.equal([]);
      expect((await world.deal(late)).settledThrough).to.equal(committed);
      await world.live(bob, 2);
      await expect(market.settle([late]))
        .to.emit(market, "Settled")
        .withArgs(late.id, committed + 1, 2n * RATE);
    });

    it("is open to anyone", async () => {
      await world.live(bob);
      await expect(world.as(stranger).settle([deal])).to.emit(market, "Settled");
    });
  });

  describe("given a deal that holds nothing", () => {
    it("when its epoch is proven with an empty set, then minSectors is billed", async () => {
      const deal = await world.open({ minSectors: 4 });
      const epoch = await world.epoch();
      await world.to("gap");
      await market.prove(bob.address, ZERO_SEED, "0x");
      await expect(market.settle([deal]))
        .to.emit(market, "Settled")
        .withArgs(deal.id, epoch, 4n * RATE);
    });

    it("when its epoch is missed, then nothing is billed and nothing penalised", async () => {
      const deal = await world.open({ minSectors: 4 });
      const before = await figures(deal);
      await world.miss(2);
      await market.settle([deal]);
      const after = await figures(deal);
      expect({ ...after, settledThrough: before.settledThrough }).to.deep.equal(before);
    });
  });

  describe("given rates that are no round figures", () => {
    /** Ends with the same proven and missed epochs however often `between` ran. */
    async function lived(between: (deal: Agreement) => Promise<unknown>) {
      const { restore } = await world.connection.networkHelpers.takeSnapshot();
      const deal = await world.active(3, { rate: 1_234_567_891n, minSectors: 2 });
      for (const proven of [true, false, true, true, false, true]) {
        await (proven ? world.live(bob) : world.miss());
        await between(deal);
      }
      await market.settle([deal]);
      const result = await figures(deal);
      await restore();
      return result;
    }

    it("settling in every epoch ends exactly where settling once does (INV-9)", async () => {
      expect(await lived((deal) => market.settle([deal]))).to.deep.equal(await lived(async () => undefined));
    });

    it("a withdrawal rounds down and leaves the rest on the account (INV-12)", async () => {
      const deal = await world.active(1, { rate: LEDGER / 3n });
      await world.live(bob);
      await market.settle([deal]);
      const { free, locked } = await world.ledger(bob.address);
      await world.as(bob).withdraw(free / LEDGER, bob.account);
      expect(await world.ledger(bob.address)).to.deep.equal({
        balance: locked + (free % LEDGER),
        locked,
        free: free % LEDGER,
      });
    });
  });

  describe("given deals of several providers in one call", () => {
    it("skips one that is not there and settles the rest", async () => {
      const deal = await world.active(2);
      await world.live(bob);
      const ghost = { provider: bob.address, slot: 77, id: deal.id };
      const call = market.settle([ghost, deal]);
      expect(await world.skipped(call)).to.deep.equal([[0, "Market_WrongDeal"]]);
      await expect(call).to.emit(market, "Settled");
    });
  });
});
