/** What every store has to do, whatever it stands on. */
import { expect } from "chai";
import { DealTree, SectorTree } from "../../src/codec/index.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import type { StorageLimits } from "../../src/provider-node/storage/Space.ts";
import type { Store } from "../../src/provider-node/storage/Store.ts";
import { record, slab, Writer } from "./Writer.ts";

const BLOCK = 65_536;
const SECTOR = 1_048_576;

export const roomy: StorageLimits = { quotaBytes: 2 ** 30, stagedBytes: 2 ** 26, stagedBytesPerDeal: 2 ** 25 };

/** A place for a store that can be opened again after it was closed. */
export interface Home {
  open(limits?: StorageLimits): Promise<Store>;
  remove(): Promise<void>;
}

export async function failure(promise: Promise<unknown>): Promise<SubletException["error"]> {
  const outcome = await promise.then(
    () => undefined,
    (error) => error,
  );
  if (!SubletException.is(outcome)) throw outcome ?? new Error("it did not fail");
  return outcome.error;
}

/** Every revision that is still kept leads from the bytes on the disk to the root that was signed. */
export async function expectProvable(store: Store, writer: Writer): Promise<void> {
  for (const { revision } of await store.receipts(writer.deal)) {
    const sectors = await store.sectors(writer.deal, revision.number, 0, 2 ** 24);
    expect(sectors).to.have.length(revision.sectors);
    const roots: Uint8Array[] = [];
    for (const sector of sectors) {
      const bytes = await store.read(writer.deal, sector.slab, 0, sector.length);
      roots.push(SectorTree.root(bytes));
      expect(Buffer.compare(roots.at(-1)!, sector.root)).to.equal(0);
      const kept = await store.kept(writer.deal, sector.slab);
      const whole = await store.read(writer.deal, sector.slab, 0, kept!.length);
      expect(Buffer.compare(SectorTree.blockNodes(whole), kept!.blockNodes)).to.equal(0);
    }
    expect(`0x${Buffer.from(DealTree.of(roots).root).toString("hex")}`).to.equal(revision.root);
    expect(await store.roots(writer.deal, revision.number)).to.deep.equal(sectors.map(({ root }) => root));
  }
}

export function describeStore(name: string, makeHome: () => Promise<Home>): void {
  describe(`${name} as a store`, () => {
    let home: Home;
    let store: Store;
    let writer: Writer;

    beforeEach(async () => {
      home = await makeHome();
      store = await home.open(roomy);
      await store.addDeal(record());
      writer = new Writer(record().id);
    });

    afterEach(async () => {
      await store.close();
      await home.remove();
    });

    const reopen = async (limits = roomy): Promise<void> => {
      await store.close();
      store = await home.open(limits);
    };

    describe("deals", () => {
      it("come back as they were", async () => {
        await store.addDeal(record(2));
        await store.addDeal({ ...record(2), slot: 9 });
        expect(await store.deals()).to.deep.equal([record(1), record(2)]);
        await reopen();
        expect(await store.deals()).to.deep.equal([record(1), record(2)]);
      });

      it("are followed on the chain from where that ended", async () => {
        expect(await store.cursor()).to.equal(0n);
        await store.saveCursor(7n);
        await store.saveCursor(2n ** 40n);
        await reopen();
        expect(await store.cursor()).to.equal(2n ** 40n);
      });

      it("take all they had with them", async () => {
        await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK }]);
        await writer.stage(store, slab(1), BLOCK);
        await store.removeDeal(writer.deal);
        expect(store.usage()).to.include({ usedBytes: 0, stagedBytes: 0 });
        expect(await store.deals()).to.deep.equal([]);
        expect(await store.heldBytes(writer.deal, slab(0))).to.equal(0);
        await store.addDeal(record());
        expect(await store.newest(writer.deal)).to.equal(undefined);
        await new Writer(record().id).revise(store, [{ op: "add", slab: slab(0), length: 2 * BLOCK }]);
      });
    });

    describe("staged bytes", () => {
      it("are read back at once", async () => {
        await writer.stage(store, slab(3), 3 * BLOCK);
        const bytes = await store.read(writer.deal, slab(3), 32, 2 * BLOCK);
        expect(Buffer.compare(bytes, writer.content(slab(3), 3 * BLOCK).subarray(32, 32 + 2 * BLOCK))).to.equal(0);
      });

      it("must go on where the slab ends", async () => {
        await writer.stage(store, slab(0), BLOCK);
        const gap = await failure(store.append(writer.deal, slab(0), BLOCK + 32, new Uint8Array(32)));
        expect(gap).to.deep.equal({ code: "Behind", length: BLOCK });
        const overlap = await failure(store.append(writer.deal, slab(0), BLOCK - 32, new Uint8Array(64)));
        expect(overlap).to.deep.equal({ code: "Behind", length: BLOCK });
        expect(await failure(store.append(writer.deal, slab(1), 32, new Uint8Array(32)))).to.deep.equal({
          code: "Behind",
          length: 0,
        });
      });

      it("may be sent again, but never be others", async () => {
        await writer.stage(store, slab(0), BLOCK);
        const bytes = writer.content(slab(0), BLOCK);
        expect(await store.append(writer.deal, slab(0), 64, bytes.subarray(64, 128))).to.equal(BLOCK);
        const other = bytes.slice(64, 128);
        other[1]! ^= 1;
        expect(await failure(store.append(writer.deal, slab(0), 64, other))).to.deep.equal({
          code: "ContentMismatch",
          offset: 64,
        });
        expect(Buffer.compare(await store.read(writer.deal, slab(0), 0, BLOCK), bytes)).to.equal(0);
      });

      it("arrive in order when sent all at once", async () => {
        const bytes = writer.content(slab(0), SECTOR);
        const lengths = await Promise.all(
          Array.from({ length: 16 }, (_, block) =>
            store.append(writer.deal, slab(0), block * BLOCK, bytes.subarray(block * BLOCK, (block + 1) * BLOCK)),
          ),
        );
        expect(lengths.at(-1)).to.equal(SECTOR);
        expect(Buffer.compare(await store.read(writer.deal, slab(0), 0, SECTOR), bytes)).to.equal(0);
      });

      it("are whole chunks of one sector", async () => {
        for (const [offset, length] of [
          [1, 32],
          [0, 33],
          [SECTOR, 32],
          [-32, 32],
        ] as const) {
          expect(await failure(store.append(writer.deal, slab(0), offset, new Uint8Array(length)))).to.include({
            code: "OutOfRange",
          });
        }
      });

      it("are bounded, for one deal and for all", async () => {
        await reopen({ ...roomy, stagedBytesPerDeal: 2 * BLOCK, stagedBytes: 3 * BLOCK });
        await store.addDeal(record(2));
        await writer.stage(store, slab(0), 2 * BLOCK);
        expect(await failure(writer.stage(store, slab(1), 32))).to.deep.equal({
          code: "StagingFull",
          limit: 2 * BLOCK,
        });
        const other = new Writer(record(2).id);
        expect(await failure(other.stage(store, slab(0), 2 * BLOCK))).to.deep.equal({
          code: "StagingFull",
          limit: 3 * BLOCK,
        });
        expect(store.usage()).to.include({ stagedBytes: 3 * BLOCK, usedBytes: 3 * BLOCK });
        await writer.revise(store, [{ op: "add", slab: slab(0), length: 2 * BLOCK }]);
        expect(store.usage()).to.include({ stagedBytes: BLOCK, usedBytes: 3 * BLOCK });
        await other.stage(store, slab(0), 2 * BLOCK);
      });

      it("expire, and what a revision holds does not", async () => {
        await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK }]);
        await writer.stage(store, slab(0), 2 * BLOCK);
        await writer.stage(store, slab(1), BLOCK);
        await store.expire(0);
        expect(store.usage().stagedBytes).to.equal(2 * BLOCK);
        await store.expire(Number.MAX_SAFE_INTEGER);
        expect(store.usage()).to.include({ stagedBytes: 0, usedBytes: BLOCK });
        expect(await store.heldBytes(writer.deal, slab(0))).to.equal(BLOCK);
        expect(await store.heldBytes(writer.deal, slab(1))).to.equal(0);
        await expectProvable(store, writer);
        await writer.revise(store, [{ op: "grow", slab: slab(0), length: 3 * BLOCK }]);
        await expectProvable(store, writer);
      });

      it("do not expire under a revision on its way", async () => {
        await writer.stage(store, slab(0), BLOCK);
        const change = writer.change([{ op: "add", slab: slab(0), length: BLOCK }]);
        await Promise.all([store.revise(change), store.expire(Number.MAX_SAFE_INTEGER)]).catch(() => {});
        if (await store.newest(writer.deal)) await expectProvable(store, writer);
        else expect(store.usage().usedBytes).to.equal(0);
      });

      it("are gone after a restart, and can be sent again", async () => {
        await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK }]);
        await writer.stage(store, slab(0), 2 * BLOCK);
        await writer.stage(store, slab(1), BLOCK);
        await reopen();
        expect(store.usage()).to.include({ stagedBytes: 0, usedBytes: BLOCK });
        expect(await store.heldBytes(writer.deal, slab(0))).to.equal(BLOCK);
        await writer.revise(store, [
          { op: "grow", slab: slab(0), length: 2 * BLOCK },
          { op: "add", slab: slab(1), length: BLOCK },
        ]);
        await expectProvable(store, writer);
      });
    });

    describe("the quota", () => {
      it("refuses what is over it and loses nothing", async () => {
        await reopen({ ...roomy, quotaBytes: 2 * BLOCK });
        await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK }]);
        await writer.stage(store, slab(0), 2 * BLOCK - 32);
        const full = await failure(writer.stage(store, slab(1), 64));
        expect(full).to.deep.equal({ code: "DiskFull", neededBytes: 64, freeBytes: 32 });
        await expectProvable(store, writer);
        await store.expire(Number.MAX_SAFE_INTEGER);
        await writer.stage(store, slab(1), 64);
      });
    });

    describe("revisions", () => {
      it("come back whole, with both signatures and the newest head", async () => {
        expect(await store.newest(writer.deal)).to.equal(undefined);
        expect(await store.head(writer.deal)).to.have.length(0);
        const first = await writer.revise(store, [{ op: "add", slab: slab(0), length: 96 }]);
        const second = await writer.revise(store, [{ op: "grow", slab: slab(0), length: BLOCK + 32 }]);
        await reopen();
        expect(await store.receipts(writer.deal)).to.deep.equal([first.receipt, second.receipt]);
        expect(await store.newest(writer.deal)).to.deep.equal(second.receipt);
        expect(await store.receiptCount(writer.deal)).to.equal(2);
        expect(await store.receipt(writer.deal, first.receipt.revision.number)).to.deep.equal(first.receipt);
        expect(await store.receipt(writer.deal, 5n)).to.equal(undefined);
        expect(Buffer.compare(await store.head(writer.deal), second.head)).to.equal(0);
      });

      it("can all be proved, whatever was added, grown, dropped and added again since", async () => {
        await writer.revise(
          store,
          [0, 1, 2, 3].map((one) => ({ op: "add", slab: slab(one), length: BLOCK }) as const),
        );
        await writer.revise(store, [
          { op: "grow", slab: slab(1), length: 2 * BLOCK + 32 },
          { op: "drop", index: 0 },
        ]);
        await writer.revise(store, [
          { op: "drop", index: 0 },
          { op: "drop", index: 1 },
        ]);
        await writer.revise(store, [{ op: "add", slab: slab(0), length: SECTOR }]);
        await expectProvable(store, writer);
        await reopen();
        await expectProvable(store, writer);
        for (const [number, sectors] of writer.states) {
          expect(await store.sectors(writer.deal, number, 0, 100)).to.deep.equal(sectors);
        }
      });

      it("are listed in pages", async () => {
        await writer.revise(
          store,
          [0, 1, 2, 3].map((one) => ({ op: "add", slab: slab(one), length: 32 }) as const),
        );
        const page = await store.sectors(writer.deal, writer.number, 1, 2);
        expect(page).to.deep.equal(writer.sectors.slice(1, 3));
        expect(await store.sectors(writer.deal, writer.number, 4, 2)).to.deep.equal([]);
      });

      it("say where the newest one holds a slab", async () => {
        await writer.revise(
          store,
          [0, 1].map((one) => ({ op: "add", slab: slab(one), length: 32 }) as const),
        );
        await writer.revise(store, [{ op: "drop", index: 0 }]);
        expect(await store.find(writer.deal, slab(1))).to.deep.equal({ index: 0, sector: writer.sectors[0] });
        expect(await store.find(writer.deal, slab(0))).to.equal(undefined);
      });

      it("must be built on the newest", async () => {
        await writer.stage(store, slab(0), 32);
        await writer.stage(store, slab(1), 32);
        const one = writer.change([{ op: "add", slab: slab(0), length: 32 }], 10n);
        const other = writer.change([{ op: "add", slab: slab(1), length: 32 }], 11n);
        const outcomes = await Promise.allSettled([store.revise(one), store.revise(other)]);
        const [won, lost] = outcomes[0]!.status === "fulfilled" ? [one, other] : [other, one];
        expect(outcomes.filter(({ status }) => status === "rejected")).to.have.length(1);
        expect(await failure(store.revise(lost))).to.deep.equal({ code: "Conflict", newest: won.receipt });
        writer.made(won);
        await expectProvable(store, writer);
        expect(store.usage()).to.include({ usedBytes: 64, stagedBytes: 32 });
      });

      it("need the bytes that they hold", async () => {
        await writer.stage(store, slab(0), 32);
        const change = writer.change([{ op: "add", slab: slab(0), length: 64 }]);
        expect(await failure(store.revise(change))).to.deep.equal({ code: "Behind", length: 32 });
        expect(await store.newest(writer.deal)).to.equal(undefined);
        await writer.revise(store, [{ op: "add", slab: slab(0), length: 64 }]);
      });

      it("need a slab to be kept that they add again", async () => {
        await writer.revise(
          store,
          [0, 1].map((one) => ({ op: "add", slab: slab(one), length: BLOCK }) as const),
        );
        await writer.revise(store, [{ op: "drop", index: 1 }]);
        const { kept: _, ...stale } = writer.change([{ op: "add", slab: slab(1), length: BLOCK }]);
        await store.finalize(writer.deal, writer.number);
        expect(await store.receiptCount(writer.deal)).to.equal(1);
        expect(await failure(store.revise({ ...stale, kept: [] }))).to.deep.equal({ code: "Behind", length: 0 });
        await expectProvable(store, writer);
      });

      it("of many deals at once are all kept", async () => {
        const writers = Array.from({ length: 20 }, (_, index) => new Writer(record(index + 1).id));
        for (const index of writers.keys()) await store.addDeal(record(index + 1));
        await Promise.all(writers.map((one) => one.revise(store, [{ op: "add", slab: slab(0), length: 96 }])));
        await reopen();
        for (const one of writers) {
          expect((await store.newest(one.deal))?.revision.number).to.equal(one.number);
          await expectProvable(store, one);
        }
      });
    });

    describe("a final revision", () => {
      it("frees what only earlier ones held, and nothing else", async () => {
        await writer.revise(
          store,
          [0, 1, 2].map((one) => ({ op: "add", slab: slab(one), length: BLOCK }) as const),
        );
        const second = await writer.revise(store, [{ op: "drop", index: 0 }]);
        const third = await writer.revise(store, [{ op: "drop", index: 1 }]);
        expect(store.usage().usedBytes).to.equal(3 * BLOCK);
        expect(await store.finalize(writer.deal, second.receipt.revision.number)).to.equal(true);
        expect(store.usage().usedBytes).to.equal(2 * BLOCK);
        expect(await store.heldBytes(writer.deal, slab(0))).to.equal(0);
        expect(await store.receipts(writer.deal)).to.deep.equal([second.receipt, third.receipt]);
        await expectProvable(store, writer);
        await reopen();
        expect(store.usage().usedBytes).to.equal(2 * BLOCK);
        await expectProvable(store, writer);
      });

      it("may be said again, and one that is not known changes nothing", async () => {
        const first = await writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK }]);
        for (const _ of [1, 2]) expect(await store.finalize(writer.deal, first.receipt.revision.number)).to.equal(true);
        expect(await store.finalize(writer.deal, 7n)).to.equal(false);
        await expectProvable(store, writer);
      });

      it("keeps the bytes of a slab that comes back at the same moment", async () => {
        await writer.revise(
          store,
          [0, 1].map((one) => ({ op: "add", slab: slab(one), length: BLOCK }) as const),
        );
        const second = await writer.revise(store, [{ op: "drop", index: 1 }]);
        const change = writer.change([{ op: "add", slab: slab(1), length: BLOCK }]);
        const [revised] = await Promise.allSettled([
          store.revise(change),
          store.finalize(writer.deal, second.receipt.revision.number),
        ]);
        if (revised.status === "fulfilled") writer.made(change);
        await expectProvable(store, writer);
        await reopen();
        await expectProvable(store, writer);
        expect(store.usage().usedBytes).to.equal(writer.sectors.length * BLOCK);
      });
    });

    describe("reads", () => {
      it("of what is not held name the slab", async () => {
        expect(await failure(store.read(writer.deal, slab(9), 0, 32))).to.include({ code: "NoSuchSlab" });
        await writer.stage(store, slab(0), 32);
        expect(await failure(store.read(writer.deal, slab(0), 0, 64))).to.include({ code: "NoSuchSlab" });
      });

      it("are accounted for", async () => {
        const account = {
          deal: writer.deal,
          signer: record().client,
          served: 2n ** 127n,
          cumulative: 5n,
          voucher: `0x${"ab".repeat(65)}`,
          redeemed: 0n,
        } as const;
        const use = { client: record().client, id: record().clientSigner, sentBytes: 2 ** 52, revoked: true, until: 9 };
        await store.saveReads([account], [use]);
        await store.saveReads([{ ...account, cumulative: 6n }], []);
        await reopen();
        expect(await store.readAccounts()).to.deep.equal([{ ...account, cumulative: 6n }]);
        expect(await store.capabilities()).to.deep.equal([use]);
        await store.forgetCapabilities(9);
        expect(await store.capabilities()).to.deep.equal([use]);
        await store.forgetCapabilities(10);
        expect(await store.capabilities()).to.deep.equal([]);
      });
    });
  });
}
