import { expect } from "chai";
import { zeroAddress, zeroHash } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { DealState } from "../../src/chain/MarketReader.ts";
import type { Terms, TermsDraft } from "../../src/protocol/Messages.ts";
import { recoverSigner, termsDigest } from "../../src/protocol/TypedData.ts";
import { failure } from "../conformance/store.ts";
import { dial, Ground, type Host, PARAMETERS, policy, Tenant } from "./Ground.ts";

describe("offers over the wire", function () {
  this.timeout(60_000);
  let ground: Ground;
  let host: Host;
  let wire: Awaited<ReturnType<typeof dial>>;
  let draft: TermsDraft;

  before(async () => {
    ground = await Ground.create();
    host = await ground.provider({ policy: { ...policy, minSectors: 1 } });
    // A stranger may ask just as well, only not as often.
    wire = await dial(ground, host, await ground.account(0n));
    await wire.hello();
    const { address } = privateKeyToAccount(await ground.account());
    draft = {
      ...{ client: address, clientSigner: address, provider: host.address, volume: 1n, position: 2, k: 4, n: 12 },
      ...{ rate: policy.rate, egressRate: 0n, capacity: 8, minSectors: 1, endEpoch: 30, noticeEpochs: 2 },
      answerBond: policy.answerBond,
    };
  });

  after(() => ground.end());

  it("tell a stranger what it costs and how much there is", async () => {
    const ask = await (await dial(ground, host)).ask({});
    const stake = 500_000_000n << 32n;
    const backed = Number(stake / (policy.rate * BigInt(PARAMETERS.coverEpochs)));
    expect(ask).to.include({ provider: host.address, signer: host.address, rate: policy.rate, minSectors: 1 });
    expect(ask.freeSectors).to.equal(Math.min(1_024, backed));
  });

  it("are the draft, signed, two at once with a slot each", async () => {
    const [one, other] = await Promise.all([wire.offer({ terms: draft }), wire.offer({ terms: draft })]);
    expect(one.terms).to.deep.include({ ...draft, previous: zeroHash, series: 0 });
    expect([one.terms.slot, other.terms.slot]).to.have.members([0, 1]);
    const digest = termsDigest({ chainId: 31_337, address: ground.market }, one.terms);
    expect(await recoverSigner(digest, one.signature)).to.equal(host.address);
  });

  for (const [what, changed, error] of [
    ["a lower price", { rate: policy.rate - 1n }, { code: "PriceTooLow", leastRate: policy.rate }],
    ["a price that its stake does not stand for", { rate: policy.rate + 2n }, { code: "TermsRefused", field: "rate" }],
    ["more than there is", { capacity: 2_000 }, { code: "NoSpace", wantedSectors: 2_000, freeSectors: 1_024 }],
    ["no capacity", { capacity: 0 }, { code: "TermsRefused", field: "capacity" }],
    ["less than the least", { minSectors: 0 }, { code: "TermsRefused", field: "minSectors" }],
    ["a reservation over the capacity", { minSectors: 9 }, { code: "TermsRefused", field: "minSectors" }],
    ["an end that is past", { endEpoch: 1 }, { code: "DurationRefused", endEpoch: 1 }],
    ["an end too far away", { endEpoch: 2_000 }, { code: "DurationRefused", endEpoch: 2_000 }],
    ["a short notice", { noticeEpochs: 1 }, { code: "TermsRefused", field: "noticeEpochs" }],
    ["a notice that the market does not allow", { noticeEpochs: 31 }, { code: "TermsRefused", field: "noticeEpochs" }],
    ["a bond that pays no answer", { answerBond: 999n }, { code: "TermsRefused", field: "answerBond" }],
    ["a bond that the market refuses", { answerBond: 500_001n }, { code: "TermsRefused", field: "answerBond" }],
    ["a position out of range", { position: 12 }, { code: "TermsRefused", field: "position" }],
    ["k over n", { k: 13 }, { code: "TermsRefused", field: "k" }],
    ["another provider", { provider: zeroAddress }, { code: "TermsRefused", field: "provider" }],
    ["no client", { client: zeroAddress }, { code: "TermsRefused", field: "client" }],
    ["no signer", { clientSigner: zeroAddress }, { code: "SignerRefused", signer: zeroAddress }],
  ] as const)
    it(`are refused for ${what}`, async () => {
      expect(await failure(wire.offer({ terms: { ...draft, ...changed } }))).to.include(error);
    });

  it("leave less for the next deal once one is opened, and promise nothing before", async () => {
    await wire.offer({ terms: { ...draft, capacity: 1_000 } });
    expect((await wire.ask({})).freeSectors).to.equal(1_024);
    await Tenant.open(ground, host, { capacity: 1_000, minSectors: 1 });
    await ground.until("it is counted", async () => (await wire.ask({})).freeSectors === 24);
  });

  it("end when the stake is all locked", async () => {
    const poor = await ground.provider({ stake: 1_500_000n });
    await Tenant.open(ground, poor, { capacity: 1 });
    const second = await dial(ground, poor, await ground.account(0n));
    await second.hello();
    await ground.until("the stake is counted", async () => (await second.ask({})).freeSectors === 0);
    const terms = { ...draft, provider: poor.address, capacity: 1 };
    expect(await failure(second.offer({ terms }))).to.include({ code: "NoSpace" });
  });

  it("are none while the provider leaves", async () => {
    const leaver = await ground.provider();
    await leaver.restart({ leaving: true });
    const last = await dial(ground, leaver);
    expect(await failure(last.offer({ terms: { ...draft, provider: leaver.address } }))).to.include({
      code: "NoSpace",
    });
  });

  describe("given slots", () => {
    let landlord: Host;
    let offered: (changes?: Partial<TermsDraft>) => Promise<Terms>;
    beforeEach(async () => {
      landlord = await ground.provider();
      const line = await dial(ground, landlord, await ground.account(0n));
      await line.hello();
      offered = async (changes = {}) =>
        (await line.offer({ terms: { ...draft, provider: landlord.address, ...changes } })).terms;
    });

    it("name the lowest that is free, and a closed deal's with that deal's id before one never used", async () => {
      const { market } = await Tenant.open(ground, landlord);
      const brief = await Tenant.open(ground, landlord, { endEpoch: market.epochs.at(await ground.block()) + 2 });
      const third = await Tenant.open(ground, landlord);
      expect([brief.slot, third.slot]).to.deep.equal([1, 2]);
      const { stopAt } = await brief.onChain();
      for (let epoch = stopAt; epoch <= stopAt + PARAMETERS.finalEpochs + 1; epoch++) {
        await ground.to(market.epochs.start(epoch));
        await ground.rest();
      }
      expect((await brief.onChain()).state).to.equal(DealState.Closed);
      const { number } = await market.block();
      await ground.until("the close is seen", async () => landlord.node.book.seen.number >= number);
      const again = await Tenant.open(ground, landlord);
      expect(again.terms).to.include({ slot: 1, previous: brief.deal });
      expect((await again.onChain()).id).to.equal(again.deal);
      expect(await offered()).to.include({ slot: 3, previous: zeroHash });
    });

    it("share the slots of the oldest once 64 are out, and each has its own again when those are past", async () => {
      const slots: number[] = [];
      for (let count = 0; count < 67; count++) slots.push((await offered()).slot);
      expect(slots).to.deep.equal([...Array.from({ length: 64 }, (_, slot) => slot), 0, 1, 2]);
      const market = await ground.reach(await ground.account());
      await ground.request({ method: "evm_increaseTime", params: [601] } as never);
      await ground.mine();
      const { number } = await market.block();
      await ground.until("the block is seen", async () => landlord.node.book.seen.number >= number);
      expect([(await offered()).slot, (await offered()).slot]).to.deep.equal([0, 1]);
    });

    it("of a series that was cancelled open nothing, and the next name the new one", async () => {
      const account = await ground.account();
      const own = await ground.provider({ account });
      const client = await ground.account();
      const market = await ground.reach(client);
      const line = await dial(ground, own, client);
      const { address } = privateKeyToAccount(client);
      const terms = { ...draft, client: address, clientSigner: address, provider: own.address };
      const old = { ...(await line.offer({ terms })), escrow: 10_000_000n, egress: 0n };
      await (await ground.reach(account)).cancelOffers();
      const { events } = await market.openDeals([old], 0);
      expect(events.map(({ name }) => name)).to.deep.equal(["Skipped"]);
      await ground.until("the new series is offered", async () => (await line.offer({ terms })).terms.series === 1);
      await Tenant.open(ground, own, {}, 0n, client);
    });
  });
});
