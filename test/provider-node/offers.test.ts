import { expect } from "chai";
import { zeroAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { TermsDraft } from "../../src/protocol/Messages.ts";
import { dealId, recoverSigner } from "../../src/protocol/TypedData.ts";
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

  it("are the draft, signed, with a nonce of their own", async () => {
    const [one, other] = [await wire.offer({ terms: draft }), await wire.offer({ terms: draft })];
    expect(one.terms).to.deep.include(draft);
    expect(one.terms.nonce).to.not.equal(other.terms.nonce);
    const id = dealId({ chainId: 31_337, address: ground.market }, one.terms);
    expect(await recoverSigner(id, one.signature)).to.equal(host.address);
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
});
