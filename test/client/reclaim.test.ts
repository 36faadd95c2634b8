import { randomBytes } from "node:crypto";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("space that is given back", function () {
  this.timeout(120_000);
  let world: World;
  let home: string;
  let drive: Sublet;

  beforeEach(async () => {
    world = await World.create(4);
    home = await world.home();
    drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 4, bytes: 12 * MIB, epochs: 20 });
  });

  afterEach(() => world.end());

  const sectors = async (): Promise<number[]> => (await drive.status()).volumes[0]!.positions.map((one) => one.sectors);

  it("comes from removed files, so that a full volume can be filled again and again", async () => {
    const kept = randomBytes(100_000);
    await drive.put("kept", kept);
    for (let time = 0; time < 3; time++) {
      const bytes = randomBytes(9 * MIB);
      await drive.put("large", bytes);
      await expectError(drive.put("another", randomBytes(9 * MIB)), "VolumeFull");
      expect(Buffer.compare(await read(drive.get("large")), bytes)).to.equal(0);
      const full = await sectors();
      await drive.remove("large", { forget: true });
      for (const [position, count] of (await sectors()).entries()) expect(count).to.be.at.most(full[position]! - 4);
      expect(Buffer.compare(await read(drive.get("kept")), kept)).to.equal(0);
    }
    const { drive: restored } = await world.restore(await world.keyOf(home));
    expect([...restored.list()].map(({ path }) => path)).to.deep.equal(["kept"]);
    expect(Buffer.compare(await read(restored.get("kept")), kept)).to.equal(0);
    expect((await restored.status()).volumes[0]).to.include({ good: 4 });
  });

  it("comes from puts that came to nothing", async () => {
    await drive.put("kept", Buffer.from("kept"));
    const before = await sectors();
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      for (let piece = 0; piece < 6; piece++) yield randomBytes(MIB);
      throw new Error("the source ended");
    };
    const ended = await drive.put("broken", failing()).catch((error: Error) => error.message);
    expect(ended).to.equal("the source ended");
    await drive.put("next", Buffer.from("next"));
    await drive.repair();
    for (const [position, count] of (await sectors()).entries()) expect(count).to.be.at.most(before[position]! + 1);
  });

  it("reaches a provider that was away when it was given back", async () => {
    await drive.put("large", randomBytes(8 * MIB));
    const [away] = world.hosts;
    await world.stop(away!);
    await drive.remove("large", { forget: true });
    await world.start(away!);
    await drive.repair();
    const counts = await sectors();
    expect(new Set(counts).size).to.equal(1);
    expect(counts[0]).to.be.lessThan(4);
  });

  it("is never taken by an old copy of a home", async () => {
    await drive.put("a", randomBytes(1_000));
    await drive.close();
    const copy = join(await world.folder(), "copy");
    await cp(home, copy, { recursive: true });
    drive = await world.open(home);
    const bytes = randomBytes(500_000);
    await drive.put("b", bytes);
    const stale = await world.open(copy);
    const error = await expectError(stale.put("c", randomBytes(2_000)), "StateCorrupt");
    expect(error.reason).to.match(/older copy/);
    expect(Buffer.compare(await read(drive.get("b")), bytes)).to.equal(0);
    expect((await drive.repair())[0]!.complete).to.have.length(4);
  });
});
