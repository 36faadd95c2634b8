import { join } from "node:path";
import { expect } from "chai";
import { type Hex, parseEther, parseGwei, toHex } from "viem";
import { Market } from "../../src/chain/Market.ts";
import { Gas, type GasLimits } from "../../src/provider-node/Gas.ts";
import { INCOME_FILE, Income } from "../../src/provider-node/Income.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { Ground, keeping, Tenant } from "./Ground.ts";
import { Receiver } from "./Receiver.ts";

const gwei = parseGwei;

describe("what a provider spends on gas", function () {
  this.timeout(60_000);
  let ground: Ground;
  let account: Hex;
  let directory: string;

  beforeEach(async () => {
    ground = await Ground.create();
    account = await ground.account();
    directory = await ground.directory();
  });

  afterEach(() => ground.end());

  const request = <Result>(method: string, ...params: unknown[]): Promise<Result> => {
    return ground.request({ method, params } as never) as Promise<Result>;
  };

  /** Makes a block in which a unit of gas costs so much. */
  async function costs(fee: string): Promise<void> {
    await request("hardhat_setNextBlockBaseFeePerGas", toHex(gwei(fee)));
    await ground.mine();
  }

  /** The market, to someone who keeps within limits. */
  async function within(limits: GasLimits) {
    const held: string[] = [];
    const income = new Income(join(directory, INCOME_FILE), "0x2222222222222222222222222222222222222222");
    ground.onEnd(async () => income.close());
    const purse = new Gas(limits, income, (call) => held.push(call));
    const connection = { rpcUrl: "in-process", request: ground.request, market: ground.market, pollMs: 10 };
    return { market: await Market.connect({ ...connection, account, purse }), income, held };
  }

  it("waits while it is dear, unless the call cannot wait", async () => {
    const { market, held } = await within({ maxFee: gwei("50"), maxFeeUrgent: gwei("200") });
    await costs("100");
    const nonce = await request("eth_getTransactionCount", market.sender, "pending");
    const refused = await failure(market.settle([]));
    expect(refused).to.include({ code: "GasHeld", call: "settle" });
    expect(refused)
      .to.have.property("reason")
      .that.matches(/^gas costs 101 gwei, over the 50 of gas-max-fee$/);
    expect(await request("eth_getTransactionCount", market.sender, "pending")).to.equal(nonce);
    // Refused by the market, so that it went as far as the market.
    await costs("100");
    expect(
      await failure(market.prune([]).then(() => market.prove(market.sender, `0x${"00".repeat(28)}`, "0x"))),
    ).to.include({
      ...{ code: "ChainRejected", error: "Market_NotRegistered" },
    });
    expect(held).to.deep.equal([]);
    await costs("300");
    expect(await failure(market.prune([]))).to.include({ code: "GasHeld", call: "prune" });
    expect(held).to.deep.equal(["prune"]);
    await costs("20");
    await market.settle([]);
  });

  it("offers no more than its limit, also where the price rises meanwhile", async () => {
    const { market } = await within({ maxFee: gwei("50"), priorityFee: gwei("3") });
    await costs("40");
    const { hash } = await market.settle([]);
    const sent = await request<{ maxFeePerGas: Hex; maxPriorityFeePerGas: Hex }>("eth_getTransactionByHash", hash);
    expect(BigInt(sent.maxFeePerGas)).to.equal(gwei("50"));
    expect(BigInt(sent.maxPriorityFeePerGas)).to.equal(gwei("3"));
  });

  it("keeps to a budget for the day, of which the last quarter is for what cannot wait, and remembers it", async () => {
    let { market, income } = await within({ dailyBudget: parseEther("0.01") });
    let last: unknown;
    for (let calls = 0; last === undefined && calls < 100; calls++) {
      await costs("20");
      await market.settle([]).catch((error) => (last = error.error));
    }
    expect(last).to.include({ code: "GasHeld", call: "settle" });
    const spent = (): bigint => income.spent().reduce((sum, { fee }) => sum + fee, 0n);
    expect(spent() > parseEther("0.004") && spent() < parseEther("0.0075")).to.equal(true);
    expect(income.spent()).to.have.length(1);
    expect(income.spent()[0]).to.include({ call: "settle" });
    ({ market, income } = await within({ dailyBudget: parseEther("0.01") }));
    expect(await failure(market.settle([]))).to.include({ code: "GasHeld" });
    await market.prune([]);
    expect(income.spent().map(({ call }) => call)).to.deep.equal(["prune", "settle"]);
  });

  it("proves when gas is dear, while everything else waits, and says so when it cannot", async () => {
    const operator = await Receiver.start();
    ground.onEnd(() => operator.stop());
    const host = await ground.provider({ keeping: { ...keeping, settleEveryEpochs: 1 } });
    const tenant = await Tenant.open(ground, host);
    await tenant.revise([{ op: "add", slab: slab(0), length: 1_048_576 }]);
    const { epochs } = tenant.market;
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    const limits = (urgent: string) => ({ gas: { maxFee: gwei("50"), maxFeeUrgent: gwei(urgent) } });
    await host.restart({ ...limits("2000"), alerts: { webhook: operator.url } });
    const next = epoch + 1;
    await ground.to(epochs.challengeBlock(next) - 1n);
    await ground.rest();
    const { settledThrough } = await tenant.onChain();
    await costs("1000");
    for (let tries = 0; tries < 10 && !(await tenant.market.proven(host.address, next)); tries++) {
      await costs("1000");
      await ground.rest();
    }
    expect(await tenant.market.proven(host.address, next)).to.equal(true);
    await ground.to(epochs.start(next + 1) - 1n);
    await costs("1000");
    await ground.rest();
    expect((await tenant.onChain()).settledThrough).to.equal(settledThrough);
    expect(operator.of("gas-held")).to.deep.equal([]);

    await host.restart({ ...limits("100"), alerts: { webhook: operator.url } });
    await ground.to(epochs.challengeBlock(next + 1) - 1n);
    await costs("1000");
    await costs("1000");
    await ground.until("it says so", async () => operator.of("gas-held").length > 0);
    expect(operator.of("gas-held")[0]!.message).to.match(
      /^recordSeed \+ prove waits: gas costs \d+.* of gas-max-fee-urgent$/,
    );
  });
});
