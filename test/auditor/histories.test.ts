import { expect } from "chai";
import type { Report } from "../../src/auditor/Report.ts";
import { createWorld, PENALTY_RATE, RATE, rollBack } from "../contracts/fixture.ts";
import { audited, everything } from "./History.ts";

const world = await createWorld();
const { alice, bob, dave } = world;

const KINDS = [
  ...["Registered", "SignerAnnounced", "Announced", "TipSet", "TipPaid", "OffersCancelled", "Deposited", "Withdrawn"],
  ...["Authorized", "Revoked", "VolumeOpened", "DealOpened"],
  ...["Committed", "SeedRecorded", "Proven", "Settled", "Extended", "Refilled"],
  ...["ToppedUp", "NoticeGiven", "Stopped", "Closed", "Redeemed", "Challenged", "ChallengeClosed", "Skipped"],
];

const of = (report: Report, { address }: { address: string }) =>
  report.providers.find(({ provider }) => provider === address)!;

describe("auditing histories that kept the rules", () => {
  rollBack(world);

  it("finds nothing in one with every kind of event", async () => {
    await everything(world);
    const kinds = new Set<string>();
    for (const log of await world.market.queryFilter("*" as never, 0)) {
      kinds.add(world.market.interface.parseLog(log)?.name ?? "");
    }
    expect(KINDS.filter((kind) => !kinds.has(kind))).to.deep.equal([]);
    const report = await audited(world);
    expect(report.differences).to.deep.equal([]);
    expect(report.ok).to.equal(true);
    expect(report.checked.proofs).to.be.greaterThan(10);
    expect(report.checked.challenges).to.be.greaterThan(50);
  });

  it("finds nothing in a market where nothing happened", async () => {
    const report = await audited(world);
    expect(report).to.include({ ok: true, epoch: 1, burnt: "0" });
    expect(of(report, bob)).to.include({ sectors: 0, proven: 0, missed: 0 });
  });

  describe("given a provider that proves, misses and pays", () => {
    it("tells its record, what it earned and what it lost", async () => {
      const deal = await world.active(3, { minSectors: 4 });
      await world.live(bob, 2);
      await world.miss(2);
      await world.live(bob, 1);
      await world.market.settle([{ provider: bob.address, slot: deal.slot, id: deal.id }]);
      const report = await audited(world);
      expect(report.differences).to.deep.equal([]);
      const penalties = 2n * 3n * PENALTY_RATE;
      expect(of(report, bob)).to.deep.include({
        sectors: 3,
        firstEpoch: 2,
        proven: 3,
        missed: 2,
        empty: 0,
        missedEpochs: [4, 5],
        earned: `${3n * 4n * RATE}`,
        penalties: `${penalties}`,
      });
      expect(report.burnt).to.equal(`${penalties / 2n}`);
      expect(of(report, dave)).to.include({ proven: 0, missed: 0, empty: 0 });
    });
  });

  describe("given an epoch in which the set became empty and full again", () => {
    it("tells epochs without sectors from missed ones", async () => {
      const deal = await world.active(1);
      await world.live(bob);
      await world.commit(deal, 0);
      await world.start();
      await world.commit(deal, 2);
      await world.live(bob);
      const report = await audited(world);
      expect(report.differences).to.deep.equal([]);
      expect(of(report, bob)).to.include({ proven: 2, missed: 0, empty: 1 });
    });
  });

  describe("given a signer that was rotated", () => {
    it("knows who signed when", async () => {
      const deal = await world.active(1);
      await world.as(bob).setSigner(dave.key.address);
      await world.live(bob, 2);
      await world.commit({ ...deal, host: { ...bob, key: dave.key } }, 2);
      await world.open({}, { host: { ...bob, key: dave.key } });
      expect((await audited(world)).differences).to.deep.equal([]);
    });
  });

  describe("given penalties that reach the end of the collateral", () => {
    it("agrees about the last, smaller one", async () => {
      const deal = await world.active(8);
      await world.miss(12);
      await world.market.settle([{ provider: bob.address, slot: deal.slot, id: deal.id }]);
      const report = await audited(world);
      expect(report.differences).to.deep.equal([]);
      expect(of(report, bob).penalties).to.equal(`${8n * 8n * PENALTY_RATE}`);
    });
  });

  describe("given tokens that somebody sent to the market by mistake", () => {
    it("finds nothing wrong with having more", async () => {
      await world.token.connect(alice.account).transfer(world.market, 12n);
      expect((await audited(world)).differences).to.deep.equal([]);
    });
  });
});
