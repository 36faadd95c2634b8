/** Every pair of exits of one deal in one epoch, in both orders: what the first one does, and what it leaves to the second. */
import { expect } from "chai";
import { type Agreement, createWorld, LEDGER, PARAMETERS, rollBack } from "./fixture.ts";

const world = await createWorld();
const { market, token, alice, bob } = world;
const BOND = 1_000n;
const STATES = ["None", "Open", "Active", "Notice", "Stopped", "Closed"];
const REASONS = ["", " Ended", " Terminated", " Resigned", " Missed", " Abandoned", " Convicted", " Exhausted"];
const { coverEpochs: COVER, finalEpochs: FINAL } = PARAMETERS;

type Deal = Agreement;
const EXITS = {
  terminate: (deal: Deal) => world.as(alice).terminate(deal),
  resign: (deal: Deal) => world.as(bob).resign(deal),
  terminateMissed: (deal: Deal) => world.as(alice).terminateMissed(deal),
  abandon: (deal: Deal) => world.as(bob).abandon(deal),
  convict: (deal: Deal) => market.convict(deal),
  prune: (deal: Deal) => market.prune([deal]),
  close: (deal: Deal) => market.close([deal]),
};
type Exit = keyof typeof EXITS;
const NAMES = Object.keys(EXITS) as Exit[];

const W = "Market_WrongState";
const [OPEN, NONE, EARLY] = ["Market_ChallengeOpen", "Market_NoChallenge", "Market_NotDue"];
/** Where a deal stands, and what comes of each exit there, in the order of EXITS: another standing, or a refusal. */
const STANDINGS: Record<string, [string, string, string, string, string, string, string]> = {
  // Missed throughout, cover used up, a challenge past its deadline: everything applies.
  Active: [
    "Notice Terminated",
    "Notice Resigned",
    "Stopped Missed",
    "Stopped Abandoned",
    "Stopped Convicted",
    "Stopped Exhausted",
    W,
  ],
  "Notice Terminated": [W, W, "Stopped Missed", "Stopped Abandoned", "Stopped Convicted", "Stopped Exhausted", W],
  "Notice Resigned": [W, W, "Stopped Missed", "Stopped Abandoned", "Stopped Convicted", "Stopped Exhausted", W],
  // Of a deal that holds nothing the client's notice counts at once, also after the provider's.
  Open: ["Notice Terminated, empty", "Notice Resigned, empty", W, "Stopped Abandoned", NONE, EARLY, W],
  "Notice Resigned, empty": ["Notice Terminated, empty", W, W, "Stopped Abandoned", NONE, EARLY, W],
  "Notice Terminated, empty": [W, W, W, "Stopped Abandoned", NONE, EARLY, W],
  // The deals with data, in the epoch that they stop in.
  "Active at its end": [W, W, "Stopped Missed", W, "Stopped Convicted", "Stopped Ended, challenged", W],
  "Notice Terminated at its end": [W, W, "Stopped Missed", W, "Stopped Convicted", "Stopped Terminated, challenged", W],
  "Notice Resigned at its end": [W, W, "Stopped Missed", W, "Stopped Convicted", "Stopped Resigned, challenged", W],
  // Taken out with the challenge open; then FINAL epochs later.
  "Stopped Ended, challenged": [W, W, W, W, "Stopped Convicted", W, OPEN],
  "Stopped Terminated, challenged": [W, W, W, W, "Stopped Convicted", W, OPEN],
  "Stopped Resigned, challenged": [W, W, W, W, "Stopped Convicted", W, OPEN],
  "Stopped Ended, challenged and final": [W, W, W, W, "Stopped Convicted, final", W, OPEN],
  "Stopped Resigned, challenged and final": [W, W, W, W, "Stopped Convicted, final", W, OPEN],
  "Stopped Convicted, final": [W, W, W, W, NONE, W, "Closed Convicted"],
  "Stopped Ended, final": [W, W, W, W, NONE, W, "Closed Ended"],
  "Stopped Resigned, final": [W, W, W, W, NONE, W, "Closed Resigned"],
  ...Object.fromEntries(
    ["Missed", "Abandoned", "Convicted", "Exhausted"].map((reason) => [
      `Stopped ${reason}`,
      [W, W, W, W, NONE, W, EARLY] as [string, string, string, string, string, string, string],
    ]),
  ),
  ...Object.fromEntries(
    ["Convicted", "Ended", "Resigned"].map((reason) => [
      `Closed ${reason}`,
      [W, W, W, W, W, W, W] as [string, string, string, string, string, string, string],
    ]),
  ),
};

/** A deal of three sectors that ends, or was given notice to end, `epochs` from now; challenged, and never proven. */
async function missed(epochs: number, leave: "terminate" | "resign" | undefined, challenged = true): Promise<Deal> {
  const deal = await world.active(
    3,
    leave ? { noticeEpochs: epochs - 1 } : { endEpoch: (await world.epoch()) + epochs },
  );
  if (challenged) await world.as(alice).challenge(deal, 1);
  if (leave) await EXITS[leave](deal);
  return deal;
}
const SITUATIONS: Record<string, () => Promise<Deal>> = { Open: () => world.open({ noticeEpochs: COVER }) };
for (const [name, leave] of [
  ["Active", undefined],
  ["Notice Terminated", "terminate"],
  ["Notice Resigned", "resign"],
] as const) {
  const after = async (deal: Promise<Deal>, epochs: number) => {
    const found = await deal;
    await world.miss(epochs);
    return found;
  };
  SITUATIONS[name] = () => after(missed(COVER + 4, leave), COVER);
  SITUATIONS[`${name} at its end`] = () => after(missed(COVER, leave), COVER);
}
for (const [name, leave, challenged] of [
  ["Stopped Ended, challenged and final", undefined, true],
  ["Stopped Resigned, challenged and final", "resign", true],
  ["Stopped Ended, final", undefined, false],
  ["Stopped Resigned, final", "resign", false],
] as const) {
  SITUATIONS[name] = async () => {
    const deal = await missed(4, leave, challenged);
    await world.miss(4);
    await market.prune([deal]);
    await world.miss(FINAL + 1);
    return deal;
  };
}

async function expectStanding(deal: Deal, standing: string): Promise<void> {
  const { state, reason } = await world.deal(deal);
  expect(`${STATES[Number(state)]}${REASONS[Number(reason)]}`).to.equal(standing.replace(/,.*| at its end/, ""));
}

async function expectRefused(deal: Deal, exit: Exit, error: string): Promise<void> {
  const call = EXITS[exit](deal);
  if (exit === "prune" || exit === "close") expect(await world.skipped(call)).to.deep.equal([[0, error]]);
  else await expect(call).to.be.revertedWithCustomError(market, error).withArgs(deal.id);
}

/** Ledger units that the market holds for somebody; the tokens in it are exactly that. */
async function money(deal: Deal) {
  const { escrow, egress, collateral, challengeDeadline } = await world.deal(deal);
  const [client, host, burnt] = [
    await market.freeBalance(alice.account),
    await market.freeBalance(bob.account),
    await market.burnt(),
  ];
  const bond = challengeDeadline === 0n ? 0n : BOND * LEDGER;
  const others = (await market.freeBalance(world.dave.account)) + burnt;
  expect(client + host + others + escrow + egress + collateral + bond).to.equal(
    (await token.balanceOf(market)) * LEDGER,
  );
  return { client, host, burnt, escrow, collateral, bond };
}

describe("pairs of exits", () => {
  for (const [situation, prepare] of Object.entries(SITUATIONS)) {
    describe(`of a deal that is ${situation}`, () => {
      rollBack(world);
      let deal: Deal;
      beforeEach(async () => {
        deal = await prepare();
      });

      for (const [at, first] of NAMES.entries()) {
        const outcome = STANDINGS[situation]![at]!;
        const standing = outcome.startsWith("Market_") ? situation : outcome;
        it(`${first}: ${outcome}; then each other one finds ${standing}`, async () => {
          if (standing === situation) await expectRefused(deal, first, outcome);
          else await EXITS[first](deal);
          await expectStanding(deal, standing);
          const before = await money(deal);
          const record = await world.deal(deal);
          for (const [next, second] of NAMES.entries()) {
            const { restore } = await world.connection.networkHelpers.takeSnapshot();
            const expected = STANDINGS[standing]![next]!;
            if (expected.startsWith("Market_")) {
              await expectRefused(deal, second, expected);
              expect(await money(deal), second).to.deep.equal(before);
              expect(await world.deal(deal), second).to.deep.equal(record);
            } else {
              await EXITS[second](deal);
              await expectStanding(deal, expected);
              await money(deal);
            }
            await restore();
          }
        });
      }
    });
  }
});
