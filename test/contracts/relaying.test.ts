/** Calls without a gas token of one's own: OpenZeppelin's ERC-2771 forwarder, and several calls in one. */
import { expect } from "chai";
import { concat } from "ethers";
import { createWorld, LEDGER, type Party, PENALTY_RATE, rollBack } from "./fixture.ts";
import { FORWARD_REQUEST } from "./signing.ts";

const world = await createWorld();
const { market, forwarder, token, alice, bob, stranger, relay } = world;

/** `from`'s signed request that the market be called with `data`. */
async function request(from: Party, data: string, overrides: object = {}) {
  const [, name, version, chainId, verifyingContract] = await forwarder.getFunction("eip712Domain")();
  const message = {
    from: from.address,
    to: await market.getAddress(),
    value: 0n,
    gas: 10_000_000n,
    nonce: await forwarder.getFunction("nonces")(from.address),
    deadline: 1n << 40n,
    data,
    ...overrides,
  };
  const domain = { name, version, chainId, verifyingContract };
  const signature = await from.account.signTypedData(domain, FORWARD_REQUEST, message);
  return { ...message, signature };
}

async function forward(signed: Awaited<ReturnType<typeof request>>) {
  return forwarder.connect(relay.account).getFunction("execute")(signed);
}

/** How often a provider voided its offers. */
async function cancelled({ address }: Party): Promise<bigint> {
  return (await market.providerOf(address)).series;
}

describe("relayed calls", () => {
  rollBack(world);
  const { interface: abi } = world.market;

  it("count as the signer's, who needs no gas token", async () => {
    const call = forward(await request(stranger, abi.encodeFunctionData("register", [stranger.key.address, 4n])));
    await expect(call).to.emit(market, "Registered").withArgs(stranger.address, stranger.key.address, 4n);
    await expect(forward(await request(bob, abi.encodeFunctionData("announce", ["0x1234"]))))
      .to.emit(market, "Announced")
      .withArgs(bob.address, "0x1234");
  });

  it("a first stake: permit, deposit and register in one relayed multicall", async () => {
    await token.connect(stranger.account).approve(market, 0n);
    const { owner, value, deadline, v, r, s } = await world.permit(stranger, 500n);
    const calls = [
      abi.encodeFunctionData("permit", [owner, value, deadline, v, r, s]),
      abi.encodeFunctionData("deposit", [stranger.address, 500n]),
      abi.encodeFunctionData("register", [stranger.key.address, PENALTY_RATE]),
    ];
    await forward(await request(stranger, abi.encodeFunctionData("multicall", [calls])));
    expect((await world.ledger(stranger.address)).balance).to.equal(500n * LEDGER);
    expect((await market.providerOf(stranger.account)).penaltyRate).to.equal(PENALTY_RATE);
  });

  it("opens, terminates and challenges for a client", async () => {
    const terms = await world.terms();
    const open = abi.encodeFunctionData("openDeals", world.opening([await world.item(terms, bob.key)], 1));
    const call = forward(await request(alice, open));
    await expect(call).to.emit(market, "DealOpened");
    await expect(call).to.changeTokenBalance(world.ethers, token, alice.account, -10_000_000n);
    const deal = { provider: bob.address, slot: 0, id: world.dealId(terms) };
    await world.commit({ ...deal, terms, client: alice, host: bob }, 2);
    await expect(forward(await request(alice, abi.encodeFunctionData("challenge", [deal, 5n]))))
      .to.emit(market, "Challenged")
      .withArgs(deal.id, alice.address, 5n, (await world.epoch()) + 1);
    await expect(forward(await request(alice, abi.encodeFunctionData("terminate", [deal])))).to.emit(
      market,
      "NoticeGiven",
    );
  });

  it("pay the tip to the relay that signed them", async () => {
    await world.active(1);
    await world.as(bob).setTip(stranger.account, 7n);
    await world.to("prove");
    const seed = await world.recordSeed();
    const proof = abi.encodeFunctionData("prove", [bob.address, seed, await world.proof(bob.address)]);
    await expect(forward(await request(stranger, proof)))
      .to.emit(market, "TipPaid")
      .withArgs(bob.address, stranger.address, 7n);
  });

  it("attack 'spoofed suffix': an address appended to calldata by anybody but the forwarder means nothing", async () => {
    const { free } = await world.ledger(bob.address);
    const theft = abi.encodeFunctionData("withdraw", [free / LEDGER, stranger.address]);
    await expect(
      stranger.account.sendTransaction({ to: market, data: concat([theft, bob.address]) }),
    ).to.be.revertedWithCustomError(market, "Market_InsufficientBalance");
    await world.as(stranger).register(stranger.key, 0n);
    const data = concat([abi.encodeFunctionData("cancelOffers"), bob.address]);
    await stranger.account.sendTransaction({ to: market, data });
    expect(await cancelled(bob)).to.equal(0n);
    expect(await cancelled(stranger)).to.equal(1n);
  });

  it("attack 'spoofed suffix inside a multicall': neither direct nor relayed calls can add one", async () => {
    await world.as(stranger).register(stranger.key, 0n);
    const spoofed = concat([abi.encodeFunctionData("cancelOffers"), bob.address]);
    await world.as(stranger).multicall([spoofed]);
    expect([await cancelled(bob), await cancelled(stranger)]).to.deep.equal([0n, 1n]);
    await forward(await request(stranger, abi.encodeFunctionData("multicall", [[spoofed]])));
    expect([await cancelled(bob), await cancelled(stranger)]).to.deep.equal([0n, 2n]);
  });

  it("attack 'spoofed suffix': nobody assents to a revision in a provider's name, by whatever way", async () => {
    const deal = await world.open();
    const { item } = await world.countersigned(deal, await world.revision(deal, 2));
    const commit = abi.encodeFunctionData("commit", [bob.address, [item], []]);
    const spoofed = concat([commit, bob.address]);
    const unassented = world.ethers.encodeBytes32String("assents");
    for (const call of [
      async () => stranger.account.sendTransaction({ to: market, data: spoofed }),
      async () => world.as(stranger).multicall([spoofed]),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(market, "Market_BadTerms").withArgs(unassented);
    }
    for (const data of [commit, spoofed]) {
      await expect(forward(await request(stranger, data))).to.be.revertedWithCustomError(forwarder, "FailedCall");
    }
    expect((await world.deal(deal)).number).to.equal(0n);
    await expect(forward(await request(bob, commit))).to.emit(market, "Committed");
  });

  it("attack 'forged request': the forwarder takes the signer's own signature only, once", async () => {
    const signed = await request(bob, abi.encodeFunctionData("cancelOffers"));
    await expect(forward({ ...signed, from: stranger.address })).to.be.revertedWithCustomError(
      forwarder,
      "ERC2771ForwarderInvalidSigner",
    );
    await forward(signed);
    await expect(forward(signed)).to.be.revertedWithCustomError(forwarder, "ERC2771ForwarderInvalidSigner");
    expect(await cancelled(bob)).to.equal(1n);
  });
});

describe("multicall", () => {
  rollBack(world);
  const { interface: abi } = world.market;

  it("does all of it or nothing, as the caller", async () => {
    const item = await world.item(await world.terms(), bob.key);
    const open = abi.encodeFunctionData("openDeals", world.opening([item], 1));
    const cancel = abi.encodeFunctionData("cancelOffers");
    await expect(world.as(alice).multicall([open, open]))
      .to.be.revertedWithCustomError(market, "Market_TooFewOpened")
      .withArgs(1n, 0n);
    expect((await market.providerOf(bob.account)).deals).to.equal(0n);
    await world.as(alice).multicall([open]);
    expect((await market.providerOf(bob.account)).deals).to.equal(1n);
    await world.as(bob).multicall([cancel, cancel]);
    expect(await cancelled(bob)).to.equal(2n);
  });

  it("records the seed and proves in one transaction", async () => {
    await world.active(2);
    await world.to("prove");
    await expect(world.as(stranger).multicall(await world.seedAndProve(bob))).to.emit(market, "Proven");
  });

  it("carries no value, so no call can count it twice", async () => {
    const calls = [abi.encodeFunctionData("cancelOffers")];
    const data = abi.encodeFunctionData("multicall", [calls]);
    await expect(bob.account.sendTransaction({ to: market, data, value: 1n })).to.revert(world.ethers);
  });
});
