/** A client's REPAIR delegate opens deals with its client's money, as far as it was let. */
import { expect } from "chai";
import { createWorld, delegation, RATE, rollBack, SCOPES, type Terms } from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, stranger } = world;

describe("a REPAIR delegate", () => {
  rollBack(world);
  const limits = { repairBudget: 1_000n, maxRate: RATE, maxEgressRate: 5n };
  async function repair(overrides: Partial<Terms>, escrow: bigint, egress = 0n) {
    const item = await world.item(await world.terms(overrides), bob.key, escrow, egress);
    return world.skipped(world.openDeals(stranger, [item], 0));
  }
  async function refuses() {
    await expect(repair({}, 1n))
      .to.be.revertedWithCustomError(market, "Market_Unauthorized")
      .withArgs(stranger.address);
  }
  const refused = [[0, "Market_Unauthorized"]];
  beforeEach(async () => {
    await world.as(alice).authorize(stranger.account, delegation(SCOPES.REPAIR, 9, limits));
  });

  it("spends the client's money, out of the budget", async () => {
    const item = await world.item(await world.terms({ egressRate: 5n }), bob.key, 600n, 100n);
    const call = world.openDeals(stranger, [item], 1);
    await expect(call).to.changeTokenBalances(world.ethers, token, [alice.account, stranger.account], [-700n, 0n]);
    expect((await market.delegationOf(alice.account, stranger.account)).repairBudget).to.equal(300n);
    expect(await market.lastOpening(alice.account)).to.equal(await world.block());
  });

  it("not beyond its budget, in one deal or several", async () => {
    expect(await repair({}, 1_001n)).to.deep.equal(refused);
    expect(await repair({}, 900n, 101n)).to.deep.equal(refused);
    expect(await repair({}, 600n)).to.deep.equal([]);
    expect(await repair({}, 401n)).to.deep.equal(refused);
    expect(await repair({}, 400n)).to.deep.equal([]);
  });

  it("nor in several deals of one call", async () => {
    const items = await Promise.all(
      [600n, 401n, 400n].map(async (escrow) => world.item(await world.terms(), bob.key, escrow)),
    );
    expect(await world.skipped(world.openDeals(stranger, items, 2))).to.deep.equal([[1, "Market_Unauthorized"]]);
    expect((await market.delegationOf(alice.account, stranger.account)).repairBudget).to.equal(0n);
  });

  it("not above its highest rates", async () => {
    expect(await repair({ rate: RATE + 1n }, 1n)).to.deep.equal(refused);
    expect(await repair({ egressRate: 6n }, 1n)).to.deep.equal(refused);
  });

  it("not past its time", async () => {
    await world.to("last", 8);
    expect(await repair({}, 1n)).to.deep.equal([]);
    await world.start(9);
    await refuses();
  });

  it("not from two epochs after it was revoked", async () => {
    const epoch = await world.epoch();
    await world.as(alice).revoke(stranger.account);
    await world.to("last", epoch + 1);
    expect(await repair({}, 1n)).to.deep.equal([]);
    await world.start(epoch + 2);
    await refuses();
  });

  it("not with another scope", async () => {
    await world.as(alice).authorize(stranger.account, delegation(SCOPES.READ | SCOPES.WRITE | SCOPES.AUDIT, 9, limits));
    await refuses();
  });

  it("not for two clients in one call", async () => {
    await world.as(carol).authorize(stranger.account, delegation(SCOPES.REPAIR, 9, limits));
    const items = [
      await world.item(await world.terms(), bob.key, 1n),
      await world.item(await world.terms({}, carol), bob.key, 1n),
    ];
    expect(await world.skipped(world.openDeals(stranger, items, 1))).to.deep.equal([[1, "Market_WrongSigner"]]);
  });
});
