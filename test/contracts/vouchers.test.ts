/** Vouchers: bytes served, paid from a deal's own budget. PROTOCOL section 3. */
import { expect } from "chai";
import { TypedDataEncoder, ZeroHash } from "ethers";
import { TYPES } from "../../src/protocol/TypedData.ts";
import { type Agreement, compact, createWorld, delegation, LEDGER, type Party, rollBack, SCOPES } from "./fixture.ts";
import { inUpperHalf, MALFORMED } from "./signatures.ts";

const world = await createWorld();
const { market, alice, carol, bob, dave, stranger } = world;
const BUDGET = 1_000n * LEDGER;

async function item(deal: Agreement, cumulative: bigint, signer: Party = alice) {
  const voucher = { deal: deal.id, cumulative };
  return {
    provider: deal.provider,
    slot: deal.slot,
    voucher,
    signature: compact(await world.sign(signer.key, "Voucher", voucher)),
  };
}

describe("redeem", () => {
  rollBack(world);
  let deal: Agreement;
  beforeEach(async () => {
    deal = await world.open({}, { client: alice, host: bob, egress: 1_000n });
  });

  async function skipped(cumulative: bigint, signer: Party = alice) {
    return world.skipped(market.redeem([await item(deal, cumulative, signer)]));
  }

  describe("given the client's vouchers", () => {
    it("pays what is not paid yet, whoever sends it", async () => {
      const before = await world.ledger(bob.address);
      await expect(world.as(stranger).redeem([await item(deal, 300n)]))
        .to.emit(market, "Redeemed")
        .withArgs(deal.id, alice.key.address, 300n, 300n);
      await expect(market.redeem([await item(deal, 450n)]))
        .to.emit(market, "Redeemed")
        .withArgs(deal.id, alice.key.address, 450n, 150n);
      expect((await world.ledger(bob.address)).balance - before.balance).to.equal(450n);
      expect(await market.redeemed(deal.id, alice.key.address)).to.equal(450n);
      expect((await world.deal(deal)).egress).to.equal(BUDGET - 450n);
    });

    it("attack 'voucher replay': pays nothing twice, and nothing for an older one (INV-5)", async () => {
      await market.redeem([await item(deal, 300n)]);
      expect(await skipped(300n)).to.deep.equal([[0, "Market_NothingToRedeem"]]);
      expect(await skipped(299n)).to.deep.equal([[0, "Market_NothingToRedeem"]]);
      const both = [await item(deal, 301n), await item(deal, 301n)];
      expect(await world.skipped(market.redeem(both))).to.deep.equal([[1, "Market_NothingToRedeem"]]);
    });

    it("never pays beyond the budget, and the rest after a top-up", async () => {
      await expect(market.redeem([await item(deal, BUDGET + 5n)]))
        .to.emit(market, "Redeemed")
        .withArgs(deal.id, alice.key.address, BUDGET + 5n, BUDGET);
      expect(await skipped(BUDGET + 5n)).to.deep.equal([[0, "Market_NothingToRedeem"]]);
      const { escrow } = await world.deal(deal);
      await world.as(alice).topUp(deal, 0n, 1n);
      await expect(market.redeem([await item(deal, BUDGET + 5n)]))
        .to.emit(market, "Redeemed")
        .withArgs(deal.id, alice.key.address, BUDGET + 5n, 5n);
      expect((await world.deal(deal)).escrow).to.equal(escrow);
    });

    it("takes no other signer, no other deal, no other amount", async () => {
      expect(await skipped(5n, carol)).to.deep.equal([[0, "Market_WrongSigner"]]);
      expect(await skipped(5n, bob)).to.deep.equal([[0, "Market_WrongSigner"]]);
      const good = await item(deal, 5n);
      const more = { ...good, voucher: { ...good.voucher, cumulative: 6n } };
      expect(await world.skipped(market.redeem([more]))).to.deep.equal([[0, "Market_WrongSigner"]]);
      const elsewhere = { ...good, provider: dave.address };
      expect(await world.skipped(market.redeem([elsewhere]))).to.deep.equal([[0, "Market_WrongDeal"]]);
    });

    it("takes none for the deal that is not there, which is nobody's", async () => {
      const none = await item({ ...deal, slot: 9, id: ZeroHash }, 5n);
      expect(await world.skipped(market.redeem([none]))).to.deep.equal([[0, "Market_WrongDeal"]]);
    });

    for (const [form, change] of Object.entries(MALFORMED)) {
      it(`takes no signature ${form}`, async () => {
        const good = await item(deal, 5n);
        const bad = { ...good, signature: change(good.signature) };
        expect(await world.skipped(market.redeem([bad]))).to.deep.equal([[0, "Market_WrongSigner"]]);
      });
    }

    it("takes no signature with an s in the upper half, such as ECDSA takes", async () => {
      const voucher = { deal: deal.id, cumulative: 5n };
      const { key, signature } = inUpperHalf(
        TypedDataEncoder.hash(world.domain, { Voucher: [...TYPES.Voucher] }, voucher),
      );
      await world.as(alice).authorize(key.address, delegation(SCOPES.READ, 9, { egressCap: 500n }));
      const good = await item(deal, 5n, { ...alice, key });
      const forged = { ...good, signature };
      expect(await world.skipped(market.redeem([forged]))).to.deep.equal([[0, "Market_WrongSigner"]]);
      expect(await world.skipped(market.redeem([good]))).to.deep.equal([]);
    });

    it("works until close, and not after: the budget goes back", async () => {
      await world.commit(deal, 1);
      await world.as(bob).abandon(deal);
      const { stopAt } = await world.deal(deal);
      await world.start(Number(stopAt) + 2);
      await market.redeem([await item(deal, 300n)]);
      const { escrow } = await world.deal(deal);
      await expect(market.close([deal]))
        .to.emit(market, "Closed")
        .withArgs(deal.id, escrow + BUDGET - 300n, 0n, 0n);
      expect(await skipped(400n)).to.deep.equal([[0, "Market_WrongState"]]);
    });

    it("takes at most 64", async () => {
      await expect(market.redeem(new Array(65).fill(await item(deal, 1n))))
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(64n, 65n);
    });
  });

  describe("given a READ delegate's vouchers", () => {
    const delegate = { ...stranger, key: stranger.key };
    beforeEach(async () => {
      const granted = delegation(SCOPES.READ, 6, { egressCap: 500n });
      await world.as(alice).authorize(delegate.key.address, granted);
    });

    it("pays out of the delegate's cap, counted apart from the client's own", async () => {
      await market.redeem([await item(deal, 300n)]);
      await expect(market.redeem([await item(deal, 200n, delegate)]))
        .to.emit(market, "Redeemed")
        .withArgs(deal.id, delegate.key.address, 200n, 200n);
      expect((await market.delegationOf(alice.account, delegate.key.address)).egressCap).to.equal(300n);
      expect(await market.redeemed(deal.id, alice.key.address)).to.equal(300n);
      expect(await market.redeemed(deal.id, delegate.key.address)).to.equal(200n);
    });

    it("attack 'delegate past its budget': the cap is over all deals together", async () => {
      const other = await world.open({ position: 1 }, { client: alice, host: bob, egress: 1_000n });
      await market.redeem([await item(deal, 400n, delegate)]);
      await expect(market.redeem([await item(other, 400n, delegate)]))
        .to.emit(market, "Redeemed")
        .withArgs(other.id, delegate.key.address, 400n, 100n);
      expect(await skipped(500n, delegate)).to.deep.equal([[0, "Market_NothingToRedeem"]]);
    });

    it("attack 'delegate past its time': through untilEpoch - 1", async () => {
      await world.to("last", 5);
      expect(await skipped(1n, delegate)).to.deep.equal([]);
      await world.start(6);
      expect(await skipped(2n, delegate)).to.deep.equal([[0, "Market_WrongSigner"]]);
    });

    it("attack 'delegate past its scope': other scopes sign no vouchers", async () => {
      const others = SCOPES.WRITE | SCOPES.REPAIR | SCOPES.AUDIT;
      await world.as(alice).authorize(carol.key.address, delegation(others, 90, { egressCap: 500n }));
      expect(await skipped(5n, carol)).to.deep.equal([[0, "Market_WrongSigner"]]);
    });

    it("a revocation leaves time to redeem what was served", async () => {
      const epoch = await world.epoch();
      await world.as(alice).revoke(delegate.key.address);
      await world.to("last", epoch + 1);
      expect(await skipped(1n, delegate)).to.deep.equal([]);
      await world.start(epoch + 2);
      expect(await skipped(2n, delegate)).to.deep.equal([[0, "Market_WrongSigner"]]);
    });

    it("is of one client: another client's deal does not take them", async () => {
      const foreign = await world.open({}, { client: carol, host: bob, egress: 1_000n });
      const call = market.redeem([await item(foreign, 5n, delegate)]);
      expect(await world.skipped(call)).to.deep.equal([[0, "Market_WrongSigner"]]);
    });
  });
});
