import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { bytesToHex } from "viem";
import { Database } from "../../src/client/home/Database.ts";
import { type Change, DealMirror } from "../../src/client/volumes/DealMirror.ts";
import { type Deal, Volumes } from "../../src/client/volumes/Volume.ts";
import { DealTree, type Slab } from "../../src/codec/index.ts";

const SIGNATURE = `0x${"11".repeat(65)}` as const;
const HEAD = new Uint8Array(0);

describe("the mirror of a deal", () => {
  let folder: string;
  let database: Database;
  let mirror: DealMirror;
  const deal: Deal = {
    ...{ id: bytesToHex(randomBytes(32)), volume: 1n, position: 0, provider: `0x${"ab".repeat(20)}`, slot: 0 },
    ...{ rate: 1n, egressRate: 0n, capacity: 100, minSectors: 0, startEpoch: 1, endEpoch: 9, openedBlock: 1 },
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-mirror-"));
    database = new Database(join(folder, "drive.sqlite"));
    new Volumes(database).record({ id: 1n, k: 1, n: 1, capacity: 100 }, [deal]);
    mirror = new DealMirror(database, deal);
  });

  afterEach(async () => {
    database.close();
    await rm(folder, { recursive: true });
  });

  const slab = (sequence: number): Slab.SlabId => ({ lane: 5n, sequence });
  const sign = (change: Change, number: bigint) => {
    const revision = mirror.next(change, HEAD, number);
    mirror.begin(revision, change, HEAD, SIGNATURE);
    return revision;
  };

  it("has the root that its operations lead to, whatever is added, grown and dropped, and after every restart", () => {
    const step = fc.record({
      drops: fc.uniqueArray(fc.nat(7), { maxLength: 4 }),
      fills: fc.uniqueArray(fc.nat(7), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const model: { sequence: number; root: Uint8Array }[] = mirror.slabs.map((one) => ({
          sequence: one.sequence,
          root: mirror.held(one)!.root,
        }));
        for (const { drops, fills } of steps) {
          const change: Change = {
            drops: drops.filter((one) => !fills.includes(one)).map(slab),
            fills: fills.map((one) => ({ slab: slab(one), length: 32, root: new Uint8Array(randomBytes(24)) })),
          };
          // As a provider follows the operations, one by one.
          for (const operation of mirror.operations(change)) {
            if (operation.op === "drop") {
              const last = model.pop()!;
              if (operation.index < model.length) model[operation.index] = last;
            } else {
              const { root } = change.fills.find((fill) => fill.slab.sequence === operation.slab.sequence)!;
              const held = model.find(({ sequence }) => sequence === operation.slab.sequence);
              expect(held !== undefined).to.equal(operation.op === "grow");
              if (held) held.root = root;
              else model.push({ sequence: operation.slab.sequence, root });
            }
          }
          const revision = sign(change, mirror.highest + 1n);
          const expected = bytesToHex(DealTree.of(model.map(({ root }) => root)).root);
          expect(revision).to.include({ root: expected, sectors: model.length });
          mirror.confirm(mirror.pending()!, SIGNATURE);
          const again = new DealMirror(database, deal);
          for (const one of [mirror, again]) {
            expect(one.slabs.map(({ sequence }) => sequence)).to.deep.equal(model.map(({ sequence }) => sequence));
            expect(one.next({ drops: [], fills: [] }, HEAD, 1n).root).to.equal(expected);
          }
        }
      }),
      { numRuns: 15 },
    );
  });

  it("keeps what was signed until its outcome is known, also in the next process", () => {
    const root = new Uint8Array(randomBytes(24));
    const change: Change = { drops: [slab(3)], fills: [{ slab: slab(1), length: 64, root }] };
    const revision = sign(change, 65_537n);
    const pending = new DealMirror(database, deal).pending()!;
    expect(pending.revision).to.deep.equal(revision);
    expect(pending.change.drops).to.deep.equal(change.drops);
    expect(pending.change.fills.map(({ slab, length }) => ({ slab, length }))).to.deep.equal([
      { slab: slab(1), length: 64 },
    ]);
    expect(() => sign({ drops: [], fills: [] }, 131_073n), "a second one beside it").to.throw();
  });

  it("never signs a number again whose revision was given up", () => {
    sign({ drops: [], fills: [{ slab: slab(1), length: 64, root: new Uint8Array(randomBytes(24)) }] }, 131_077n);
    const empty = { deal: deal.id, root: `0x${"00".repeat(24)}`, sectors: 0, head: `0x${"00".repeat(32)}` } as const;
    const newest = {
      revision: { ...empty, number: 131_073n },
      clientSignature: SIGNATURE,
      providerSignature: SIGNATURE,
    };
    mirror.adopt(newest, []);
    expect(mirror.pending()).to.equal(undefined);
    expect(mirror.number).to.equal(131_073n);
    expect(mirror.highest).to.equal(131_077n);
    expect(new DealMirror(database, deal).highest).to.equal(131_077n);
  });

  it("takes no list that does not lead to what was signed", () => {
    const listed = [{ slab: slab(1), length: 32, root: bytesToHex(randomBytes(24)) }];
    const head = `0x${"00".repeat(32)}` as const;
    const revision = { deal: deal.id, number: 7n, root: bytesToHex(randomBytes(24)), sectors: 1, head };
    expect(() => mirror.adopt({ revision, clientSignature: SIGNATURE, providerSignature: SIGNATURE }, listed)).to.throw(
      /does not have the root/,
    );
    expect(mirror.number).to.equal(0n);
  });
});
