/** What a call leaves as it was, and what it does not say: neighbours in a stored word, events of nothing, smallest numbers. */
import { expect } from "chai";
import { encodeBytes32String, toBeHex, Wallet, ZeroAddress } from "ethers";
import {
  type Agreement,
  createWorld,
  delegation,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  plain,
  rollBack,
  SCOPES,
  ZERO_ROOT,
} from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, bob, stranger, relay } = world;

/** Lets the relay bring bob's proof. */
async function proveByRelay() {
  await world.to("prove");
  return world.as(relay).multicall(await world.seedAndProve(bob));
}

describe("what lies in one word", () => {
  rollBack(world);

  it("a tip outlives the tree's growth", async () => {
    await world.as(bob).setTip(relay.account, 9n);
    await world.active(1, { slot: 4095 });
    await expect(proveByRelay()).to.emit(market, "TipPaid").withArgs(bob.address, relay.address, 9n);
  });

  it("a change of signer outlives a change of the tip", async () => {
    const fresh = Wallet.createRandom();
    await world.as(bob).setSigner(fresh);
    await world.as(bob).setTip(relay.account, 9n);
    await world.start((await world.epoch()) + PARAMETERS.rotateEpochs);
    await world.as(bob).setTip(relay.account, 0n);
    expect((await market.providerOf(bob.account)).signer).to.equal(fresh.address);
  });

  it("a tip of one ledger unit is one", async () => {
    await world.as(bob).setTip(relay.account, 1n);
    await world.active(1);
    await expect(proveByRelay()).to.emit(market, "TipPaid").withArgs(bob.address, relay.address, 1n);
  });

  it("who is no provider misses nothing, whatever is committed in its name, nor has it once it is one", async () => {
    const { item, assent } = await world.countersigned(await world.open(), {
      ...{ deal: toBeHex(0, 32), number: 1n, root: ZERO_ROOT, sectors: 0, head: toBeHex(0, 32) },
    });
    await market.commit(stranger.address, [item], [assent]);
    await world.as(stranger).register(stranger.key, 0n);
    expect((await market.providerOf(stranger.account)).missCount).to.equal(0n);
  });
});

describe("a first revision of number 1", () => {
  rollBack(world);

  async function first(endEpoch: number): Promise<Agreement> {
    const deal = await world.open({ endEpoch });
    await world.commitAll([await world.countersigned(deal, await world.revision(deal, 2, { number: 1n }))]);
    return deal;
  }

  it("is proved until its end, and not after it, before it is taken out and when it is", async () => {
    const epoch = await world.epoch();
    const deal = await first(epoch + 1);
    expect((await world.deal(deal)).root).to.equal(world.content(deal, 2).root);
    await world.live(bob);
    await expect(world.prove(bob)).to.be.revertedWithCustomError(market, "Market_DealNotProvable").withArgs(deal.slot);
    await world.start();
    await market.prune([deal]);
    expect((await market.providerOf(bob.account)).sectors).to.equal(0n);
  });

  it("is not proved after an end that a notice made an earlier one", async () => {
    const deal = await first((await world.epoch()) + 20);
    await world.as(bob).resign(deal);
    await world.live(bob, 3);
    await expect(world.prove(bob)).to.be.revertedWithCustomError(market, "Market_DealNotProvable").withArgs(deal.slot);
  });

  it("is proved after an end that was extended", async () => {
    const deal = await first((await world.epoch()) + 1);
    const { extension, signature } = await world.extension(deal);
    await world.as(alice).extend(deal, extension, signature);
    await world.live(bob, 2);
    expect(await market.proven(bob.account, (await world.epoch()) - 1)).to.equal(true);
  });
});

describe("calls with nothing to do", () => {
  rollBack(world);

  it("a free balance that is just enough is all that is used", async () => {
    await world.as(alice).deposit(alice.account, 500n);
    const item = await world.item(await world.terms(), bob.key, 500n);
    const opening = world.openDeals(alice, [item], 1);
    await expect(opening).to.emit(market, "DealOpened");
    await expect(opening).to.not.emit(market, "Deposited");
    await expect(opening).to.not.emit(token, "Transfer");
    expect(await market.freeBalance(alice.account)).to.equal(0n);
  });

  it("an opening with no budget for egress names none, and one by the client counts against no delegation", async () => {
    const opening = world.openDeals(alice, [await world.item(await world.terms(), bob.key)], 1);
    await expect(opening).to.not.emit(market, "ToppedUp");
    const own = delegation(0, 0);
    expect(plain(await market.delegationOf(alice.account, alice.account))).to.deep.equal(
      Object.fromEntries(Object.entries(own).map(([name, value]) => [name, BigInt(value)])),
    );
  });

  it("what is settled is no zero address's, which a provider is not yet", async () => {
    const deal = await world.active(2);
    await world.live(bob);
    await expect(market.settle([deal])).to.emit(market, "Settled");
    await market.settle([]);
    expect(await market.freeBalance(ZeroAddress)).to.equal(0n);
  });

  it("a deal that never held anything takes nothing out of a tree that does not reach its slot", async () => {
    const small = await world.active(5, { slot: 0 });
    const far = await world.active(0, { slot: 100 });
    await world.as(alice).terminate(far);
    await world.start();
    await market.prune([far]);
    await world.commit(small, 0);
    await world.active(3, { slot: 9 });
    expect((await market.providerOf(bob.account)).sectors).to.equal(3n);
    await expect(world.prove(bob)).to.emit(market, "Proven");
  });

  it("a stopped deal takes no revision for what it is, in whatever phase", async () => {
    const deal = await world.active(2);
    await world.as(bob).abandon(deal);
    const item = await world.countersigned(deal, await world.revision(deal, 3));
    await world.to("gap");
    expect(await world.skipped(world.commitAll([item]))).to.deep.equal([[0, "Market_WrongState"]]);
  });
});

describe("the last that there is room for", () => {
  rollBack(world);

  it("escrow is topped up to 2^108 - 1 ledger units, and not by one base unit more", async () => {
    const escrow = 1_000n;
    const deal = await world.active(1, { rate: 1n, capacity: 1 }, { escrow });
    await world.live(bob);
    await market.settle([deal]); // which leaves no whole base unit
    expect((await world.deal(deal)).escrow).to.equal(escrow * LEDGER - 1n);
    const room = (1n << 76n) - escrow;
    await token.mint(alice.account, 1n << 80n);
    await world.as(alice).topUp(deal, room, 0n);
    const most = (1n << 108n) - 1n;
    expect((await world.deal(deal)).escrow).to.equal(most);
    await expect(world.as(alice).topUp(deal, 1n, 0n))
      .to.be.revertedWithCustomError(market, "Market_CapacityExceeded")
      .withArgs(most, most + LEDGER);
  });

  it("a budget of 2^96 - 1 base units is one that terms may have, though no market holds it", async () => {
    const most = (1n << 96n) - 1n;
    await token.mint(alice.account, most);
    const item = await world.item(await world.terms(), bob.key, 1n, most);
    await expect(world.openDeals(alice, [item], 0)).to.be.revertedWithCustomError(market, "Market_CapacityExceeded");
  });
});

describe("nobody", () => {
  rollBack(world);

  it("is no delegate: what no key signed counts for none, were the zero address authorized", async () => {
    const deal = await world.open({}, { egress: 1_000n });
    await world.as(alice).authorize(ZeroAddress, delegation(SCOPES.READ, 90, { egressCap: 500n }));
    const voucher = { deal: deal.id, cumulative: 5n };
    const signature = { r: toBeHex(0, 32), vs: toBeHex(0, 32) };
    const item = { provider: deal.provider, slot: deal.slot, voucher, signature };
    expect(await world.skipped(market.redeem([item]))).to.deep.equal([[0, "Market_WrongSigner"]]);
  });

  it("is no provider's signer", async () => {
    for (const call of [
      () => world.as(stranger).register(ZeroAddress, PENALTY_RATE),
      () => world.as(bob).setSigner(ZeroAddress),
    ]) {
      await expect(call())
        .to.be.revertedWithCustomError(market, "Market_BadTerms")
        .withArgs(encodeBytes32String("signer"));
    }
  });
});
