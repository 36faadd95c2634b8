/** A provider's data folder moved elsewhere, to the same disk and to another, and killed at each step of it. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Home } from "../../src/provider-node/Home.ts";
import { INCOME_FILE, Income } from "../../src/provider-node/Income.ts";
import { move } from "../../src/provider-node/Move.ts";
import { DiskStore } from "../../src/provider-node/storage/DiskStore.ts";
import { expectProvable, failure, roomy } from "../conformance/store.ts";
import { record, slab, Writer } from "../conformance/Writer.ts";

const BLOCK = 65_536;
const PROCESS = join(import.meta.dirname, "moveProcess.ts");
/** Kept in memory, so another disk than the system's folder for temporary files. */
const OTHER_DISK = "/dev/shm";
const PROVIDER = "0x2222222222222222222222222222222222222222";
const onStep = (): void => undefined;

describe("moving a provider's data folder", function () {
  this.timeout(120_000);
  const made: string[] = [];
  let home: Home;
  let writer: Writer;

  async function folder(parent = tmpdir()): Promise<string> {
    const path = await mkdtemp(join(parent, "sublet-move-"));
    made.push(path);
    return path;
  }

  /** The store where it is now, while nobody else has it. */
  async function withStore<Result>(work: (store: DiskStore) => Promise<Result>): Promise<Result> {
    const directory = await home.dataDir();
    const store = await DiskStore.open({ directory, limits: roomy });
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** What a provider does that goes on. */
  const goesOn = (sequence: number): Promise<void> =>
    withStore(async (store) => {
      await expectProvable(store, writer);
      expect((await store.newest(writer.deal))?.revision.number).to.equal(writer.number);
      await writer.revise(store, [
        { op: "add", slab: slab(sequence), length: BLOCK },
        { op: "grow", slab: slab(0), length: BLOCK + 32 * (sequence + 1) },
      ]);
      if (writer.sectors.length > 3) await writer.revise(store, [{ op: "drop", index: 1 }]);
      await store.finalize(writer.deal, writer.number);
    });

  beforeEach(async () => {
    home = new Home(await folder());
    await mkdir(await home.dataDir());
    await withStore((store) => store.addDeal(record()));
    writer = new Writer(record().id);
    await withStore((store) => writer.revise(store, [{ op: "add", slab: slab(0), length: BLOCK }]));
    await writeFile(join(await home.dataDir(), "peer.key"), "a key");
    const income = new Income(join(await home.dataDir(), INCOME_FILE), PROVIDER);
    income.begin(7n);
    income.close();
  });

  afterEach(async () => {
    for (const path of made.splice(0)) await rm(path, { recursive: true, force: true });
  });

  /** That everything is at the new place, and nothing at the old one. */
  async function expectMoved(from: string, to: string): Promise<void> {
    expect(await home.dataDir()).to.equal(to);
    expect(existsSync(from)).to.equal(false);
    expect(await readFile(join(to, "peer.key"), "utf8")).to.equal("a key");
    const income = new Income(join(to, INCOME_FILE), PROVIDER);
    expect(income.through).to.equal(7n);
    income.close();
    expect((await readdir(to)).filter((name) => /moving|part|new/.test(name))).to.deep.equal([]);
    await goesOn(99);
    await withStore((store) => expectProvable(store, writer));
  }

  it("takes no time and no space on the same disk", async () => {
    const from = await home.dataDir();
    const to = join(await folder(), "new", "place");
    await goesOn(1);
    const { ino } = await stat(join(from, "sectors", writer.deal.slice(2), "00", "fffffffffffffffe00000000"));
    expect(await move({ home, to, onStep })).to.deep.equal({ from, to, sectors: 2, linked: 2 });
    const moved = join(to, "sectors", writer.deal.slice(2), "00", "fffffffffffffffe00000000");
    expect((await stat(moved)).ino).to.equal(ino);
    await expectMoved(from, to);
  });

  it("copies to another disk, and back", async () => {
    const from = await home.dataDir();
    const to = await folder(OTHER_DISK);
    await goesOn(1);
    expect(await move({ home, to, onStep })).to.include({ sectors: 2, linked: 0 });
    await expectMoved(from, to);
    await move({ home, to: from, onStep });
    await withStore((store) => expectProvable(store, writer));
    expect(existsSync(to)).to.equal(false);
  });

  it("takes with it that a sector is lost", async () => {
    await goesOn(1);
    await rm(join(await home.dataDir(), "sectors", writer.deal.slice(2), "00"), { recursive: true });
    const to = await folder(OTHER_DISK);
    expect(await move({ home, to, onStep })).to.include({ sectors: 1 });
    await withStore(async (store) => {
      expect(await store.read(writer.deal, slab(1), 0, BLOCK)).to.have.length(BLOCK);
    });
  });

  it("leaves what is not its own where it is", async () => {
    const from = await home.dataDir();
    await mkdir(join(from, "disk2"));
    await writeFile(join(from, "disk2", "file"), "theirs");
    const to = await folder();
    await move({ home, to, onStep });
    expect(await readdir(from)).to.deep.equal(["disk2"]);
  });

  it("is refused into a folder with something in it, into itself, and while the provider runs", async () => {
    const from = await home.dataDir();
    const full = await folder();
    await writeFile(join(full, "letter"), "");
    const to = (path: string) => failure(move({ home, to: path, onStep }));
    expect(await to(full)).to.include({ code: "BadArgument", value: full, reason: "it is not empty (letter)" });
    expect(await to(join(from, "deeper"))).to.include({ code: "BadArgument" });
    await withStore(async () => expect(await to(await folder())).to.include({ code: "HomeBusy" }));
    expect(await to(from).catch(() => "nothing to do")).to.equal("nothing to do");
    await goesOn(1);
  });

  for (const [where, disk] of [
    ["on the same disk", tmpdir()],
    ["to another disk", OTHER_DISK],
  ] as const) {
    it(`survives kill -9 before each step, ${where}: the provider goes on each time, and so does the move`, async () => {
      const from = await home.dataDir();
      const to = join(await folder(disk), "data");
      let kills = 0;
      for (let ended = false; !ended; ) {
        const { status, signal, stderr } = spawnSync(
          process.execPath,
          ["--disable-warning=ExperimentalWarning", PROCESS, home.path, to, `${kills + 1}`],
          { encoding: "utf8" },
        );
        ended = signal === null;
        expect(ended ? status : signal, stderr).to.equal(ended ? 0 : "SIGKILL");
        if (!ended) kills++;
        await goesOn(kills);
      }
      expect(kills).to.be.greaterThan(8);
      await expectMoved(from, to);
    });
  }
});
