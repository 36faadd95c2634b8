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
    const open = abi.encodeFunctionData("openDeals", [[await world.item(terms, bob.key)], 1]);
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
    await stranger.account.sendTransaction({
      to: market,
      data: concat([abi.encodeFunctionData("cancelNonce", [77n]), bob.address]),
    });
    expect(await market.nonceUsed(bob.account, 77n)).to.equal(false);
    expect(await market.nonceUsed(stranger.account, 77n)).to.equal(true);
  });

  it("attack 'spoofed suffix inside a multicall': neither direct nor relayed calls can add one", async () => {
    const spoofed = (nonce: bigint) => concat([abi.encodeFunctionData("cancelNonce", [nonce]), bob.address]);
    await world.as(stranger).multicall([spoofed(78n)]);
    await forward(await request(stranger, abi.encodeFunctionData("multicall", [[spoofed(79n)]])));
    for (const nonce of [78n, 79n]) {
      expect(await market.nonceUsed(bob.account, nonce)).to.equal(false);
      expect(await market.nonceUsed(stranger.account, nonce)).to.equal(true);
    }
  });

  it("attack 'forged request': the forwarder takes the signer's own signature only, once", async () => {
    const data = abi.encodeFunctionData("cancelNonce", [79n]);
    const signed = await request(stranger, data);
    await expect(forward({ ...signed, from: bob.address })).to.be.revertedWithCustomError(
      forwarder,
      "ERC2771ForwarderInvalidSigner",
    );
    await forward(signed);
    await expect(forward(signed)).to.be.revertedWithCustomError(forwarder, "ERC2771ForwarderInvalidSigner");
  });
});

describe("multicall", () => {
  rollBack(world);
  const { interface: abi } = world.market;

  it("does all of it or nothing, as the caller", async () => {
    const calls = [abi.encodeFunctionData("cancelNonce", [5n]), abi.encodeFunctionData("cancelNonce", [5n])];
    await expect(world.as(bob).multicall(calls)).to.be.revertedWithCustomError(market, "Market_NonceUsed").withArgs(5n);
    expect(await market.nonceUsed(bob.account, 5n)).to.equal(false);
    await world.as(bob).multicall(calls.slice(1));
    expect(await market.nonceUsed(bob.account, 5n)).to.equal(true);
  });

  it("records the seed and proves in one transaction", async () => {
    await world.active(2);
    await world.to("prove");
    await expect(world.as(stranger).multicall(await world.seedAndProve(bob))).to.emit(market, "Proven");
  });

  it("carries no value, so no call can count it twice", async () => {
    const calls = [abi.encodeFunctionData("cancelNonce", [6n])];
    const data = abi.encodeFunctionData("multicall", [calls]);
    await expect(bob.account.sendTransaction({ to: market, data, value: 1n })).to.revert(world.ethers);
  });
});
