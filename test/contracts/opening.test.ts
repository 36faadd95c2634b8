/** Opening deals: whose money, which terms, and what one transaction does with a bad item. */
import { expect } from "chai";
import { ZeroAddress, ZeroHash } from "ethers";
import { TYPES } from "../../src/protocol/TypedData.ts";
import {
  createWorld,
  delegation,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  plain,
  RATE,
  rollBack,
  SCOPES,
  type Terms,
} from "./fixture.ts";
import { MALLEATED } from "./signing.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, dave, stranger } = world;

describe("openDeals", () => {
  rollBack(world);

  describe("given good terms", () => {
    it("records them under the EIP-712 digest, locks collateral and takes the payment", async () => {
      const terms = await world.terms({ minSectors: 2, egressRate: 3n, position: 5 });
      const collateral = 8n * PENALTY_RATE * BigInt(PARAMETERS.coverEpochs);
      const client = await world.ledger(alice.address);
      const host = await world.ledger(bob.address);
      const start = await world.epoch();
      const call = world.openDeals(alice, [await world.item(terms, bob.key, 5_000_000n, 700n)], 1);
      await expect(call)
        .to.emit(market, "DealOpened")
        .withArgs(
          ...[alice.address, bob.address, world.dealId(terms), 0, 7n, 5, 4, 12, RATE, 3n, 8, 2, start, terms.endEpoch],
          ...[5_000_000n * LEDGER, 700n * LEDGER, collateral, 0n],
        );
      await expect(call).to.changeTokenBalances(
        world.ethers,
        token,
        [alice.account, market],
        [-5_000_700n, 5_000_700n],
      );
      expect(await world.ledger(alice.address)).to.deep.equal(client);
      expect(await world.ledger(bob.address)).to.deep.equal({
        balance: host.balance,
        locked: host.locked + collateral,
        free: host.free - collateral,
      });
      expect(plain(await market.deal(bob.account, 0))).to.deep.include({
        id: world.dealId(terms),
        client: alice.address,
        clientSigner: alice.key.address,
        volume: 7n,
        position: 5n,
        k: 4n,
        n: 12n,
        state: 1n,
        reason: 0n,
        rate: RATE,
        capacity: 8n,
        minSectors: 2n,
        noticeEpochs: 2n,
        startEpoch: BigInt(start),
        activeSince: 0n,
        stopAt: BigInt(terms.endEpoch),
        settledThrough: BigInt(start) - 1n,
        number: 0n,
        sectors: 0n,
        escrow: 5_000_000n * LEDGER,
        egress: 700n * LEDGER,
        collateral,
        answerBond: 1_000n,
        challengeDeadline: 0n,
      });
      expect((await market.providerOf(bob.account)).deals).to.equal(1n);
    });

    it("pays from the client's free balance first, then from its allowance", async () => {
      await world.as(alice).deposit(alice.account, 1_000n);
      const item = await world.item(await world.terms(), bob.key, 1_600n);
      const call = world.openDeals(alice, [item], 1);
      await expect(call).to.changeTokenBalance(world.ethers, token, alice.account, -600n);
      await expect(call).to.emit(market, "Deposited").withArgs(alice.address, alice.address, 600n);
      expect((await world.ledger(alice.address)).balance).to.equal(0n);
    });

    it("of a provider with itself are paid from what the lock leaves free, then from its allowance", async () => {
      const collateral = 8n * PENALTY_RATE * BigInt(PARAMETERS.coverEpochs);
      const { free } = await world.ledger(bob.address);
      await world.as(bob).withdraw((free - collateral) / LEDGER - 100n, bob.account);
      const item = await world.item(await world.terms({}, bob), bob.key, 250n);
      await expect(world.openDeals(bob, [item], 1)).to.changeTokenBalance(world.ethers, token, bob.account, -150n);
      expect(await world.ledger(bob.address)).to.deep.equal({ balance: collateral, locked: collateral, free: 0n });
    });

    it("opens in any phase and writes no lane: what is sampled stays as it is", async () => {
      const other = await world.active(3);
      const epoch = await world.start();
      await world.to("commitLast");
      await world.open({ endEpoch: epoch + 9 });
      for (const phase of ["gap", "gapLast", "challenge", "prove", "last"] as const) {
        await world.to(phase);
        const deal = await world.open({ endEpoch: epoch + 9 });
        const { startEpoch, settledThrough } = await world.deal(deal);
        expect([startEpoch, settledThrough], phase).to.deep.equal([BigInt(epoch) + 1n, BigInt(epoch)]);
      }
      expect(await market.leaves(bob.account, 0, 8)).to.deep.equal([3n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
      expect((await market.providerOf(bob.account)).countedThrough).to.equal(epoch - 2);
      expect((await world.deal(other)).sectors).to.equal(3n);
    });

    it("keeps apart what the deals of one call do not share, whichever of it that is", async () => {
      const others: Partial<Terms>[] = [
        {},
        { volume: 8n },
        { k: 3 },
        { n: 13 },
        { noticeEpochs: 3 },
        { clientSigner: carol.key.address },
        { answerBond: 999n },
        {},
        { position: 2 },
      ];
      const terms = await Promise.all(others.map((other) => world.terms(other)));
      const items = await Promise.all(terms.map((each) => world.item(each, bob.key)));
      const deals = await world.opened(await world.openDeals(alice, items, items.length));
      for (const [index, deal] of deals.entries()) {
        const { client, clientSigner, volume, position, k, n, noticeEpochs, answerBond } = terms[index]!;
        const expected = { client, clientSigner, volume, answerBond };
        const small = { position, k, n, noticeEpochs };
        expect(plain(await world.deal(deal)), `deal ${index}`).to.deep.include({
          ...expected,
          ...Object.fromEntries(Object.entries(small).map(([name, value]) => [name, BigInt(value)])),
        });
      }
    });

    it("takes a provider's last free unit, a client's largest escrow, an offer's last second", async () => {
      const { free } = await world.ledger(bob.address);
      await world.as(bob).withdraw(free / LEDGER - PARAMETERS.minCollateral, bob.account);
      const most = (1n << 88n) - 1n;
      await token.mint(alice.account, most);
      const { timestamp } = (await world.ethers.provider.getBlock("latest"))!;
      const terms = await world.terms({ capacity: 1, validUntil: BigInt(timestamp) + 60n });
      const item = await world.item(terms, bob.key, most);
      await world.connection.networkHelpers.time.setNextBlockTimestamp(timestamp + 60);
      expect(await world.skipped(world.openDeals(alice, [item], 1))).to.deep.equal([]);
      expect((await world.ledger(bob.address)).free).to.equal(0n);
      expect((await world.deal({ provider: bob.address, slot: 0, id: world.dealId(terms) })).escrow).to.equal(
        most * LEDGER,
      );
    });

    it("locks MIN_COLLATERAL at least", async () => {
      const deal = await world.open({ capacity: 1 });
      expect((await world.deal(deal)).collateral).to.equal(PARAMETERS.minCollateral * LEDGER);
    });

    it("starts in this epoch in the commit phase, in the next one later", async () => {
      const epoch = await world.epoch();
      await world.to("commitLast");
      expect((await world.deal(await world.open())).startEpoch).to.equal(epoch);
      expect((await world.deal(await world.open())).startEpoch).to.equal(epoch + 1);
    });

    it("takes the most and the least that terms may say", async () => {
      const start = await world.epoch();
      const { maxDealEpochs, minCollateral } = PARAMETERS;
      for (const edge of [
        { endEpoch: start + maxDealEpochs },
        { endEpoch: start + 1 },
        { noticeEpochs: 1 },
        { noticeEpochs: 30 },
        { rate: PENALTY_RATE },
        { k: 255, n: 255, position: 254 },
        { k: 1, n: 1, position: 0 },
        { answerBond: minCollateral / 2n },
        { minSectors: 8, endEpoch: start + 1 },
        { validUntil: BigInt((await world.ethers.provider.getBlock("latest"))!.timestamp) + 1_000n },
      ]) {
        expect((await world.deal(await world.open(edge))).state, Object.keys(edge)[0]!).to.equal(1n);
      }
    });

    it("back-links a client's openings, several in one block being one link (recovery reads this list)", async () => {
      await world.open();
      const first = await world.block();
      const openings = await Promise.all(
        [bob, dave].map(async (host) => world.item(await world.terms({}, alice, host), host.key)),
      );
      const transaction = await world
        .as(alice)
        .multicall(openings.map((item) => market.interface.encodeFunctionData("openDeals", [[item], 1])));
      const second = await world.block();
      const events = (await transaction.wait())!.logs
        .map((log) => market.interface.parseLog(log))
        .filter((event) => event?.name === "DealOpened");
      expect(events.map((event) => event!.args.previousBlock)).to.deep.equal([BigInt(first), BigInt(first)]);
      expect(await market.lastOpening(alice.account)).to.equal(second);
      expect(await market.lastOpening(carol.account)).to.equal(0n);
    });
  });

  describe("given bad terms", () => {
    const start = 2; // the epoch of every world's beginning
    const badTerms: [string, Partial<Terms>, string][] = [
      ["another provider", { provider: stranger.address }, "Market_NotRegistered"],
      ["k = 0", { k: 0 }, "Market_BadTerms"],
      ["k > n", { k: 13 }, "Market_BadTerms"],
      ["position = n", { position: 12 }, "Market_BadTerms"],
      ["no client key", { clientSigner: ZeroAddress }, "Market_BadTerms"],
      ["no capacity", { capacity: 0 }, "Market_BadTerms"],
      ["minSectors > capacity", { minSectors: 9 }, "Market_BadTerms"],
      ["capacity > 2^24", { capacity: 2 ** 24 + 1 }, "Market_CapacityExceeded"],
      ["no notice", { noticeEpochs: 0 }, "Market_BadTerms"],
      ["a notice of 31", { noticeEpochs: 31 }, "Market_BadTerms"],
      ["an end that is past", { endEpoch: start }, "Market_BadTerms"],
      ["an end too far", { endEpoch: start + PARAMETERS.maxDealEpochs + 1 }, "Market_BadTerms"],
      ["a bond beyond half of MIN_COLLATERAL", { answerBond: PARAMETERS.minCollateral / 2n + 1n }, "Market_BadTerms"],
      ["rate > P / m", { rate: PENALTY_RATE + 1n }, "Market_PenaltyRateTooLow"],
      ["validUntil past", { validUntil: 1n }, "Market_Expired"],
    ];
    for (const [what, overrides, error] of badTerms) {
      it(`skips ${what}: ${error}`, async () => {
        const item = await world.item(await world.terms(overrides), bob.key);
        expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal([[0, error]]);
        expect((await market.providerOf(bob.account)).deals).to.equal(0n);
      });
    }

    it("skips a nonce used before, whatever else the terms say", async () => {
      const { terms } = await world.open();
      const item = await world.item({ ...terms, volume: 8n }, bob.key);
      expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal([[0, "Market_NonceUsed"]]);
    });

    it("skips the same terms twice in one call", async () => {
      const item = await world.item(await world.terms(), bob.key);
      expect(await world.skipped(world.openDeals(alice, [item, item], 1))).to.deep.equal([[1, "Market_NonceUsed"]]);
    });

    it("skips terms for another client: an offer cannot be front-run", async () => {
      const item = await world.item(await world.terms(), bob.key);
      expect(await world.skipped(world.openDeals(carol, [item], 0))).to.deep.equal([[0, "Market_Unauthorized"]]);
      expect(await world.skipped(world.openDeals(alice, [item], 1))).to.deep.equal([]);
    });

    it("skips too little escrow for minSectors to the end (INV-4, attack 'reservation griefing')", async () => {
      const terms = await world.terms({ minSectors: 3, endEpoch: start + 10, rate: RATE + 1n });
      const need = 3n * 10n * RATE + 30n; // ledger units, so one token base unit more than a round figure
      const short = await world.item(terms, bob.key, need / LEDGER);
      expect(await world.skipped(world.openDeals(alice, [short], 0))).to.deep.equal([[0, "Market_InsufficientEscrow"]]);
      const enough = await world.item(terms, bob.key, need / LEDGER + 1n);
      expect(await world.skipped(world.openDeals(alice, [enough], 1))).to.deep.equal([]);
    });

    it("skips more money than a deal has room for", async () => {
      for (const [escrow, egress] of [
        [1n << 88n, 0n],
        [0n, 1n << 96n],
      ] as const) {
        const item = await world.item(await world.terms(), bob.key, escrow, egress);
        expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal([[0, "Market_BadTerms"]]);
      }
    });

    it("skips a provider whose free balance does not cover the collateral", async () => {
      const { free } = await world.ledger(bob.address);
      await world.as(bob).withdraw(free / LEDGER - PARAMETERS.minCollateral + 1n, bob.account);
      const item = await world.item(await world.terms({ capacity: 1 }), bob.key);
      const skipped = await world.skipped(world.openDeals(alice, [item], 0));
      expect(skipped).to.deep.equal([[0, "Market_InsufficientCollateral"]]);
    });

    it("attack 'sum-tree overflow': skips what would take a provider's capacities beyond 2^31", async () => {
      await world.as(dave).register(dave.key, 2n);
      const big: Partial<Terms> = { capacity: 2 ** 24, rate: 1n };
      const { free } = await world.ledger(dave.address);
      expect(free).to.be.greaterThan(129n * PARAMETERS.minCollateral * LEDGER);
      for (let opened = 0; opened < 128; opened += 32) {
        const items = await Promise.all(
          Array.from({ length: 32 }, async () => world.item(await world.terms(big, alice, dave), dave.key, 1n)),
        );
        expect(await world.skipped(world.openDeals(alice, items, 32))).to.deep.equal([]);
      }
      const over = await world.item(await world.terms({ ...big, capacity: 1 }, alice, dave), dave.key, 1n);
      expect(await world.skipped(world.openDeals(alice, [over], 0))).to.deep.equal([[0, "Market_CapacityExceeded"]]);

      const { id } = await market.deal(dave.address, 0);
      const first = { provider: dave.address, slot: 0, id };
      await world.as(dave).abandon(first);
      expect(await world.skipped(world.openDeals(alice, [over], 0))).to.deep.equal([[0, "Market_CapacityExceeded"]]);
      await world.start(Number((await world.deal(first)).stopAt) + PARAMETERS.finalEpochs + 1);
      await market.close([first]);
      const again = await world.item(await world.terms(big, alice, dave), dave.key, 1n);
      expect(await world.skipped(world.openDeals(alice, [again], 1))).to.deep.equal([]);
    });

    describe("signed", () => {
      async function skippedWith(change: (signature: string) => string) {
        const item = await world.item(await world.terms(), bob.key);
        return world.skipped(world.openDeals(alice, [{ ...item, signature: change(item.signature) }], 0));
      }
      const wrong = [[0, "Market_WrongSigner"]];

      it("by another key", async () => {
        const item = await world.item(await world.terms(), stranger.key);
        expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal(wrong);
      });

      for (const [form, change] of Object.entries(MALLEATED)) {
        it(`rightly, but ${form}`, async () => {
          expect(await skippedWith(change)).to.deep.equal(wrong);
        });
      }

      it("for another market, chain or version of this one", async () => {
        for (const other of [{ verifyingContract: stranger.address }, { chainId: 1n }, { version: "2" }]) {
          const terms = await world.terms();
          const item = await world.item(terms, bob.key);
          const signature = await bob.key.signTypedData(
            { ...world.domain, ...other },
            { Terms: [...TYPES.Terms] },
            terms,
          );
          expect(await world.skipped(world.openDeals(alice, [{ ...item, signature }], 0))).to.deep.equal(wrong);
        }
      });
    });
  });

  describe("given good and bad items in one call", () => {
    const items = async () => [
      await world.item(await world.terms({ rate: PENALTY_RATE + 1n }), bob.key),
      await world.item(await world.terms({}, alice, dave), dave.key, 400n),
      await world.item(await world.terms(), stranger.key),
      await world.item(await world.terms(), bob.key, 300n),
    ];

    it("opens the good ones, names the others, and charges for what opened", async () => {
      const call = world.openDeals(alice, await items(), 2);
      await expect(call).to.changeTokenBalance(world.ethers, token, alice.account, -700n);
      expect(await world.skipped(call)).to.deep.equal([
        [0, "Market_PenaltyRateTooLow"],
        [2, "Market_WrongSigner"],
      ]);
    });

    it("below minOpened all of it reverts", async () => {
      await expect(world.openDeals(alice, await items(), 3))
        .to.be.revertedWithCustomError(market, "Market_TooFewOpened")
        .withArgs(3n, 2n);
      expect((await market.providerOf(dave.account)).deals).to.equal(0n);
    });

    it("takes at most 64", async () => {
      const item = await world.item(await world.terms(), bob.key);
      await expect(world.openDeals(alice, new Array(65).fill(item), 0))
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(64n, 65n);
    });

    it("without the money for all of it, nothing opens", async () => {
      await token.connect(alice.account).approve(market, 699n);
      await expect(world.openDeals(alice, await items(), 0)).to.be.revertedWithCustomError(
        token,
        "ERC20InsufficientAllowance",
      );
    });
  });

  describe("given a REPAIR delegate", () => {
    const limits = { repairBudget: 1_000n, maxRate: RATE, maxEgressRate: 5n };
    async function repair(overrides: Partial<Terms>, escrow: bigint, egress = 0n) {
      const item = await world.item(await world.terms(overrides), bob.key, escrow, egress);
      return world.skipped(world.openDeals(stranger, [item], 0));
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

    it("not above its highest rates", async () => {
      expect(await repair({ rate: RATE + 1n }, 1n)).to.deep.equal(refused);
      expect(await repair({ egressRate: 6n }, 1n)).to.deep.equal(refused);
    });

    it("not past its time", async () => {
      await world.to("last", 8);
      expect(await repair({}, 1n)).to.deep.equal([]);
      await world.start(9);
      expect(await repair({}, 1n)).to.deep.equal(refused);
    });

    it("not from two epochs after it was revoked", async () => {
      const epoch = await world.epoch();
      await world.as(alice).revoke(stranger.account);
      await world.to("last", epoch + 1);
      expect(await repair({}, 1n)).to.deep.equal([]);
      await world.start(epoch + 2);
      expect(await repair({}, 1n)).to.deep.equal(refused);
    });

    it("not with another scope", async () => {
      await world.as(alice).authorize(stranger.account, delegation(SCOPES.AUDIT | SCOPES.WRITE, 9, limits));
      expect(await repair({}, 1n)).to.deep.equal(refused);
    });

    it("not for two clients in one call", async () => {
      await world.as(carol).authorize(stranger.account, delegation(SCOPES.REPAIR, 9, limits));
      const items = [
        await world.item(await world.terms(), bob.key, 1n),
        await world.item(await world.terms({}, carol), bob.key, 1n),
      ];
      expect(await world.skipped(world.openDeals(stranger, items, 0))).to.deep.equal([[1, "Market_Unauthorized"]]);
    });
  });

  it("leaves other slots empty: the zero id names no deal", async () => {
    expect((await market.deal(bob.account, 9)).id).to.equal(ZeroHash);
    await expect(world.as(alice).terminate({ provider: bob.address, slot: 9, id: ZeroHash }))
      .to.be.revertedWithCustomError(market, "Market_WrongDeal")
      .withArgs(ZeroHash, ZeroHash);
  });
});

describe("a market where P must be at least 3 rates", () => {
  it("skips what pays more than a third of P, and extends to no more either", async () => {
    const strict = await createWorld({ parameters: { multiplier: 3 } });
    const most = PENALTY_RATE / 3n;
    const item = await strict.item(await strict.terms({ rate: most + 1n }), strict.bob.key);
    const skipped = await strict.skipped(strict.openDeals(strict.alice, [item], 0));
    expect(skipped).to.deep.equal([[0, "Market_PenaltyRateTooLow"]]);
    const deal = await strict.open({ rate: most });
    for (const rate of [most + 1n, most]) {
      const { extension, signature } = await strict.extension(deal, { rate });
      const call = strict.as(strict.alice).extend(deal, extension, signature);
      if (rate === most) await expect(call).to.emit(strict.market, "Extended");
      else {
        await expect(call)
          .to.be.revertedWithCustomError(strict.market, "Market_PenaltyRateTooLow")
          .withArgs(3n * rate, PENALTY_RATE);
      }
    }
  });
});
