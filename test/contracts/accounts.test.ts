/** Money in and out, and who may act for whom. */
import { expect } from "chai";
import { createWorld, delegation, LEDGER, plain, RATE, rollBack, SCOPES } from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, carol, bob, stranger } = world;
const UINT96_MAX = (1n << 96n) - 1n;

describe("accounts", () => {
  rollBack(world);

  it("are in millionths where the token is that of local chains", async () => {
    expect(await token.decimals()).to.equal(6n);
  });

  describe("deposit", () => {
    it("credits any account with token base units x 2^32", async () => {
      const before = await world.ledger(carol.address);
      await expect(world.as(alice).deposit(carol.account, 123n))
        .to.emit(market, "Deposited")
        .withArgs(carol.address, alice.address, 123n);
      expect((await world.ledger(carol.address)).balance - before.balance).to.equal(123n * LEDGER);
    });

    it("moves exactly that many tokens from the payer", async () => {
      await expect(world.as(alice).deposit(carol.account, 123n)).to.changeTokenBalances(
        world.ethers,
        token,
        [alice.account, carol.account, market],
        [-123n, 0n, 123n],
      );
    });

    it("refuses more than 2^96 - 1 base units in all, so that no sum of ledger units overflows", async () => {
      const held = await token.balanceOf(market);
      await token.mint(alice.account, UINT96_MAX + 1n);
      await expect(world.as(alice).deposit(alice.account, UINT96_MAX - held + 1n))
        .to.be.revertedWithCustomError(market, "Market_CapacityExceeded")
        .withArgs(UINT96_MAX, UINT96_MAX + 1n);
      await world.as(alice).deposit(alice.account, UINT96_MAX - held);
      await expect(world.as(alice).deposit(alice.account, (1n << 128n) - 1n)).to.revert(world.ethers);
      const deal = await world.active(1);
      await world.as(alice).authorize(carol.account, delegation(SCOPES.AUDIT, 90));
      const item = await world.item(await world.terms({}, carol), bob.key, 10_000n);
      for (const [amount, call] of [
        [10_000n, () => world.openDeals(carol, [item], 1)],
        [500n, () => world.as(carol).topUp(deal, 300n, 200n)],
        [1_000n, () => world.as(carol).challenge(deal, 0)],
      ] as const) {
        await expect(call())
          .to.be.revertedWithCustomError(market, "Market_CapacityExceeded")
          .withArgs(UINT96_MAX, UINT96_MAX + amount);
      }
    });
  });

  describe("withdraw", () => {
    it("pays out of what is free, to anybody", async () => {
      const { free } = await world.ledger(bob.address);
      const call = world.as(bob).withdraw(free / LEDGER, stranger.account);
      await expect(call)
        .to.emit(market, "Withdrawn")
        .withArgs(bob.address, stranger.address, free / LEDGER);
      await expect(call).to.changeTokenBalance(world.ethers, token, stranger.account, free / LEDGER);
    });

    it("never pays out what is locked (INV-2)", async () => {
      const before = await world.ledger(bob.address);
      await world.open();
      const { balance, locked, free } = await world.ledger(bob.address);
      expect(locked).to.be.greaterThan(0n);
      expect({ balance, free }).to.deep.equal({ balance: before.balance, free: before.free - locked });
      await expect(world.as(bob).withdraw(free / LEDGER + 1n, bob.account))
        .to.be.revertedWithCustomError(market, "Market_InsufficientBalance")
        .withArgs((free / LEDGER + 1n) * LEDGER, free);
      await world.as(bob).withdraw(free / LEDGER, bob.account);
      expect(await world.ledger(bob.address)).to.deep.equal({ balance: balance - free, locked, free: 0n });
    });
  });

  describe("permit", () => {
    it("inside a multicall pays for what follows it", async () => {
      await world.token.connect(alice.account).approve(market, 0n);
      const { owner, value, deadline, v, r, s } = await world.permit(alice, 500n);
      const calls = [
        market.interface.encodeFunctionData("permit", [owner, value, deadline, v, r, s]),
        market.interface.encodeFunctionData("deposit", [alice.address, 500n]),
      ];
      await expect(world.as(alice).multicall(calls))
        .to.emit(market, "Deposited")
        .withArgs(alice.address, alice.address, 500n);
    });

    it("attack 'permit front-running': used up by somebody else it does not stop the multicall", async () => {
      await world.token.connect(alice.account).approve(market, 0n);
      const { owner, value, deadline, v, r, s } = await world.permit(alice, 500n);
      await token.connect(stranger.account).permit(owner, market, value, deadline, v, r, s);
      const calls = [
        market.interface.encodeFunctionData("permit", [owner, value, deadline, v, r, s]),
        market.interface.encodeFunctionData("deposit", [alice.address, 500n]),
      ];
      await expect(world.as(alice).multicall(calls))
        .to.emit(market, "Deposited")
        .withArgs(alice.address, alice.address, 500n);
    });

    it("attack 'permit front-running': an opening goes through all the same", async () => {
      await world.token.connect(alice.account).approve(market, 0n);
      const item = await world.item(await world.terms(), bob.key, 500n);
      const { owner, value, deadline, v, r, s } = await world.permit(alice, 500n);
      await world.as(stranger).permit(owner, value, deadline, v, r, s); // through the market itself, this time
      const calls = [
        market.interface.encodeFunctionData("permit", [owner, value, deadline, v, r, s]),
        market.interface.encodeFunctionData("openDeals", world.opening([item], 1)),
      ];
      await expect(world.as(alice).multicall(calls)).to.changeTokenBalance(world.ethers, token, alice.account, -500n);
      expect((await market.providerOf(bob.account)).deals).to.equal(1n);
    });

    it("that is no permit leaves the allowance alone", async () => {
      await world.token.connect(alice.account).approve(market, 0n);
      const { value, deadline, v, r, s } = await world.permit(alice, 500n);
      await world.as(stranger).permit(carol.address, value, deadline, v, r, s);
      expect(await token.allowance(alice.account, market)).to.equal(0n);
      await expect(world.as(alice).deposit(alice.account, 500n)).to.be.revertedWithCustomError(
        token,
        "ERC20InsufficientAllowance",
      );
    });
  });

  describe("authorize and revoke", () => {
    const granted = () => delegation(SCOPES.REPAIR | SCOPES.AUDIT, 90, { repairBudget: 5_000n, maxRate: RATE });

    it("stores exactly what the client grants", async () => {
      await expect(world.as(alice).authorize(stranger.account, granted()))
        .to.emit(market, "Authorized")
        .withArgs(alice.address, stranger.address, Object.values(granted()));
      expect(plain(await market.delegationOf(alice.account, stranger.account))).to.deep.equal({
        ...granted(),
        scopes: BigInt(granted().scopes),
        untilEpoch: 90n,
      });
      expect((await market.delegationOf(carol.account, stranger.account)).scopes).to.equal(0n);
    });

    it("a revocation counts from epoch + 2, and never lengthens", async () => {
      await world.as(alice).authorize(stranger.account, granted());
      const epoch = await world.epoch();
      await expect(world.as(alice).revoke(stranger.account))
        .to.emit(market, "Revoked")
        .withArgs(alice.address, stranger.address, epoch + 2);
      await world.start();
      await expect(world.as(alice).revoke(stranger.account))
        .to.emit(market, "Revoked")
        .withArgs(alice.address, stranger.address, epoch + 2);
      expect((await market.delegationOf(alice.account, stranger.account)).untilEpoch).to.equal(epoch + 2);
    });

    describe("given a READ delegation in force, against which providers served bytes", () => {
      const read = delegation(SCOPES.READ, 90, { egressCap: 1_000n });
      beforeEach(async () => {
        await world.as(alice).authorize(stranger.account, read);
      });

      for (const [what, smaller] of [
        ["a lower cap", { ...read, egressCap: 999n }],
        ["an earlier end", { ...read, untilEpoch: 89 }],
        ["no READ", { ...read, scopes: SCOPES.AUDIT }],
      ] as const) {
        it(`attack 'vouchers voided': ${what} is refused`, async () => {
          await expect(world.as(alice).authorize(stranger.account, smaller))
            .to.be.revertedWithCustomError(market, "Market_DelegationInForce")
            .withArgs(90, 1_000n);
        });
      }

      it("may stay or grow, and anything goes once it is over", async () => {
        await world.as(alice).authorize(stranger.account, read);
        await world.as(alice).authorize(stranger.account, { ...read, egressCap: 1_001n, untilEpoch: 91 });
        await world.as(alice).revoke(stranger.account);
        await world.as(alice).authorize(stranger.account, { ...read, egressCap: 1_001n });
        await world.as(alice).revoke(stranger.account);
        await world.start((await world.epoch()) + 2);
        await world.as(alice).authorize(stranger.account, delegation(SCOPES.READ, 95, { egressCap: 1n }));
      });
    });
  });
});
