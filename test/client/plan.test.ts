import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect } from "chai";
import type { Sublet } from "../../src/client/index.ts";
import { PARAMETERS, policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { World } from "./World.ts";

const MIB = 2 ** 20;

/** Every file of a folder with the hash of its content, but for what SQLite keeps beside an open database. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const kept = paths.filter((path) => !/-(wal|shm)$/.test(path));
  const hashed = kept.map(async (path) => [
    path,
    createHash("sha256")
      .update(await readFile(path))
      .digest("hex"),
  ]);
  return Object.fromEntries(await Promise.all(hashed));
}

describe("a plan of a payment", function () {
  this.timeout(120_000);
  const VOLUME = { k: 1, n: 3, bytes: 3 * MIB, epochs: 8 };
  let world: World;

  before(async () => {
    world = await World.create(3, { policy: { ...policy, rate: 3_000n << 32n, egressRate: 2n ** 32n / 1_000n } });
  });

  after(() => world.end());

  it("tells what a volume then costs, and what the account lacks for it, and moves nothing", async () => {
    const drive = await world.open(await world.home());
    const { tokens, gas } = await drive.status();
    const plan = await drive.planVolume(VOLUME);
    const after = await drive.status();
    expect([after.tokens, after.gas, after.volumes]).to.deep.equal([tokens, gas, []]);
    expect(plan).to.include({ k: 1, n: 3, capacity: 4, missing: 0n, have: tokens, transactions: 1 });
    expect(plan.total).to.equal(plan.escrow + plan.egress);
    // Four sectors at each of three, for the epoch under way and eight more.
    expect(plan.escrow).to.equal(3n * 4n * 3_000n * 9n);
    expect(plan.deals.map(({ position }) => position)).to.deep.equal([0, 1, 2]);
    await drive.createVolume(VOLUME);
    expect(tokens - (await drive.status()).tokens).to.equal(plan.total);

    const poor = await world.open(await world.home(randomBytes(32), 1_000n));
    expect((await poor.planVolume(VOLUME)).missing).to.equal(plan.total - 1_000n);
    await expectError(poor.planVolume({ ...VOLUME, n: 5 }), "TooFewProviders");
    await expectError(poor.planVolume({ ...VOLUME, k: 4 }), "BadArgument");
  });

  it("tells how long what is paid in would last with more of it", async () => {
    const drive = await world.open(await world.home());
    await expectError(drive.planTopUp(1_000n), "NoVolume");
    await drive.createVolume(VOLUME);
    await drive.put("film", randomBytes(2 * MIB));
    const { tokens } = await drive.status();
    const plan = await drive.planTopUp(100_001n);
    expect(plan).to.include({ total: 100_001n, missing: 0n, lasts: 9, wouldLast: 9 });
    expect(plan.deals.reduce((sum, { amount }) => sum + amount, 0n)).to.equal(100_001n);
    expect((await drive.planTopUp(tokens + 1n, { egress: true })).missing).to.equal(1n);
    expect((await drive.status()).tokens).to.equal(tokens);
    await expectError(drive.planTopUp(0n), "BadArgument");
    const paid = await drive.topUp(100_001n);
    expect(paid.map(({ deal, escrow }) => ({ deal, amount: escrow }))).to.deep.equal(
      plan.deals.map(({ deal, amount }) => ({ deal, amount })),
    );
  });
});

describe("a plan of a put", function () {
  this.timeout(120_000);
  let world: World;
  let home: string;

  before(async () => {
    world = await World.create(4);
    home = await world.home();
    const drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 4, bytes: 16 * MIB, epochs: 20 });
    await drive.close();
  });

  after(() => world.end());

  /** What `work` does with a drive must leave home, chain and account as they were. */
  async function withoutTrace<Result>(work: (drive: Sublet) => Promise<Result>): Promise<Result> {
    const [files, block] = [await contentOf(home), await world.ground.block()];
    const drive = await world.open(home);
    const market = await world.ground.reach(await world.ground.account(0n));
    const money = () => Promise.all([market.tokenBalance(drive.account), market.gasBalance(drive.account)]);
    const before = await money();
    try {
      return await work(drive);
    } finally {
      expect(await money()).to.deep.equal(before);
      await drive.close();
      expect(await contentOf(home)).to.deep.equal(files);
      expect(await world.ground.block()).to.equal(block);
    }
  }

  it("changes nothing: no home, no chain, no balance; of a drive that never wrote, too", async () => {
    const folder = await world.folder();
    await writeFile(join(folder, "film"), randomBytes(5 * MIB));
    await writeFile(join(folder, "note"), "short");
    const plan = await withoutTrace((drive) => drive.plan("new", folder));
    expect(plan).to.include({ path: "new", files: 2, bytes: 5 * MIB + 5, k: 2, n: 4, deals: 4, transactions: 0 });
    expect(plan).to.include({ sectors: 3, freeSectors: 8, missing: 0n, month: 3n * 4n * 30n * 1_000n });
    const streamed = await withoutTrace((drive) => drive.plan("stream", Readable.from([randomBytes(3 * MIB)])));
    expect(streamed).to.include({ bytes: 3 * MIB, sectors: 2 });
  });

  it("tells what the put then takes", async () => {
    const bytes = randomBytes(5 * MIB);
    const { sectors, freeSectors } = await withoutTrace((drive) => drive.plan("film", bytes));
    const drive = await world.open(home);
    await drive.put("film", bytes);
    const held = (await drive.status()).volumes[0]!.sectors;
    const next = await drive.plan("another", Buffer.from("small"));
    // The catalogue's change went into what was left of the last one.
    expect({ sectors, held, left: next.freeSectors }).to.deep.equal({ sectors: 3, held: 3, left: freeSectors - 3 });
    expect(next.sectors).to.equal(0);
    await drive.remove("film", { forget: true });
    await drive.close();
  });

  it("ends as the put would, where that can be known", async () => {
    await withoutTrace(async (drive) => {
      await expectError(drive.plan("large", randomBytes(17 * MIB)), "VolumeFull");
      await expectError(drive.plan("a/../b", randomBytes(1)), "BadArgument");
      await expectError(drive.plan("x", join(home, "nowhere")), "NoSuchPath");
      await expectError(drive.plan("x", randomBytes(1), { volume: 1n }), "NoVolume");
    });
    const empty = await world.open(await world.home());
    await expectError(empty.plan("x", randomBytes(1)), "NoVolume");
    const { id: volume } = await empty.createVolume({ k: 1, n: 3, bytes: MIB, epochs: 1 });
    await world.ground.mine(2 * PARAMETERS.epochBlocks);
    await expectError(empty.plan("x", randomBytes(1)), "NoVolume");
    const late = await expectError(empty.plan("x", randomBytes(1), { volume }), "TooFewProviders");
    expect(late).to.include({ have: 0, need: 2 });
  });
});
