import { randomBytes } from "node:crypto";
import { appendFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Mirrored, Sublet } from "../../src/client/index.ts";
import { Folder, steady } from "../../src/client/watch/Folder.ts";
import { expectError } from "./failures.ts";
import { killedAt } from "./killed.ts";
import { PASSWORD, read, World } from "./World.ts";

const MIB = 2 ** 20;
const QUIET_MS = 300;

describe("a folder that is watched", function () {
  this.timeout(180_000);
  let world: World;
  let home: string;
  let drive: Sublet;
  let folder: string;
  let passes: Mirrored[];
  const ends: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    world = await World.create(3);
    home = await world.home();
    drive = await world.open(home);
    await drive.createVolume({ k: 1, n: 3, bytes: 64 * MIB, epochs: 20 });
    folder = join(await world.folder(), "kept");
    await mkdir(join(folder, "deep"), { recursive: true });
    passes = [];
  });

  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    await world.end();
  });

  const write = (name: string, bytes: string | Uint8Array) => writeFile(join(folder, name), bytes);
  const paths = (): string[] => [...drive.list()].map(({ path }) => path);
  const text = async (path: string, version = 1) => `${await read(drive.get(path, { version }))}`;

  /** Watches until the test ends. */
  function watch(): void {
    const stop = new AbortController();
    const over = drive
      .watch(folder, "kept", { quietMs: QUIET_MS, onPass: (pass) => passes.push(pass), signal: stop.signal })
      .catch((error: unknown) => error);
    ends.push(async () => {
      stop.abort(new Error("the test is over"));
      expect(await over).to.have.property("message", "the test is over");
    });
  }

  async function until(what: string, reached: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 30_000; !reached(); await sleep(20))
      if (Date.now() > deadline) throw new Error(`waited in vain until ${what}: ${JSON.stringify(passes)}`);
  }

  it("is on the drive as it is and changes: new and other files, renamed ones, and those that go as versions", async () => {
    await write("one", "one");
    await write("deep/two", "two");
    watch();
    await until("all is there", () => paths().length === 2);
    await write("one", "one, later");
    await write("deep/three", "three");
    await until("changes are there", () => passes.length >= 2 && paths().includes("kept/deep/three"));
    await until("the change is there", () => [...drive.versions("kept/one")].length === 2);
    expect([await text("kept/one"), await text("kept/one", 2)]).to.deep.equal(["one, later", "one"]);

    passes.length = 0;
    await mkdir(join(folder, "other"));
    await rename(join(folder, "deep", "two"), join(folder, "other", "zwei"));
    await rm(join(folder, "deep", "three"));
    await until("it is renamed", () => passes.some(({ moved }) => moved.length > 0));
    await until("the other is gone", () => !paths().includes("kept/deep/three"));
    expect(paths()).to.deep.equal(["kept/one", "kept/other/zwei"]);
    expect(passes.flatMap(({ moved }) => moved)).to.deep.equal([{ from: "kept/deep/two", to: "kept/other/zwei" }]);
    expect(
      passes.flatMap(({ put }) => put),
      "stored again",
    ).to.deep.equal([]);
    expect(await text("kept/other/zwei")).to.equal("two");
    expect(await text("kept/deep/three")).to.equal("three");
  });

  it("is never stored half: a file that grows comes when nobody writes to it any more", async () => {
    watch();
    await write("small", "there at once");
    await until("others are not held up", () => paths().includes("kept/small"));
    const pieces = Array.from({ length: 12 }, () => randomBytes(50_000));
    for (const piece of pieces) {
      await appendFile(join(folder, "grows"), piece);
      await sleep(QUIET_MS / 3);
    }
    expect(paths()).to.deep.equal(["kept/small"]);
    await until("it is whole", () => paths().includes("kept/grows"));
    expect(Buffer.compare(await read(drive.get("kept/grows")), Buffer.concat(pieces))).to.equal(0);
    expect([...drive.versions("kept/grows")]).to.have.length(1);
  });

  it("is not stored with what was written between looking at a file and reading it", async () => {
    await write("file", "as it was seen");
    const { files } = await new Folder(folder, 0).look(new AbortController().signal);
    await write("file", "and as it is.");
    const error = await expectError(read(steady(files.get("file")!).open()), "SourceUnreadable");
    expect(error.reason).to.match(/changed while it was read/);
  });

  it("goes on after SIGKILL and stores nothing again", async () => {
    for (let index = 0; index < 10; index++) await write(`${index}`, randomBytes(200_000));
    await drive.close();
    await killedAt(["watchProcess.ts", home, folder, "kept", PASSWORD], 10);
    await write("since", "written while nobody looked");
    await rename(join(folder, "3"), join(folder, "drei"));
    drive = await world.open(home);
    watch();
    await until("it has gone on", () => passes.some(({ put }) => put.length > 0));
    await until("a renamed file is moved", () => passes.some(({ moved }) => moved.length > 0));
    expect(passes.flatMap(({ put }) => put)).to.deep.equal(["kept/since"]);
    expect(passes.flatMap(({ moved }) => moved)).to.deep.equal([{ from: "kept/3", to: "kept/drei" }]);
    expect(paths()).to.have.length(11);
  });

  it("goes on after SIGKILL in the midst of storing", async () => {
    const bytes = Array.from({ length: 6 }, () => randomBytes(3 * MIB));
    for (const [index, some] of bytes.entries()) await write(`${index}`, some);
    await drive.close();
    for (const laterMs of [400, 800, 1_200])
      await killedAt(["watchProcess.ts", home, folder, "kept", PASSWORD], 0, laterMs);
    drive = await world.open(home);
    watch();
    await until("all is there", () => paths().length === bytes.length);
    for (const [index, some] of bytes.entries()) {
      expect(Buffer.compare(await read(drive.get(`kept/${index}`)), some)).to.equal(0);
      expect([...drive.versions(`kept/${index}`)]).to.have.length(1);
    }
  });

  it("takes nothing away where the folder is gone, or empty from the start", async () => {
    await drive.put("kept/before", Buffer.from("before"));
    const over = (place: string) => drive.watch(place, "kept", { quietMs: QUIET_MS });
    await rm(join(folder, "deep"), { recursive: true });
    expect(await expectError(over(folder), "BadArgument")).to.include({ name: "folder" });
    await expectError(over(join(folder, "nowhere")), "NoSuchPath");
    await write("now", "now");
    watch();
    await until("it is as the folder", () => paths().join() === "kept/now");
    await rename(folder, `${folder}.away`);
    await sleep(4 * QUIET_MS);
    await mkdir(folder);
    await sleep(4 * QUIET_MS);
    expect(paths()).to.deep.equal(["kept/now"]);
  });
});
