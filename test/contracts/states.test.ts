/** Every edge of the diagram above `enum State`, allowed and forbidden: each action in each state. */
import { expect } from "chai";
import { ZeroHash } from "ethers";
import { type Agreement, createWorld, PARAMETERS, rollBack, ZERO_ROOT } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob } = world;

const STATES = ["None", "Open", "Active", "Notice", "Stopped", "Closed"] as const;
const REASONS = ["None", "Ended", "Terminated", "Resigned", "Missed", "Abandoned", "Convicted", "Exhausted"];
const NOTICE = 6;

/** How a deal gets into each state; `Notice` comes with data, and with none. */
const REACHED: Record<string, () => Promise<Agreement>> = {
  Open: () => world.open({ noticeEpochs: NOTICE }),
  Active: () => world.active(2, { noticeEpochs: NOTICE }),
  "Notice with data": async () => {
    const deal = await world.active(2, { noticeEpochs: NOTICE });
    await world.as(alice).terminate(deal);
    return deal;
  },
  "Notice without": async () => {
    const deal = await world.open({ noticeEpochs: NOTICE });
    await world.as(bob).resign(deal);
    return deal;
  },
  Stopped: async () => {
    const deal = await world.active(2, { noticeEpochs: NOTICE });
    await world.as(bob).abandon(deal);
    return deal;
  },
  Closed: async () => {
    const deal = await world.active(2, { noticeEpochs: NOTICE });
    await world.as(bob).abandon(deal);
    await world.start((await world.epoch()) + PARAMETERS.finalEpochs + 1);
    await market.close([deal]);
    return deal;
  },
};

type Call = (deal: Agreement) => Promise<unknown>;

async function extend(deal: Agreement): Promise<unknown> {
  const { extension, signature } = await world.extension(deal);
  return world.as(alice).extend(deal, extension, signature);
}
async function commitNothing(deal: Agreement): Promise<unknown> {
  const revision = await world.revision(deal, 0, { root: ZERO_ROOT });
  return world.commitAll([await world.countersigned(deal, revision)]);
}
const later =
  (epochs: number, call: Call): Call =>
  async (deal) => {
    await world.miss(epochs);
    return call(deal);
  };

/**
 * What an action makes of a deal, by the state it is in, in the order of REACHED: the state (and reason) after it, or
 * the error that refuses it. `same`: allowed, and nothing of state and reason changes.
 */
const W = "Market_WrongState";
const TABLE: [string, Call, [string, string, string, string, string, string]][] = [
  ["commit with sectors", (deal) => world.commit(deal, 3), ["Active", "same", "same", "same", W, W]],
  ["commit without sectors", commitNothing, ["same", "Open", "same", "same", W, W]],
  ["extend", extend, ["same", "same", W, W, W, W]],
  ["refill", (deal) => world.as(bob).refill(deal), ["same", "same", "same", "same", W, W]],
  ["topUp", (deal) => world.as(alice).topUp(deal, 1n, 1n), ["same", "same", "same", "same", "same", W]],
  ["settle", (deal) => market.settle([deal]), ["same", "same", "same", "same", "same", W]],
  ["terminate", (deal) => world.as(alice).terminate(deal), ["Notice Terminated", "Notice Terminated", W, W, W, W]],
  ["resign", (deal) => world.as(bob).resign(deal), ["Notice Resigned", "Notice Resigned", W, W, W, W]],
  [
    "abandon",
    (deal) => world.as(bob).abandon(deal),
    ["Stopped Abandoned", "Stopped Abandoned", "Stopped Abandoned", "Stopped Abandoned", W, W],
  ],
  [
    "terminateMissed at once",
    (deal) => world.as(alice).terminateMissed(deal),
    [W, "Market_NotDue", "Market_NotDue", W, W, W],
  ],
  [
    "terminateMissed after M missed epochs",
    later(PARAMETERS.missedEpochs, (deal) => world.as(alice).terminateMissed(deal)),
    [W, "Stopped Missed", "Stopped Missed", W, W, W],
  ],
  [
    "prune before its time",
    (deal) => market.prune([deal]),
    ["Market_NotDue", "Market_NotDue", "Market_NotDue", "Market_NotDue", W, W],
  ],
  [
    "prune once the notice is over",
    later(NOTICE + 1, (deal) => market.prune([deal])),
    ["Market_NotDue", "Market_NotDue", "Stopped Terminated", "Stopped Resigned", W, W],
  ],
  [
    "prune once the cover is used up",
    later(PARAMETERS.coverEpochs, (deal) => market.prune([deal])),
    ["Market_NotDue", "Stopped Exhausted", "Stopped Terminated", "Stopped Resigned", W, W],
  ],
  [
    "prune once the end is there",
    later(51, (deal) => market.prune([deal])),
    ["Stopped Ended", "Stopped Ended", "Stopped Terminated", "Stopped Resigned", W, W],
  ],
  ["close at once", (deal) => market.close([deal]), [W, W, W, W, "Market_NotDue", W]],
  [
    "close FINAL epochs later",
    later(PARAMETERS.finalEpochs + 1, (deal) => market.close([deal])),
    [W, W, W, W, "Closed Abandoned", W],
  ],
  [
    "challenge",
    (deal) => world.as(alice).challenge(deal, 1),
    ["Market_ChunkOutOfRange", "same", "same", "Market_ChunkOutOfRange", W, W],
  ],
  [
    "answer without a challenge",
    (deal) => market.answer(deal, "0x"),
    ["Market_NoChallenge", "Market_NoChallenge", "Market_NoChallenge", "Market_NoChallenge", "Market_NoChallenge", W],
  ],
  [
    "convict without a challenge",
    (deal) => market.convict(deal),
    ["Market_NoChallenge", "Market_NoChallenge", "Market_NoChallenge", "Market_NoChallenge", "Market_NoChallenge", W],
  ],
  [
    "challenge and convict past the deadline",
    async (deal) => {
      await world.as(alice).challenge(deal, 1);
      await world.miss(2);
      return market.convict(deal);
    },
    ["Market_ChunkOutOfRange", "Stopped Convicted", "Stopped Convicted", "Market_ChunkOutOfRange", W, W],
  ],
];
const BATCH = /^(commit|settle|prune|close)/;

async function stateOf(deal: Agreement): Promise<string> {
  const { state, reason } = await world.deal(deal);
  return reason === 0n ? STATES[Number(state)]! : `${STATES[Number(state)]} ${REASONS[Number(reason)]}`;
}

describe("states of a deal", () => {
  rollBack(world);

  for (const [column, [state, reach]] of Object.entries(REACHED).entries()) {
    describe(`given ${state}`, () => {
      for (const [action, call, outcomes] of TABLE) {
        const outcome = outcomes[column]!;
        it(`${action}: ${outcome}`, async () => {
          const deal = await reach();
          const before = await stateOf(deal);
          expect(before).to.match(new RegExp(`^${state.split(" ")[0]}`));
          if (!outcome.startsWith("Market_")) {
            await call(deal);
            expect(await stateOf(deal)).to.equal(outcome === "same" ? before : outcome);
          } else if (BATCH.test(action)) {
            expect(await world.skipped(call(deal) as never)).to.deep.equal([[0, outcome]]);
            expect(await stateOf(deal)).to.equal(before);
          } else {
            await expect(call(deal)).to.be.revertedWithCustomError(market, outcome);
            expect(await stateOf(deal)).to.equal(before);
          }
        });
      }
    });
  }

  describe("given None", () => {
    it("nothing can be done with a deal that was never opened", async () => {
      const deal = { provider: bob.address, slot: 0, id: ZeroHash };
      for (const batch of [market.settle([deal]), market.prune([deal]), market.close([deal])]) {
        expect(await world.skipped(batch)).to.deep.equal([[0, "Market_WrongDeal"]]);
      }
      for (const call of [
        () => world.as(alice).terminate(deal),
        () => world.as(bob).resign(deal),
        () => world.as(bob).abandon(deal),
        () => world.as(bob).refill(deal),
        () => world.as(alice).topUp(deal, 1n, 0n),
        () => market.convict(deal),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(market, "Market_WrongDeal").withArgs(ZeroHash, ZeroHash);
      }
    });
  });
});
