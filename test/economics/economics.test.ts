/** What rational providers come to against the deployed contracts, and that docs/ECONOMICS.md says so. */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { PRESETS } from "../../scripts/deployment/parameters.ts";
import { mostReserved } from "../../src/client/volumes/Selection.ts";
import { breakEven, failing, type Measured, measure, type Row } from "./measure.ts";
import { documents } from "./page.ts";
import { termLength } from "./Season.ts";
import { GROUPS, honest, RESERVING, SAMPLED } from "./strategies/index.ts";
import { CUSTOMER_SECTORS } from "./Term.ts";

const MINUTES = 60_000;
/** Of what is exact but for the last bits of a double. */
const ROUNDING = 1e-9;
/** Chi-square of nine figures passes this once in a thousand seeds; the seeds are fixed. */
const CHI_SQUARE = 27.9;
const DEVIATIONS = 4;
/** Of the rate: what is reserved of a deal at most is paid for without being stored. */
const HONEST_UP_TO = 31 / 32;

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

  it("no strategy earns more than honesty, nor is worth more while storing costs less than 31/32 of what it is paid", () => {
    for (const [parameters, rows] of everywhere()) {
      const others = rows.filter(({ strategy }) => strategy !== honest);
      expect(others.length, parameters).to.be.greaterThan(7);
      const better = others.filter((row) => row.net > 1 - ROUNDING || breakEven(row) < HONEST_UP_TO);
      expect(
        better.map(({ strategy }) => strategy.name),
        parameters,
      ).to.deep.equal([]);
    }
  });

  it("only what is paid for a reservation is more than the rate for what is stored", () => {
    // So no other one is worth more at any cost of storage up to the rate; beyond it nobody stores, and no deal is taken.
    for (const [parameters, rows] of everywhere()) {
      const more = rows.filter(({ net, stored }) => net > stored + ROUNDING).map(({ strategy }) => strategy);
      expect(more, parameters).to.have.members(parameters === "daily" ? RESERVING : []);
    }
  });

  it("refused bytes are paid for in one epoch: the customer's notice ends the reservation", () => {
    const share = mostReserved(CUSTOMER_SECTORS) / CUSTOMER_SECTORS;
    const term = termLength(PRESETS.daily);
    const { net, lost } = row("refuses all bytes; 1 of 40 sectors reserved");
    expect(Math.abs(net - share / term)).to.be.lessThan(ROUNDING);
    expect(lost).to.equal(0);
    expect(Math.abs(row("takes no bytes; the customer never leaves").net - share)).to.be.lessThan(ROUNDING);
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
