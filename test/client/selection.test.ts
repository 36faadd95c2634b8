import { expect } from "chai";
import {
  affordable,
  type Candidate,
  draw,
  largest,
  moderate,
  Spread,
  type Wants,
} from "../../src/client/volumes/Selection.ts";

function candidate(index: number, given: Partial<Candidate> = {}): Candidate {
  return {
    provider: `0x${index.toString(16).padStart(40, "0")}`,
    addresses: [`/ip4/10.0.${index}.1/tcp/4001`],
    operator: `operator ${index}`,
    rate: 100n,
    egressRate: 10n,
    collateral: 1_000n << 32n,
    ageEpochs: 10,
    quality: 1,
    ...given,
  };
}

/** How often each of the candidates is drawn first. */
function firsts(candidates: Candidate[], draws: number): number[] {
  const counts = candidates.map(() => 0);
  for (let time = 0; time < draws; time++) counts[candidates.indexOf(draw(candidates)[0]!)]!++;
  return counts;
}

describe("choosing providers", () => {
  it("takes nobody above 1.25 times the median, for storing or for sending", () => {
    const all = [100n, 100n, 100n, 125n, 126n].map((rate, index) => candidate(index, { rate }));
    expect(affordable(all)).to.deep.equal(all.slice(0, 4));
    const sending = [10n, 10n, 13n].map((egressRate, index) => candidate(index, { egressRate }));
    expect(affordable(sending)).to.deep.equal(sending.slice(0, 2));
  });

  it("passes over who wants more than twice what the middle one does, and grants the rest what the most of them want", () => {
    const wants = (minSectors: number, noticeEpochs: number, bond: number): Wants => {
      return { minSectors, noticeEpochs, answerBond: BigInt(bond) };
    };
    const all = [wants(2, 2, 10), wants(4, 1, 20), wants(1, 4, 5), wants(2, 2, 10)];
    expect(moderate(all)).to.deep.equal(all);
    for (const odd of [wants(5, 2, 10), wants(2, 5, 10), wants(2, 2, 21)]) {
      expect(moderate([...all, odd])).to.deep.equal(all);
    }
    expect(largest(all)).to.deep.equal(wants(4, 4, 20));
    expect(moderate([wants(0, 1, 1), wants(0, 1, 1), wants(1, 1, 1), wants(2, 1, 1)])).to.have.length(3);
    expect(largest([wants(0, 0, 0)])).to.deep.equal(wants(0, 1, 0));
  });

  it("is no race to the bottom: a swarm of cheap newcomers does not get the volume", () => {
    const settled = Array.from({ length: 12 }, (_, index) => candidate(index, { ageEpochs: 180 }));
    const swarm = Array.from({ length: 36 }, (_, index) => candidate(100 + index, { rate: 99n, ageEpochs: 0 }));
    const counts = firsts([...settled, ...swarm], 1_000);
    const ofSwarm = counts.slice(12).reduce((sum, count) => sum + count, 0);
    // 36 of weight 1 against 12 of weight 181: 1.6 %. By price alone it would be all of them.
    expect(ofSwarm).to.be.lessThan(60);
  });

  it("weighs collateral, age up to 180 epochs, and quality", () => {
    const share = (given: Partial<Candidate>) => {
      const [plain = 0, other = 0] = firsts([candidate(0), candidate(1, given)], 3_000);
      return other / (plain + other);
    };
    expect(share({ collateral: 3_000n << 32n })).to.be.within(0.7, 0.8);
    expect(share({ ageEpochs: 32 })).to.be.within(0.7, 0.8);
    expect(share({ quality: 1 / 3 })).to.be.within(0.2, 0.3);
    const [old = 0, older = 0] = firsts([candidate(0, { ageEpochs: 180 }), candidate(1, { ageEpochs: 9_000 })], 3_000);
    expect(older / (old + older)).to.be.within(0.45, 0.55);
  });

  it("gives a volume's positions to different operators and networks", () => {
    const spread = new Spread(false);
    expect(spread.take(candidate(1))).to.equal(true);
    expect(spread.take(candidate(2, { operator: "operator 1" }))).to.equal(false);
    expect(spread.take(candidate(3, { addresses: ["/ip4/10.0.1.77/tcp/1"] }))).to.equal(false);
    const ip6 = (tail: string): Partial<Candidate> => ({ addresses: [`/ip6/2001:db8:1::${tail}/tcp/1`] });
    expect(spread.take(candidate(4, ip6("1")))).to.equal(true);
    expect(spread.take(candidate(5, ip6("2")))).to.equal(false);
    expect(spread.take(candidate(6, { addresses: ["/ip6/2001:db8:2::1/tcp/1"] }))).to.equal(true);
    spread.free(candidate(1));
    expect(spread.take(candidate(2, { operator: "operator 1" }))).to.equal(true);
  });

  it("lets one machine be many hosts only on a local network", () => {
    const local = new Spread(true);
    expect(
      [1, 2].map((index) => local.take(candidate(index, { operator: "", addresses: ["/ip4/127.0.0.1/tcp/1"] }))),
    ).to.deep.equal([true, true]);
    expect(local.take(candidate(1))).to.equal(false);
  });
});
