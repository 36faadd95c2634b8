import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { inParallel, Slots } from "../../src/client/Parallel.ts";
import { Egress } from "../../src/provider-node/deals/Egress.ts";
import { policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { killedAt } from "./killed.ts";
import { PASSWORD, World } from "./World.ts";

const MIB = 2 ** 20;

describe("fetching", function () {
  this.timeout(180_000);
  const film = randomBytes(24 * MIB + 777);
  const notes = Array.from({ length: 24 }, (_, index) => ({
    name: `${index}`.padStart(2, "0"),
    bytes: randomBytes(300_000),
  }));
  const { charge } = Egress.prototype;
  let world: World;
  let home: string;
  let drive: Sublet;
  let folder: string;
  /** Bytes that providers sent, as they count them. */
  let served = 0;

  before(async () => {
    Egress.prototype.charge = function (deal, payer, bytes) {
      served += bytes;
      return charge.call(this, deal, payer, bytes);
    };
    world = await World.create(4, { policy: { ...policy, creditBytes: 2 ** 40 } });
    home = await world.home();
    drive = await world.open(home);
    // All are needed, so a slow one is not raced, which would have others send what nobody takes.
    await drive.createVolume({ k: 4, n: 4, bytes: 96 * MIB, epochs: 20 });
    await drive.put("film", film);
    folder = await world.folder();
    await mkdir(join(folder, "notes", "deep"), { recursive: true });
    for (const { name, bytes } of notes) await writeFile(join(folder, "notes", "deep", name), bytes);
    await drive.put("notes", join(folder, "notes"));
  });

  after(async () => {
    Egress.prototype.charge = charge;
    await world.end();
  });

  beforeEach(() => {
    served = 0;
  });

  const args = (path: string, target: string) => ["getProcess.ts", home, path, target, PASSWORD] as const;

  /** A fetch that ended in the middle, by this process's own will. */
  async function begun(target: string): Promise<string> {
    const stop = new AbortController();
    let there = 0;
    const onProgress = (bytes: number): void => {
      there += bytes;
      if (there > 10 * MIB) stop.abort(new Error("enough"));
    };
    await drive.fetch("film", target, { onProgress, signal: stop.signal }).then(
      () => expect.fail("it was not to end"),
      () => undefined,
    );
    const left = (await readdir(join(target, ".."))).filter((name) => /^film\..*\.part(\.sums)?$/.test(name)).sort();
    expect(left).to.have.length(2);
    return join(target, "..", left[0]!);
  }

  it("goes on with a large file after SIGKILL, and reads only what was not there", async () => {
    const target = join(await world.folder(), "film");
    await killedAt(args("film", target), film.length / 2);
    const kept = (await stat(join(target, "..", (await readdir(join(target, "..")))[0]!))).size;
    expect(kept).to.be.greaterThan(film.length / 3);
    served = 0;
    const fetched = await drive.fetch("film", target);
    expect(fetched).to.deep.include({ files: 1, bytes: film.length, failed: [] });
    expect(fetched.fetched).to.be.lessThan(film.length - film.length / 3);
    // Runs begin at stripes: not more than a run and a piece beside it.
    expect(served)
      .to.be.at.least(fetched.fetched)
      .and.at.most(fetched.fetched + 6 * MIB);
    expect(Buffer.compare(await readFile(target), film)).to.equal(0);
    expect(await readdir(join(target, ".."))).to.deep.equal(["film"]);
    served = 0;
    expect((await drive.fetch("film", target)).fetched).to.equal(0);
    expect(served, "of a file that is there").to.equal(0);
  });

  it("goes on with a folder after SIGKILL: files that are there are not read again", async () => {
    const target = join(await world.folder(), "back");
    const all = notes.reduce((sum, { bytes }) => sum + bytes.length, 0);
    await killedAt(args("notes", target), all / 2);
    // Whatever has its name is whole.
    const there = (await readdir(join(target, "deep"))).filter((name) => !name.endsWith(".part"));
    expect(there).to.not.have.length(0);
    for (const name of there) {
      const { bytes } = notes.find((one) => one.name === name)!;
      expect(Buffer.compare(await readFile(join(target, "deep", name)), bytes), name).to.equal(0);
    }
    served = 0;
    const fetched = await drive.fetch("notes", target);
    expect(fetched).to.deep.include({ files: notes.length, bytes: all, failed: [] });
    expect(fetched.fetched).to.equal(all - there.length * 300_000);
    expect(served).to.be.at.most(fetched.fetched + 3 * MIB);
    expect((await readdir(join(target, "deep"))).sort()).to.deep.equal(notes.map(({ name }) => name));
    for (const { name, bytes } of notes)
      expect(Buffer.compare(await readFile(join(target, "deep", name)), bytes)).to.equal(0);
  });

  it("does not believe what is there: a piece that was changed is read again", async () => {
    const target = join(await world.folder(), "film");
    const part = await begun(target);
    const file = await open(part, "r+");
    await file.write(Buffer.from([film[3 * MIB + 5]! ^ 1]), 0, 1, 3 * MIB + 5);
    await file.close();
    const { fetched } = await drive.fetch("film", target);
    expect(fetched).to.equal(film.length - 3 * MIB);
    expect(Buffer.compare(await readFile(target), film)).to.equal(0);
  });

  it("never gives a file its name with a wrong byte, though its sums say that it is right", async () => {
    const target = join(await world.folder(), "film");
    const part = await begun(target);
    const piece = Buffer.from(film.subarray(0, MIB));
    piece[9]! ^= 1;
    for (const [path, bytes] of [
      [part, piece],
      [`${part}.sums`, createHash("sha256").update(piece).digest()],
    ] as const) {
      const file = await open(path, "r+");
      await file.write(bytes, 0, bytes.length, 0);
      await file.close();
    }
    await expectError(drive.fetch("film", target), "StateCorrupt");
    expect(await readdir(join(target, ".."))).to.deep.equal([]);
    expect((await drive.fetch("film", target)).fetched).to.equal(film.length);
  });

  it("begins anew where the drive has another content since, and leaves nothing of the old one", async () => {
    const place = await world.folder();
    await begun(join(place, "film"));
    await drive.move("film", "before");
    const other = randomBytes(2 * MIB);
    await drive.put("film", other);
    expect((await drive.fetch("film", join(place, "film"))).fetched).to.equal(other.length);
    expect(Buffer.compare(await readFile(join(place, "film")), other)).to.equal(0);
    expect(await readdir(place)).to.deep.equal(["film"]);
    expect((await drive.fetch("film", join(place, "old"), { version: 2 })).bytes).to.equal(film.length);
    await drive.move("before", "film", { force: true });
  });

  it("tells of a file that cannot be had, and has the others", async () => {
    const target = await world.folder();
    const taken = [7, 3].map((index) => notes[index]!.name);
    for (const name of taken) await mkdir(join(target, "deep", name, "in the way"), { recursive: true });
    const { failed, files } = await drive.fetch("notes", target, { parallel: 3 });
    expect(failed.map(({ path, code }) => `${path} ${code}`)).to.deep.equal([
      ...["notes/deep/03 SystemError", "notes/deep/07 SystemError"],
    ]);
    expect(files).to.equal(notes.length - 2);
    for (const { name, bytes } of notes.filter(({ name }) => !taken.includes(name)))
      expect(Buffer.compare(await readFile(join(target, "deep", name)), bytes)).to.equal(0);
    await expectError(drive.fetch("notes", target, { parallel: 0 }), "BadArgument");
  });

  it("puts the other files of a folder where one cannot be read", async () => {
    const source = await world.folder();
    for (const { name, bytes } of notes.slice(0, 8)) await writeFile(join(source, name), bytes);
    let gone: Promise<void> | undefined;
    const onProgress = (): void => {
      gone ??= rm(join(source, "05"));
    };
    const receipt = await drive.put("partly", source, { parallel: 1, onProgress });
    await gone;
    expect(receipt).to.include({ files: 7, state: "complete" });
    expect(receipt.failed.map(({ path, code }) => `${path} ${code}`)).to.deep.equal(["partly/05 SourceUnreadable"]);
    expect([...drive.list("partly")].map(({ path }) => path)).to.deep.equal(
      ["00", "01", "02", "03", "04", "06", "07"].map((name) => `partly/${name}`),
    );
    expect((await drive.fetch("partly", join(await world.folder(), "back"))).failed).to.deep.equal([]);
  });
});

describe("work on many files", () => {
  const { signal } = new AbortController();

  it("is told of in the order of the files, however long each takes, and never more at once than wanted", async () => {
    let [now, most] = [0, 0];
    const work = async (index: number): Promise<number> => {
      now++;
      most = Math.max(most, now);
      await sleep((7 * index) % 5);
      now--;
      return index;
    };
    const items = Array.from({ length: 40 }, (_, index) => index);
    const outcomes = await inParallel(items, 3, work, String, signal);
    expect(outcomes.map(({ result }) => result)).to.deep.equal(items);
    expect(most).to.equal(3);
  });

  it("gives room in turn", async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    await slots.take();
    await slots.take();
    const waiting = [1, 2, 3].map((turn) => slots.take().then(() => order.push(turn)));
    await sleep(0);
    expect(order).to.deep.equal([]);
    slots.give();
    await waiting[0];
    expect(order).to.deep.equal([1]);
    slots.give();
    slots.give();
    await Promise.all(waiting);
    expect(order).to.deep.equal([1, 2, 3]);
  });
});
