/** Commands of a drive that go on for a while, and are ended in the middle; and what things cost, before they are paid. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, statSync } from "node:fs";
import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setImmediate as turn } from "node:timers/promises";
import { expect } from "chai";
import { done, fails, network } from "./network.ts";

const MIB = 2 ** 20;
const N = 3;

describe("sublet, with a large drive", function () {
  this.timeout(300_000);
  const film = randomBytes(24 * MIB);
  let folder: string;
  let at: string[];

  before(async () => {
    folder = join(network.directory, "large");
    await mkdir(folder);
    at = ["--home", await network.addClient("large-drive")];
    const volume = ["volume", "create", "--k", "2", "--n", `${N}`, "--size", "40MiB", "--epochs", "100", ...at];
    const plan = await done([...volume, "--dry-run"]);
    expect(plan).to.include({ k: 2, n: N, capacity: 21, missing: "0", transactions: 1 });
    const had = BigInt((await done(["status", ...at])).tokens);
    await done(volume);
    const { tokens, volumes } = await done(["status", ...at]);
    expect(volumes).to.have.length(1);
    // An epoch may have passed meanwhile.
    expect(Math.abs(Number(had - BigInt(tokens) - BigInt(plan.total))) < Number(plan.total) / 20).to.equal(true);
    await writeFile(join(folder, "film.bin"), film);
    await done(["put", join(folder, "film.bin"), ...at]);
  });

  describe("get, ended with SIGKILL", () => {
    it("goes on where it was, and leaves nothing beside the file in the end", async () => {
      const target = join(folder, "target");
      await mkdir(target);
      const child = network.begin(["get", "film.bin", join(target, "film.bin"), ...at]);
      const ended = once(child, "exit");
      const kept = (): number => {
        const sums = readdirSync(target).find((name) => name.endsWith(".sums"));
        return sums === undefined ? 0 : statSync(join(target, sums)).size / 32;
      };
      while (kept() < 5) await turn();
      child.kill("SIGKILL");
      expect(await ended).to.deep.equal([null, "SIGKILL"]);
      const pieces = kept();
      expect(await readdir(target)).not.to.include("film.bin");
      const again = await done(["get", "film.bin", join(target, "film.bin"), ...at]);
      expect(again).to.include({ files: 1, bytes: film.length, fetched: film.length - pieces * MIB });
      expect(await readdir(target)).to.deep.equal(["film.bin"]);
      expect(Buffer.compare(await readFile(join(target, "film.bin")), film)).to.equal(0);
      expect(await done(["get", "film.bin", join(target, "film.bin"), ...at])).to.include({ fetched: 0 });
    });
  });

  describe("watch", () => {
    /** Watches until it says that it did something, and ends it then. */
    async function watched(signal: NodeJS.Signals, change?: () => Promise<unknown>) {
      const child = network.begin(["watch", join(folder, "notes"), "/notes", "--quiet", "1", "--json", ...at]);
      const ended = once(child, "exit");
      if (change) createInterface({ input: child.stderr! }).once("line", () => void change());
      const [line] = await once(createInterface({ input: child.stdout! }), "line");
      child.kill(signal);
      return { document: JSON.parse(line), ended: await ended };
    }

    it("keeps a folder up to date, goes on after SIGKILL, and ends by Ctrl-C", async () => {
      const notes = join(folder, "notes");
      await mkdir(notes);
      for (const name of ["one", "two"]) await writeFile(join(notes, name), name);
      const first = await watched("SIGKILL");
      expect(first.document.put).to.deep.equal(["notes/one", "notes/two"]);
      await writeFile(join(notes, "three"), "three");
      const second = await watched("SIGINT");
      expect(second.document).to.deep.include({ put: ["notes/three"], moved: [], removed: [], failed: [] });
      expect(second.ended).to.deep.equal([0, null]);
      const third = await watched("SIGINT", () => rename(join(notes, "one"), join(notes, "eins")));
      expect(third.document).to.deep.include({ put: [], moved: [{ from: "notes/one", to: "notes/eins" }] });
      const { files } = await done(["ls", "notes", ...at]);
      expect(files.map(({ path }: { path: string }) => path)).to.deep.equal(["notes/eins", "notes/three", "notes/two"]);
    });
  });

  describe("volume extend, volume renew and topup", () => {
    it("tell what they would cost, and what is allowed without asking again", async () => {
      const extended = await done(["volume", "extend", "--epochs", "50", "--dry-run", ...at]);
      expect(extended).to.include({ dryRun: true });
      const [{ extended: deals, failed }] = extended.volumes;
      expect([deals.length, failed]).to.deep.equal([N, []]);
      expect(BigInt(extended.cost) > 0n).to.equal(true);
      const over = await fails(["volume", "extend", "--epochs", "50", "--budget", "0.000001", ...at]);
      expect(over).to.include({ code: "OverBudget", budget: "1" });
      expect(await done(["volume", "renew", "--budget", "2.5", "--within", "3", ...at])).to.deep.include({
        renewal: { epochs: 30, within: 3, budget: "2500000" },
      });
      expect(await done(["volume", "renew", "--off", ...at])).to.include({ renewal: null });
      const plan = await done(["topup", "1.5", "--dry-run", ...at]);
      expect(plan).to.include({ total: "1500000", missing: "0", transactions: 1 });
      expect(plan.deals).to.have.length(N);
    });
  });
});
