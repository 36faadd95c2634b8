/** When a notice counts: PROTOCOL section 4. */
import { expect } from "chai";
import { type Agreement, createWorld, PARAMETERS, RATE, rollBack, ZERO_SEED } from "./fixture.ts";

const NOTICE_EPOCHS = 9;
const MIN_SECTORS = 4n;
const REASON = { Terminated: 2n, Resigned: 3n };

const world = await createWorld();
const { market, alice, bob } = world;

describe("attack 'paid reservation': notice of a deal that pays for sectors which nobody holds", () => {
  rollBack(world);
  let deal: Agreement;
  let epoch: number;
  beforeEach(async () => {
    deal = await world.open({ noticeEpochs: NOTICE_EPOCHS, minSectors: Number(MIN_SECTORS) });
    epoch = await world.epoch();
  });

  async function expectStop(call: Promise<unknown>, reason: bigint, stopAt: number): Promise<void> {
    await expect(call).to.emit(market, "NoticeGiven").withArgs(deal.id, reason, stopAt);
    expect((await world.deal(deal)).stopAt).to.equal(stopAt);
  }

  it("by its client stops it in the next epoch: one more at most is paid for", async () => {
    await expectStop(world.as(alice).terminate(deal), REASON.Terminated, epoch + 1);
    await world.to("prove");
    await market.prove(bob.address, ZERO_SEED, "0x");
    await world.start(epoch + 1);
    await market.settle([deal]);
    await market.prune([deal]);
    await world.start(epoch + 2 + PARAMETERS.finalEpochs);
    await expect(market.close([deal])).to.emit(market, "Closed");
    const paid = await market.queryFilter(market.filters.Settled(deal.id));
    expect(paid.reduce((sum, { args }) => sum + args.paid, 0n)).to.equal(MIN_SECTORS * RATE);
  });

  it("by its client waits where it holds sectors", async () => {
    await world.commit(deal, 1);
    await expectStop(world.as(alice).terminate(deal), REASON.Terminated, epoch + 1 + NOTICE_EPOCHS);
  });

  it("by its client stops it in the next epoch where it holds none any more", async () => {
    await world.commit(deal, 1);
    await world.commit(deal, 0);
    await expectStop(world.as(alice).terminate(deal), REASON.Terminated, epoch + 1);
  });

  it("by its provider waits all the same", async () => {
    await expectStop(world.as(bob).resign(deal), REASON.Resigned, epoch + 1 + NOTICE_EPOCHS);
  });

  it("by its client does not wait for a provider's that came first", async () => {
    await world.as(bob).resign(deal);
    await expectStop(world.as(alice).terminate(deal), REASON.Terminated, epoch + 1);
  });

  it("by its client comes too late after a provider's, where it holds sectors", async () => {
    await world.commit(deal, 1);
    await world.as(bob).resign(deal);
    await expect(world.as(alice).terminate(deal)).to.be.revertedWithCustomError(market, "Market_WrongState");
  });

  it("is the client's alone, and given once", async () => {
    await expect(world.as(bob).terminate(deal)).to.be.revertedWithCustomError(market, "Market_Unauthorized");
    await world.as(alice).terminate(deal);
    await expect(world.as(alice).terminate(deal)).to.be.revertedWithCustomError(market, "Market_WrongState");
    await expect(world.as(bob).resign(deal)).to.be.revertedWithCustomError(market, "Market_WrongState");
  });
});
