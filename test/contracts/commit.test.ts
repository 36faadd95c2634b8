/** Countersigned revisions on chain: which one counts, from when, and what it needs. */
import { expect } from "chai";
import { id, TypedDataEncoder, type Wallet, ZeroHash } from "ethers";
import { TYPES } from "../../src/protocol/TypedData.ts";
import {
  type Agreement,
  type Compact,
  type Countersigned,
  compact,
  createWorld,
  delegation,
  LEDGER,
  NO_HEAD,
  PARAMETERS,
  type Party,
  PENALTY_RATE,
  RATE,
  type Revision,
  rollBack,
  ZERO_ROOT,
} from "./fixture.ts";
import { inUpperHalf, MALFORMED } from "./signatures.ts";

const world = await createWorld();
const { market, alice, carol, bob, dave, stranger } = world;

async function commitSkips(deal: Agreement, revision: Revision) {
  return world.skipped(world.commitAll([await world.countersigned(deal, revision)]));
}

const wrong = [[0, "Market_WrongSigner"]];

/** The same with another signature for the client's. */
function signedBy({ item, ...rest }: Countersigned, signature: Compact): Countersigned {
  return { ...rest, item: { ...item, signature } };
}

/** A key, able to send. */
async function asAccount(key: Wallet): Promise<Party> {
  await world.connection.networkHelpers.setBalance(key.address, 10n ** 20n);
  return { account: await world.ethers.getImpersonatedSigner(key.address), address: key.address, key };
}

async function unassented(call: () => Promise<unknown>): Promise<void> {
  await expect(call())
    .to.be.revertedWithCustomError(market, "Market_BadTerms")
    .withArgs(world.ethers.encodeBytes32String("assents"));
}

async function leaf(deal: Agreement): Promise<bigint> {
  return (await market.leaves(deal.provider, deal.slot, 1))[0]!;
}

describe("commit", () => {
  rollBack(world);

  describe("given an open deal", () => {
    let deal: Agreement;
    let epoch: number;
    beforeEach(async () => {
      deal = await world.open();
      epoch = await world.epoch();
    });

    it("records root, count and number for both parties' assent, whoever sends it", async () => {
      const head = id("head");
      const revision = await world.revision(deal, 3, { head });
      const { item, assent } = await world.countersigned(deal, revision);
      await expect(world.as(stranger).commit(bob.address, [item], [assent]))
        .to.emit(market, "Committed")
        .withArgs(deal.id, revision.number, revision.root, 3, head, 0n);
      const { root, sectors, number, state, activeSince } = await world.deal(deal);
      expect({ root, sectors, number, state, activeSince }).to.deep.equal({
        root: revision.root,
        sectors: 3n,
        number: revision.number,
        state: 2n,
        activeSince: BigInt(epoch),
      });
      expect(await leaf(deal)).to.equal(3n);
      expect((await market.providerOf(bob.account)).sectors).to.equal(3n);
    });

    it("takes effect in the next epoch once this one is proven", async () => {
      await world.to("gap");
      await world.prove(bob);
      const revision = await world.revision(deal, 3);
      await expect(world.commitAll([await world.countersigned(deal, revision)]))
        .to.emit(market, "Committed")
        .withArgs(deal.id, revision.number, revision.root, 3, NO_HEAD, 0n);
      expect((await world.deal(deal)).activeSince).to.equal(epoch + 1);
    });

    it("needs both signatures, of the deal's own keys", async () => {
      const revision = await world.revision(deal, 1);
      const good = await world.countersigned(deal, revision);
      const sign = async (party: typeof bob) => compact(await world.sign(party.key, "Revision", revision));
      for (const bad of [
        signedBy(good, await sign(carol)),
        signedBy(good, await sign(bob)),
        { ...good, assent: await sign(dave) },
        { ...good, assent: good.item.signature },
      ]) {
        expect(await world.skipped(world.commitAll([bad]))).to.deep.equal(wrong);
      }
      expect(await world.skipped(world.commitAll([good]))).to.deep.equal([]);
    });

    for (const [form, change] of Object.entries(MALFORMED)) {
      it(`takes neither signature ${form}`, async () => {
        const good = await world.countersigned(deal, await world.revision(deal, 1));
        for (const bad of [signedBy(good, change(good.item.signature)), { ...good, assent: change(good.assent) }]) {
          expect(await world.skipped(world.commitAll([bad]))).to.deep.equal(wrong);
        }
      });
    }

    it("takes no signature with an s in the upper half, such as ECDSA takes", async () => {
      const revision = await world.revision(deal, 1);
      const good = await world.countersigned(deal, revision);
      const digest = TypedDataEncoder.hash(world.domain, { Revision: [...TYPES.Revision] }, revision);
      const { key, signature } = inUpperHalf(digest);
      await world.as(bob).setSigner(key);
      await world.start(epoch + PARAMETERS.rotateEpochs);
      expect(await world.skipped(world.commitAll([{ ...good, assent: signature }]))).to.deep.equal(wrong);
      const assent = compact(await world.sign(key, "Revision", revision));
      expect(await world.skipped(world.commitAll([{ ...good, assent }]))).to.deep.equal([]);
    });

    it("takes no delegate's word for the client's, whatever its scopes", async () => {
      await world.as(alice).authorize(stranger.key.address, delegation(15, 90, { egressCap: 1n, repairBudget: 1n }));
      const revision = await world.revision(deal, 1);
      const good = await world.countersigned(deal, revision);
      const signature = compact(await world.sign(stranger.key, "Revision", revision));
      expect(await world.skipped(world.commitAll([signedBy(good, signature)]))).to.deep.equal(wrong);
    });

    for (const field of ["root", "sectors", "head", "number"] as const) {
      it(`binds ${field} to both signatures`, async () => {
        const revision = await world.revision(deal, 2);
        const good = await world.countersigned(deal, revision);
        const changed = { root: id("x").slice(0, 50), sectors: 3, head: id("y"), number: revision.number + 1n };
        const other = { ...revision, [field]: changed[field] };
        const whole = await world.countersigned(deal, other);
        for (const bad of [
          { ...good, item: { ...good.item, [field]: changed[field] } },
          { ...whole, assent: good.assent },
          signedBy(whole, good.item.signature),
        ]) {
          expect(await world.skipped(world.commitAll([bad]))).to.deep.equal(wrong);
        }
        expect(await world.skipped(world.commitAll([whole]))).to.deep.equal([]);
      });
    }

    it("of a provider that sends it itself is assented to by that", async () => {
      const { item } = await world.countersigned(deal, await world.revision(deal, 3));
      await expect(world.as(bob).commit(bob.address, [item], [])).to.emit(market, "Committed");
      const nonsense = { r: id("r"), vs: id("vs") };
      const next = await world.countersigned(deal, await world.revision(deal, 4));
      await expect(world.as(bob).commit(bob.address, [next.item], [nonsense])).to.emit(market, "Committed");
      expect(await leaf(deal)).to.equal(4n);
    });

    it("sent by a provider needs the client's signature all the same", async () => {
      const revision = await world.revision(deal, 3);
      const good = await world.countersigned(deal, revision);
      const { item } = signedBy(good, good.assent);
      expect(await world.skipped(world.as(bob).commit(bob.address, [item], []))).to.deep.equal(wrong);
    });

    it("of a provider whose signer sends it is assented to by that, as long as it is its signer", async () => {
      const sender = await asAccount(bob.key);
      const fresh = await world.newcomer("fresh signer");
      const commitBy = async (party: Party) => {
        const { item } = await world.countersigned(deal, await world.revision(deal, 3));
        return world.as(party).commit(bob.address, [item], []);
      };
      await expect(commitBy(sender)).to.emit(market, "Committed");
      await world.as(bob).setSigner(fresh.address);
      await unassented(() => commitBy(fresh));
      await expect(commitBy(sender)).to.emit(market, "Committed");
      await world.start(epoch + PARAMETERS.rotateEpochs);
      await unassented(() => commitBy(sender));
      await expect(commitBy(fresh)).to.emit(market, "Committed");
    });

    it("of anybody else needs an assent to each: fewer or more than revisions are refused, none of them recorded", async () => {
      const other = await world.open({ position: 1 });
      const first = await world.countersigned(deal, await world.revision(deal, 1));
      const second = await world.countersigned(other, await world.revision(other, 2));
      const items = [first.item, second.item];
      for (const assents of [[], [first.assent], [first.assent, second.assent, second.assent]]) {
        for (const party of [stranger, alice, dave]) {
          await unassented(() => world.as(party).commit(bob.address, items, assents));
        }
      }
      expect([await leaf(deal), await leaf(other)]).to.deep.equal([0n, 0n]);
      const swapped = world.as(stranger).commit(bob.address, items, [second.assent, first.assent]);
      expect(await world.skipped(swapped)).to.deep.equal([
        [0, "Market_WrongSigner"],
        [1, "Market_WrongSigner"],
      ]);
      expect(await world.skipped(world.commitAll([{ ...first, assent: second.assent }, second]))).to.deep.equal(wrong);
      expect([await leaf(deal), await leaf(other)]).to.deep.equal([0n, 2n]);
    });

    it("is of one provider's deals: no other's assent, nor its own sending, is for them", async () => {
      const foreign = await world.open({ position: 1 }, { client: alice, host: dave });
      const good = await world.countersigned(foreign, await world.revision(foreign, 1));
      expect(foreign.slot).to.equal(deal.slot);
      expect(await world.skipped(world.as(bob).commit(bob.address, [good.item], []))).to.deep.equal(wrong);
      await unassented(() => world.as(bob).commit(dave.address, [good.item], []));
      expect(await world.skipped(world.as(dave).commit(dave.address, [good.item], []))).to.deep.equal([]);
      const nobody = market.commit(stranger.address, [good.item], [good.assent]);
      expect(await world.skipped(nobody)).to.deep.equal([[0, "Market_WrongDeal"]]);
    });

    it("attack 'forked numbers, stale revisions': a number commits once, and only upwards; gaps are legal (INV-5)", async () => {
      const [low, middle, high] = await Promise.all(
        [65_537n, 131_073n, 900_000n].map(async (number, index) => world.revision(deal, index + 1, { number })),
      );
      expect(await commitSkips(deal, middle!)).to.deep.equal([]);
      expect(await commitSkips(deal, middle!)).to.deep.equal([[0, "Market_StaleRevision"]]);
      expect(await commitSkips(deal, low!)).to.deep.equal([[0, "Market_StaleRevision"]]);
      const fork = await world.revision(deal, 5, { number: 131_073n });
      expect(await commitSkips(deal, fork)).to.deep.equal([[0, "Market_StaleRevision"]]);
      expect(await commitSkips(deal, high!)).to.deep.equal([]);
      expect((await world.deal(deal)).number).to.equal(900_000n);
    });

    it("a countersigned revision stays committable until a higher one is on chain", async () => {
      const first = await world.revision(deal, 1, { number: 1n });
      await world.live(bob);
      await world.live(bob);
      expect(await commitSkips(deal, first)).to.deep.equal([]);
    });

    it("takes capacity and no sector more", async () => {
      expect(await commitSkips(deal, await world.revision(deal, 9))).to.deep.equal([[0, "Market_CapacityExceeded"]]);
      expect(await commitSkips(deal, await world.revision(deal, 8))).to.deep.equal([]);
    });

    it("names the deal, not the slot: another deal's revision does not fit", async () => {
      const other = await world.open();
      const { item, ...rest } = await world.countersigned(other, await world.revision(other, 1));
      const elsewhere = { ...rest, item: { ...item, slot: deal.slot } };
      expect(await world.skipped(world.commitAll([elsewhere]))).to.deep.equal(wrong);
      for (const slot of [99, 4095, 4096, 65_535]) {
        const nowhere = { ...rest, item: { ...item, slot } };
        expect(await world.skipped(world.commitAll([nowhere]))).to.deep.equal([[0, "Market_WrongDeal"]]);
      }
      const ofNone = await world.countersigned(other, await world.revision(other, 1, { deal: ZeroHash }));
      const empty = { ...ofNone, item: { ...ofNone.item, slot: 99 } };
      expect(await world.skipped(world.commitAll([empty]))).to.deep.equal([[0, "Market_WrongDeal"]]);
    });

    it("has room for numbers below 2^48", async () => {
      const over = await world.revision(deal, 1, { number: 1n << 48n });
      expect(await commitSkips(deal, over)).to.deep.equal([[0, "Market_BadTerms"]]);
      const most = await world.revision(deal, 1, { number: (1n << 48n) - 1n });
      expect(await commitSkips(deal, most)).to.deep.equal([]);
      const { number, sectors, noticeEpochs, client } = await world.deal(deal);
      expect([number, sectors, noticeEpochs, client]).to.deep.equal([(1n << 48n) - 1n, 1n, 2n, alice.address]);
      for (const number of [(1n << 48n) + 1n, (1n << 64n) - 1n]) {
        const beyond = await world.revision(deal, 2, { number });
        expect(await commitSkips(deal, beyond)).to.deep.equal([[0, "Market_BadTerms"]]);
      }
    });

    it("goes back to no sectors and forth again: Open, Active, Open, Active", async () => {
      const empty = async () => world.countersigned(deal, await world.revision(deal, 0, { root: ZERO_ROOT }));
      await world.commitAll([await empty()]);
      await world.commit(deal, 2);
      for (let again = 0; again < 2; again++) await world.commitAll([await empty()]);
      const open = await world.deal(deal);
      expect([open.state, open.misses]).to.deep.equal([1n, 0n]);
      expect(await leaf(deal)).to.equal(0n);
      await world.start();
      await world.commit(deal, 4);
      const { state, activeSince } = await world.deal(deal);
      expect(state).to.equal(2n);
      expect(activeSince).to.equal(epoch + 1);
    });

    it("skips what does not apply and commits the rest of a batch", async () => {
      const other = await world.open({ position: 1 });
      const items = [
        await world.countersigned(deal, await world.revision(deal, 9)),
        await world.countersigned(other, await world.revision(other, 2)),
        await world.countersigned(other, await world.revision(other, 3)),
      ];
      expect(await world.skipped(world.commitAll(items))).to.deep.equal([
        [0, "Market_CapacityExceeded"],
        [2, "Market_StaleRevision"],
      ]);
      expect(await leaf(other)).to.equal(2n);
    });

    it("pays the provider nothing for what it skips, whatever the reason, and takes at most 64", async () => {
      const lost = await world.active(1, { position: 1 });
      await world.miss(PARAMETERS.coverEpochs);
      const poor = await world.open({ position: 2 }, { escrow: 0n });
      const items = [
        await world.countersigned(deal, await world.revision(deal, 9)),
        await world.countersigned(lost, await world.revision(lost, 2)),
        await world.countersigned(poor, await world.revision(poor, 1)),
        await world.countersigned({ ...deal, host: dave }, await world.revision(deal, 1)),
        await world.countersigned({ ...deal, slot: 99 }, await world.revision(deal, 1)),
      ];
      const before = await market.freeBalance(bob.account);
      expect(await world.skipped(world.commitAll(items))).to.deep.equal([
        [0, "Market_CapacityExceeded"],
        [1, "Market_WrongState"],
        [2, "Market_InsufficientEscrow"],
        [3, "Market_WrongSigner"],
        [4, "Market_WrongDeal"],
      ]);
      expect(await market.freeBalance(bob.account)).to.equal(before);
      await expect(world.commitAll(new Array(65).fill(items[0])))
        .to.be.revertedWithCustomError(market, "Market_TooLong")
        .withArgs(64n, 65n);
    });
  });

  describe("given just so much escrow (INV-4: every committed sector is funded to its end)", () => {
    it("takes what is funded from E to stopAt, to the base unit", async () => {
      const epoch = await world.epoch();
      const deal = await world.open({ endEpoch: epoch + 10 }, { escrow: (3n * 10n * RATE) / LEDGER });
      expect(await commitSkips(deal, await world.revision(deal, 4))).to.deep.equal([[0, "Market_InsufficientEscrow"]]);
      expect(await commitSkips(deal, await world.revision(deal, 3))).to.deep.equal([]);
      const short = await world.open({ endEpoch: epoch + 10 }, { escrow: (3n * 10n * RATE) / LEDGER - 1n });
      expect(await commitSkips(short, await world.revision(short, 3))).to.deep.equal([
        [0, "Market_InsufficientEscrow"],
      ]);
    });

    it("needs nothing for an epoch that is proven already", async () => {
      const epoch = await world.epoch();
      const deal = await world.open({ endEpoch: epoch + 10 }, { escrow: (9n * RATE) / LEDGER });
      const revision = await world.revision(deal, 1);
      expect(await commitSkips(deal, revision)).to.deep.equal([[0, "Market_InsufficientEscrow"]]);
      await world.prove(bob);
      expect(await commitSkips(deal, revision)).to.deep.equal([]);
    });

    it("counts what was paid before as gone, and what a notice shortens as not needed", async () => {
      const epoch = await world.epoch();
      const deal = await world.open({ endEpoch: epoch + 10 }, { escrow: (10n * RATE) / LEDGER });
      await world.commit(deal, 1);
      await world.live(bob, 2);
      expect(await commitSkips(deal, await world.revision(deal, 2))).to.deep.equal([[0, "Market_InsufficientEscrow"]]);
      await world.as(alice).terminate(deal); // stops at e + 1 + 2: 3 epochs left, escrow for 8
      expect(await commitSkips(deal, await world.revision(deal, 3))).to.deep.equal([[0, "Market_InsufficientEscrow"]]);
      expect(await commitSkips(deal, await world.revision(deal, 2))).to.deep.equal([]);
    });

    it("attack 'escrow pulled after a receipt': what is in leaves at close only", async () => {
      const deal = await world.open();
      const revision = await world.revision(deal, 8);
      const { escrow } = await world.deal(deal);
      await world.as(alice).terminate(deal);
      await world
        .as(alice)
        .withdraw(1n, alice.account)
        .then(
          () => expect.fail("a client without free balance withdrew"),
          () => undefined,
        );
      expect((await world.deal(deal)).escrow).to.equal(escrow);
      expect(await commitSkips(deal, revision)).to.deep.equal([]);
    });
  });

  describe("given the deal's time is over", () => {
    it("does not commit where E >= stopAt", async () => {
      const deal = await world.open({ endEpoch: (await world.epoch()) + 1 });
      const revision = await world.revision(deal, 1);
      await world.to("gap");
      await world.prove(bob); // an empty set; E is now stopAt
      expect(await commitSkips(deal, revision)).to.deep.equal([[0, "Market_WrongState"]]);
      await world.start();
      expect(await commitSkips(deal, revision)).to.deep.equal([[0, "Market_WrongState"]]);
    });
  });

  describe("given misses before the data came", () => {
    it("attack 'misses before data': they do not count against the deal's cover, nor its collateral", async () => {
      const early = await world.active(1);
      const late = await world.open({ position: 1 });
      await world.miss(5);
      await world.commit(late, 2);
      expect((await world.deal(late)).misses).to.equal(0n);
      await world.miss(2);
      await market.settle([early, late]);
      const full = 8n * PENALTY_RATE * 8n;
      expect((await world.deal(late)).collateral).to.equal(full - 2n * 2n * PENALTY_RATE);
      await world.commit(late, 3); // counts the provider's misses
      expect((await world.deal(late)).misses).to.equal(2n);
      expect((await world.deal(early)).misses).to.equal(7n);
    });

    it("attack 'cover reset': going through no sectors keeps the misses that were used", async () => {
      const deal = await world.active(1);
      await world.miss(3);
      await world.commitAll([await world.countersigned(deal, await world.revision(deal, 0, { root: ZERO_ROOT }))]);
      expect((await world.deal(deal)).misses).to.equal(3n);
      const other = await world.active(1, { position: 1 });
      await world.miss(4); // the provider misses for the other deal, not for this one
      await world.commit(deal, 1);
      expect((await world.deal(deal)).misses).to.equal(3n);
      expect((await world.deal(other)).misses).to.equal(4n);
      await world.miss(1);
      await world.commit(deal, 2);
      expect((await world.deal(deal)).misses).to.equal(4n);
    });

    it("a deal whose cover is used up takes no revision until it is refilled", async () => {
      const deal = await world.active(1);
      await world.miss(8);
      expect(await commitSkips(deal, await world.revision(deal, 2))).to.deep.equal([[0, "Market_WrongState"]]);
      await world.as(bob).refill(deal);
      expect(await commitSkips(deal, await world.revision(deal, 2))).to.deep.equal([]);
    });
  });
});
