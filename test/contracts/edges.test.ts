/** The largest and the smallest that fits: windows of block hashes, numbers of 32 bits and more, parts of a base unit. */
import { expect } from "chai";
import { toBeHex } from "ethers";
import {
  compact,
  createWorld,
  delegation,
  type Extension,
  LEDGER,
  rollBack,
  SCOPES,
  type Terms,
  type World,
} from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob, stranger } = world;
const U32 = 2 ** 32 - 1;
const U64 = (1n << 64n) - 1n;
const U128 = (1n << 128n) - 1n;

describe("the window of block hashes", function () {
  this.timeout(120_000);
  const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
  /** EIP-2935's own code. The chain of these tests has none at its address, nor calls it before each block. */
  const CODE =
    "0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257" +
    "611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500";
  const SYSTEM = "0xfffffffffffffffffffffffffffffffffffffffe";

  /** Into the contract, in the block after `block`, as the chain does it: that block's hash. */
  async function remember(slow: World, block: number): Promise<void> {
    const { networkHelpers } = slow.connection;
    await networkHelpers.setCode(HISTORY, CODE);
    await networkHelpers.setBalance(SYSTEM, 10n ** 20n);
    await slow.reach(block + 1);
    const { hash } = (await slow.ethers.provider.getBlock(block))!;
    const system = await slow.ethers.getImpersonatedSigner(SYSTEM);
    await system.sendTransaction({ to: HISTORY, data: hash!, gasLimit: 1_000_000n });
    expect(await slow.block()).to.equal(block + 1);
  }

  it("attack 'window edges': 255, 256 and 257 blocks back, 8,191, and not 8,192", async () => {
    const slow = await createWorld({ parameters: { epochBlocks: 8_044 } });
    const { challenge } = slow.phases(await slow.epoch());
    await remember(slow, challenge);
    const header = await slow.header(challenge);
    const { mixHash: random } = (await slow.connection.provider.request({
      method: "eth_getBlockByNumber",
      params: [`0x${challenge.toString(16)}`, false],
    })) as { mixHash: string };
    for (const back of [255, 256, 257, 8_190, 8_191]) {
      await slow.reach(challenge + back);
      expect(await slow.seedSource.seed(challenge, header, { blockTag: "pending" }), `${back} back`).to.equal(random);
    }
    await slow.reach(challenge + 8_192);
    await expect(slow.seedSource.seed(challenge, header, { blockTag: "pending" }))
      .to.be.revertedWithCustomError(slow.seedSource, "SeedSource_HashUnavailable")
      .withArgs(challenge);
  });

  it("attack 'window edges': the longest prove phase that a market may have ends within it", async () => {
    const slow = await createWorld({ parameters: { epochBlocks: 8_044 } });
    const deal = await slow.active(1);
    const { challenge, last } = slow.phases(await slow.epoch());
    expect(last - challenge).to.equal(8_000);
    await remember(slow, challenge);
    await slow.reach(last - 1);
    await slow.recordSeed();
    await expect(slow.prove(slow.bob)).to.emit(slow.market, "Proven");
    expect(await slow.block()).to.equal(last);
    expect((await slow.deal(deal)).sectors).to.equal(1n);
  });
});

describe("numbers at 2^32 and other edges", () => {
  rollBack(world);

  const openings: [Partial<Terms>, string][] = [
    [{ capacity: U32 }, "Market_CapacityExceeded"],
    [{ minSectors: U32 }, "Market_BadTerms"],
    [{ endEpoch: U32 }, "Market_BadTerms"],
    [{ noticeEpochs: U32 }, "Market_BadTerms"],
    [{ answerBond: U128 }, "Market_BadTerms"],
  ];
  for (const [overrides, error] of openings) {
    it(`an opening with ${Object.keys(overrides)} at its largest: ${error}`, async () => {
      const item = await world.item(await world.terms(overrides), bob.key);
      await expect(world.openDeals(alice, [item], 1)).to.be.revertedWithCustomError(market, error);
    });
  }

  const items: [string, Partial<Terms>, bigint, bigint, string][] = [
    ["the largest rate", { rate: (1n << 96n) - 1n }, 1n, 0n, "Market_BadTerms"],
    ["the largest escrow", {}, U128, 0n, "Market_BadTerms"],
    ["the largest egress budget", {}, 1n, U128, "Market_BadTerms"],
    ["the last slot of 16 bits", { slot: 65_535 }, 1n, 0n, "Market_BadTerms"],
  ];
  for (const [what, overrides, escrow, egress, error] of items) {
    it(`an offer with ${what}: ${error}`, async () => {
      const item = await world.item(await world.terms(overrides), bob.key, escrow, egress);
      expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal([[0, error]]);
    });
  }

  const extensions: [Partial<Extension>, string][] = [
    [{ endEpoch: U32 }, "Market_BadTerms"],
    [{ from: U32 }, "Market_BadTerms"],
    [{ capacity: U32 }, "Market_CapacityExceeded"],
    [{ series: U32 }, "Market_WrongSeries"],
    [{ rate: (1n << 96n) - 1n }, "Market_BadTerms"],
  ];
  for (const [changes, error] of extensions) {
    it(`an extension with ${Object.entries(changes).join(": ")}: ${error}`, async () => {
      const deal = await world.active(2);
      const { extension, signature } = await world.extension(deal, changes);
      await expect(world.as(alice).extend(deal, extension, signature)).to.be.revertedWithCustomError(market, error);
    });
  }

  const revisions: [object, string][] = [
    [{ sectors: U32 }, "Market_CapacityExceeded"],
    [{ sectors: 9 }, "Market_CapacityExceeded"],
    [{ number: U64 }, "Market_BadTerms"],
    [{ number: 1n << 48n }, "Market_BadTerms"],
  ];
  for (const [changes, error] of revisions) {
    it(`a revision with ${Object.entries(changes).join(": ")}: ${error}`, async () => {
      const deal = await world.active(2);
      const item = await world.countersigned(deal, { ...(await world.revision(deal, 2)), ...changes });
      expect(await world.skipped(world.commitAll([item]))).to.deep.equal([[0, error]]);
      expect((await world.deal(deal)).sectors).to.equal(2n);
    });
  }

  for (const sectors of [2n ** 32n, 2n ** 32n + 3n, 2n ** 255n]) {
    it(`a revision of ${sectors} sectors, which 32 bits do not hold, is no call`, async () => {
      const deal = await world.active(2);
      const { item } = await world.countersigned(deal, await world.revision(deal, 3));
      const data = market.interface.encodeFunctionData("commit", [bob.address, [item], []]);
      const wide = data.replace(toBeHex(3, 32).slice(2), toBeHex(sectors, 32).slice(2));
      expect(wide).to.not.equal(data);
      await expect(bob.account.sendTransaction({ to: market, data: wide })).to.be.revertedWithoutReason(world.ethers);
    });
  }

  for (const chunk of [2n * 32_768n, 2n ** 32n, 2n ** 39n, U64]) {
    it(`chunk ${chunk} of two sectors is none`, async () => {
      const deal = await world.active(2);
      await expect(world.as(alice).challenge(deal, chunk))
        .to.be.revertedWithCustomError(market, "Market_ChunkOutOfRange")
        .withArgs(65_536n, chunk);
    });
  }

  it("a voucher of all that 128 bits hold pays the budget", async () => {
    const deal = await world.open({}, { egress: 9n });
    const voucher = { deal: deal.id, cumulative: U128 };
    const signature = compact(await world.sign(alice.key, "Voucher", voucher));
    const item = { provider: deal.provider, slot: deal.slot, voucher, signature };
    await expect(market.redeem([item]))
      .to.emit(market, "Redeemed")
      .withArgs(deal.id, alice.key.address, U128, 9n * LEDGER);
  });

  it("a delegation until the last epoch of 32 bits holds, and is revoked like any other", async () => {
    await world.as(alice).authorize(stranger.account, delegation(SCOPES.AUDIT, U32));
    const deal = await world.active(1);
    await expect(world.as(stranger).challenge(deal, 0)).to.emit(market, "Challenged");
    await world.as(alice).revoke(stranger.account);
    expect((await market.delegationOf(alice.account, stranger.account)).untilEpoch).to.equal((await world.epoch()) + 2);
  });

  it("what nobody has cannot be taken out or paid, were it all that 128 bits hold", async () => {
    const deal = await world.active(1);
    await expect(world.as(bob).withdraw(U128, bob.account)).to.be.revertedWithCustomError(
      market,
      "Market_InsufficientBalance",
    );
    await expect(world.as(alice).topUp(deal, U128, 0n)).to.be.revertedWithCustomError(
      market,
      "Market_CapacityExceeded",
    );
    await expect(world.as(alice).topUp(deal, 1n, U128)).to.be.revert(world.ethers);
    await expect(world.as(alice).deposit(alice.account, U128)).to.be.revert(world.ethers);
    expect((await world.deal(deal)).egress).to.equal(0n);
  });

  it("the last epoch of 32 bits has its blocks, and the first bit past the record none", async () => {
    const [start, challenge] = await market.epochStart(U32);
    expect(challenge - start).to.equal(43n);
    expect(await market.proven(bob.account, 2 ** 24 - 1)).to.equal(false);
    await expect(market.proven(bob.account, 2 ** 24)).to.be.revertedWithPanic(0x32);
  });
});

describe("dust", () => {
  rollBack(world);

  /** Leaves a stranger's account with `units`, which are less than a base unit's. */
  async function leftWith(units: bigint): Promise<void> {
    const host = await world.newcomer("dusty", { penaltyRate: 20_000n * LEDGER, stake: 10_000_000n });
    const deal = await world.open({}, { host, egress: 1n });
    await world.as(host).setTip(stranger.account, units);
    const { free } = await world.ledger(host.address);
    await world.as(host).withdraw(free / LEDGER, host.account);
    const voucher = { deal: deal.id, cumulative: units };
    const signature = compact(await world.sign(alice.key, "Voucher", voucher));
    await market.redeem([{ provider: deal.provider, slot: deal.slot, voucher, signature }]);
    await world.commit(deal, 1);
    await world.to("prove");
    const calls = await world.seedAndProve(host);
    await world.as(stranger).multicall(calls); // all that the host has left is its tip
    expect(await market.freeBalance(stranger.account)).to.equal(units);
  }

  it("attack 'dust': a base unit less one ledger unit is no base unit", async () => {
    await leftWith(LEDGER - 1n);
    await expect(world.as(stranger).withdraw(1n, stranger.account))
      .to.be.revertedWithCustomError(market, "Market_InsufficientBalance")
      .withArgs(LEDGER, LEDGER - 1n);
  });

  it("attack 'dust': what is paid out of it takes whole base units beside it, and leaves the rest", async () => {
    await leftWith(LEDGER - 1n);
    const deal = await world.open();
    const call = world.as(stranger).topUp(deal, 3n, 0n);
    await expect(call).to.emit(market, "Deposited").withArgs(stranger.address, stranger.address, 3n);
    await expect(call).to.changeTokenBalance(world.ethers, world.token, stranger.account, -3n);
    expect(await market.freeBalance(stranger.account)).to.equal(LEDGER - 1n);
  });

  it("attack 'dust': a voucher of one ledger unit pays one, however often it is redeemed", async () => {
    const deal = await world.open({}, { egress: 1n });
    const before = await market.freeBalance(bob.account);
    for (let cumulative = 1n; cumulative <= 3n; cumulative++) {
      const voucher = { deal: deal.id, cumulative };
      const signature = compact(await world.sign(alice.key, "Voucher", voucher));
      await market.redeem([{ provider: deal.provider, slot: deal.slot, voucher, signature }]);
    }
    expect((await market.freeBalance(bob.account)) - before).to.equal(3n);
    expect((await world.deal(deal)).egress).to.equal(LEDGER - 3n);
  });
});
