/** A process that writes without pause is killed again and again: every revision it had answered is proved from the disk. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { expectProvable } from "../../conformance/store.ts";
import { record, Writer } from "../../conformance/Writer.ts";
import { temporaryHome } from "./temporary.ts";

const SCRIPT = fileURLToPath(new URL("./endless-writer.ts", import.meta.url));
const KILLS = 6;

describe("DiskStore under kill -9", () => {
  it("loses nothing countersigned", async () => {
    const home = await temporaryHome();
    const answered = new Map<string, bigint>();
    let lines = 0;
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const child = spawn(
          process.execPath,
          ["--disable-warning=ExperimentalWarning", SCRIPT, home.directory, `${kill}`],
          {
            stdio: ["ignore", "pipe", "inherit"],
          },
        );
        const gone = once(child, "exit");
        const reader = createInterface({ input: child.stdout });
        reader.on("line", (line) => {
          const [deal, number] = line.split(" ") as [string, string];
          answered.set(deal, BigInt(number));
          lines++;
        });
        await once(reader, "line");
        await sleep(20 + ((kill * 37) % 150));
        child.kill("SIGKILL");
        await Promise.all([gone, once(reader, "close")]);
        const store = await home.open();
        for (const [deal, number] of answered) {
          const newest = await store.newest(deal as `0x${string}`);
          expect(newest && newest.revision.number >= number, `${newest?.revision.number} of ${number}`).to.equal(true);
          await expectProvable(store, new Writer(deal as `0x${string}`));
        }
        expect(store.usage().stagedBytes).to.equal(0);
        await store.close();
      }
      expect(answered.has(record(1).id)).to.equal(true);
      expect(lines).to.be.greaterThan(KILLS);
    } finally {
      await home.remove();
    }
  }).timeout(60_000);
});
