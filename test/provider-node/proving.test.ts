import { expect } from "chai";
import { DealState } from "../../src/chain/MarketReader.ts";
import { slab } from "../conformance/Writer.ts";
import { Ground, type Host, Tenant } from "./Ground.ts";

describe("a provider on a chain", function () {
  this.timeout(60_000);
  let ground: Ground;
  let host: Host;

  beforeEach(async () => {
    ground = await Ground.create();
    host = await ground.provider();
  });

  afterEach(() => ground.end());

  it("is registered, staked and announced", async () => {
    const tenant = await Tenant.open(ground, host);
    const { balance } = await tenant.market.account(host.address);
    expect(balance >> 32n).to.equal(500_000_000n);
    const announcements = await tenant.market.announcements();
    expect([...announcements.keys()].map((one) => one.toLowerCase())).to.deep.equal([host.address.toLowerCase()]);
  });

  it("stores, commits, proves and is paid", async () => {
    const tenant = await Tenant.open(ground, host);
    const { epochs } = tenant.market;
    await tenant.revise([
      { op: "add", slab: slab(0), length: 1_048_576 },
      { op: "add", slab: slab(1), length: 65_568 },
    ]);
    let epoch = epochs.at(await ground.block());
    await ground.to(epochs.start(epoch + 1) + 12n);
    epoch += 1;
    await ground.until(
      "the revision is committed",
      async () => (await tenant.onChain()).number === tenant.writer.number,
    );
    expect((await tenant.onChain()).sectors).to.equal(2);
    await ground.to(epochs.challengeBlock(epoch));
    await ground.until("the epoch is proven", () => tenant.market.proven(host.address, epoch));
    await ground.to(epochs.start(epoch + 1));
    await tenant.market.settle([tenant.ref]);
    const { balance } = await tenant.market.account(host.address);
    expect(balance - (500_000_000n << 32n)).to.equal(2n * tenant.terms.rate);
    expect((await tenant.onChain()).state).to.equal(DealState.Active);
  });
});
