/** The same thing twice in one call, or again and again: it counts once, and costs who does it. */
import { expect } from "chai";
import { type Agreement, compact, createWorld, LEDGER, PENALTY_RATE, RATE, rollBack } from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, bob, dave, stranger } = world;
const BOND = 1_000n;

describe("the same deal twice in one call", () => {
  rollBack(world);
  let deal: Agreement;
  let other: Agreement;
  beforeEach(async () => {
    deal = await world.active(3);
    other = await world.active(2, {}, { host: dave });
  });

  it("attack 'settled twice': is paid and penalised once, also with another's between", async () => {
    await world.live(bob, 2);
    await world.miss(1);
    const [client, host] = [await market.freeBalance(alice.account), await market.freeBalance(bob.account)];
    const { escrow, collateral } = await world.deal(deal);
    const call = market.settle([deal, other, deal, deal, other]);
    expect(await world.skipped(call)).to.deep.equal([]);
    const earned = 2n * 3n * RATE;
    const [lost, othersLost] = [3n * PENALTY_RATE, 3n * 2n * PENALTY_RATE];
    expect((await market.freeBalance(bob.account)) - host).to.equal(earned);
    expect((await market.freeBalance(alice.account)) - client).to.equal((lost + othersLost) / 2n);
    const after = await world.deal(deal);
    expect([after.escrow, after.collateral]).to.deep.equal([escrow - earned, collateral - lost]);
    expect(await market.burnt()).to.equal((lost + othersLost) / 2n);
  });

  it("attack 'stopped twice', attack 'closed twice': the second is skipped, and no money moves by it", async () => {
    const short = await world.active(1, { position: 1, endEpoch: (await world.epoch()) + 1 });
    await world.live(bob);
    expect(await world.skipped(market.prune([short, short]))).to.deep.equal([[1, "Market_WrongState"]]);
    await world.miss(3);
    const { escrow, collateral } = await world.deal(short);
    const [client, host] = [await market.freeBalance(alice.account), await market.freeBalance(bob.account)];
    expect(await world.skipped(market.close([short, short]))).to.deep.equal([[1, "Market_WrongState"]]);
    expect((await market.freeBalance(alice.account)) - client).to.equal(escrow);
    expect((await market.freeBalance(bob.account)) - host).to.equal(collateral);
  });

  it("attack 'committed twice': of two revisions of one number the first counts, and settles once", async () => {
    await world.live(bob);
    const host = await market.freeBalance(bob.account);
    const [one, two] = [await world.revision(deal, 4), await world.revision(deal, 5)];
    const items = [await world.countersigned(deal, one), await world.countersigned(deal, two)];
    expect(await world.skipped(world.commitAll([...items, items[0]!]))).to.deep.equal([
      [1, "Market_StaleRevision"],
      [2, "Market_StaleRevision"],
    ]);
    expect((await world.deal(deal)).sectors).to.equal(4n);
    expect((await market.freeBalance(bob.account)) - host).to.equal(3n * RATE);
    expect(await market.leaves(bob.account, deal.slot, 1)).to.deep.equal([4n]);
  });

  it("attack 'redeemed twice': a voucher pays once", async () => {
    await world.as(alice).topUp(deal, 0n, 50n);
    const host = await market.freeBalance(bob.account);
    const voucher = { deal: deal.id, cumulative: 7n };
    const signature = compact(await world.sign(alice.key, "Voucher", voucher));
    const item = { provider: deal.provider, slot: deal.slot, voucher, signature };
    expect(await world.skipped(market.redeem([item, item]))).to.deep.equal([[1, "Market_NothingToRedeem"]]);
    expect((await market.freeBalance(bob.account)) - host).to.equal(7n);
  });
});

describe("challenges without end", () => {
  rollBack(world);

  it("attack 'flood of challenges': each costs its bond, goes to the provider, and holds up nothing", async () => {
    const deal = await world.active(3);
    const [host, tokens] = [await market.freeBalance(bob.account), await token.balanceOf(alice.account)];
    const rounds = 20n;
    for (let round = 0n; round < rounds; round++) {
      await world.as(alice).challenge(deal, round);
      await expect(world.as(alice).challenge(deal, 0)).to.be.revertedWithCustomError(market, "Market_ChallengeOpen");
      await world.as(stranger).answer(deal, world.content(deal, 3).answer(Number(round)));
    }
    expect((await market.freeBalance(bob.account)) - host).to.equal(rounds * BOND * LEDGER);
    expect(tokens - (await token.balanceOf(alice.account))).to.equal(rounds * BOND);
  });

  it("attack 'flood of challenges': with every deal challenged at all times a provider commits, proves, earns and leaves", async () => {
    const deals: Agreement[] = [];
    for (const position of [0, 1, 2]) deals.push(await world.active(2, { position }));
    const again = async () => {
      for (const deal of deals) await world.as(alice).challenge(deal, 1);
    };
    await again();
    expect(await world.skipped(world.commit(deals[0]!, 3))).to.deep.equal([]);
    await world.as(bob).refill(deals[1]!);
    await world.live(bob);
    await expect(market.settle([deals[0]!]))
      .to.emit(market, "Settled")
      .withArgs(deals[0]!.id, anything, 3n * RATE);
    for (const [index, deal] of deals.entries()) {
      await market.answer(deal, world.content(deal, index === 0 ? 3 : 2).answer(1));
    }
    await again();
    await world.as(bob).resign(deals[2]!);
    await expect(world.as(bob).abandon(deals[1]!))
      .to.emit(market, "ChallengeClosed")
      .withArgs(anything, false, BOND * LEDGER);
    await expect(world.prove(bob)).to.emit(market, "Proven").withArgs(bob.address, anything, 5);
  });
});
const anything = () => true;
