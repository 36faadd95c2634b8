/**
 * Random histories of a market: every call's events or refusal, every figure, sum and proof beside a reference that is
 * nothing but PROTOCOL's words; then the same history judged by the auditor, which knows neither of them.
 * SUBLET_SEED repeats the histories of a failure.
 */
import { randomInt } from "node:crypto";
import { expect } from "chai";
import { audited } from "../auditor/History.ts";
import { PARAMETERS } from "../contracts/fixture.ts";
import { Game } from "./Game.ts";

const HISTORIES = 4;
const MOVES = 2_510;
const PATIENCE_MS = 300_000;
/** Calls that revert where they do not apply, unless nothing can be wrong with them; and those that go on. */
const SINGLE = [
  ...["withdraw", "authorize", "openDeals", "extend", "refill", "topUp", "commit", "recordSeed", "prove"],
  ...["terminate", "resign", "terminateMissed", "abandon", "challenge", "answer", "convict"],
];
const LENIENT = [
  ...["deposit", "revoke", "setSigner", "setTip", "cancelOffers"],
  ...["settle", "redeem", "proveMany", "prune", "close"],
];
/** Events of before the first move, one that says nothing about the market, and one that counts as the error it tells. */
const AT_SETTING_UP = ["Registered", "Announced", "Skipped"];
const SEED = Number(process.env.SUBLET_SEED ?? randomInt(2 ** 31));

describe(`random histories, SUBLET_SEED=${SEED}`, function () {
  this.timeout(PATIENCE_MS);
  const games: Game[] = [];

  for (let history = 0; history < HISTORIES; history++) {
    it(`history ${history + 1}: market, reference and auditor agree about ${MOVES} calls`, async () => {
      const game = await Game.begin(SEED + history);
      games.push(game);
      await game.play(MOVES);
      const { differences, checked } = await audited(game.world);
      expect(differences, `seed ${SEED + history}`).to.deep.equal([]);
      expect(checked.proofs).to.be.greaterThan(0);
    });
  }

  it("come to 10,000 calls, of every kind, taken and refused, with every kind of event", () => {
    const reached = (what: keyof Game["reached"]) => [...new Set(games.flatMap((game) => [...game.reached[what]]))];
    const [errors, events] = [/^(Market|SeedSource)_/, games[0]!.world.market.interface];
    expect(games.reduce((sum, { played }) => sum + played, 0)).to.be.at.least(10_000);
    expect(reached("taken")).to.have.members([...SINGLE, ...LENIENT]);
    expect(reached("refused")).to.include.members(SINGLE);
    const said = new Set(reached("said"));
    const unheard: string[] = [];
    events.forEachEvent(({ name }) => said.has(name) || unheard.push(name));
    expect(unheard).to.have.members(AT_SETTING_UP);
    expect([...said].filter((name) => errors.test(name))).to.have.length.of.at.least(24);
  });

  describe("are told apart from a reference that", () => {
    const misread = {
      "takes the commit phase for a block shorter": { commitBlocks: 6 },
      "locks a base unit more": { minCollateral: PARAMETERS.minCollateral + 1n },
    };
    for (const [what, rules] of Object.entries(misread)) {
      it(`${what}, and the failure names the seed`, async () => {
        const game = await Game.begin(SEED, rules);
        const failure = await game.play(MOVES).catch((thrown: Error) => thrown);
        expect(failure)
          .to.be.instanceOf(Error)
          .with.property("message")
          .that.matches(new RegExp(`^seed ${SEED}, move `));
      });
    }
  });
});
