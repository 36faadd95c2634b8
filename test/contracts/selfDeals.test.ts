/**
 * A provider that is its own client: one balance on both sides of every call, none of which may write over what another part
 * of it moved. INV-1: but for what is burnt, nothing that he has is ever more or less.
 */
import { expect } from "chai";
import {
  type Agreement,
  compact,
  createWorld,
  delegation,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  RATE,
  rollBack,
  SCOPES,
  ZERO_ROOT,
} from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, dave, stranger, relay } = world;
const FULL = 8n * PENALTY_RATE * BigInt(PARAMETERS.coverEpochs);
const BOND = 1_000n;
const PARTIES = { client: bob, host: bob };

/** What bob has in the market, wherever: free, in his deals on either side, and in bonds. */
async function worth(): Promise<bigint> {
  let sum = await market.freeBalance(bob.account);
  const { slots } = await market.providerOf(bob.account);
  for (let slot = 0; slot < Number(slots); slot++) {
    const { escrow, egress, collateral, challengeDeadline, answerBond } = await market.deal(bob.address, slot);
    sum += escrow + egress + collateral + (challengeDeadline === 0n ? 0n : answerBond * LEDGER);
  }
  return sum;
}

/** Runs a call: but for what it burns and pays in, bob's worth stays, and nobody else's balance moves. */
async function keeps(call: () => Promise<unknown>, paidIn = 0n): Promise<{ free: bigint; burnt: bigint }> {
  const others = [alice, carol, dave, stranger, relay];
  const figures = async () => ({
    worth: await worth(),
    burnt: await market.burnt(),
    free: await market.freeBalance(bob.account),
    others: await Promise.all(others.map(({ address }) => market.freeBalance(address))),
  });
  const before = await figures();
  await call();
  const after = await figures();
  const burnt = after.burnt - before.burnt;
  expect(after.worth - before.worth, "worth").to.equal(paidIn * LEDGER - burnt);
  expect(after.others).to.deep.equal(before.others);
  const held = (await token.balanceOf(market)) * LEDGER;
  expect(
    after.others.reduce((sum, free) => sum + free, after.worth + after.burnt),
    "owed = held",
  ).to.equal(held);
  return { free: after.free - before.free, burnt };
}

describe("a deal of a provider with itself", () => {
  rollBack(world);
  let deal: Agreement;
  beforeEach(async () => {
    deal = await world.active(3, { minSectors: 1 }, { ...PARTIES, egress: 500n });
  });

  it("is opened out of one balance: what it locks, then what it pays, for several at once", async () => {
    const before = await world.ledger(bob.address);
    const terms = [await world.terms({ position: 1 }, bob), await world.terms({ position: 2 }, bob)];
    const items = await Promise.all(terms.map((each) => world.item(each, bob.key, 700n, 30n)));
    const { free } = await keeps(async () => {
      expect(await world.skipped(world.openDeals(bob, items, 2))).to.deep.equal([]);
    });
    expect(free).to.equal(-2n * FULL - 2n * 730n * LEDGER);
    expect((await world.ledger(bob.address)).locked - before.locked).to.equal(2n * FULL);
  });

  it("is opened with what is missing taken from the allowance", async () => {
    const { free } = await world.ledger(bob.address);
    await world.as(bob).withdraw((free - FULL) / LEDGER - 100n, bob.account);
    const item = await world.item(await world.terms({ position: 1 }, bob), bob.key, 250n);
    await keeps(() => world.openDeals(bob, [item], 1), 150n);
    expect(await market.freeBalance(bob.account)).to.equal(0n);
  });

  it("pays what was proven from one side to the other", async () => {
    await world.live(bob, 2);
    expect(await keeps(() => market.settle([deal]))).to.deep.equal({ free: 2n * 3n * RATE, burnt: 0n });
  });

  it("loses by a miss what is burnt, which is half", async () => {
    await world.miss(2);
    const half = 3n * PENALTY_RATE;
    expect(await keeps(() => market.settle([deal]))).to.deep.equal({ free: half, burnt: half });
  });

  it("settles and counts at a commit", async () => {
    await world.live(bob, 1);
    await world.miss(1);
    const half = (3n * PENALTY_RATE) / 2n;
    const moved = await keeps(() => world.commit(deal, 5));
    expect(moved).to.deep.equal({ free: 3n * RATE + half, burnt: half });
    expect((await market.providerOf(bob.account)).missCount).to.equal(1n);
    expect((await world.deal(deal)).sectors).to.equal(5n);
  });

  it("raises the tree at a commit that settles", async () => {
    const high = await world.active(1, { slot: 600 }, PARTIES);
    await world.miss(1);
    const { free, burnt } = await keeps(() => world.commit(high, 2));
    expect([free, burnt]).to.deep.equal([PENALTY_RATE / 2n, PENALTY_RATE / 2n]);
    await expect(world.prove(bob))
      .to.emit(market, "Proven")
      .withArgs(bob.address, await world.epoch(), 5);
  });

  it("is extended to more and to less, after misses", async () => {
    for (const capacity of [10, 7]) {
      const { restore } = await world.connection.networkHelpers.takeSnapshot();
      await world.live(bob, 1);
      await world.miss(1);
      const { extension, signature } = await world.extension(deal, { capacity });
      const penalty = 3n * PENALTY_RATE;
      const full = BigInt(capacity) * PENALTY_RATE * BigInt(PARAMETERS.coverEpochs);
      const { free, burnt } = await keeps(() => world.as(bob).extend(deal, extension, signature));
      expect(burnt).to.equal(penalty / 2n);
      expect(free).to.equal(3n * RATE + penalty / 2n + (FULL - penalty) - full);
      expect((await world.deal(deal)).collateral).to.equal(full);
      expect((await market.providerOf(bob.account)).capacity).to.equal(capacity);
      await restore();
    }
  });

  it("is refilled", async () => {
    await world.miss(1);
    const half = (3n * PENALTY_RATE) / 2n;
    expect(await keeps(() => world.as(bob).refill(deal))).to.deep.equal({ free: half - 2n * half, burnt: half });
    expect((await world.deal(deal)).collateral).to.equal(FULL);
  });

  it("is topped up, from the balance and from the allowance", async () => {
    expect(await keeps(() => world.as(bob).topUp(deal, 30n, 4n))).to.deep.equal({ free: -34n * LEDGER, burnt: 0n });
    const { free } = await world.ledger(bob.address);
    await world.as(bob).withdraw(free / LEDGER - 10n, bob.account);
    await keeps(() => world.as(bob).topUp(deal, 30n, 4n), 24n);
    expect(await market.freeBalance(bob.account)).to.equal(0n);
  });

  it("is paid for by vouchers, of his own key and of a delegate's", async () => {
    await world.as(bob).authorize(stranger.key.address, delegation(SCOPES.READ, 9, { egressCap: 1_000n }));
    for (const [key, paid] of [
      [bob.key, 300n],
      [stranger.key, 200n],
    ] as const) {
      const voucher = { deal: deal.id, cumulative: paid };
      const signature = compact(await world.sign(key, "Voucher", voucher));
      const call = () => market.redeem([{ provider: bob.address, slot: deal.slot, voucher, signature }]);
      expect(await keeps(call)).to.deep.equal({ free: paid, burnt: 0n });
    }
  });

  it("tips himself", async () => {
    await world.as(bob).setTip(bob.account, 7n * LEDGER);
    await world.to("prove");
    const seed = await world.recordSeed();
    const proof = await world.proof(bob.address);
    const call = async () =>
      expect(world.as(bob).prove(bob.address, seed, proof))
        .to.emit(market, "TipPaid")
        .withArgs(bob.address, bob.address, 7n * LEDGER);
    expect(await keeps(call)).to.deep.equal({ free: 0n, burnt: 0n });
    expect(await market.proven(bob.account, await world.epoch())).to.equal(true);
  });

  it("is proved across a word's edge with misses counted and a tip to himself", async () => {
    const patient = await world.active(1, { endEpoch: 400 }, PARTIES);
    await world.as(bob).abandon(deal);
    await world.start(254);
    await world.as(bob).refill(patient); // its cover counts from here
    await world.miss(3);
    await world.as(bob).setTip(bob.account, 7n * LEDGER);
    await world.to("prove");
    await world.recordSeed();
    expect(await keeps(() => world.prove(bob))).to.deep.equal({ free: 0n, burnt: 0n });
    expect((await world.deal(patient)).misses).to.equal(3n);
  });

  describe("challenged by himself", () => {
    beforeEach(async () => {
      await keeps(() => world.as(bob).challenge(deal, 5));
    });

    it("takes the bond and gives it back with the answer", async () => {
      const proof = world.content(deal, 3).answer(5);
      expect(await keeps(() => market.answer(deal, proof))).to.deep.equal({ free: BOND * LEDGER, burnt: 0n });
    });

    it("and with a conviction, and the collateral with it", async () => {
      await world.live(bob, 2);
      const moved = await keeps(() => market.convict(deal));
      expect(moved).to.deep.equal({ free: BOND * LEDGER + FULL + 2n * 3n * RATE, burnt: 0n });
    });

    it("and with any other exit, misses settled", async () => {
      for (const [misses, leave] of [
        [1n, () => world.as(bob).abandon(deal)],
        [3n, () => world.as(bob).terminateMissed(deal)],
        [8n, () => market.prune([deal])],
      ] as const) {
        const { restore } = await world.connection.networkHelpers.takeSnapshot();
        await world.miss(Number(misses));
        const half = (misses * 3n * PENALTY_RATE) / 2n;
        expect(await keeps(leave)).to.deep.equal({ free: BOND * LEDGER + FULL - half, burnt: half });
        await restore();
      }
    });
  });

  it("is closed with refund, fee and the rest of the collateral in one balance", async () => {
    for (const leave of ["terminate", "resign"] as const) {
      const { restore } = await world.connection.networkHelpers.takeSnapshot();
      await keeps(() => world.as(bob)[leave](deal));
      await world.live(bob, 3);
      expect(await keeps(() => market.prune([deal]))).to.deep.equal({ free: 3n * 3n * RATE, burnt: 0n });
      await world.start((await world.epoch()) + 2);
      const { escrow, egress } = await world.deal(deal);
      const close = async () => expect(await world.skipped(market.close([deal]))).to.deep.equal([]);
      expect(await keeps(close)).to.deep.equal({ free: escrow + egress + FULL, burnt: 0n });
      const { deals, capacity } = await market.providerOf(bob.account);
      expect({ deals, capacity }).to.deep.equal({ deals: 0n, capacity: 0n });
      const { free } = await world.ledger(bob.address);
      expect(free).to.equal(await worth());
      await world.as(bob).withdraw(free / LEDGER, bob.account);
      await restore();
    }
  });

  it("is emptied, filled and left like any other", async () => {
    await world.miss(1);
    const revision = await world.revision(deal, 0, { root: ZERO_ROOT });
    const half = (3n * PENALTY_RATE) / 2n;
    const empty = async () => world.commitAll([await world.countersigned(deal, revision)]);
    expect(await keeps(empty)).to.deep.equal({ free: half, burnt: half });
    await keeps(() => world.commit(deal, 1));
    expect(await keeps(() => world.as(bob).abandon(deal))).to.deep.equal({ free: FULL - 2n * half, burnt: 0n });
  });
});
