/**
 * Misses are told from the public record when they are asked for: of each epoch that is over, with what was held in it
 * (INV-7). Beside them plain counts, epoch by epoch.
 */
import { expect } from "chai";
import { toBeHex } from "ethers";
import {
  type Agreement,
  createWorld,
  PARAMETERS,
  PENALTY_RATE,
  rollBack,
  type World,
  ZERO_ROOT,
  ZERO_SEED,
} from "./fixture.ts";
import { standingOf } from "./storage.ts";

const SHORT = { epochBlocks: 20, commitBlocks: 6, gapBlocks: 2 };
const WORD = 256; // epochs in one word of the record
const COVER = PARAMETERS.coverEpochs;
/** Of a cover that bears whatever these tests miss, and of one that does not. */
const patient = await createWorld({ parameters: { ...SHORT, coverEpochs: 1_000 }, stake: 10_000_000_000n });
const strict = await createWorld({ parameters: SHORT });

async function emptied(world: World, deal: Agreement): Promise<void> {
  const revision = await world.revision(deal, 0, { root: ZERO_ROOT });
  expect(await world.skipped(world.commitAll([await world.countersigned(deal, revision)]))).to.deep.equal([]);
}

/** The provider's count, and each deal's, as they stand in the first block of the epoch that begins now. */
async function counts(world: World, ...deals: Agreement[]): Promise<number[]> {
  await world.token.mint(world.alice.account, 1n);
  const { missCount } = await world.market.providerOf(world.bob.address);
  const misses = await Promise.all(deals.map(async (deal) => (await world.deal(deal)).misses));
  return [missCount, ...misses].map(Number);
}

describe("misses", () => {
  describe("given a cover that bears them", () => {
    const world = patient;
    const { market, alice, bob } = world;
    rollBack(world);
    const ending = { endEpoch: 2_000 };

    /** One epoch after the other, proven or not; after each the counts are those of a list. */
    async function lived(pattern: string, deals: Agreement[]): Promise<void> {
      const before = await counts(world, ...deals);
      let missed = 0;
      for (const each of pattern) {
        if (each === "p") await world.live(bob);
        else await world.miss();
        if (each !== "p") missed++;
        const expected = before.map((count) => count + missed);
        expect(await counts(world, ...deals), `epoch ${(await world.epoch()) - 1}`).to.deep.equal(expected);
      }
    }

    for (const pattern of ["pppppp", "pmpmpm", "mpmpmp", "mmmmmm", "ppmmpp", "mmppmm", "pmmmmp", "mppppm"]) {
      it(`are counted across a word's edge: ${pattern}`, async () => {
        await world.start(WORD - 3);
        const deal = await world.active(2, ending);
        await lived(pattern, [deal]);
        await lived("mp", [deal]);
      });
    }

    it("are counted in any proof's order, of deals that came at other times", async () => {
      const deals = [await world.active(2, ending)];
      await lived("mpm", deals);
      deals.push(await world.active(1, ending));
      await lived("ppmm", deals);
      await world.prove(bob);
      const late = await world.open(ending);
      await world.commit(late, 3); // from the next epoch on
      await world.start();
      expect(await counts(world, ...deals, late)).to.deep.equal([4, 4, 2, 0]);
      await lived("mpm", [...deals, late]);
      expect(await counts(world, ...deals, late)).to.deep.equal([6, 6, 4, 2]);
    });

    it("are counted over words that nobody wrote, and once only", async () => {
      await world.start(WORD - 1);
      const deal = await world.active(2, ending);
      await world.miss(2 * WORD + 3);
      expect(await counts(world, deal)).to.deep.equal([2 * WORD + 3, 2 * WORD + 3]);
      await lived("ppm", [deal]);
      await world.commit(deal, 5);
      await lived("mpp", [deal]);
      expect(await counts(world, deal)).to.deep.equal([2 * WORD + 5, 2 * WORD + 5]);
      const missed = BigInt(2 * WORD + 4) * 2n + 5n;
      const { collateral } = await world.deal(deal);
      await market.settle([deal]);
      const full = 8n * PENALTY_RATE * 1_000n;
      expect((await world.deal(deal)).collateral).to.equal(full - missed * PENALTY_RATE);
      expect(collateral).to.equal(full - BigInt(2 * WORD + 4) * 2n * PENALTY_RATE); // that much the commit settled
    });

    it("are none while nothing is held, proven or not, before, between and after", async () => {
      await world.miss(3);
      expect(await counts(world)).to.deep.equal([0]);
      const deal = await world.active(2, ending);
      await lived("mpm", [deal]);
      await emptied(world, deal);
      for (const proven of [false, true, false]) {
        if (proven) {
          await world.to("gap");
          await market.prove(bob.address, ZERO_SEED, "0x");
        }
        await world.miss();
        expect(await counts(world, deal)).to.deep.equal([2, 2]);
      }
      await world.commit(deal, 3);
      await lived("mp", [deal]);
      await world.as(bob).abandon(deal);
      await world.miss(4);
      expect(await counts(world)).to.deep.equal([3]);
    });

    it("are none while nothing is held across a word's edge", async () => {
      await world.start(WORD - 3);
      const deal = await world.active(2, ending);
      await lived("m", [deal]);
      await emptied(world, deal);
      await world.miss(3);
      expect(await counts(world, deal)).to.deep.equal([1, 1]);
      await world.commit(deal, 2);
      await lived("mpmm", [deal]);
    });

    it("of an epoch that was proven empty are none, also where data came in it", async () => {
      const deal = await world.open(ending);
      await world.to("gap");
      await market.prove(bob.address, ZERO_SEED, "0x");
      await world.commit(deal, 2);
      await world.start();
      expect(await counts(world, deal)).to.deep.equal([0, 0]);
      await lived("m", [deal]);
    });

    it("of one deal are not those of another that was emptied meanwhile", async () => {
      const [first, second] = [await world.active(1, ending), await world.active(1, ending)];
      await lived("mm", [first, second]);
      await emptied(world, first);
      await lived("mpm", [second]);
      expect(await counts(world, first)).to.deep.equal([4, 2]);
      await world.commit(first, 2);
      await lived("m", [first, second]);
      expect(await counts(world, first, second)).to.deep.equal([5, 3, 5]);
    });

    it("are told from when the cover is made whole, by a refill or an extension", async () => {
      const [refilled, extended] = [await world.active(1, ending), await world.active(1, ending)];
      await lived("mmp", [refilled, extended]);
      await world.as(bob).refill(refilled);
      expect(await counts(world, refilled, extended)).to.deep.equal([2, 0, 2]);
      await lived("m", [refilled, extended]);
      const { extension, signature } = await world.extension(extended);
      await world.as(alice).extend(extended, extension, signature);
      expect(await counts(world, refilled, extended)).to.deep.equal([3, 1, 0]);
      await lived("mpm", [refilled, extended]);
    });

    it("do not count the epoch that runs, until it is over", async () => {
      const deal = await world.active(2, ending);
      await world.to("last");
      expect(await counts(world, deal)).to.deep.equal([0, 0]);
      expect(await counts(world, deal)).to.deep.equal([1, 1]);
    });
  });

  describe("given a cover of 8", () => {
    const world = strict;
    const { market, bob } = world;
    rollBack(world);

    async function usedUp(deal: Agreement): Promise<void> {
      expect((await counts(world, deal))[1]).to.equal(COVER);
      await expect(world.prove(bob))
        .to.be.revertedWithCustomError(market, "Market_DealNotProvable")
        .withArgs(deal.slot);
      await world.start();
      expect((await world.deal(deal)).misses).to.equal(COVER);
      expect(await world.skipped(world.commit(deal, 3))).to.deep.equal([[0, "Market_WrongState"]]);
      await expect(market.prune([deal])).to.emit(market, "Stopped");
    }

    for (const start of [10, 253, 255, 256, 257]) {
      it(`the ${COVER}th uses it up and no earlier one, from epoch ${start} on, with proofs between`, async () => {
        await world.start(start);
        const deal = await world.active(2, { endEpoch: 400 });
        for (const epochs of [3, 2, 2]) {
          await world.miss(epochs);
          await world.live(bob);
        }
        expect(await counts(world, deal)).to.deep.equal([COVER - 1, COVER - 1]);
        expect(await world.skipped(market.prune([deal]))).to.deep.equal([[0, "Market_NotDue"]]);
        await world.miss();
        await usedUp(deal);
      });
    }

    it("each deal's own: one that came an epoch later is proven once the other is out", async () => {
      const early = await world.active(2);
      await world.miss();
      const late = await world.active(3);
      await world.miss(COVER - 1);
      expect(await counts(world, early, late)).to.deep.equal([COVER, COVER, COVER - 1]);
      expect(await world.skipped(market.prune([early, late]))).to.deep.equal([[1, "Market_NotDue"]]);
      await expect(world.prove(bob))
        .to.emit(market, "Proven")
        .withArgs(bob.address, await world.epoch(), 3);
    });

    it("what was used before a deal was emptied counts once it is filled again", async () => {
      const deal = await world.active(2);
      await world.miss(5);
      await emptied(world, deal);
      await world.miss(4);
      await world.commit(deal, 1);
      await world.miss(2);
      await expect(world.prove(bob)).to.emit(market, "Proven");
      await world.start();
      await world.miss();
      await usedUp(deal);
    });

    it("a deal emptied with its cover used up to the last miss is filled again, and one miss is the end", async () => {
      const deal = await world.active(2);
      await world.miss(COVER - 1);
      await emptied(world, deal);
      await world.commit(deal, 2);
      await world.miss();
      await usedUp(deal);
    });

    it("where the count passes 2^16, of which a deal keeps the lower bits", async () => {
      for (const distance of [1n, 4n, 8n]) {
        const { restore } = await world.connection.networkHelpers.takeSnapshot();
        const { storage, word } = await standingOf(world, bob.address);
        const counted = word + ((1n << 16n) - distance) * (1n << 128n);
        await world.connection.networkHelpers.setStorageAt(await market.getAddress(), storage, toBeHex(counted, 32));
        const deal = await world.active(2);
        const [before] = await counts(world, deal);
        expect(before).to.equal(65_536 - Number(distance));
        await world.miss(COVER - 1);
        await expect(world.prove(bob)).to.emit(market, "Proven");
        await world.start();
        await world.miss();
        expect(await counts(world, deal)).to.deep.equal([before! + COVER, COVER]);
        await usedUp(deal);
        await restore();
      }
    });
  });
});
