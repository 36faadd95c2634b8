import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { DiskStore } from "../../../src/provider-node/storage/DiskStore.ts";
import { expectProvable, roomy } from "../../conformance/store.ts";
import { record, slab, Writer } from "../../conformance/Writer.ts";
import { LossyDisk } from "./LossyDisk.ts";
import { temporaryHome } from "./temporary.ts";

const BLOCK = 65_536;

/** Small numbers that are the same in every run. */
function* dice(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 16;
  }
}

describe("DiskStore when the power is cut", () => {
  it("has every revision that it answered, whenever that is", async () => {
    const disk = new LossyDisk();
    const home = await temporaryHome({ disk });
    const store = await home.open();
    const copies = await mkdtemp(join(tmpdir(), "sublet-cuts-"));
    const writers = [1, 2, 3].map((seed) => new Writer(record(seed).id));
    for (const seed of [1, 2, 3]) await store.addDeal(record(seed));
    const roll = dice(7);
    const next = (below: number): number => roll.next().value! % below;
    let cuts = 0;
    const cut = async (): Promise<void> => {
      const copy = join(copies, `${cuts++}`);
      const answered = writers.map(({ number }) => number);
      disk.cut(home.directory, copy);
      const after = await DiskStore.open({ directory: copy, limits: roomy });
      for (const [index, writer] of writers.entries()) {
        const newest = (await after.newest(writer.deal))?.revision.number ?? 0n;
        expect(newest >= answered[index]!, `${newest} of ${answered[index]}`).to.equal(true);
        await expectProvable(after, writer);
      }
      await after.close();
      await rm(copy, { recursive: true });
    };
    try {
      for (let round = 0; round < 4; round++) {
        const busy = writers.map(async (writer) => {
          for (let step = 0; step < 4; step++) {
            const held = writer.sectors.length;
            const fresh = slab(round * 8 + step * 2);
            if (held > 3 && next(3) === 0) await writer.revise(store, [{ op: "drop", index: next(held) }]);
            else if (held > 0 && next(2) === 0) {
              const grown = writer.sectors[next(held)]!;
              const length = Math.min(16 * BLOCK, grown.length + 32 * (1 + next(3_000)));
              if (length > grown.length) await writer.revise(store, [{ op: "grow", slab: grown.slab, length }]);
            } else await writer.revise(store, [{ op: "add", slab: fresh, length: 32 * (1 + next(3_000)) }]);
            if (next(4) === 0) await store.finalize(writer.deal, writer.number);
            if (next(2) === 0) await cut();
          }
        });
        await Promise.all(busy);
      }
      expect(cuts).to.be.greaterThan(10);
    } finally {
      await store.close();
      await home.remove();
      await rm(copies, { recursive: true });
    }
  }).timeout(60_000);
});
