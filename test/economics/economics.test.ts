/** What rational providers come to against the deployed contracts, and that docs/ECONOMICS.md says so. */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { breakEven, failing, type Measured, measure, type Row } from "./measure.ts";
import { documents } from "./page.ts";
import { GROUPS, honest, RESERVING, SAMPLED } from "./strategies/index.ts";

const MINUTES = 60_000;
/** Of what is exact but for the last bits of a double. */
const ROUNDING = 1e-9;
/** Chi-square of nine figures passes this once in a thousand seeds; the seeds are fixed. */
const CHI_SQUARE = 27.9;
const DEVIATIONS = 4;

describe("the economics of the market", () => {
  let measured: Measured;
  before(async function () {
    this.timeout(8 * MINUTES);
    measured = await measure();
  });

  /** Of the daily preset. */
  const row = (name: string): Row => measured.daily.find(({ strategy }) => strategy.name === name)!;
  const everywhere = () => [["daily", measured.daily] as const, ...measured.others];
  const sampled = () => SAMPLED.map(({ name }) => row(name));
  const deviation = ({ sent, missed, missing, total }: Row) => {
    const share = failing({ missing, total });
    return share === 1 ? missed - sent : (missed - sent * share) / Math.sqrt(sent * share * (1 - share));
  };

  it("honesty earns the rate for every sector and epoch, and loses nothing", () => {
    for (const [parameters, rows] of everywhere()) {
      const { income, lost, net, stored } = rows.find(({ strategy }) => strategy === honest)!;
      expect({ income, lost, net, stored }, parameters).to.deep.equal({ income: 1, lost: 0, net: 1, stored: 1 });
    }
  });

  it("no strategy earns more than honesty, nor more than the rate for what it stores", () => {
    // So none is worth more at any cost of storage up to the rate; beyond it nobody stores, and a deal is not taken.
    for (const [parameters, rows] of everywhere()) {
      const others = rows.filter(({ strategy }) => strategy !== honest && !RESERVING.includes(strategy));
      expect(others.length, parameters).to.be.greaterThan(7);
      const better = others.filter(({ net, stored }) => net > 1 - ROUNDING || net > stored + ROUNDING);
      expect(
        better.map(({ strategy }) => strategy.name),
        parameters,
      ).to.deep.equal([]);
    }
  });

  it("a reservation is paid for though all bytes are refused, which is worth more than honesty", () => {
    // Not a defence but the lack of one: docs/ECONOMICS.md tells of it. A rule against it makes this fail, and the page change.
    const rows = RESERVING.map(({ name }) => row(name));
    for (const { stored, lost } of rows) expect({ stored, lost }).to.deep.equal({ stored: 0, lost: 0 });
    for (const refusing of rows) expect(breakEven(refusing), refusing.strategy.name).to.be.lessThan(1);
    expect(rows.map(({ net }) => net).every((net) => net <= 1)).to.equal(true);
  });

  it("what is missing shows as often as five strata promise", () => {
    for (const tried of sampled()) {
      expect(Math.abs(deviation(tried)), tried.strategy.name).to.be.at.most(DEVIATIONS);
      if (tried.missing === tried.total) expect(tried.missed, tried.strategy.name).to.equal(tried.sent);
    }
    const counted = sampled().filter(({ missing, total }) => missing < total);
    expect(counted).to.have.lengthOf(9);
    expect(counted.reduce((sum, tried) => sum + deviation(tried) ** 2, 0)).to.be.lessThan(CHI_SQUARE);
  });

  it("R missing of T sectors burn (1 - (1 - R/T)^5) x T x P/2 an epoch in the mean, and never less than R x P/2", () => {
    for (const { strategy, missing, total, sent, missed, burntAnEpoch } of sampled()) {
      // How often it is missed is judged above. Each time, all that could be challenged is paid for.
      expect(Math.abs(burntAnEpoch - (missed / sent) * (total / 2)), strategy.name).to.be.lessThan(ROUNDING * total);
      expect(burntAnEpoch, strategy.name).to.be.at.least(missing / 2 - ROUNDING);
    }
  });

  it("once the seed is known, every way out is refused", () => {
    // A way out that is not refused ends the play with an error.
    const tries = ["deletes 1/4, tries to leave after the seed", "9x, own deals try to leave after the seed"];
    for (const name of [...tries, "9x, own deals convicted after a miss"]) {
      expect(row(name).refusals, name).to.be.greaterThan(10);
      expect(row(name).net, name).to.be.lessThan(0);
    }
  });

  it("to stay honest is worth more than to resign, and to resign more than to abandon, be convicted or go dark", () => {
    const [resigned, abandoned] = [row("commits and resigns at once"), row("abandons after its first proof")];
    expect(resigned.net).to.be.lessThan(1).and.greaterThan(abandoned.net);
    const named = "resigns and goes dark; the customer names a chunk";
    for (const name of ["lets itself be convicted", "goes dark until the customer leaves", named]) {
      expect(Math.abs(row(name).lost - abandoned.lost), name).to.be.lessThan(ROUNDING);
    }
    expect(row("resigns and goes dark").lost).to.be.lessThan(abandoned.lost);
  });

  it("every strategy is played, and what is printed is what was played", () => {
    const names = [...GROUPS.values()].flat().map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    expect(measured.daily.map(({ strategy }) => strategy.name)).to.deep.equal(names);
    for (const [path, text] of documents(measured)) {
      expect(readFileSync(path, "utf8") === text, `${path} is stale: npm run economics`).to.equal(true);
    }
  });
});
