import { expect } from "chai";
import { bytesToHex } from "viem";
import { decodeAnnouncement, encodeAnnouncement } from "../../src/protocol/Announcement.ts";
import { boundsOf, policyOf, relayOf } from "../../src/provider-node/pricing/Prices.ts";
import { complete, parse } from "../../src/provider-node/Settings.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { dial, Ground, type Host, PARAMETERS, policy, Tenant } from "./Ground.ts";

const UNIT = 1n << 32n;

describe("a price that follows the market's", function () {
  this.timeout(120_000);
  let ground: Ground;

  beforeEach(async () => {
    ground = await Ground.create();
  });

  afterEach(() => ground.end());

  const host = (rate: bigint, more = {}): Promise<Host> => ground.provider({ policy: { ...policy, rate }, ...more });

  /** A host that holds so many sectors. */
  async function seller(rate: bigint, sectors: number): Promise<Host> {
    const one = await host(rate);
    const tenant = await Tenant.open(ground, one, { rate });
    const steps = Array.from(
      { length: sectors },
      (_, sequence) => ({ op: "add", slab: slab(sequence), length: 32 }) as const,
    );
    await tenant.revise(steps);
    const { epochs } = tenant.market;
    await ground.to(epochs.start(epochs.at(await ground.block()) + 1) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === sectors);
    return one;
  }

  async function asked(of: Host): Promise<bigint> {
    const wire = await dial(ground, of);
    return (await wire.ask({})).rate;
  }

  const nextEpoch = async (): Promise<void> => {
    const { epochs } = await ground.reach(await ground.account());
    await ground.to(epochs.start(epochs.at(await ground.block()) + 1));
    await ground.rest();
  };

  it("is what half of all sectors are held for, and announced when it changes", async () => {
    await seller(2_000n * UNIT, 1);
    await seller(3_000n * UNIT, 3);
    const swarm = await Promise.all([1, 2, 3, 4].map(() => host(1n * UNIT)));
    expect(swarm).to.have.length(4);
    const follower = await host(1_000n * UNIT, { follow: { leastRate: 1n, mostRate: 10_000n * UNIT } });
    await ground.mine();
    await ground.until("it follows", async () => (await asked(follower)) === 3_000n * UNIT);
    const chain = await ground.reach(await ground.account());
    await ground.until("it says so", async () => {
      const { data } = (await chain.announcements()).get(follower.address)!;
      return decodeAnnouncement(Buffer.from(data.slice(2), "hex")).rate === 3_000n * UNIT;
    });
    // Its stake stands for every price that it may come to ask.
    expect((await chain.provider(follower.address)).penaltyRate).to.equal(10_000n * UNIT);
    await Tenant.open(ground, follower, { rate: 3_000n * UNIT });
    expect(await failure(Tenant.open(ground, follower, { rate: 2_999n * UNIT }))).to.include({ code: "PriceTooLow" });
  });

  it("stays within its bounds, from the start and whatever others ask", async () => {
    const [dear, cheap] = await Promise.all([
      host(1n * UNIT, { follow: { leastRate: 2_500n * UNIT, mostRate: 5_000n * UNIT } }),
      host(1n * UNIT, { follow: { leastRate: 500n * UNIT, mostRate: 1_500n * UNIT } }),
    ]);
    expect(await asked(dear)).to.equal(2_500n * UNIT);
    expect(await asked(cheap)).to.equal(500n * UNIT);
    await seller(2_000n * UNIT, 2);
    await nextEpoch();
    await ground.until("it follows", async () => (await asked(cheap)) === 1_500n * UNIT);
    expect(await asked(dear)).to.equal(2_500n * UNIT);
  });

  it("is not moved by announcements that no deal could be opened at, or that are none", async () => {
    await seller(2_000n * UNIT, 1);
    const liar = await seller(2_000n * UNIT, 9);
    const market = await ground.reach(liar.config.account as `0x${string}`);
    const lie = {
      v: 1,
      addrs: ["/ip4/127.0.0.1/tcp/1"],
      peerId: liar.node.peerId,
      region: "",
      operator: "",
      freeSectors: 0,
    };
    await market.announce(bytesToHex(encodeAnnouncement({ ...lie, v: 1, rate: 9_000n * UNIT, egressRate: 0n })));
    const follower = await host(1_000n * UNIT, { follow: { leastRate: 1n, mostRate: 10_000n * UNIT } });
    await (await ground.reach(follower.config.account as `0x${string}`)).announce("0x1234");
    await nextEpoch();
    await ground.until("it follows", async () => (await asked(follower)) === 2_000n * UNIT);
  });

  it("stays as it is while nobody else stores", async () => {
    await host(9_000n * UNIT);
    const follower = await host(1_000n * UNIT, { follow: { leastRate: 1n, mostRate: 10_000n * UNIT } });
    await nextEpoch();
    expect(await asked(follower)).to.equal(1_000n * UNIT);
  });
});

describe("the settings of a price", () => {
  const place = {
    ...{ rpc: "http://127.0.0.1:1", "chain-id": 1, operator: "me" },
    ...{ market: "0x1111111111111111111111111111111111111111", address: "0x1111111111111111111111111111111111111111" },
  };
  const settings = (values: object) => complete(parse({ ...place, ...values }, (name) => name));
  const refused = async (values: object) => failure((async () => boundsOf(settings(values), 6))());
  const market = { "price-policy": "market" };

  it("bound it where it follows the market, and only there", async () => {
    const { rate } = policyOf(settings({ price: "2" }), { ...PARAMETERS } as never, 6);
    expect(boundsOf(settings({ ...market, "price-min": "2", "price-max": "4" }), 6)).to.deep.equal({
      ...{ leastRate: rate, mostRate: (4_000_000n * UNIT * 1_048_576n) / 10n ** 12n / 30n },
    });
    expect(boundsOf(settings({ "price-min": "2" }), 6)).to.equal(undefined);
    expect(await refused(market)).to.include({ code: "BadArgument", name: "price-min" });
    expect(await refused({ ...market, "price-min": "2" })).to.include({ name: "price-max" });
    expect(await refused({ ...market, "price-min": "2", "price-max": "1" })).to.include({
      name: "price-max",
      value: "1",
    });
  });

  it("have a tip for a relay, and a relay for a tip", async () => {
    const refusedRelay = async (values: object) => failure((async () => relayOf(settings(values), 6))());
    const url = "http://127.0.0.1:4100";
    expect(relayOf(settings({ relay: url, tip: "0.01" }), 6)).to.deep.equal({ url, tip: 10_000n * UNIT });
    expect(relayOf(settings({}), 6)).to.equal(undefined);
    expect(await refusedRelay({ relay: url })).to.include({ code: "BadArgument", name: "tip" });
    expect(await refusedRelay({ tip: "0.01" })).to.include({ code: "BadArgument", name: "relay" });
  });
});
