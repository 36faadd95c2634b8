/** Who a provider is: registration, signing keys, announcements, offers taken back. */
import { expect } from "chai";
import { hexlify, id, toBeHex, Wallet, ZeroAddress } from "ethers";
import { createWorld, PARAMETERS, PENALTY_RATE, plain, rollBack } from "./fixture.ts";
import { standingOf } from "./storage.ts";

const world = await createWorld();
const { market, alice, bob, dave, stranger } = world;

describe("providers", () => {
  rollBack(world);

  describe("register", () => {
    it("makes anybody a provider, with a signer that counts at once", async () => {
      await expect(world.as(stranger).register(stranger.key, 10n))
        .to.emit(market, "Registered")
        .withArgs(stranger.address, stranger.key.address, 10n);
      const provider = await market.providerOf(stranger.account);
      expect(provider.signer).to.equal(stranger.key.address);
      expect(provider.penaltyRate).to.equal(10n);
      expect(provider.deals).to.equal(0n);
      expect(provider.sectors).to.equal(0n);
    });

    it("takes only an even P, so that halves are exact", async () => {
      await expect(world.as(stranger).register(stranger.key, 11n))
        .to.be.revertedWithCustomError(market, "Market_OddPenaltyRate")
        .withArgs(11n);
    });

    it("changes P while there is no unclosed deal, and not after", async () => {
      await world.as(bob).register(bob.key, 4n * PENALTY_RATE);
      await world.open();
      await expect(world.as(bob).register(bob.key, PENALTY_RATE))
        .to.be.revertedWithCustomError(market, "Market_DealsUnclosed")
        .withArgs(1n);
      expect((await market.providerOf(bob.account)).penaltyRate).to.equal(4n * PENALTY_RATE);
    });

    it("does not change the signer: that is setSigner's, with its delay", async () => {
      await expect(world.as(bob).register(stranger.key, PENALTY_RATE))
        .to.be.revertedWithCustomError(market, "Market_WrongSigner")
        .withArgs(bob.key.address, stranger.key.address);
    });
  });

  describe("setSigner", () => {
    const fresh = new Wallet(id("fresh"));

    it("announces a signer that counts ROTATE epochs later", async () => {
      const from = (await world.epoch()) + PARAMETERS.rotateEpochs;
      await expect(world.as(bob).setSigner(fresh))
        .to.emit(market, "SignerAnnounced")
        .withArgs(bob.address, fresh.address, from);
      await world.to("last", from - 1);
      const before = await market.providerOf(bob.account);
      expect(before.signer).to.equal(bob.key.address);
      expect(before.nextSigner).to.equal(fresh.address);
      expect(before.nextSignerFrom).to.equal(from);
      await world.start(from);
      await world.token.mint(alice.account, 1n); // a block of the new epoch
      const after = await market.providerOf(bob.account);
      expect(after.signer).to.equal(fresh.address);
      expect(after.nextSigner).to.equal(ZeroAddress);
    });

    it("attack 'receipts voided by key changes': the old key's signatures hold until the day, the new one's after", async () => {
      const deal = await world.open();
      await world.as(bob).setSigner(fresh);
      await expect(world.commit(deal, 1)).to.emit(market, "Committed");
      await world.start((await world.epoch()) + PARAMETERS.rotateEpochs);
      expect(await world.skipped(world.commit(deal, 2))).to.deep.equal([[0, "Market_WrongSigner"]]);
      const rotated = { ...deal, host: { ...bob, key: fresh } };
      await expect(world.commit(rotated, 2)).to.emit(market, "Committed");
    });

    it("announced again before its day replaces the announcement and starts its delay anew", async () => {
      await world.as(bob).setSigner(fresh);
      await world.start();
      const other = new Wallet(id("other"));
      await world.as(bob).setSigner(other);
      await world.start((await world.epoch()) + PARAMETERS.rotateEpochs - 1);
      await world.token.mint(alice.account, 1n);
      expect((await market.providerOf(bob.account)).signer).to.equal(bob.key.address);
      await world.start();
      await world.token.mint(alice.account, 1n);
      expect((await market.providerOf(bob.account)).signer).to.equal(other.address);
    });

    it("leaves the one in force as it is when the next one is announced", async () => {
      await world.as(bob).setSigner(fresh);
      await world.start((await world.epoch()) + PARAMETERS.rotateEpochs);
      await world.as(bob).setSigner(new Wallet(id("other")));
      expect((await market.providerOf(bob.account)).signer).to.equal(fresh.address);
    });
  });

  describe("announce", () => {
    it("publishes up to 1,024 bytes", async () => {
      const most = hexlify(new Uint8Array(1024).fill(7));
      await expect(world.as(bob).announce(most)).to.emit(market, "Announced").withArgs(bob.address, most);
      await expect(world.as(bob).announce(`${most}00`))
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(1024n, 1025n);
    });
  });

  describe("cancelOffers", () => {
    it("voids all terms signed before it, and opens a series for new ones (INV-14)", async () => {
      const old = await Promise.all(
        [0, 1].map(async (position) => world.item(await world.terms({ position }), bob.key)),
      );
      await expect(world.as(bob).cancelOffers()).to.emit(market, "OffersCancelled").withArgs(bob.address, 1);
      expect((await market.providerOf(bob.account)).series).to.equal(1n);
      expect(await world.skipped(world.openDeals(alice, old, 0))).to.deep.equal([
        [0, "Market_WrongSigner"],
        [1, "Market_WrongSigner"],
      ]);
      const fresh = await world.item(await world.terms(), bob.key);
      expect(fresh.terms.series).to.equal(1);
      expect(await world.skipped(world.openDeals(alice, [fresh], 1))).to.deep.equal([]);
    });

    it("takes no terms of a series to come", async () => {
      const early = await world.item(await world.terms({ series: 1 }), bob.key);
      expect(await world.skipped(world.openDeals(alice, [early], 0))).to.deep.equal([[0, "Market_WrongSigner"]]);
      await world.as(bob).cancelOffers();
      expect(await world.skipped(world.openDeals(alice, [early], 1))).to.deep.equal([]);
    });

    it("is of one provider, and leaves its deals as they are", async () => {
      const deal = await world.active(2);
      const others = await world.item(await world.terms({}, alice, dave), dave.key);
      const before = plain(await world.deal(deal));
      await world.as(bob).cancelOffers();
      expect((await market.providerOf(dave.account)).series).to.equal(0n);
      expect(await world.skipped(world.openDeals(alice, [others], 1))).to.deep.equal([]);
      expect(plain(await world.deal(deal))).to.deep.equal(before);
      expect(await world.skipped(world.commit(deal, 3))).to.deep.equal([]);
    });

    it("is possible 2^17 - 1 times, and spoils nothing beside the count when that is reached", async () => {
      const { storage, word } = await standingOf(world, bob.address);
      await world.as(bob).cancelOffers();
      const one = (await standingOf(world, bob.address)).word - word;
      const most = 2n ** 17n - 1n;
      const address = await market.getAddress();
      await world.connection.networkHelpers.setStorageAt(address, storage, toBeHex(word + one * (most - 1n), 32));
      await expect(world.as(bob).cancelOffers()).to.emit(market, "OffersCancelled").withArgs(bob.address, most);
      const before = plain(await market.providerOf(bob.account));
      expect(before.series).to.equal(most);
      expect(before.signer).to.equal(bob.key.address);
      await expect(world.as(bob).cancelOffers())
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(most, most + 1n);
      expect(plain(await market.providerOf(bob.account))).to.deep.equal(before);
      expect((await world.deal(await world.open())).state).to.equal(1n);
    });
  });

  it("who is not registered can neither announce, rotate, tip, nor cancel", async () => {
    for (const call of [
      () => world.as(stranger).announce("0x00"),
      () => world.as(stranger).setSigner(stranger.key),
      () => world.as(stranger).setTip(stranger.account, 1n),
      () => world.as(stranger).cancelOffers(),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(market, "Market_NotRegistered").withArgs(stranger.address);
    }
  });
});
