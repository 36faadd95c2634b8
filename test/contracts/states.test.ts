/** Every edge of the diagram above `enum State`, allowed and forbidden: each action in each state. */
import { expect } from "chai";
import { type FunctionFragment, ZeroHash } from "ethers";
import { type Agreement, compact, createWorld, PARAMETERS, rollBack, ZERO_ROOT } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob } = world;

const STATES = ["None", "Open", "Active", "Notice", "Stopped", "Closed"] as const;
const REASONS = ["None", "Ended", "Terminated", "Resigned", "Missed", "Abandoned", "Convicted", "Exhausted"];
const NOTICE = 6;

/** Long notices, and a budget for reading. */
const open = (overrides = {}) => world.open({ noticeEpochs: NOTICE, ...overrides }, { egress: 9n });
async function active(overrides = {}): Promise<Agreement> {
  const deal = await open(overrides);
  await world.commit(deal, 2);
  return deal;
}

/** How a deal gets into each state; `Notice` comes with data, and with none, `Stopped` without a challenge, and with one. */
const REACHED: Record<string, () => Promise<Agreement>> = {
  Open: open,
  Active: active,
  "Notice with data": async () => {
    const deal = await active();
    await world.as(alice).terminate(deal);
    return deal;
  },
  "Notice without": async () => {
    const deal = await open();
    await world.as(bob).resign(deal);
    return deal;
  },
  Stopped: async () => {
    const deal = await active();
    await world.as(bob).abandon(deal);
    return deal;
  },
  Closed: async () => {
    const deal = await active();
    await world.as(bob).abandon(deal);
    await world.start((await world.epoch()) + PARAMETERS.finalEpochs + 1);
    await market.close([deal]);
    return deal;
  },
  "Stopped, challenged": async () => {
    const deal = await active({ endEpoch: (await world.epoch()) + 3 });
    await world.live(bob);
    await world.as(alice).challenge(deal, 1);
    await world.live(bob);
    await world.prove(bob); // its last epoch, and the last to answer in
    await market.prune([deal]);
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
/** Where no challenge is open, one is made. */
async function challenged(deal: Agreement): Promise<void> {
  if ((await world.deal(deal)).challengeDeadline === 0n) await world.as(alice).challenge(deal, 1);
}
async function redeem({ provider, slot, id }: Agreement): Promise<unknown> {
  const voucher = { deal: id, cumulative: 5n };
  const signature = compact(await world.sign(alice.key, "Voucher", voucher));
  return market.redeem([{ provider, slot, voucher, signature }]);
}
async function openInItsSlot({ slot }: { slot: number }): Promise<unknown> {
  return world.openDeals(alice, [await world.item(await world.terms({ slot }), bob.key)], 0);
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
const TAKEN = "Market_SlotTaken";
const TABLE: [string, Call, [string, string, string, string, string, string, string]][] = [
  ["commit with sectors", (deal) => world.commit(deal, 3), ["Active", "same", "same", "same", W, W, W]],
  ["commit without sectors", commitNothing, ["same", "Open", "same", "same", W, W, W]],
  ["extend", extend, ["same", "same", W, W, W, W, W]],
  ["refill", (deal) => world.as(bob).refill(deal), ["same", "same", "same", "same", W, W, W]],
  ["topUp", (deal) => world.as(alice).topUp(deal, 1n, 1n), ["same", "same", "same", "same", "same", W, "same"]],
  ["settle", (deal) => market.settle([deal]), ["same", "same", "same", "same", "same", W, "same"]],
  [
    "terminate",
    (deal) => world.as(alice).terminate(deal),
    ["Notice Terminated", "Notice Terminated", W, "Notice Terminated", W, W, W],
  ],
  ["resign", (deal) => world.as(bob).resign(deal), ["Notice Resigned", "Notice Resigned", W, W, W, W, W]],
  [
    "abandon",
    (deal) => world.as(bob).abandon(deal),
    ["Stopped Abandoned", "Stopped Abandoned", "Stopped Abandoned", "Stopped Abandoned", W, W, W],
  ],
  [
    "terminateMissed at once",
    (deal) => world.as(alice).terminateMissed(deal),
    [W, "Market_NotDue", "Market_NotDue", W, W, W, W],
  ],
  [
    "terminateMissed after M missed epochs",
    later(PARAMETERS.missedEpochs, (deal) => world.as(alice).terminateMissed(deal)),
    [W, "Stopped Missed", "Stopped Missed", W, W, W, W],
  ],
  [
    "prune before its time",
    (deal) => market.prune([deal]),
    ["Market_NotDue", "Market_NotDue", "Market_NotDue", "Market_NotDue", W, W, W],
  ],
  [
    "prune once the notice is over",
    later(NOTICE + 1, (deal) => market.prune([deal])),
    ["Market_NotDue", "Market_NotDue", "Stopped Terminated", "Stopped Resigned", W, W, W],
  ],
  [
    "prune once the cover is used up",
    later(PARAMETERS.coverEpochs, (deal) => market.prune([deal])),
    ["Market_NotDue", "Stopped Exhausted", "Stopped Terminated", "Stopped Resigned", W, W, W],
  ],
  [
    "prune once the end is there",
    later(51, (deal) => market.prune([deal])),
    ["Stopped Ended", "Stopped Ended", "Stopped Terminated", "Stopped Resigned", W, W, W],
  ],
  ["close at once", (deal) => market.close([deal]), [W, W, W, W, "Market_NotDue", W, "Market_ChallengeOpen"]],
  [
    "close FINAL epochs later",
    later(PARAMETERS.finalEpochs + 1, (deal) => market.close([deal])),
    [W, W, W, W, "Closed Abandoned", W, "Market_ChallengeOpen"],
  ],
  [
    "challenge",
    (deal) => world.as(alice).challenge(deal, 1),
    ["Market_ChunkOutOfRange", "same", "same", "Market_ChunkOutOfRange", W, W, "Market_ChallengeOpen"],
  ],
  [
    "answer what is no answer",
    (deal) => market.answer(deal, "0x"),
    [
      "Market_NoChallenge",
      "Market_NoChallenge",
      "Market_NoChallenge",
      "Market_NoChallenge",
      "Market_NoChallenge",
      W,
      "Market_ProofLength",
    ],
  ],
  [
    "convict before it is due",
    (deal) => market.convict(deal),
    [
      "Market_NoChallenge",
      "Market_NoChallenge",
      "Market_NoChallenge",
      "Market_NoChallenge",
      "Market_NoChallenge",
      W,
      "Market_NotDue",
    ],
  ],
  [
    "challenge and convict past the deadline",
    async (deal) => {
      await challenged(deal);
      await world.miss(2);
      return market.convict(deal);
    },
    [
      "Market_ChunkOutOfRange",
      "Stopped Convicted",
      "Stopped Convicted",
      "Market_ChunkOutOfRange",
      W,
      W,
      "Stopped Convicted",
    ],
  ],
  [
    "challenge and answer",
    async (deal) => {
      await challenged(deal);
      return market.answer(deal, world.content(deal, 2).answer(1));
    },
    ["Market_ChunkOutOfRange", "same", "same", "Market_ChunkOutOfRange", W, W, "same"],
  ],
  ["redeem", redeem, ["same", "same", "same", "same", "same", W, "same"]],
  ["prove", () => world.prove(bob), ["same", "same", "same", "same", "same", "same", "Market_AlreadyProven"]],
  ["openDeals in its slot", openInItsSlot, [TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, "Open", TAKEN]],
];
/** Calls whose arguments have a slot, or an id and a signature. */
const NAMES_A_DEAL = /uint16,bytes32|\(uint16|bytes32,uint128/;
const BATCH = /^(commit|settle|prune|close|redeem|openDeals)/;

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
          expect(before).to.match(new RegExp(`^${state.split(/[ ,]/)[0]}`));
          if (!outcome.startsWith("Market_")) {
            const done = call(deal);
            if (BATCH.test(action)) expect(await world.skipped(done as never)).to.deep.equal([]);
            await done;
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
    const deal = { provider: bob.address, slot: 0, id: ZeroHash };

    it("batches skip a deal that was never opened", async () => {
      const terms = await world.terms();
      const never = { ...deal, terms, client: alice, host: bob };
      for (const batch of [
        market.settle([deal]),
        market.prune([deal]),
        market.close([deal]),
        redeem(never) as ReturnType<typeof market.settle>,
        world.commit(never, 2),
      ]) {
        expect(await world.skipped(batch)).to.deep.equal([[0, "Market_WrongDeal"]]);
      }
    });

    it("single calls refuse it", async () => {
      const never = { ...deal, terms: await world.terms(), client: alice, host: bob };
      for (const call of [
        () => extend(never),
        () => world.as(alice).terminate(deal),
        () => world.as(alice).terminateMissed(deal),
        () => world.as(bob).resign(deal),
        () => world.as(bob).abandon(deal),
        () => world.as(bob).refill(deal),
        () => world.as(alice).topUp(deal, 1n, 0n),
        () => world.as(alice).challenge(deal, 0),
        () => market.answer(deal, "0x"),
        () => market.convict(deal),
      ]) {
        await expect(call()).to.be.revertedWithCustomError(market, "Market_WrongDeal").withArgs(ZeroHash, ZeroHash);
      }
    });

    it("openDeals makes it Open", async () => {
      await openInItsSlot(deal);
      expect((await world.deal(deal)).state).to.equal(1n);
    });
  });

  it("every call that names a deal is in the table", () => {
    const named = market.interface.fragments.filter(
      (fragment): fragment is FunctionFragment => fragment.type === "function" && NAMES_A_DEAL.test(fragment.format()),
    );
    const walked = new Set(TABLE.flatMap(([action]) => action.split(" ")));
    const views = ["redeemed"];
    expect(named.map(({ name }) => name).filter((name) => !walked.has(name) && !views.includes(name))).to.deep.equal(
      [],
    );
    expect(named.length).to.be.at.least(12);
  });
});
