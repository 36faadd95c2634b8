/** Lives nobody planned: whatever the market lets happen, the auditor comes to the same figures. */
import { expect } from "chai";
import fc from "fast-check";
import { type Agreement, createWorld, LEDGER } from "../contracts/fixture.ts";
import { answer, audited, commitOwn, extend, proveBoth, redeem, ref } from "./History.ts";

const world = await createWorld();
const { market, alice, carol, bob, dave, stranger } = world;

interface Step {
  readonly action: keyof typeof ACTIONS;
  /** Which deal, and how much of what is being done. */
  readonly which: number;
  readonly much: number;
}

type Act = (deal: Agreement, much: number, deals: Agreement[]) => Promise<unknown>;

const ACTIONS = {
  open: async (_deal, much, deals) => {
    const parties = { client: much % 3 ? alice : carol, host: much % 2 ? bob : dave, egress: BigInt(much) };
    deals.push(await world.open({ minSectors: much % 3, capacity: 1 + (much % 9), egressRate: 1n }, parties));
  },
  openHigh: async (_deal, much, deals) => {
    deals.push(await world.open({ slot: much % 25 }, { host: much % 2 ? bob : dave }));
  },
  cancelOffers: (deal) => world.as(deal.host).cancelOffers(),
  commit: (deal, much) => world.commit(deal, much % 7),
  commitOwn: (deal, much) => commitOwn(world, deal, much % 7),
  prove: (_deal, much) => world.prove(much % 2 ? bob : dave),
  proveBoth: () => proveBoth(world),
  nextEpoch: () => world.start(),
  miss: (_deal, much) => world.miss(1 + (much % 4)),
  settle: (_deal, _much, deals) => market.settle(deals.map(ref)),
  settleOne: (deal) => market.settle([ref(deal)]),
  extend: (deal, much) => extend(world, deal, { capacity: 1 + (much % 9) }),
  refill: (deal) => world.as(deal.host).refill(ref(deal)),
  topUp: (deal, much) => world.as(stranger).topUp(ref(deal), BigInt(much), 7n),
  redeem: (deal, much) => redeem(world, deal, deal.client.key, BigInt(much) * LEDGER + 1n),
  terminate: (deal) => world.as(deal.client).terminate(ref(deal)),
  resign: (deal) => world.as(deal.host).resign(ref(deal)),
  abandon: (deal) => world.as(deal.host).abandon(ref(deal)),
  terminateMissed: (deal) => world.as(deal.client).terminateMissed(ref(deal)),
  challenge: (deal, much) => world.as(deal.client).challenge(ref(deal), much),
  answer: async (deal) => answer(world, deal, Number((await world.deal(deal)).challengedChunk)),
  convict: (deal) => market.convict(ref(deal)),
  prune: (_deal, _much, deals) => market.prune(deals.map(ref)),
  close: (_deal, _much, deals) => market.close(deals.map(ref)),
  setSigner: (deal) => world.as(deal.host).setSigner(deal.host.key.address),
  withdraw: (_deal, much) => world.as(much % 2 ? bob : alice).withdraw(much, stranger.address),
} satisfies Record<string, Act>;

/** Commits and proofs keep a market going; without many of them little else is possible. */
const names = Object.keys(ACTIONS) as (keyof typeof ACTIONS)[];
const weighted = [...names, ...names, ...Array<"commit">(8).fill("commit"), ...Array<"proveBoth">(8).fill("proveBoth")];
const steps = fc.array(
  fc.record<Step>({
    action: fc.constantFrom(...weighted, ...Array<"nextEpoch">(8).fill("nextEpoch")),
    which: fc.nat(1_000),
    much: fc.nat(100),
  }),
  { minLength: 120, maxLength: 160, size: "max" },
);

describe("auditing histories nobody planned", () => {
  it("agrees with the market about every figure", async () => {
    let [done, refused] = [0, 0];
    await fc.assert(
      fc.asyncProperty(steps, async (life) => {
        const { restore } = await world.connection.networkHelpers.takeSnapshot();
        const deals: Agreement[] = [];
        for (const host of [bob, dave]) deals.push(await world.active(2, {}, { host }));
        for (const { action, which, much } of life) {
          const act: Act = ACTIONS[action];
          // What the market refuses changes nothing, which is for its own tests.
          await act(deals[which % deals.length]!, much, deals).then(
            () => done++,
            () => refused++,
          );
        }
        const { differences } = await audited(world);
        await restore();
        expect(differences).to.deep.equal([]);
      }),
      { numRuns: 6, endOnFailure: true },
    );
    expect(done).to.be.greaterThan(refused / 3);
  }).timeout(300_000);
});
