/** Tokens that do not do what they are told: they break themselves, never the ledger. */
import { expect } from "chai";
import type { Contract } from "ethers";
import { createWorld, LEDGER, RATE, rollBack, type World } from "./fixture.ts";

const fee = await createWorld({ token: "FeeToken", stake: 0n });
const refusing = await createWorld({ token: "RefusingToken" });
const silent = await createWorld({ token: "SilentToken" });
const reentering = await createWorld({ token: "ReenteringToken" });

/** A function of the token that MarketToken does not have. */
function hostile(
  world: World,
  name: string,
): Contract["getFunction"] extends (key: string) => infer Method ? Method : never {
  const { interface: abi } = new world.ethers.Contract(world.token, [
    "function refuse(bool value)",
    "function arm(address target, bytes call)",
    "function attempts() view returns (uint256)",
    "function successes() view returns (uint256)",
  ]);
  return new world.ethers.Contract(world.token, abi, world.alice.account).getFunction(name);
}

/** INV-1: what the market owes is never more than the tokens it holds. */
async function expectSolvent(world: World): Promise<void> {
  const { market, alice, carol, bob, dave, stranger } = world;
  let owed = await market.burnt();
  for (const { address } of [alice, carol, bob, dave, stranger]) owed += (await world.ledger(address)).balance;
  const { slots } = await market.providerOf(bob.address);
  for (let slot = 0n; slot < slots; slot++) {
    const { escrow, egress } = await market.deal(bob.address, slot);
    owed += escrow + egress;
  }
  expect((await world.token.balanceOf(market)) * LEDGER >= owed).to.equal(true);
}

describe("a token that takes a fee", () => {
  rollBack(fee);
  const { market, alice } = fee;

  it("attack 'fee on transfer': a deposit that arrives short reverts, nobody is credited what is not there", async () => {
    await expect(fee.as(alice).deposit(alice.account, 10_000n))
      .to.be.revertedWithCustomError(market, "Market_TransferShort")
      .withArgs(10_000n, 9_900n);
    expect((await fee.ledger(alice.address)).balance).to.equal(0n);
  });
});

describe("a token that says false instead of reverting", () => {
  rollBack(refusing);
  const { market, alice, bob } = refusing;

  it("attack 'unpaid deposit': nothing is credited, and nothing debited for a withdrawal that did not happen", async () => {
    await hostile(refusing, "refuse")(true);
    const before = await refusing.ledger(bob.address);
    for (const call of [
      () => refusing.as(alice).deposit(alice.account, 10n),
      () => refusing.as(bob).withdraw(10n, bob.account),
      async () => refusing.openDeals(alice, [await refusing.item(await refusing.terms(), bob.key)], 1),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(market, "SafeERC20FailedOperation");
    }
    expect(await refusing.ledger(bob.address)).to.deep.equal(before);
  });
});

describe("a token that returns nothing", () => {
  rollBack(silent);
  const { market, alice, bob } = silent;

  it("works: deposits, openings and withdrawals", async () => {
    await silent.as(alice).deposit(alice.account, 10n);
    await silent.open();
    await expect(silent.as(bob).withdraw(10n, bob.account)).to.emit(market, "Withdrawn");
    await expectSolvent(silent);
  });
});

describe("a token that calls back in the midst of a transfer", () => {
  rollBack(reentering);
  const world = reentering;
  const { market, alice, bob, stranger } = world;
  const { interface: abi } = market;

  /** Runs `call` while the token calls the market with `inner` around each of its transfers. */
  async function during(inner: string, call: () => Promise<unknown>): Promise<{ attempts: bigint; successes: bigint }> {
    await hostile(world, "arm")(market, inner);
    await call();
    return { attempts: await hostile(world, "attempts")(), successes: await hostile(world, "successes")() };
  }

  it("attack 'deposit counted twice': a deposit within a deposit does not happen", async () => {
    const before = await world.ledger(alice.address);
    const inner = abi.encodeFunctionData("deposit", [alice.address, 1n]);
    const outcome = await during(inner, () => world.as(alice).deposit(alice.account, 100n));
    expect(outcome).to.deep.equal({ attempts: 2n, successes: 0n });
    expect((await world.ledger(alice.address)).balance - before.balance).to.equal(100n * LEDGER);
    await expectSolvent(world);
  });

  it("attack 'withdrawal re-entered': the token is itself a depositor, and gets its money once", async () => {
    const tokenAddress = await world.token.getAddress();
    await world.as(alice).deposit(tokenAddress, 100n);
    const inner = abi.encodeFunctionData("withdraw", [100n, tokenAddress]);
    const outcome = await during(inner, () => world.as(bob).withdraw(5n, bob.account));
    expect(outcome).to.deep.equal({ attempts: 2n, successes: 0n });
    expect((await world.ledger(tokenAddress)).balance).to.equal(100n * LEDGER);
  });

  it("attack 'money moved before it is paid': openings, top-ups and bonds let no deposit or withdrawal in", async () => {
    const deal = await world.active(2);
    const inner = abi.encodeFunctionData("withdraw", [0n, alice.address]);
    const terms = await world.terms({ position: 1 });
    for (const call of [
      async () => world.openDeals(alice, [await world.item(terms, bob.key)], 1),
      async () => world.as(alice).topUp(deal, 5n, 5n),
      async () => world.as(alice).challenge(deal, 1),
    ]) {
      expect((await during(inner, call)).successes).to.equal(0n);
    }
    expect(await hostile(world, "attempts")()).to.equal(6n);
    await expectSolvent(world);
  });

  describe("and into calls that do not touch the token themselves", () => {
    async function earning() {
      const deal = await world.active(2);
      await world.live(bob, 2);
      return deal;
    }

    it("attack 'settled twice': what a top-up was interrupted by stays done", async () => {
      const deal = await earning();
      const { escrow } = await world.deal(deal);
      const { balance } = await world.ledger(bob.address);
      const inner = abi.encodeFunctionData("settle", [[deal]]);
      const outcome = await during(inner, () => world.as(alice).topUp(deal, 5n, 5n));
      expect(outcome).to.deep.equal({ attempts: 2n, successes: 2n });
      await market.settle([deal]);
      const earned = (await world.ledger(bob.address)).balance - balance;
      expect(earned).to.equal(2n * 2n * RATE);
      expect((await world.deal(deal)).escrow).to.equal(escrow - earned + 5n * LEDGER);
      await expectSolvent(world);
    });

    it("attack 'closed twice': a deal that was closed meanwhile takes no more money", async () => {
      const deal = await earning();
      await world.as(bob).abandon(deal);
      await world.start((await world.epoch()) + 2);
      const inner = abi.encodeFunctionData("close", [[deal]]);
      const before = await world.ledger(alice.address);
      const { escrow } = await world.deal(deal);
      const outcome = await during(inner, () => world.as(stranger).topUp(deal, 5n, 5n));
      expect(outcome.attempts).to.equal(2n);
      expect((await world.deal(deal)).state).to.equal(5n);
      expect((await world.ledger(alice.address)).balance - before.balance).to.equal(escrow + 10n * LEDGER);
      await expectSolvent(world);
    });

    it("attack 'spent twice': what a payer's free balance lost meanwhile does not pay", async () => {
      const deal = await world.active(2);
      const tokenAddress = await world.token.getAddress();
      await world.as(bob).setTip(tokenAddress, 10n * LEDGER);
      const { free } = await world.ledger(bob.address);
      await world.as(bob).withdraw(free / LEDGER - 10n, bob.account);
      await world.to("prove");
      const seed = await world.recordSeed();
      const inner = abi.encodeFunctionData("prove", [bob.address, seed, await world.proof(bob.address)]);
      await hostile(world, "arm")(market, inner);
      await expect(world.as(bob).topUp(deal, 15n, 0n))
        .to.be.revertedWithCustomError(market, "Market_InsufficientBalance")
        .withArgs(15n * LEDGER, 5n * LEDGER);
      const { balance, locked } = await world.ledger(bob.address);
      expect(balance - locked).to.equal(10n * LEDGER);
    });
  });
});
