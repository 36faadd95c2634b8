/** The gate: which call may write a provider's set in which block of an epoch. Every boundary block, every gated call. */
import { expect } from "chai";
import { type Agreement, createWorld, PARAMETERS, type Phases, rollBack } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob } = world;
const PHASES: (keyof Phases)[] = ["first", "commitLast", "gap", "gapLast", "challenge", "prove", "last"];
const IN_COMMIT = new Set<keyof Phases>(["first", "commitLast"]);

interface Gated {
  /** Leaves a call that applies from `epoch` on, but for the phase, and comes back before that epoch begins. */
  prepare(): Promise<{ deal: Agreement; epoch: number; call(): Promise<unknown> }>;
  event: string;
  /** Batch calls skip, single calls revert. */
  batch: boolean;
  /** What must hold is undone by a proof of the same epoch. */
  undoneByProof?: boolean;
}

const GATED: Record<string, Gated> = {
  commit: {
    event: "Committed",
    batch: true,
    async prepare() {
      const deal = await world.active(2);
      const item = await world.countersigned(deal, await world.revision(deal, 3));
      return { deal, epoch: (await world.epoch()) + 1, call: () => world.commitAll([item]) };
    },
  },
  extend: {
    event: "Extended",
    batch: false,
    async prepare() {
      const deal = await world.active(2);
      const { extension, signature } = await world.extension(deal);
      return { deal, epoch: (await world.epoch()) + 1, call: () => world.as(alice).extend(deal, extension, signature) };
    },
  },
  refill: {
    event: "Refilled",
    batch: false,
    async prepare() {
      const deal = await world.active(2);
      return { deal, epoch: (await world.epoch()) + 1, call: () => world.as(bob).refill(deal) };
    },
  },
  abandon: {
    event: "Stopped",
    batch: false,
    async prepare() {
      const deal = await world.active(2);
      return { deal, epoch: (await world.epoch()) + 1, call: () => world.as(bob).abandon(deal) };
    },
  },
  terminateMissed: {
    event: "Stopped",
    batch: false,
    undoneByProof: true,
    async prepare() {
      const deal = await world.active(2);
      const epoch = (await world.epoch()) + PARAMETERS.missedEpochs;
      await world.to("last", epoch - 1);
      return { deal, epoch, call: () => world.as(alice).terminateMissed(deal) };
    },
  },
  convict: {
    event: "Stopped",
    batch: false,
    async prepare() {
      const deal = await world.active(2);
      await world.as(alice).challenge(deal, 5);
      const epoch = (await world.epoch()) + 2;
      await world.to("last", epoch - 1);
      return { deal, epoch, call: () => market.convict(deal) };
    },
  },
  prune: {
    event: "Stopped",
    batch: true,
    async prepare() {
      const end = (await world.epoch()) + 3;
      const deal = await world.active(2, { endEpoch: end });
      await world.to("last", end - 1);
      return { deal, epoch: end, call: () => market.prune([deal]) };
    },
  },
};

async function refusal(name: string, gated: Gated, call: () => Promise<unknown>, epoch: number) {
  if (gated.batch) {
    expect(await world.skipped(call() as never), name).to.deep.equal([[0, "Market_WrongPhase"]]);
  } else {
    await expect(call()).to.be.revertedWithCustomError(market, "Market_WrongPhase").withArgs(epoch, false);
  }
}

/** Epochs that bob missed with something to prove: each as his set was then. */
async function missCount(): Promise<number> {
  return Number((await market.providerOf(bob.account)).missCount);
}
async function firstBlockOf(epoch: number): Promise<void> {
  await world.start(epoch);
  await world.token.mint(alice.account, 1n);
}
async function inSet(): Promise<boolean> {
  return (await market.providerOf(bob.account)).sectors > 0n;
}

describe("the gate", () => {
  rollBack(world);

  for (const [name, gated] of Object.entries(GATED)) {
    describe(`${name}, given the epoch is not proven`, () => {
      for (const phase of PHASES) {
        const allowed = IN_COMMIT.has(phase);
        it(`${allowed ? "applies to this epoch" : "is refused"} in block '${phase}'`, async () => {
          const since = await world.epoch();
          const { epoch, deal, call } = await gated.prepare();
          await world.to(phase, epoch);
          if (!allowed) return refusal(name, gated, call, epoch);
          await expect(call()).to.emit(market, gated.event);
          if (gated.event === "Stopped") expect((await world.deal(deal)).stopAt).to.equal(epoch);
          expect(await missCount()).to.equal(epoch - since);
          await firstBlockOf(epoch + 1);
          expect(await missCount()).to.equal(epoch - since + ((await inSet()) ? 1 : 0));
        });
      }
    });

    if (name === "prune") continue; // its deal cannot be proved any more: see below
    describe(`${name}, given the epoch is proven`, () => {
      for (const phase of ["prove", "last"] as const) {
        it(`${gated.undoneByProof ? "is not due" : "applies to the next epoch"} in block '${phase}'`, async () => {
          const since = await world.epoch();
          const { epoch, deal, call } = await gated.prepare();
          await world.to("first", epoch);
          await world.prove(bob);
          if (phase === "last") await world.to("last");
          if (gated.undoneByProof) {
            await expect(call())
              .to.be.revertedWithCustomError(market, "Market_NotDue")
              .withArgs(epoch + 1 + PARAMETERS.missedEpochs, epoch + 1);
            return;
          }
          await expect(call()).to.emit(market, gated.event);
          if (gated.event === "Stopped") expect((await world.deal(deal)).stopAt).to.equal(epoch + 1);
          expect(await missCount()).to.equal(epoch - since);
          await firstBlockOf(epoch + 1);
          expect(await missCount()).to.equal(epoch - since);
          await firstBlockOf(epoch + 2);
          expect(await missCount()).to.equal(epoch - since + ((await inSet()) ? 1 : 0));
        });
      }
    });
  }

  describe("prune, given epoch stopAt - 1 is proven", () => {
    it("removes the leaf at once, so that no proof of the next epoch can meet it", async () => {
      const end = (await world.epoch()) + 2;
      const deal = await world.active(2, { endEpoch: end });
      const other = await world.active(3, { position: 1 });
      await world.live(bob, 1);
      await world.prove(bob);
      expect(await world.skipped(market.prune([deal, other]))).to.deep.equal([[1, "Market_NotDue"]]);
      expect(await market.leaves(bob.account, 0, 2)).to.deep.equal([0n, 3n]);
      await world.start();
      await expect(world.prove(bob)).to.emit(market, "Proven").withArgs(bob.address, end, 3);
    });

    it("attack 'ended deals as dilution': unpruned, a proof whose challenge lands there is void", async () => {
      const end = (await world.epoch()) + 1;
      await world.active(8, { endEpoch: end });
      await world.active(1, { position: 1 });
      await world.start();
      await expect(world.prove(bob)).to.be.revertedWithCustomError(market, "Market_DealNotProvable").withArgs(0);
    });

    for (const leave of ["terminate", "resign"] as const) {
      it(`attack 'ended deals as dilution': so is one that meets a deal after its notice (${leave})`, async () => {
        const deal = await world.active(8);
        await world.active(1, { position: 1 });
        await world.as(leave === "terminate" ? alice : bob)[leave](deal);
        const { stopAt } = await world.deal(deal);
        await world.live(bob, Number(stopAt) - (await world.epoch()));
        await expect(world.prove(bob)).to.be.revertedWithCustomError(market, "Market_DealNotProvable").withArgs(0);
      });
    }
  });

  it("attack 'exits after the seed': from the gap to a valid proof no call takes a deal out of the sample", async () => {
    const deal = await world.active(2);
    await world.as(alice).challenge(deal, 3);
    await world.start((await world.epoch()) + 3);
    const epoch = await world.epoch();
    await world.to("prove");
    await world.recordSeed();
    for (const call of [
      () => world.as(bob).abandon(deal),
      () => market.convict(deal),
      () => world.as(alice).terminateMissed(deal),
      () => world.as(bob).refill(deal),
    ]) {
      await expect(call()).to.be.revertedWithCustomError(market, "Market_WrongPhase").withArgs(epoch, false);
    }
    expect(await world.skipped(market.prune([deal]))).to.deep.equal([[0, "Market_WrongPhase"]]);
    expect(await market.leaves(bob.account, 0, 1)).to.deep.equal([2n]);
  });

  it("notice is given in any phase: it changes no leaf", async () => {
    for (const [position, phase] of PHASES.entries()) {
      await world.start();
      const deal = await world.active(1, { position });
      if (phase !== "first") await world.to(phase);
      await expect(world.as(alice).terminate(deal)).to.emit(market, "NoticeGiven");
    }
  });
});

describe("the clock", () => {
  rollBack(world);

  it("begins with the block that the market was deployed in", async () => {
    const { blockNumber } = (await market.deploymentTransaction()!.wait())!;
    expect(await market.genesis()).to.equal(blockNumber);
    expect([...(await market.epochStart(1))][0]).to.equal(blockNumber);
  });

  it("tells each epoch's first block and challenge block", async () => {
    const epoch = await world.epoch();
    const { first, challenge } = world.phases(epoch);
    expect([...(await market.epochStart(epoch))]).to.deep.equal([BigInt(first), BigInt(challenge)]);
  });

  it("begins an epoch with its first block, and ends it with its last", async () => {
    const epoch = (await world.epoch()) + 1;
    const { first, last } = world.phases(epoch);
    for (const [block, expected] of [
      [first - 1, epoch - 1],
      [first, epoch],
      [last, epoch],
      [last + 1, epoch + 1],
    ] as const) {
      await world.reach(block);
      await world.token.mint(alice.account, 1n);
      expect(await market.currentEpoch({ blockTag: block }), `block ${block}`).to.equal(expected);
    }
  });

  describe("a market cannot be deployed", () => {
    const wrong: [string, Partial<typeof PARAMETERS>][] = [
      ["commit, gap >= 1", { commitBlocks: 0 }],
      ["commit, gap >= 1", { gapBlocks: 0 }],
      ["prove >= epoch / 2", { commitBlocks: 47, gapBlocks: 3 }],
      ["prove >= epoch / 2", { commitBlocks: 200 }],
      ["prove <= 8000", { epochBlocks: 8_045 }],
      ["1 <= m <= 4", { multiplier: 0 }],
      ["1 <= m <= 4", { multiplier: 5 }],
      ["COVER >= 2M + EXIT", { coverEpochs: 7 }],
      ["COVER <= 4096", { coverEpochs: 4097 }],
      ["EXIT m < M (1 + m)", { exitEpochs: 6, coverEpochs: 30 }],
      ["EXIT m < M (1 + m)", { multiplier: 4, exitEpochs: 4, coverEpochs: 30 }],
      ["M, FINAL, ROTATE >= 1", { missedEpochs: 0, exitEpochs: 0 }],
      ["M, FINAL, ROTATE >= 1", { finalEpochs: 0 }],
      ["M, FINAL, ROTATE >= 1", { rotateEpochs: 0 }],
      ["FINAL, ROTATE <= 4096", { finalEpochs: 4097 }],
      ["FINAL, ROTATE <= 4096", { rotateEpochs: 4097 }],
      ["1 <= MAX_DEAL_EPOCHS <= 4096", { maxDealEpochs: 0 }],
      ["1 <= MAX_DEAL_EPOCHS <= 4096", { maxDealEpochs: 4097 }],
      ["MIN_COLLATERAL < 2^64", { minCollateral: 1n << 64n }],
    ];
    for (const [relation, parameters] of wrong) {
      it(`with ${Object.entries(parameters).join(", ")}: ${relation}`, async () => {
        const { ethers } = world;
        await expect(
          ethers.deployContract("StorageMarket", [
            { ...PARAMETERS, ...parameters },
            world.token,
            world.seedSource,
            world.forwarder,
          ]),
        )
          .to.be.revertedWithCustomError(market, "Market_WrongParameters")
          .withArgs(ethers.encodeBytes32String(relation));
      });
    }

    it("with any other, such as those at the very edge", async () => {
      for (const edge of [
        { commitBlocks: 46, gapBlocks: 3 },
        { epochBlocks: 8_044 },
        { multiplier: 4, exitEpochs: 3 },
        { coverEpochs: 4096, missedEpochs: 2047 },
        { finalEpochs: 4096, rotateEpochs: 4096 },
        { minCollateral: (1n << 64n) - 1n },
      ]) {
        const parameters = { ...PARAMETERS, coverEpochs: 9, ...edge };
        const edgeMarket = await world.ethers.deployContract("StorageMarket", [
          parameters,
          world.token,
          world.seedSource,
          world.forwarder,
        ]);
        expect(Number((await edgeMarket.getFunction("parameters")()).commitBlocks)).to.equal(parameters.commitBlocks);
      }
    });
  });
});
