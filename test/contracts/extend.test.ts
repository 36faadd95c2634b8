/** A longer term, another price or size, collateral made whole, and more money. */
import { expect } from "chai";
import { TypedDataEncoder, ZeroAddress, ZeroHash } from "ethers";
import { TYPES } from "../../src/protocol/TypedData.ts";
import {
  type Agreement,
  compact,
  createWorld,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  RATE,
  rollBack,
  ZERO_ROOT,
} from "./fixture.ts";
import { inUpperHalf, MALFORMED } from "./signatures.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, stranger } = world;
const COVER = BigInt(PARAMETERS.coverEpochs);
const full = (capacity: bigint) => capacity * PENALTY_RATE * COVER;

type Extension = Awaited<ReturnType<typeof extension>>;
async function extension(deal: Agreement, overrides: object = {}) {
  const { stopAt, rate, capacity } = await world.deal(deal);
  return {
    deal: deal.id,
    from: Number(stopAt),
    endEpoch: Number(stopAt) + 10,
    rate,
    capacity: Number(capacity),
    series: Number((await market.providerOf(deal.provider)).series),
    validUntil: 1n << 60n,
    ...overrides,
  };
}
async function extend(deal: Agreement, message: Extension, by = alice, signer = bob.key) {
  const signature = compact(await world.sign(signer, "Extension", message));
  return world.as(by).extend(deal, message, signature);
}

describe("extend", () => {
  rollBack(world);
  let deal: Agreement;
  let epoch: number;
  beforeEach(async () => {
    deal = await world.active(3);
    epoch = await world.epoch();
  });

  it("raises the end, and takes a rate and capacity the provider signed", async () => {
    const message = await extension(deal, { rate: 2n * RATE, capacity: 10 });
    await expect(extend(deal, message))
      .to.emit(market, "Extended")
      .withArgs(deal.id, message.endEpoch, 2n * RATE, 10, full(10n));
    const { stopAt, rate, capacity, collateral } = await world.deal(deal);
    expect([stopAt, rate, capacity, collateral]).to.deep.equal([BigInt(message.endEpoch), 2n * RATE, 10n, full(10n)]);
    expect((await world.ledger(bob.address)).locked).to.equal(full(10n));
  });

  it("settles the epochs before at the old rate", async () => {
    await world.live(bob, 2);
    const message = await extension(deal, { rate: 2n * RATE });
    await expect(extend(deal, message))
      .to.emit(market, "Settled")
      .withArgs(deal.id, epoch + 1, 2n * 3n * RATE);
    await world.prove(bob);
    await expect(market.settle([deal]))
      .to.emit(market, "Settled")
      .withArgs(deal.id, epoch + 2, 3n * 2n * RATE);
  });

  it("gives room for more data, or less: what is unlocked is free at once", async () => {
    const before = await world.ledger(bob.address);
    await extend(deal, await extension(deal, { capacity: 7 }));
    expect(before.locked - (await world.ledger(bob.address)).locked).to.equal(full(8n) - full(7n));
    await expect(extend(deal, await extension(deal, { capacity: 2 })))
      .to.be.revertedWithCustomError(market, "Market_BadTerms")
      .withArgs(world.ethers.encodeBytes32String("capacity"));
    expect(await world.skipped(world.commit(deal, 8))).to.deep.equal([[0, "Market_CapacityExceeded"]]);
  });

  it("makes the collateral whole and counts its cover anew", async () => {
    await world.miss(3);
    const paid = 3n * 3n * PENALTY_RATE;
    await market.settle([deal]);
    expect((await world.deal(deal)).collateral).to.equal(full(8n) - paid);
    await extend(deal, await extension(deal));
    const { collateral, misses } = await world.deal(deal);
    expect([collateral, misses]).to.deep.equal([full(8n), 0n]);
    expect((await world.ledger(bob.address)).locked).to.equal(full(8n));
    await world.miss(7);
    await expect(world.prove(bob)).to.emit(market, "Proven");
  });

  it("is the client's, and takes no one else's word", async () => {
    for (const party of [carol, bob, stranger]) {
      await expect(extend(deal, await extension(deal), party))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(party.address);
    }
  });

  it("needs the provider's signature for exactly this", async () => {
    const message = await extension(deal);
    await expect(extend(deal, message, alice, alice.key))
      .to.be.revertedWithCustomError(market, "Market_WrongSigner")
      .withArgs(bob.key.address, alice.key.address);
    const signature = compact(await world.sign(bob.key, "Extension", message));
    for (const change of [
      { endEpoch: message.endEpoch + 1 },
      { rate: 0n },
      { capacity: 9 },
      { validUntil: 1n << 61n },
    ]) {
      await expect(world.as(alice).extend(deal, { ...message, ...change }, signature)).to.be.revertedWithCustomError(
        market,
        "Market_WrongSigner",
      );
    }
  });

  for (const [form, change] of Object.entries(MALFORMED)) {
    it(`takes no signature ${form}`, async () => {
      const message = await extension(deal);
      const signature = change(compact(await world.sign(bob.key, "Extension", message)));
      await expect(world.as(alice).extend(deal, message, signature)).to.be.revertedWithCustomError(
        market,
        "Market_WrongSigner",
      );
      await expect(extend(deal, message)).to.emit(market, "Extended");
    });
  }

  it("takes no signature with an s in the upper half, such as ECDSA takes", async () => {
    const message = await extension(deal, { endEpoch: epoch + 60 });
    const digest = TypedDataEncoder.hash(world.domain, { Extension: [...TYPES.Extension] }, message);
    const { key, signature } = inUpperHalf(digest);
    await world.as(bob).setSigner(key);
    await world.live(bob, PARAMETERS.rotateEpochs);
    await expect(world.as(alice).extend(deal, message, signature))
      .to.be.revertedWithCustomError(market, "Market_WrongSigner")
      .withArgs(key.address, ZeroAddress);
    await expect(extend(deal, message, alice, key)).to.emit(market, "Extended");
  });

  it("is used once: the end that it changes is another one then (INV-14)", async () => {
    const message = await extension(deal);
    const other = await extension(deal, { endEpoch: message.endEpoch + 5 });
    await extend(deal, message);
    for (const used of [message, other]) {
      await expect(extend(deal, used))
        .to.be.revertedWithCustomError(market, "Market_BadTerms")
        .withArgs(bytes32("from"));
    }
    const next = await extension(deal);
    expect(next.from).to.equal(message.endEpoch);
    await expect(extend(deal, next)).to.emit(market, "Extended");
    await expect(extend(deal, message)).to.be.revertedWithCustomError(market, "Market_BadTerms");
  });

  it("is void once the provider cancelled its offers", async () => {
    const message = await extension(deal);
    await world.as(bob).cancelOffers();
    await expect(extend(deal, message)).to.be.revertedWithCustomError(market, "Market_WrongSeries").withArgs(1, 0);
    const stolen = { ...message, series: 1 };
    const signature = compact(await world.sign(bob.key, "Extension", message));
    await expect(world.as(alice).extend(deal, stolen, signature)).to.be.revertedWithCustomError(
      market,
      "Market_WrongSigner",
    );
    await expect(extend(deal, await extension(deal))).to.emit(market, "Extended");
  });

  const bytes32 = (text: string) => world.ethers.encodeBytes32String(text);
  const refused: [string, () => Promise<object>, string, () => Promise<unknown[]>][] = [
    [
      "an earlier end (INV-5: stopAt falls by exits only)",
      async () => ({ endEpoch: Number((await world.deal(deal)).stopAt) - 1 }),
      "Market_BadTerms",
      async () => [bytes32("endEpoch")],
    ],
    [
      "the same end, which would leave it as good as new",
      async () => ({ endEpoch: Number((await world.deal(deal)).stopAt) }),
      "Market_BadTerms",
      async () => [bytes32("endEpoch")],
    ],
    [
      "the change of an end that it does not have",
      async () => ({ from: Number((await world.deal(deal)).stopAt) - 1 }),
      "Market_BadTerms",
      async () => [bytes32("from")],
    ],
    ["a series to come", async () => ({ series: 1 }), "Market_WrongSeries", async () => [0, 1]],
    ["a rate of 2^80", async () => ({ rate: 1n << 80n }), "Market_BadTerms", async () => [bytes32("rate")]],
    [
      "an end too far",
      async () => ({ endEpoch: epoch + PARAMETERS.maxDealEpochs + 1 }),
      "Market_BadTerms",
      async () => [bytes32("endEpoch")],
    ],
    ["no capacity", async () => ({ capacity: 0 }), "Market_BadTerms", async () => [bytes32("capacity")]],
    [
      "too large a capacity",
      async () => ({ capacity: 2 ** 24 + 1 }),
      "Market_CapacityExceeded",
      async () => [2 ** 24, 2 ** 24 + 1],
    ],
    [
      "rate > P / m",
      async () => ({ rate: PENALTY_RATE + 1n }),
      "Market_PenaltyRateTooLow",
      async () => [PENALTY_RATE + 1n, PENALTY_RATE],
    ],
    ["another deal's", async () => ({ deal: ZeroHash }), "Market_WrongDeal", async () => [deal.id, ZeroHash]],
    [
      "more than the escrow pays for (INV-4)",
      async () => ({ rate: 5_000n * LEDGER, endEpoch: epoch + 1_000 }),
      "Market_InsufficientEscrow",
      async () => [3n * 5_000n * LEDGER * 1_000n, 10_000_000n * LEDGER],
    ],
    [
      "more than the collateral that is free",
      async () => ({ capacity: 10_000 }),
      "Market_InsufficientCollateral",
      async () => [full(10_000n), (await world.ledger(bob.address)).free + full(8n)],
    ],
  ];
  for (const [what, overrides, error, expected] of refused) {
    it(`refuses ${what}`, async () => {
      const message = await extension(deal, await overrides());
      await expect(extend(deal, message))
        .to.be.revertedWithCustomError(market, error)
        .withArgs(...(await expected()));
    });
  }

  it("goes as far as MAX_DEAL_EPOCHS from E, in the last second of the offer", async () => {
    const { timestamp } = (await world.ethers.provider.getBlock("latest"))!;
    const validUntil = BigInt(timestamp) + 100n;
    const endEpoch = epoch + PARAMETERS.maxDealEpochs;
    const message = await extension(deal, { endEpoch, rate: 1n, validUntil });
    await world.connection.networkHelpers.time.setNextBlockTimestamp(validUntil);
    await expect(extend(deal, message)).to.emit(market, "Extended");
    expect((await world.deal(deal)).stopAt).to.equal(endEpoch);
  });

  it("refuses an offer past its time", async () => {
    const message = await extension(deal, { validUntil: 5n });
    const { timestamp } = (await world.ethers.provider.getBlock("latest"))!;
    await world.connection.networkHelpers.time.setNextBlockTimestamp(timestamp + 100);
    await expect(extend(deal, message))
      .to.be.revertedWithCustomError(market, "Market_Expired")
      .withArgs(5n, timestamp + 100);
  });

  it("refuses what takes the provider beyond 2^31 sectors", async () => {
    const cheap = { rate: 0n, capacity: 2 ** 24 };
    await world.as(stranger).register(stranger.key, 0n);
    await world.as(stranger).deposit(stranger.account, 1_000_000_000n);
    const parties = { client: alice, host: stranger, escrow: 0n };
    for (let opened = 0; opened < 127; opened++) await world.open(cheap, parties);
    const small = await world.open({ ...cheap, capacity: 2 }, parties);
    await world.open({ ...cheap, capacity: 1 }, parties);
    await expect(extend(small, await extension(small, { capacity: 2 ** 24 }), alice, stranger.key))
      .to.be.revertedWithCustomError(market, "Market_CapacityExceeded")
      .withArgs(2 ** 31, 2 ** 31 + 1);
    await extend(small, await extension(small, { capacity: 2 ** 24 - 1 }), alice, stranger.key);
    const one = async () => {
      const item = await world.item(await world.terms({ ...cheap, capacity: 1 }, alice, stranger), stranger.key, 0n);
      return world.skipped(world.openDeals(alice, [item], 0));
    };
    expect(await one()).to.deep.equal([[0, "Market_CapacityExceeded"]]);
    await extend(small, await extension(small, { capacity: 2 ** 24 - 2 }), alice, stranger.key);
    expect(await one()).to.deep.equal([]);
  });

  it("is closed once an exit was given", async () => {
    await world.as(alice).terminate(deal);
    await expect(extend(deal, await extension(deal))).to.be.revertedWithCustomError(market, "Market_WrongState");
  });

  it("is closed once the end has come", async () => {
    await world.start(Number((await world.deal(deal)).stopAt));
    await expect(extend(deal, await extension(deal)))
      .to.be.revertedWithCustomError(market, "Market_WrongState")
      .withArgs(deal.id);
  });

  it("has room for rates below 2^80", async () => {
    const host = await world.newcomer("dear", { penaltyRate: 1n << 80n, stake: 0n });
    await token.mint(host.account, 1n << 60n);
    await world.as(host).deposit(host.account, 1n << 60n);
    const dear = await world.open({ capacity: 1 }, { host });
    await extend(dear, await extension(dear, { rate: (1n << 80n) - 1n }), alice, host.key);
    expect((await world.deal(dear)).rate).to.equal((1n << 80n) - 1n);
  });

  it("is open to a deal without data", async () => {
    const empty = await world.open({ position: 1, minSectors: 4, endEpoch: epoch + 5 });
    await expect(extend(empty, await extension(empty, { capacity: 3 }))).to.be.revertedWithCustomError(
      market,
      "Market_BadTerms",
    );
    await expect(extend(empty, await extension(empty, { capacity: 4 }))).to.emit(market, "Extended");
  });

  it("is paid for by a deal without data as far as its terms say, and has at least a sector of room", async () => {
    const empty = await world.open({ position: 1, minSectors: 4, endEpoch: epoch + 5 }, { escrow: 4n * 5n * 1_000n });
    await expect(extend(empty, await extension(empty)))
      .to.be.revertedWithCustomError(market, "Market_InsufficientEscrow")
      .withArgs(4n * 15n * RATE, 4n * 5n * RATE);
    const free = await world.open({ position: 2 });
    await expect(extend(free, await extension(free, { capacity: 0 })))
      .to.be.revertedWithCustomError(market, "Market_BadTerms")
      .withArgs(world.ethers.encodeBytes32String("capacity"));
  });
});

describe("refill", () => {
  rollBack(world);

  it("makes the collateral whole out of the provider's free balance, and counts cover anew", async () => {
    const deal = await world.active(8);
    await world.miss(6);
    await market.settle([deal]);
    const { collateral } = await world.deal(deal);
    expect(collateral).to.equal(full(8n) - 6n * 8n * PENALTY_RATE);
    const before = await world.ledger(bob.address);
    await expect(world.as(bob).refill(deal)).to.emit(market, "Refilled").withArgs(deal.id, full(8n));
    const after = await world.ledger(bob.address);
    expect(after.locked - before.locked).to.equal(full(8n) - collateral);
    expect(after.balance).to.equal(before.balance);
    expect((await world.deal(deal)).misses).to.equal(0n);
  });

  it("of a deal that lost nothing changes no figure", async () => {
    const deal = await world.active(2);
    const before = await world.ledger(bob.address);
    await world.as(bob).refill(deal);
    expect(await world.ledger(bob.address)).to.deep.equal(before);
    const empty = await world.open({ position: 1 });
    await world.as(bob).refill(empty);
    expect((await world.deal(empty)).misses).to.equal(0n);
  });

  it("is the provider's alone", async () => {
    const deal = await world.active(2);
    for (const party of [alice, stranger]) {
      await expect(world.as(party).refill(deal))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(party.address);
    }
  });

  it("needs the money", async () => {
    const deal = await world.active(8);
    await world.miss(2);
    await market.settle([deal]);
    const { free } = await world.ledger(bob.address);
    const lost = 2n * 8n * PENALTY_RATE;
    await world.as(bob).withdraw((free - lost) / LEDGER + 1n, bob.account);
    await expect(world.as(bob).refill(deal))
      .to.be.revertedWithCustomError(market, "Market_InsufficientCollateral")
      .withArgs(full(8n), full(8n) - LEDGER);
    await world.as(bob).deposit(bob.account, 1n);
    await world.as(bob).refill(deal);
    expect((await world.ledger(bob.address)).free).to.equal(0n);
  });

  it("works during notice, and not from stopAt on", async () => {
    const deal = await world.active(2);
    await world.as(alice).terminate(deal);
    await world.as(bob).refill(deal);
    await world.start(Number((await world.deal(deal)).stopAt));
    await expect(world.as(bob).refill(deal))
      .to.be.revertedWithCustomError(market, "Market_WrongState")
      .withArgs(deal.id);
  });

  it("lets a deal without data count from nothing", async () => {
    const deal = await world.active(1);
    await world.miss(3);
    await world.commitAll([await world.countersigned(deal, await world.revision(deal, 0, { root: ZERO_ROOT }))]);
    expect((await world.deal(deal)).misses).to.equal(3n);
    await world.as(bob).refill(deal);
    expect((await world.deal(deal)).misses).to.equal(0n);
  });
});

describe("topUp", () => {
  rollBack(world);

  it("adds to escrow and egress budget, from anybody", async () => {
    const deal = await world.active(2);
    const before = await world.deal(deal);
    const call = world.as(stranger).topUp(deal, 30n, 4n);
    await expect(call).to.emit(market, "ToppedUp").withArgs(deal.id, stranger.address, 30n, 4n);
    await expect(call).to.changeTokenBalance(world.ethers, token, stranger.account, -34n);
    const after = await world.deal(deal);
    expect(after.escrow - before.escrow).to.equal(30n * LEDGER);
    expect(after.egress - before.egress).to.equal(4n * LEDGER);
  });

  it("makes a revision affordable that was not", async () => {
    const epoch = await world.epoch();
    const deal = await world.open({ endEpoch: epoch + 10 }, { escrow: 0n });
    expect(await world.skipped(world.commit(deal, 1))).to.deep.equal([[0, "Market_InsufficientEscrow"]]);
    await world.as(stranger).topUp(deal, 10_000n, 0n);
    expect(await world.skipped(world.commit(deal, 1))).to.deep.equal([]);
  });

  it("holds at most what its field can", async () => {
    const deal = await world.open();
    const most = (1n << 108n) - 1n;
    const held = (await world.deal(deal)).escrow;
    const over = (most - held) / LEDGER + 1n;
    await expect(world.as(alice).topUp(deal, over, 0n))
      .to.be.revertedWithCustomError(market, "Market_CapacityExceeded")
      .withArgs(most, held + over * LEDGER);
  });
});
