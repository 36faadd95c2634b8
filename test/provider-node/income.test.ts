import { join } from "node:path";
import { expect } from "chai";
import { signDigest, voucherDigest } from "../../src/protocol/TypedData.ts";
import { INCOME_FILE, Income, net, sum } from "../../src/provider-node/Income.ts";
import { slab } from "../conformance/Writer.ts";
import { balanceOf, FINAL_BLOCKS, Ground, type Host, PARAMETERS, policy, Tenant } from "./Ground.ts";

const SECTOR = 1_048_576;
const STAKE = 500_000_000n << 32n;
const DAY_SECONDS = 86_400;

describe("a provider's income", function () {
  this.timeout(120_000);
  let ground: Ground;
  let host: Host;
  let tenant: Tenant;

  beforeEach(async () => {
    ground = await Ground.create();
    host = await ground.provider({ policy: { ...policy, egressRate: 1_000n } });
    tenant = await Tenant.open(ground, host, {}, 5n);
  });

  afterEach(() => ground.end());

  /** As a command beside the running provider reads it, through the newest block. */
  async function read<Result>(look: (income: Income) => Result, final?: bigint): Promise<Result> {
    const income = new Income(join(host.config.dataDir, INCOME_FILE), host.address);
    try {
      await income.follow(tenant.market, final ?? (await ground.block()));
      return look(income);
    } finally {
      income.close();
    }
  }

  /** Commits one sector more and proves it. */
  async function active(): Promise<number> {
    const { epochs } = tenant.market;
    await tenant.revise([{ op: "add", slab: slab(tenant.writer.sectors.length), length: SECTOR }]);
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).number === tenant.writer.number);
    await ground.to(epochs.challengeBlock(epoch));
    await ground.until("it is proven", () => tenant.market.proven(host.address, epoch));
    return epoch;
  }

  async function nextDay(): Promise<string> {
    await ground.request({ method: "evm_increaseTime", params: [`0x${DAY_SECONDS.toString(16)}`] } as never);
    await ground.mine();
    const { timestamp } = await tenant.market.block();
    return new Date(Number(timestamp) * 1_000).toISOString().slice(0, 10);
  }

  const settle = async (epoch: number): Promise<void> => {
    await ground.to(tenant.market.epochs.start(epoch + 1));
    await tenant.market.settle([tenant.ref]);
  };

  it("is by deal and day what the market moved, to the last ledger unit", async () => {
    const first = await nextDay();
    const epoch = await active();
    const cumulative = 3n << 32n;
    const signature = await signDigest(tenant.key, voucherDigest(tenant.place, { deal: tenant.deal, cumulative }));
    await tenant.market.redeem([
      { provider: host.address, slot: tenant.slot, voucher: { deal: tenant.deal, cumulative }, signature },
    ]);
    await tenant.market.challenge(tenant.ref, 5n);
    await ground.until("it is answered", async () => (await tenant.onChain()).challengeDeadline === 0);
    await settle(epoch);
    const second = await nextDay();
    await host.node.stop();
    await settle(epoch + 2);

    const earned = await read((income) => income.earned());
    const [{ rate }, { answerBond }, { penaltyRate }] = await Promise.all([
      tenant.onChain(),
      tenant.onChain(),
      tenant.market.provider(host.address),
    ]);
    const deal = { deal: tenant.deal, client: tenant.terms.client, tips: 0n };
    expect(earned).to.deep.equal([
      { ...deal, day: first, storage: rate, egress: cumulative, bonds: answerBond << 32n, lost: 0n },
      { ...deal, day: second, storage: 0n, egress: 0n, bonds: 0n, lost: 2n * penaltyRate },
    ]);
    const balance = await balanceOf(tenant.market, host.address);
    expect(net(sum(earned))).to.equal(balance - STAKE);
    expect(await read((income) => income.earned(second))).to.deep.equal(earned.slice(1));
    expect(await read((income) => income.earned(first, first))).to.deep.equal(earned.slice(0, 1));
  });

  it("counts what a deal that ran out of cover forfeits", async () => {
    const epoch = await active();
    await host.node.stop();
    await ground.to(tenant.market.epochs.start(epoch + PARAMETERS.coverEpochs + 2));
    await host.restart();
    await ground.until("it is stopped", async () => (await tenant.onChain()).collateral === 0n);
    const balance = await balanceOf(tenant.market, host.address);
    const total = sum(await read((income) => income.earned()));
    expect(total.lost > 0n).to.equal(true);
    expect(net(total)).to.equal(balance - STAKE);
  });

  it("is written by the provider itself once it is final, and never twice", async () => {
    const epoch = await active();
    await settle(epoch);
    const settled = await ground.block();
    const written = () => read(({ through }) => through, 0n);
    expect((await written()) < settled).to.equal(true);
    await ground.mine(FINAL_BLOCKS + Number(tenant.market.epochs.epochBlocks / 20n));
    await ground.until("it is written", async () => (await written()) >= settled);
    const before = await read((income) => income.earned(), 0n);
    expect(sum(before).storage > 0n).to.equal(true);
    await read(() => undefined);
    await Promise.all([read(() => undefined), read(() => undefined)]);
    expect(await read((income) => income.earned())).to.deep.equal(before);
  });
});
