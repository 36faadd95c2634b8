import { expect } from "chai";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import { failure } from "./failure.ts";
import { LocalMarket } from "./LocalMarket.ts";
import { DROPPED, RpcServer } from "./RpcServer.ts";

describe("connecting to a market", () => {
  let local: LocalMarket;
  before(async () => {
    local = await LocalMarket.start();
  });
  after(() => local.stop());

  it("reads what was fixed at deployment", async () => {
    const market = await local.connect();
    expect(market.chainId).to.equal(31_337);
    expect(market.parameters.epochBlocks).to.equal(local.world.parameters.epochBlocks);
    expect(market.parameters.minCollateral).to.equal(local.world.parameters.minCollateral);
    expect(market.token).to.equal(await local.world.token.getAddress());
    expect(market.seedSource).to.equal(await local.world.seedSource.getAddress());
    expect(market.forwarder).to.equal(await local.world.forwarder.getAddress());
    expect(market.epochs.genesis).to.equal(await local.world.market.genesis());
    expect(market.epochs.at(await market.blockNumber())).to.equal(Number(await local.world.market.currentEpoch()));
    expect([await market.tokenDecimals(), await market.tokenSymbol()]).to.deep.equal([6, "SUBT"]);
  });

  describe("given no node at the URL", () => {
    it("is ChainUnavailable with the URL", async () => {
      const gone = await RpcServer.start(local.provider);
      const { url } = gone;
      await gone.stop();
      const error = await failure(MarketReader.connect({ rpcUrl: url, market: local.address }), "ChainUnavailable");
      expect(error.url).to.equal(url);
    });
  });

  describe("given something else than a node at the URL", () => {
    it("is ChainUnavailable", async () => {
      local.rpc.between = async () => "not a number";
      const connecting = MarketReader.connect({ rpcUrl: local.rpc.url, market: local.address });
      await failure(connecting, "ChainUnavailable").finally(() => {
        local.rpc.between = (_request, ask) => ask();
      });
    });
  });

  describe("given another chain than configured", () => {
    it("is WrongChain, expected and actual", async () => {
      const connecting = MarketReader.connect({ rpcUrl: local.rpc.url, market: local.address, chainId: 1 });
      expect(await failure(connecting, "WrongChain")).to.include({ expected: 1, actual: 31_337 });
    });
  });

  describe("given an address that is no market", () => {
    const others = {
      "without code": async () => local.world.alice.address,
      "of another contract": async () => local.world.token.getAddress(),
    };
    for (const [which, address] of Object.entries(others)) {
      it(`is NotAMarket for one ${which}`, async () => {
        const market = (await address()) as `0x${string}`;
        const error = await failure(MarketReader.connect({ rpcUrl: local.rpc.url, market }), "NotAMarket");
        expect(error.address).to.equal(market);
      });
    }
  });

  describe("given a node that stops answering later", () => {
    it("is ChainUnavailable from every call, until it answers again", async () => {
      const market = await local.connect();
      local.rpc.between = async () => DROPPED;
      await failure(market.burnt(), "ChainUnavailable");
      await failure(market.blockNumber(), "ChainUnavailable");
      local.rpc.between = (_request, ask) => ask();
      expect(await market.burnt()).to.equal(0n);
    });
  });

  it("says that sending needs an account", async () => {
    const reader = await local.connect();
    const sending = (async () => reader.announce("0x"))();
    expect(await failure(sending, "BadArgument")).to.include({ name: "account" });
  });
});
