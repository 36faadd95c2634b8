import { randomBytes } from "node:crypto";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("names that change", function () {
  this.timeout(120_000);
  let world: World;
  let home: string;
  let drive: Sublet;

  before(async () => {
    world = await World.create(4);
    home = await world.home();
    drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 4, bytes: 16 * MIB, epochs: 20 });
  });

  after(() => world.end());

  beforeEach(async () => {
    const there = [...drive.list()].map(({ path }) => path.split("/")[0]!);
    for (const top of new Set(there)) await drive.remove(top, { recursive: true });
  });

  const put = (path: string, text = path) => drive.put(path, Buffer.from(text));
  const text = async (path: string, from = drive) => `${await read(from.get(path))}`;
  const paths = (from = drive) => [...from.list()].map(({ path }) => path);
  const held = async () => (await drive.status()).volumes[0]!.sectors;

  it("move and copy a file without its content", async () => {
    const bytes = randomBytes(5 * MIB);
    await drive.put("film", bytes);
    const before = await held();
    expect(await drive.move("film", "/films/first")).to.equal(1);
    expect(await drive.copy("films/first", "films/second")).to.equal(1);
    expect(paths()).to.deep.equal(["films/first", "films/second"]);
    await expectError(read(drive.get("film")), "NoSuchPath");
    // Only the catalogue grew: another three sectors would be the content.
    expect(await held()).to.be.lessThan(before + 2);
    // Either goes without the other.
    await drive.remove("films/first");
    expect(Buffer.compare(await read(drive.get("films/second")), bytes)).to.equal(0);
    await drive.remove("films/second");
    await drive.forget("/");
    expect(await held()).to.be.lessThan(before);
  });

  it("move and copy folders with all that is in them", async () => {
    for (const path of ["a/one", "a/b/two", "a/b/c/three", "ab/other"]) await put(path);
    expect(await drive.move("a/b", "z")).to.equal(2);
    expect(paths()).to.deep.equal(["a/one", "ab/other", "z/c/three", "z/two"]);
    expect(await drive.copy("z", "a/b")).to.equal(2);
    expect(await Promise.all(["a/b/two", "z/two", "a/b/c/three"].map((path) => text(path)))).to.deep.equal([
      ...["a/b/two", "a/b/two", "a/b/c/three"],
    ]);
  });

  it("replace nothing unless that is wanted, and then all or nothing", async () => {
    for (const path of ["new/x", "new/y", "old/y", "old/z"]) await put(path);
    const before = paths();
    expect(await expectError(drive.move("new", "old"), "PathTaken")).to.include({ path: "old/y" });
    expect(await expectError(drive.copy("new/x", "old/z"), "PathTaken")).to.include({ path: "old/z" });
    expect(paths()).to.deep.equal(before);
    expect(await text("old/y")).to.equal("old/y");
    expect(await drive.move("new", "old", { force: true })).to.equal(2);
    expect(paths()).to.deep.equal(["old/x", "old/y", "old/z"]);
    expect(await text("old/y")).to.equal("new/y");
  });

  it("refuse what would hide something, whatever is forced", async () => {
    for (const path of ["file", "folder/a"]) await put(path);
    const force = { force: true };
    await expectError(drive.move("nowhere", "x"), "NoSuchPath");
    await expectError(drive.move("file", "folder", force), "BadArgument");
    await expectError(drive.copy("folder", "file/below", force), "BadArgument");
    await expectError(drive.move("folder", "folder/in", force), "BadArgument");
    await expectError(drive.copy("file", "file", force), "BadArgument");
    await expectError(drive.copy("file", "a/../b", force), "BadArgument");
    await expectError(drive.copy("folder", "x".repeat(4_096), force), "BadArgument");
    expect(paths()).to.deep.equal(["file", "folder/a"]);
  });

  it("take along what was put before and did not become durable yet", async () => {
    await put("a", "first");
    const gone = world.hosts.slice(0, 2);
    await world.stop(...gone);
    await expectError(put("a", "second"), "NotDurable");
    await expectError(drive.move("a", "b"), "NotDurable");
    await world.start(...gone);
    await world.ground.until("a provider is found again", () => drive.move("a", "b").catch(() => undefined));
    expect(paths()).to.deep.equal(["b"]);
    expect(await text("b")).to.equal("second");
  });

  it("are as they were when too few providers take the change, and go on with the next", async () => {
    await put("a");
    const gone = world.hosts.slice(0, 2);
    await world.stop(...gone);
    try {
      await expectError(drive.move("a", "b"), "NotDurable");
      expect(paths()).to.deep.equal(["a"]);
    } finally {
      await world.start(...gone);
    }
    await drive.repair();
    expect(paths()).to.deep.equal(["b"]);
    expect(await text("b")).to.equal("a");
  });

  it("are the same to a drive that comes back from its key", async () => {
    for (const path of ["a/one", "a/two"]) await put(path);
    await drive.move("a", "b");
    await drive.copy("b/one", "c");
    const { drive: restored } = await world.restore(await world.keyOf(home));
    expect(paths(restored)).to.deep.equal(["b/one", "b/two", "c"]);
    expect(await text("c", restored)).to.equal("a/one");
  });
});
