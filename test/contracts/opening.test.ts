/** Opening deals: whose money, which terms, and what one transaction does with a bad item. */
import { expect } from "chai";
import { AbiCoder, type ContractTransactionResponse, TypedDataEncoder, ZeroAddress, ZeroHash } from "ethers";
import { TYPES } from "../../src/protocol/TypedData.ts";
import {
  type Compact,
  createWorld,
  LEDGER,
  PARAMETERS,
  PENALTY_RATE,
  plain,
  RATE,
  rollBack,
  type Terms,
  ZERO_ROOT,
} from "./fixture.ts";
import { inUpperHalf, MALFORMED, recovery } from "./signatures.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, dave, stranger } = world;

/** The arguments of each event of that name in a transaction. */
async function events(transaction: Promise<ContractTransactionResponse>, name: string) {
  const { logs } = (await (await transaction).wait())!;
  return logs
    .map((log) => market.interface.parseLog(log))
    .filter((event) => event?.name === name)
    .map((event) => event!.args);
}

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
        .to.emit(market, "VolumeOpened")
        .withArgs(
          ...[alice.address, 7n, alice.key.address, 4, 12, 8, 2, start, terms.endEpoch, terms.noticeEpochs],
          ...[1_000n, 0n],
        );
      await expect(call)
        .to.emit(market, "DealOpened")
        .withArgs(bob.address, world.dealId(terms), 0, 5, RATE, 3n, 5_000_000n * LEDGER);
      await expect(call).to.emit(market, "ToppedUp").withArgs(world.dealId(terms), alice.address, 0n, 700n);
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
        state: 1n,
        reason: 0n,
        rate: RATE,
        capacity: 8n,
        minSectors: 2n,
        noticeEpochs: 2n,
        activeSince: 0n,
        stopAt: BigInt(terms.endEpoch),
        settledThrough: BigInt(start) - 1n,
        number: 0n,
        sectors: 0n,
        root: ZERO_ROOT,
        misses: 0n,
        escrow: 5_000_000n * LEDGER,
        egress: 700n * LEDGER,
        collateral,
        answerBond: 1_000n,
        challengeDeadline: 0n,
      });
      const { deals, slots, capacity } = await market.providerOf(bob.account);
      expect({ deals, slots, capacity }).to.deep.equal({ deals: 1n, slots: 1n, capacity: 8n });
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
        const item = await world.item(await world.terms({ endEpoch: epoch + 9 }), bob.key);
        const call = world.openDeals(alice, [item], 1);
        const { startEpoch } = (await events(call, "VolumeOpened"))[0]!;
        const { settledThrough } = await world.deal((await world.opened(await call))[0]!);
        expect([startEpoch, settledThrough], phase).to.deep.equal([BigInt(epoch) + 1n, BigInt(epoch)]);
      }
      expect(await market.leaves(bob.account, 0, 8)).to.deep.equal([3n, 0n, 0n, 0n, 0n, 0n, 0n, 0n]);
      expect((await market.providerOf(bob.account)).missCount).to.equal(1n); // of the epoch before, with 3 sectors
      expect((await world.deal(other)).sectors).to.equal(3n);
    });

    it("keeps apart what the deals of one call do not share, whichever of it that is", async () => {
      const others: [Partial<Terms>, bigint, bigint][] = [
        [{}, 500n, 0n],
        [{ position: 2 }, 500n, 0n],
        [{ rate: RATE - 1n }, 500n, 0n],
        [{ egressRate: 9n }, 500n, 0n],
        [{ validUntil: 1n << 50n }, 500n, 0n],
        [{}, 501n, 0n],
        [{}, 500n, 3n],
        [{ slot: 40 }, 500n, 0n],
      ];
      const items = await Promise.all(
        others.map(async ([other, escrow, egress]) => world.item(await world.terms(other), bob.key, escrow, egress)),
      );
      const call = world.openDeals(alice, items, items.length);
      expect(await events(call, "VolumeOpened")).to.have.length(1);
      const opened = await events(call, "DealOpened");
      for (const [index, deal] of (await world.opened(await call)).entries()) {
        const { terms, escrow, egress } = items[index]!;
        const { slot, position, rate, egressRate, capacity } = terms;
        const money = { escrow: escrow * LEDGER, egress: egress * LEDGER };
        const said = { slot: BigInt(slot), position: BigInt(position), rate, egressRate, escrow: money.escrow };
        expect(opened[index]!.toObject(), `deal ${index}`).to.deep.include({ id: world.dealId(terms), ...said });
        const kept = { id: world.dealId(terms), rate, capacity: BigInt(capacity), ...money };
        expect(plain(await world.deal(deal)), `deal ${index}`).to.deep.include(kept);
      }
    });

    it("holds each offer to what the call says for all: whichever of it was signed otherwise, it does not open", async () => {
      const others: Partial<Terms>[] = [
        { client: carol.address },
        { clientSigner: carol.key.address },
        { volume: 8n },
        { k: 3 },
        { n: 13 },
        { capacity: 9 },
        { minSectors: 1 },
        { endEpoch: (await world.epoch()) + 51 },
        { noticeEpochs: 3 },
        { answerBond: 999n },
      ];
      const all = [{}, ...others].map(async (other) => world.item(await world.terms(other), bob.key));
      expect(await world.skipped(world.openDeals(alice, await Promise.all(all), 1))).to.deep.equal(
        others.map((_, index) => [index + 1, "Market_WrongSigner"]),
      );
    });

    it("takes a provider's last free unit, a client's largest escrow, an offer's last second", async () => {
      const { free } = await world.ledger(bob.address);
      await world.as(bob).withdraw(free / LEDGER - PARAMETERS.minCollateral, bob.account);
      const most = (1n << 76n) - 1n;
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
      expect((await world.deal(await world.open())).settledThrough).to.equal(epoch - 1);
      expect((await world.deal(await world.open())).settledThrough).to.equal(epoch);
    });

    it("has room for rates below 2^80", async () => {
      const penaltyRate = 1n << 80n;
      const host = await world.newcomer("dear", { penaltyRate, stake: 0n });
      await token.mint(host.account, 1n << 60n);
      await world.as(host).deposit(host.account, 1n << 60n);
      const offer = async (rate: bigint) => world.item(await world.terms({ rate, capacity: 1 }, alice, host), host.key);
      const over = [await offer(penaltyRate)];
      expect(await world.skipped(world.openDeals(alice, over, 0))).to.deep.equal([[0, "Market_BadTerms"]]);
      const most = [await offer(penaltyRate - 1n)];
      const [deal] = await world.opened(await world.openDeals(alice, most, 1));
      expect(plain(await world.deal(deal!))).to.deep.include({ rate: penaltyRate - 1n, capacity: 1n, id: deal!.id });
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
        .multicall(openings.map((item) => market.interface.encodeFunctionData("openDeals", world.opening([item], 1))));
      const second = await world.block();
      const links = (await events(Promise.resolve(transaction), "VolumeOpened")).map((args) => args.previousBlock);
      expect(links).to.deep.equal([BigInt(first), BigInt(first)]);
      expect(await market.lastOpening(alice.account)).to.equal(second);
      expect(await market.lastOpening(carol.account)).to.equal(0n);
    });
  });

  describe("given bad terms", () => {
    const start = 2; // the epoch of every world's beginning
    const ofAll: [string, Partial<Terms>, string | [number, number]][] = [
      ["k = 0", { k: 0 }, "k"],
      ["k > n", { k: 13 }, "k"],
      ["no client key", { clientSigner: ZeroAddress }, "clientSigner"],
      ["no capacity", { capacity: 0 }, "capacity"],
      ["minSectors > capacity", { minSectors: 9 }, "minSectors"],
      ["capacity > 2^24", { capacity: 2 ** 24 + 1 }, [2 ** 24, 2 ** 24 + 1]],
      ["no notice", { noticeEpochs: 0 }, "noticeEpochs"],
      ["a notice of 31", { noticeEpochs: 31 }, "noticeEpochs"],
      ["a notice of 257, which a byte has no room for", { noticeEpochs: 257 }, "noticeEpochs"],
      ["an end that is past", { endEpoch: start }, "endEpoch"],
      ["an end too far", { endEpoch: start + PARAMETERS.maxDealEpochs + 1 }, "endEpoch"],
      ["a bond beyond half of MIN_COLLATERAL", { answerBond: PARAMETERS.minCollateral / 2n + 1n }, "answerBond"],
      ["a bond that 64 bits have no room for", { answerBond: 1n << 64n }, "answerBond"],
    ];
    for (const [what, overrides, fault] of ofAll) {
      it(`refuses ${what}, which is no single offer's fault`, async () => {
        const item = await world.item(await world.terms(overrides), bob.key);
        const refusal = expect(world.openDeals(alice, [item], 0));
        if (typeof fault === "string") {
          const field = world.ethers.encodeBytes32String(fault);
          await refusal.to.be.revertedWithCustomError(market, "Market_BadTerms").withArgs(field);
        } else {
          await refusal.to.be.revertedWithCustomError(market, "Market_CapacityExceeded").withArgs(...fault);
        }
        expect((await market.providerOf(bob.account)).deals).to.equal(0n);
      });
    }

    const ofOne: [string, Partial<Terms>, string][] = [
      ["another provider", { provider: stranger.address }, "Market_NotRegistered"],
      ["position = n", { position: 12 }, "Market_BadTerms"],
      ["rate > P / m", { rate: PENALTY_RATE + 1n }, "Market_PenaltyRateTooLow"],
      ["validUntil past", { validUntil: 1n }, "Market_Expired"],
    ];
    for (const [what, overrides, error] of ofOne) {
      it(`skips ${what}: ${error}`, async () => {
        const items = [
          await world.item(await world.terms(overrides), bob.key),
          await world.item(await world.terms(), bob.key),
        ];
        expect(await world.skipped(world.openDeals(alice, items, 1))).to.deep.equal([[0, error]]);
        expect((await market.providerOf(bob.account)).deals).to.equal(1n);
      });
    }

    it("skips the same terms twice in one call", async () => {
      const item = await world.item(await world.terms(), bob.key);
      expect(await world.skipped(world.openDeals(alice, [item, item], 1))).to.deep.equal([[1, "Market_SlotTaken"]]);
    });

    it("skips terms for another client: an offer cannot be front-run", async () => {
      const item = await world.item(await world.terms(), bob.key);
      await expect(world.openDeals(carol, [item], 0))
        .to.be.revertedWithCustomError(market, "Market_Unauthorized")
        .withArgs(carol.address);
      const taken = { ...item, terms: { ...item.terms, client: carol.address } };
      expect(await world.skipped(world.openDeals(carol, [taken], 0))).to.deep.equal([[0, "Market_WrongSigner"]]);
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
        [1n << 76n, 0n],
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
      async function skippedWith(change: (signature: Compact) => Compact) {
        const [volume, [item], least] = world.opening([await world.item(await world.terms(), bob.key)], 0);
        const changed = { ...item!, signature: change(item!.signature) };
        return world.skipped(world.as(alice).openDeals(volume, [changed], least));
      }
      const wrong = [[0, "Market_WrongSigner"]];

      it("by another key", async () => {
        const item = await world.item(await world.terms(), stranger.key);
        expect(await world.skipped(world.openDeals(alice, [item], 0))).to.deep.equal(wrong);
      });

      for (const [form, change] of Object.entries(MALFORMED)) {
        it(`rightly, but ${form}`, async () => {
          expect(await skippedWith(change)).to.deep.equal(wrong);
        });
      }

      it("with an s in the upper half: ECDSA takes two signatures of a message for one, the market takes one", async () => {
        const terms = await world.terms({}, alice, stranger);
        const digest = TypedDataEncoder.hash(world.domain, { Terms: [...TYPES.Terms] }, terms);
        const { key, signature } = inUpperHalf(digest);
        const [recovered] = AbiCoder.defaultAbiCoder().decode(
          ["address"],
          await world.ethers.provider.call(recovery(digest, signature)),
        );
        expect(recovered).to.equal(key.address);
        await world.as(stranger).register(key, PENALTY_RATE);
        await world.as(stranger).deposit(stranger.account, 100_000_000n);
        const [volume, [item], least] = world.opening([await world.item(terms, key)], 0);
        const forged = world.as(alice).openDeals(volume, [{ ...item!, signature }], least);
        expect(await world.skipped(forged)).to.deep.equal(wrong);
        expect(await world.skipped(world.as(alice).openDeals(volume, [item!], 1))).to.deep.equal([]);
      });

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

  it("leaves other slots empty: the zero id names no deal", async () => {
    expect((await market.deal(bob.account, 9)).id).to.equal(ZeroHash);
    const none = { provider: bob.address, slot: 9, id: ZeroHash };
    await expect(world.as(alice).terminate(none))
      .to.be.revertedWithCustomError(market, "Market_WrongDeal")
      .withArgs(ZeroHash, ZeroHash);
    for (const call of [market.settle([none]), market.prune([none]), market.close([none])])
      expect(await world.skipped(call)).to.deep.equal([[0, "Market_WrongDeal"]]);
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
