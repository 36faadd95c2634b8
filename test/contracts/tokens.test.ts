/** Tokens that do not do what they are told: they break themselves, never the ledger. */
import { expect } from "chai";
import type { Contract } from "ethers";
import { createWorld, LEDGER, RATE, rollBack, type World } from "./fixture.ts";

const fee = await createWorld({ token: "FeeToken", stake: 0n });
const turned = await createWorld();
const refusing = await createWorld({ token: "RefusingToken" });
const silent = await createWorld({ token: "SilentToken" });
const reentering = await createWorld({ token: "ReenteringToken" });
const blocking = await createWorld({ token: "BlockingToken" });
const rebasing = await createWorld({ token: "RebasingToken" });
const hooked = await createWorld({ token: "HookedToken" });

/** The token, with what MarketToken does not have. */
function tokenOf(world: World): Contract {
  const functions = [
    "function refuse(bool value)",
    "function arm(address target, bytes call)",
    "function attempts() view returns (uint256)",
    "function successes() view returns (uint256)",
    "function bar(address account, bool value)",
    "function rebase(uint256 percent)",
    "error Blocked(address account)",
    "error RecipientReverted(address recipient)",
  ];
  return new world.ethers.Contract(world.token, functions, world.alice.account) as unknown as Contract;
}

function hostile(
  world: World,
  name: string,
): Contract["getFunction"] extends (key: string) => infer Method ? Method : never {
  return tokenOf(world).getFunction(name);
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

describe("a token that takes a fee from some day on", () => {
  rollBack(turned);
  const { market, token, alice, bob } = turned;

  it("attack 'fee on transfer': nor does an opening, a top-up or a bond count what arrives short", async () => {
    const deal = await turned.active(2);
    const item = await turned.item(await turned.terms(), bob.key, 10_000n);
    const code = await turned.ethers.provider.getCode(await turned.ethers.deployContract("FeeToken"));
    await turned.connection.networkHelpers.setCode(await token.getAddress(), code);
    for (const [amount, call] of [
      [10_000n, () => turned.openDeals(alice, [item], 1)],
      [500n, () => turned.as(alice).topUp(deal, 300n, 200n)],
      [1_000n, () => turned.as(alice).challenge(deal, 0)],
    ] as const) {
      await expect(call())
        .to.be.revertedWithCustomError(market, "Market_TransferShort")
        .withArgs(amount, amount - amount / 100n);
    }
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

  it("lets no permit be used while money moves", async () => {
    const { owner, value, deadline, v, r, s } = await world.permit(alice, 5n);
    const inner = abi.encodeFunctionData("permit", [owner, value, deadline, v, r, s]);
    const outcome = await during(inner, () => world.as(alice).deposit(alice.account, 100n));
    expect(outcome).to.deep.equal({ attempts: 2n, successes: 0n });
    expect(await world.token.nonces(alice.account)).to.equal(0n);
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

describe("a token that bars accounts", () => {
  rollBack(blocking);
  const world = blocking;
  const { market, token, alice, bob, carol, stranger } = world;
  const bar = (account: string, value = true) => hostile(world, "bar")(account, value);
  const barred = (account: string) => [tokenOf(world), "Blocked", account] as const;

  it("attack 'barred party': its deals are settled, left and closed all the same, and its money waits for it", async () => {
    const deals = [await world.active(2), await world.active(2, { position: 1 })] as const;
    await world.as(alice).challenge(deals[0], 1);
    for (const { address } of [alice, bob]) await bar(address);
    await world.live(bob, 1);
    await world.miss(1);
    expect(await world.skipped(market.settle([...deals]))).to.deep.equal([]);
    await expect(market.convict(deals[0])).to.emit(market, "Stopped");
    await world.as(bob).abandon(deals[1]);
    await world.miss(2);
    expect(await world.skipped(market.close([...deals]))).to.deep.equal([]);
    const before = await world.ledger(alice.address);
    const [error, name, account] = barred(alice.address);
    await expect(world.as(alice).withdraw(5n, alice.account))
      .to.be.revertedWithCustomError(error, name)
      .withArgs(account);
    expect(await world.ledger(alice.address)).to.deep.equal(before);
    await world.as(alice).withdraw(5n, carol.account); // to where the token goes
    await bar(alice.address, false);
    await world.as(alice).withdraw(before.free / LEDGER - 5n, alice.account);
    await expectSolvent(world);
  });

  it("attack 'barred market': nothing comes in or goes out, and everything else goes on", async () => {
    const deal = await world.active(2);
    await bar(await market.getAddress());
    const [error, name] = barred("");
    for (const call of [
      () => world.as(stranger).deposit(stranger.account, 5n),
      () => world.as(bob).withdraw(5n, bob.account),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(error, name);
    }
    await world.live(bob, 2);
    await expect(market.settle([deal]))
      .to.emit(market, "Settled")
      .withArgs(deal.id, anything, 2n * 2n * RATE);
    await world.as(bob).abandon(deal);
    await world.miss(2);
    await expect(market.close([deal])).to.emit(market, "Closed");
    await bar(await market.getAddress(), false);
    await world.as(bob).withdraw(5n, bob.account);
    expect(await token.balanceOf(bob.account)).to.be.greaterThan(0n);
  });
});

describe("a token that rebases", () => {
  rollBack(rebasing);
  const world = rebasing;
  const { market, token, alice, bob, carol } = world;
  const rebase = (percent: number) => hostile(world, "rebase")(percent);

  it("attack 'rebase up': what the market was given by nobody is nobody's", async () => {
    const before = await world.ledger(alice.address);
    await rebase(200);
    await world.as(alice).deposit(alice.account, 10n);
    expect((await world.ledger(alice.address)).balance - before.balance).to.equal(10n * LEDGER);
    await expectSolvent(world);
  });

  it("attack 'rebase up': a deposit that arrives a unit short for rounding reverts", async () => {
    await rebase(150);
    await expect(world.as(alice).deposit(alice.account, 10n))
      .to.be.revertedWithCustomError(market, "Market_TransferShort")
      .withArgs(10n, 9n);
  });

  it("attack 'rebase down': the ledger stays as it is; withdrawals go as far as the tokens do", async () => {
    const deal = await world.active(2);
    const [{ free }, { locked }] = [await world.ledger(bob.address), await world.ledger(bob.address)];
    await rebase(50);
    await world.live(bob, 2);
    await expect(market.settle([deal]))
      .to.emit(market, "Settled")
      .withArgs(deal.id, anything, 2n * 2n * RATE);
    const now = await world.ledger(bob.address);
    expect([now.locked, now.free]).to.deep.equal([locked, free + 4n * RATE]);
    const held = await token.balanceOf(market);
    expect(now.free / LEDGER).to.be.lessThan(held);
    await world.as(bob).withdraw(now.free / LEDGER, bob.account);
    const { free: daves } = await world.ledger(world.dave.address);
    await expect(world.as(world.dave).withdraw(daves / LEDGER, carol.account)).to.be.revertedWithCustomError(
      token,
      "ERC20InsufficientBalance",
    );
    expect((await world.ledger(world.dave.address)).free).to.equal(daves);
  });
});

describe("a token that calls who is paid", () => {
  rollBack(hooked);
  const world = hooked;
  const { market, seedSource, alice, bob } = world;

  it("attack 'recipient that reverts': it stops its own withdrawal, and nothing of anybody else's", async () => {
    const deal = await world.active(2);
    await world.live(bob, 1);
    const recipient = await seedSource.getAddress(); // a contract that expects no such call
    const before = await world.ledger(bob.address);
    await expect(world.as(bob).withdraw(5n, recipient))
      .to.be.revertedWithCustomError(tokenOf(world), "RecipientReverted")
      .withArgs(recipient);
    expect(await world.ledger(bob.address)).to.deep.equal(before);
    await world.as(bob).setTip(recipient, 5n * LEDGER); // nor does a tip, or whatever else the ledger says it is owed
    await world.as(alice).deposit(recipient, 5n);
    await expect(world.prove(bob)).to.emit(market, "Proven");
    await expect(market.settle([deal])).to.emit(market, "Settled");
    await world.as(bob).withdraw(5n, bob.account);
    await expectSolvent(world);
  });
});
const anything = () => true;
