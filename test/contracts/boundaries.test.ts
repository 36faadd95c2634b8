/**
 * The first and the last block of each phase, and what each call makes of it that is not gated (phases.test.ts
 * has those that are): which epoch it counts for, and whether it is taken.
 */
import { expect } from "chai";
import {
  type Agreement,
  compact,
  createWorld,
  delegation,
  LEDGER,
  PARAMETERS,
  type Phases,
  rollBack,
  SCOPES,
  ZERO_ROOT,
  ZERO_SEED,
} from "./fixture.ts";

const world = await createWorld();
const { market, seedSource, alice, bob, stranger } = world;
const PHASES: (keyof Phases)[] = ["first", "commitLast", "gap", "gapLast", "challenge", "prove", "last"];
const IN_COMMIT: (keyof Phases)[] = ["first", "commitLast"];
const IN_PROVE: (keyof Phases)[] = ["prove", "last"];
const BOND = 1_000n;
const { finalEpochs: FINAL, rotateEpochs: ROTATE } = PARAMETERS;

type Attempt = (phase: keyof Phases, epoch: number) => Promise<unknown>;
/** By what is tried: made ready in epoch e - 1, or as many epochs before e as BACK says, then tried in a block of e. */
const CALLS: Record<string, (epoch: number) => Promise<Attempt>> = {
  "recordSeed: only behind the challenge block": async () => async (phase, epoch) => {
    const { challenge, [phase]: block } = world.phases(epoch);
    const header = await world.header(Math.min(challenge, block - 1));
    const call = market.recordSeed(header);
    if (IN_PROVE.includes(phase)) return expect(call).to.emit(market, "SeedRecorded");
    return expect(call).to.be.revertedWithCustomError(seedSource, "SeedSource_NotPast").withArgs(challenge, block);
  },
  "prove: only behind the challenge block, in the very block of its seed": async () => {
    await world.active(2);
    return async (phase, epoch) => {
      if (IN_PROVE.includes(phase)) {
        const calls = await world.seedAndProve(bob);
        return expect(market.multicall(calls)).to.emit(market, "Proven").withArgs(bob.address, epoch, 2);
      }
      const call = market.prove(bob.account, ZERO_SEED, "0x");
      return expect(call).to.be.revertedWithCustomError(market, "Market_SeedUnknown").withArgs(epoch);
    };
  },
  "prove, with nothing to prove: from the gap on": async () => async (phase, epoch) => {
    const call = market.prove(bob.account, ZERO_SEED, "0x");
    if (!IN_COMMIT.includes(phase)) return expect(call).to.emit(market, "Proven").withArgs(bob.address, epoch, 0);
    return expect(call).to.be.revertedWithCustomError(market, "Market_WrongPhase").withArgs(epoch, false);
  },
  "openDeals: the deal starts in e in the commit phase, in e + 1 after it": async () => async (phase, epoch) => {
    const { settledThrough } = await world.deal(await world.open());
    expect(settledThrough).to.equal(IN_COMMIT.includes(phase) ? epoch - 1 : epoch);
  },
  "commit, with nothing to prove: it counts from e, or from e + 1 once that is proven": async () => {
    const deal = await world.open();
    const item = await world.countersigned(deal, await world.revision(deal, 2));
    return async (phase, epoch) => {
      const proven = !IN_COMMIT.includes(phase);
      // In one block: the empty proof opens the gate for the commit behind it.
      const commit = market.interface.encodeFunctionData("commit", [bob.address, [item.item], []]);
      const prove = market.interface.encodeFunctionData("prove", [bob.address, ZERO_SEED, "0x"]);
      await world.as(bob).multicall(proven ? [prove, commit] : [commit]);
      expect((await world.deal(deal)).activeSince).to.equal(proven ? epoch + 1 : epoch);
    };
  },
  "settle: through e - 1": async () => {
    const deal = await world.active(2);
    return (_phase, epoch) =>
      expect(market.settle([deal]))
        .to.emit(market, "Settled")
        .withArgs(deal.id, epoch - 1, 0n);
  },
  "terminate and resign: at e + 1 and the notice": async () => {
    const deals = [await world.active(2), await world.active(2, { position: 1 })] as const;
    return async (_phase, epoch) => {
      const { restore } = await world.connection.networkHelpers.takeSnapshot();
      await expect(world.as(alice).terminate(deals[0]))
        .to.emit(market, "NoticeGiven")
        .withArgs(deals[0].id, 2n, epoch + 3);
      await restore();
      await expect(world.as(bob).resign(deals[1]))
        .to.emit(market, "NoticeGiven")
        .withArgs(deals[1].id, 3n, epoch + 3);
    };
  },
  "terminate: too late in the epoch that a deal ends in": async (epoch) => {
    const deal = await world.active(2, { endEpoch: epoch });
    return () => expect(world.as(alice).terminate(deal)).to.be.revertedWithCustomError(market, "Market_WrongState");
  },
  "challenge: to be answered through e + 1": async () => {
    const deal = await world.active(2);
    return (_phase, epoch) =>
      expect(world.as(alice).challenge(deal, 1))
        .to.emit(market, "Challenged")
        .withArgs(deal.id, alice.address, 1n, epoch + 1);
  },
  "challenge: not where e + 1 is the end": async (epoch) => {
    const deal = await world.active(2, { endEpoch: epoch + 1 });
    return () => expect(world.as(alice).challenge(deal, 1)).to.be.revertedWithCustomError(market, "Market_WrongState");
  },
  "answer: in any block of the deadline, and convict in none": async () => {
    const deal = await challenged(2);
    return async (_phase, epoch) => {
      const { restore } = await world.connection.networkHelpers.takeSnapshot();
      await expect(market.convict(deal))
        .to.be.revertedWithCustomError(market, "Market_NotDue")
        .withArgs(epoch + 1, epoch);
      await restore();
      await expect(market.answer(deal, world.content(deal, 2).answer(1)))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, true, BOND * LEDGER);
    };
  },
  "answer: in no block behind the deadline": async () => {
    const deal = await challenged(2);
    return (_phase, epoch) =>
      expect(market.answer(deal, world.content(deal, 2).answer(1)))
        .to.be.revertedWithCustomError(market, "Market_Expired")
        .withArgs(epoch - 1, epoch);
  },
  "convict, of a deal that is not in the set: in any block behind the deadline": async () => {
    const deal = await challenged(2);
    await world.commitAll([await world.countersigned(deal, await world.revision(deal, 0, { root: ZERO_ROOT }))]);
    return (_phase, epoch) =>
      expect(market.convict(deal)).to.emit(market, "Stopped").withArgs(deal.id, 6n, epoch, anything);
  },
  "close: in no block of stopAt + FINAL": async () => {
    const deal = await left();
    return async () => expect(await world.skipped(market.close([deal]))).to.deep.equal([[0, "Market_NotDue"]]);
  },
  "close: in any block after it": async () => {
    const deal = await left();
    return () => expect(market.close([deal])).to.emit(market, "Closed");
  },
  "a delegate: in no block of its untilEpoch": async (epoch) => {
    const deal = await reading(epoch);
    return async () => expect(await world.skipped(redeem(deal))).to.deep.equal([[0, "Market_WrongSigner"]]);
  },
  "a delegate: in any block before it": async (epoch) => {
    const deal = await reading(epoch + 1);
    return () => expect(redeem(deal)).to.emit(market, "Redeemed");
  },
  "revoke: from e + 2": async (epoch) => {
    await reading(epoch + 9);
    return () =>
      expect(world.as(alice).revoke(stranger.key.address))
        .to.emit(market, "Revoked")
        .withArgs(alice.address, stranger.key.address, epoch + 2);
  },
  "setSigner: ROTATE epochs from e": async () => (_phase, epoch) =>
    expect(world.as(bob).setSigner(stranger.key))
      .to.emit(market, "SignerAnnounced")
      .withArgs(bob.address, anything, epoch + ROTATE),
  "a new signer: in every block of its first epoch": async () => {
    await world.as(bob).setSigner(stranger.key);
    return async () => world.open({}, { host: { ...bob, key: stranger.key } });
  },
};
const anything = () => true;

const BACK: Record<string, number> = {
  "answer: in no block behind the deadline": 2,
  "convict, of a deal that is not in the set: in any block behind the deadline": 2,
  "close: in no block of stopAt + FINAL": FINAL,
  "close: in any block after it": FINAL + 1,
  "a new signer: in every block of its first epoch": ROTATE,
};

async function challenged(sectors: number): Promise<Agreement> {
  const deal = await world.active(sectors);
  await world.as(alice).challenge(deal, 1);
  return deal;
}
/** A deal that stopped at once. */
async function left(): Promise<Agreement> {
  const deal = await world.active(2);
  await world.as(bob).abandon(deal);
  return deal;
}
async function reading(until: number): Promise<Agreement> {
  await world.as(alice).authorize(stranger.key.address, delegation(SCOPES.READ, until, { egressCap: 9n * LEDGER }));
  return world.open({}, { egress: 9n });
}
async function redeem(deal: Agreement) {
  const voucher = { deal: deal.id, cumulative: 5n };
  const signature = compact(await world.sign(stranger.key, "Voucher", voucher));
  return market.redeem([{ provider: deal.provider, slot: deal.slot, voucher, signature }]);
}

describe("boundary blocks", () => {
  rollBack(world);

  for (const [name, prepare] of Object.entries(CALLS)) {
    describe(name, () => {
      for (const phase of PHASES) {
        it(`block '${phase}'`, async () => {
          const back = BACK[name] ?? 1;
          const epoch = (await world.epoch()) + back;
          const attempt = await prepare(epoch);
          await world.to(phase, epoch);
          await attempt(phase, epoch);
        });
      }
    });
  }
});
