/** Writes revisions of three deals without end, and prints `deal number` for each once it is answered. */
import { DiskStore } from "../../../src/provider-node/storage/DiskStore.ts";
import { roomy } from "../../conformance/store.ts";
import { record, type Step, slab, Writer } from "../../conformance/Writer.ts";

const [directory, run] = process.argv.slice(2) as [string, string];
const store = await DiskStore.open({ directory, limits: roomy });

await Promise.all(
  [1, 2, 3].map(async (seed) => {
    await store.addDeal(record(seed));
    const writer = new Writer(record(seed).id);
    const newest = await store.newest(writer.deal);
    if (newest) {
      const { number, sectors } = newest.revision;
      writer.number = number;
      writer.sectors = await store.sectors(writer.deal, number, 0, sectors);
    }
    for (let count = 0; ; count++) {
      // Of slabs that an earlier process began, nothing is known here but their roots: this one adds its own.
      const own = writer.sectors.filter(({ slab: { lane } }) => lane === BigInt(run));
      const grown = own.find(({ length }) => length < 200_000);
      const steps: Step[] = [];
      if (writer.sectors.length > 6) steps.push({ op: "drop", index: count % writer.sectors.length });
      else if (grown && count % 3 > 0) steps.push({ op: "grow", slab: grown.slab, length: grown.length + 32 * 700 });
      else steps.push({ op: "add", slab: slab(count, BigInt(run)), length: 32 * (1 + ((count * 331) % 2_000)) });
      await writer.revise(store, steps);
      process.stdout.write(`${writer.deal} ${writer.number}\n`);
      if (count % 5 === 4) await store.finalize(writer.deal, writer.number);
    }
  }),
);
