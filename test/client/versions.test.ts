import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { Home, type Keep } from "../../src/client/home/Home.ts";
import type { Sublet } from "../../src/client/index.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
const K = 2;
const N = 3;

describe("versions of files", function () {
  this.timeout(120_000);
  let world: World;
  let home: string;
  let drive: Sublet;

  beforeEach(async () => {
    world = await World.create(N);
    home = await world.home();
    drive = await world.open(home);
    await drive.createVolume({ k: K, n: N, bytes: 24 * MIB, epochs: 20 });
  });

  afterEach(() => world.end());

  async function keeping(keep: Partial<Keep>): Promise<void> {
    await drive.close();
    await new Home(home).setKeep(keep);
    drive = await world.open(home);
  }

  const held = async (): Promise<number> => (await drive.status()).volumes[0]!.positions[0]!.sectors;
  const put = (path: string, text: string) => drive.put(path, Buffer.from(text));
  const text = async (path: string, version: number, from = drive) => `${await read(from.get(path, { version }))}`;
  const seen = (path: string, from = drive) =>
    [...from.versions(path)].map(({ path, version, replaced }) => `${path} ${version} ${replaced ? "was" : "is"}`);

  it("are read by number, of removed files too, on another device as here", async () => {
    for (const content of ["one", "two", "three"]) await put("a/notes", content);
    await put("b", "kept");
    await drive.remove("a/notes");
    await put("a/other", "other");
    await drive.remove("b");
    await put("b", "again");
    const restored = (await world.restore(await world.keyOf(home))).drive;
    for (const one of [drive, restored]) {
      expect(seen("", one)).to.deep.equal([
        ...["a/notes 1 was", "a/notes 2 was", "a/notes 3 was", "a/other 1 is", "b 1 is", "b 2 was"],
      ]);
      expect(seen("a/notes", one)).to.have.length(3);
      expect(await Promise.all([1, 2, 3].map((version) => text("a/notes", version, one)))).to.deep.equal([
        ...["three", "two", "one"],
      ]);
      expect(await text("b", 2, one)).to.equal("kept");
      expect([...one.list()].map(({ path }) => path)).to.deep.equal(["a/other", "b"]);
      await expectError(read(one.get("a/notes")), "NoSuchPath");
    }
    const none = await expectError(read(drive.get("b", { version: 3 })), "NoSuchVersion");
    expect(none).to.include({ path: "b", version: 3, have: 2 });
    await expectError(read(drive.get("nowhere", { version: 1 })), "NoSuchPath");
  });

  it("tell what each costs at the providers, and that a content with two names is paid once", async () => {
    await drive.put("film", randomBytes(4 * MIB));
    await put("film", "short");
    await drive.copy("film", "same");
    const costs = [...drive.versions()].map(({ path, version, bytes, stored }) => ({ path, version, bytes, stored }));
    expect(costs).to.deep.equal([
      { path: "film", version: 1, bytes: 5, stored: 0 },
      { path: "film", version: 2, bytes: 4 * MIB, stored: 4 * MIB * (N / K) },
      { path: "same", version: 1, bytes: 5, stored: 32 * N },
    ]);
    const { versions, stored } = (await drive.status()).earlier;
    expect({ versions, stored }).to.deep.equal({ versions: 1, stored: 4 * MIB * (N / K) });
  });

  it("beyond the count that is kept give their room back with the change that replaces them", async () => {
    await keeping({ most: 2 });
    const films = [1, 2, 3, 4, 5].map(() => randomBytes(6 * MIB));
    let most = 0;
    for (const film of films) {
      await drive.put("film", film);
      most = Math.max(most, await held());
    }
    // Were all of them kept, the fifth would not fit: the volume holds 24 MiB.
    expect(most).to.be.at.most(11);
    expect(seen("film")).to.deep.equal(["film 1 is", "film 2 was"]);
    for (const version of [1, 2])
      expect(Buffer.compare(await read(drive.get("film", { version })), films.at(-version)!)).to.equal(0);
    const { drive: restored } = await world.restore(await world.keyOf(home));
    expect(seen("film", restored)).to.deep.equal(seen("film"));
    expect((await restored.repair())[0]!.complete).to.have.length(N);
  });

  it("go when their time is over, and a full volume has room again", async () => {
    await keeping({ days: 1 });
    await drive.put("film", randomBytes(20 * MIB));
    await drive.remove("film");
    const full = await expectError(drive.put("next", randomBytes(20 * MIB)), "VolumeFull");
    expect(full.needSectors).to.equal(10);
    expect(seen("film")).to.deep.equal(["film 1 was"]);
    await keeping({ days: 1_000 / DAY_MS });
    await sleep(1_000);
    expect((await drive.put("next", randomBytes(20 * MIB))).state).to.equal("complete");
    expect(seen("")).to.deep.equal(["next 1 is"]);
  });

  it("are given back by repair, for whoever changes nothing any more", async () => {
    await keeping({ days: 0 });
    await drive.put("kept", randomBytes(1_000));
    await keeping({ days: 1_000 / DAY_MS });
    await drive.put("film", randomBytes(8 * MIB));
    const before = await held();
    await drive.remove("film");
    await sleep(1_000);
    await drive.repair();
    expect(await held()).to.be.at.most(before - 4);
  });

  it("are forgotten when told to: with their file, or without it", async () => {
    const film = randomBytes(8 * MIB);
    await drive.put("a/film", film);
    await put("a/film", "short");
    await put("b", "one");
    await put("b", "two");
    const before = await held();
    expect(await drive.forget("a")).to.equal(1);
    expect(await held()).to.be.at.most(before - 4);
    expect(seen("")).to.deep.equal(["a/film 1 is", "b 1 is", "b 2 was"]);
    expect(await drive.forget("a")).to.equal(0);
    await drive.remove("b", { forget: true });
    expect(seen("")).to.deep.equal(["a/film 1 is"]);
    await expectError(drive.forget("b"), "NoSuchPath");
    const { drive: restored } = await world.restore(await world.keyOf(home));
    expect(seen("", restored)).to.deep.equal(["a/film 1 is"]);
  });

  it("are kept as the home says, and what it cannot say is refused", async () => {
    const place = new Home(home);
    expect(drive.keep).to.deep.equal({ days: 30, most: 10 });
    expect(await place.setKeep({ days: 0.5 })).to.deep.equal({ days: 0.5, most: 10 });
    expect(await expectError(place.setKeep({ most: 0 }), "BadArgument")).to.include({ name: "most", value: "0" });
    await expectError(place.setKeep({ days: -1 }), "BadArgument");
    expect((await place.readConfig()).keep).to.deep.equal({ days: 0.5, most: 10 });
  });
});
