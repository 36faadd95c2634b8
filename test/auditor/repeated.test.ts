/** Calls that carry the same thing twice, the first time wrongly signed: what counted is what was signed rightly. */
import { expect } from "chai";
import { compact, createWorld, rollBack } from "../contracts/fixture.ts";
import { audited } from "./History.ts";

const world = await createWorld();
const { market, alice, bob, stranger } = world;

describe("auditing a call that carries the same thing twice, first signed wrongly", () => {
  rollBack(world);

  it("finds nothing wrong with the deal that opened", async () => {
    const terms = await world.terms();
    const items = [await world.item(terms, stranger.key), await world.item(terms, bob.key, 9_000_000n, 7n)];
    expect(await world.skipped(world.openDeals(alice, items, 1))).to.deep.equal([[0, "Market_WrongSigner"]]);
    expect((await audited(world)).differences).to.deep.equal([]);
  });

  it("finds nothing wrong with the revision that was committed", async () => {
    const deal = await world.open();
    const revision = await world.revision(deal, 2);
    const good = await world.countersigned(deal, revision);
    const bad = await world.countersigned({ ...deal, client: stranger, host: stranger }, revision);
    expect(await world.skipped(world.commitAll([bad, good]))).to.deep.equal([[0, "Market_WrongSigner"]]);
    expect((await audited(world)).differences).to.deep.equal([]);
  });

  it("finds nothing wrong with the voucher that was paid", async () => {
    const deal = await world.open({}, { egress: 9n });
    const voucher = { deal: deal.id, cumulative: 5n };
    const [bad, good] = [
      compact(await world.sign(stranger.key, "Voucher", voucher)),
      compact(await world.sign(alice.key, "Voucher", voucher)),
    ];
    const item = (signature: typeof bad) => ({ provider: deal.provider, slot: deal.slot, voucher, signature });
    expect(await world.skipped(market.redeem([item(bad), item(good)]))).to.deep.equal([[0, "Market_WrongSigner"]]);
    expect((await audited(world)).differences).to.deep.equal([]);
  });
});
