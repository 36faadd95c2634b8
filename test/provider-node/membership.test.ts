import { expect } from "chai";
import { leave } from "../../src/provider-node/Leaving.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { balanceOf, Ground, PARAMETERS, policy, Tenant } from "./Ground.ts";

describe("a provider's membership", function () {
  this.timeout(60_000);
  let ground: Ground;

  before(async () => {
    ground = await Ground.create();
  });

  after(() => ground.end());

  it("costs what the wallet lacks, and nothing before that is there", async () => {
    const account = await ground.account(100n);
    expect(await failure(ground.provider({ account, stake: 5_000n }))).to.include({
      ...{ code: "InsufficientFunds", asset: "token", have: 100n, need: 5_000n, missing: 4_900n },
    });
    const penniless = await failure(ground.provider({ account: await ground.account(100n, 0n), stake: 5_000n }));
    expect(penniless).to.include({ code: "InsufficientFunds", asset: "token", missing: 4_900n });
    expect(penniless).to.have.property("also").that.includes({ asset: "gas", have: 0n });
    const gasless = await ground.account(5_000n, 0n);
    expect(await failure(ground.provider({ account: gasless, stake: 5_000n }))).to.include({
      ...{ code: "InsufficientFunds", asset: "gas", have: 0n },
    });
  });

  it("takes an even penalty rate that stands for its price", async () => {
    const host = await ground.provider({ policy: { ...policy, rate: 12_345n } });
    const chain = await ground.reach(await ground.account());
    expect((await chain.provider(host.address)).penaltyRate).to.equal(12_346n);
    await host.restart({ policy: { ...policy, rate: 20_001n } });
    expect((await chain.provider(host.address)).penaltyRate).to.equal(20_002n);
    await Tenant.open(ground, host, { rate: 20_001n });
    const dearer = { ...policy, rate: 30_000n };
    expect(await failure(host.restart({ policy: dearer }))).to.include({ code: "BadArgument", name: "price" });
  });

  it("is topped up when the stake is raised, and announced only when something changed", async () => {
    const host = await ground.provider({ stake: 2_000_000n, listen: ["/ip4/127.0.0.1/tcp/0"] });
    const chain = await ground.reach(await ground.account());
    const announced = async (): Promise<number> => {
      let count = 0;
      for await (const _ of chain.events({ names: ["Announced"], subject: [host.address] })) count++;
      return count;
    };
    const port = /tcp\/(\d+)/.exec(host.node.multiaddrs[0]!)![1];
    const listen = [`/ip4/127.0.0.1/tcp/${port}`];
    await host.restart({ stake: 3_000_000n, listen });
    expect((await balanceOf(chain, host.address)) >> 32n).to.equal(3_000_000n);
    expect(await announced()).to.equal(1);
    await host.restart({ stake: 3_000_000n, listen, policy: { ...policy, region: "elsewhere" } });
    expect(await announced()).to.equal(2);
  });

  it("goes on without the stake that its wallet lacks, once it has deals", async () => {
    const account = await ground.account(3_000_000n);
    const host = await ground.provider({ account, stake: 2_000_000n });
    expect(await failure(host.restart({ stake: 9_000_000n }))).to.include({ code: "InsufficientFunds" });
    await host.restart({ stake: 2_000_000n });
    await Tenant.open(ground, host, { minSectors: 1 });
    await host.restart({ stake: 9_000_000n });
    const chain = await ground.reach(account);
    const epoch = chain.epochs.at(await ground.block()) + 1;
    await ground.to(chain.epochs.gapStart(epoch));
    await ground.until("it proves", () => chain.proven(host.address, epoch));
    expect((await balanceOf(chain, host.address)) >> 32n <= 2_000_000n).to.equal(true);
  });

  it("ends in good order: notice, the last proofs, closed, the money home", async () => {
    const account = await ground.account();
    const host = await ground.provider({ account });
    const tenant = await Tenant.open(ground, host);
    await tenant.revise([{ op: "add", slab: slab(0), length: 1_048_576 }]);
    const chain = await ground.reach(account);
    const { epochs } = chain;
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    await host.restart({ leaving: true });

    const first = await leave(chain);
    const { stopAt } = await tenant.onChain();
    expect(first).to.deep.include({ resigned: 1, closed: 0 });
    expect(first.remaining).to.deep.equal([
      { deal: tenant.deal, provenThrough: stopAt - 1, closesIn: stopAt + PARAMETERS.finalEpochs + 1 },
    ]);
    for (let next = epoch; next < stopAt; next++) {
      await ground.to(epochs.challengeBlock(next));
      await ground.until(`epoch ${next} is proven`, () => chain.proven(host.address, next));
    }
    await ground.to(epochs.start(stopAt + PARAMETERS.finalEpochs + 1));
    await ground.until("all is closed", async () => (await leave(chain)).remaining.length === 0);
    await ground.until("all is home", async () => {
      await leave(chain);
      return (await balanceOf(chain, host.address)) < 1n << 32n;
    });
    expect(await chain.tokenBalance(host.address)).to.be.greaterThan(900_000_000n);
  });

  it("is refused on another chain", async () => {
    expect(await failure(ground.provider({ chainId: 5 }))).to.include({ code: "WrongChain", expected: 5 });
  });
});
