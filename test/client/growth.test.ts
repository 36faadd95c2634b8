import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { bytesToHex } from "viem";
import { DealState, LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import { type Growth, Home, USUAL_HEALTH } from "../../src/client/home/Home.ts";
import type { Sublet } from "../../src/client/index.ts";
import { policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
const RATE = 2_000n;
const N = 3;
const ROOMY: Growth = { bytes: 4 * MIB, epochs: 6, budget: 10n ** 9n };

describe("a drive of several volumes", function () {
  this.timeout(240_000);
  let world: World;
  let home: string;
  let drive: Sublet;

  const open = async (hosts = N): Promise<void> => {
    world = await World.create(hosts, { policy: { ...policy, rate: RATE * LEDGER_ONE } });
    home = await world.home();
    drive = await world.open(home);
  };
  const budget = async (): Promise<bigint> => (await new Home(home).readConfig()).growth!.budget;
  const same = async (path: string, bytes: Buffer, from = drive): Promise<void> => {
    expect(Buffer.compare(await read(from.get(path)), bytes), path).to.equal(0);
  };
  const ids = async (): Promise<bigint[]> => (await drive.status()).volumes.map(({ volume }) => volume);

  afterEach(() => world.end());

  describe("that may grow", () => {
    const film = randomBytes(2 * MIB);

    beforeEach(async () => {
      await open();
      await drive.createVolume({ k: 1, n: N, bytes: 2 * MIB, epochs: 6 });
      await drive.put("film", film);
    });

    it("rents a volume like the newest where nothing fits, out of its budget, and says so before", async () => {
      const next = randomBytes(3 * MIB);
      await expectError(drive.put("next", next), "VolumeFull");
      await new Home(home).setGrowth(ROOMY);
      const { tokens } = await drive.status();
      const { rents, ...planned } = await drive.plan("next", next);
      expect(planned).to.include({ transactions: 1, sectors: 3, deals: N }).and.not.to.have.property("volume");
      expect(await ids()).to.have.length(1);
      const { volume, state } = await drive.put("next", next);
      expect(state).to.equal("complete");
      const [first, second] = (await drive.status()).volumes;
      expect(second).to.deep.include({ volume, k: 1, n: N, capacity: rents!.capacity });
      expect(tokens - (await drive.status()).tokens).to.equal(rents!.total);
      expect(await budget()).to.equal(ROOMY.budget - rents!.total);

      // What fits goes into the newest, then into what is free in others, and only then is more rented.
      expect((await drive.put("note", randomBytes(10))).volume).to.equal(volume);
      const [song, talk] = [randomBytes(MIB), randomBytes(MIB)];
      expect((await drive.put("song", song)).volume).to.equal(volume);
      await drive.remove("film", { forget: true });
      expect((await drive.put("talk", talk)).volume).to.equal(first!.volume);
      expect(await ids()).to.have.length(2);
      const { drive: restored } = await world.restore(await world.keyOf(home));
      await same("song", song, restored);
      await same("talk", talk, restored);
      await same("next", next, restored);
    });

    it("rents as much as is put, where that is more than it was told", async () => {
      await new Home(home).setGrowth({ ...ROOMY, bytes: 1 });
      const [a, b] = [randomBytes(3 * MIB), randomBytes(4 * MIB)];
      // Both at once: neither may take the room that was rented for the other.
      await Promise.all([drive.put("a", a), drive.put("b", b)]);
      await same("a", a);
      await same("b", b);
      expect(await ids()).to.have.length(3);
    });

    it("spends no more than its budget", async () => {
      await new Home(home).setGrowth(ROOMY);
      const { total } = (await drive.plan("next", film)).rents!;
      await new Home(home).setGrowth({ ...ROOMY, budget: total - 1n });
      const { tokens } = await drive.status();
      for (const attempt of ["plan", "put"] as const)
        expect(await expectError(drive[attempt]("next", film), "OverBudget")).to.include({
          need: total,
          budget: total - 1n,
        });
      expect(await budget()).to.equal(total - 1n);
      expect((await drive.status()).tokens).to.equal(tokens);
      expect(await ids()).to.have.length(1);
      await new Home(home).setGrowth({ ...ROOMY, budget: total });
      await drive.put("next", film);
      expect(await budget()).to.equal(0n);
    });

    it("keeps its budget where the account cannot pay", async () => {
      home = await world.home(randomBytes(32), 1_000_000n);
      const poor = await world.open(home);
      await poor.createVolume({ k: 1, n: N, bytes: MIB, epochs: 6 });
      await new Home(home).setGrowth({ ...ROOMY, bytes: 100 * MIB });
      const { tokens } = await poor.status();
      await expectError(poor.put("next", film), "InsufficientFunds");
      expect(await budget()).to.equal(ROOMY.budget);
      expect((await poor.status()).tokens).to.equal(tokens);
    });

    it("goes on in another volume with a stream whose length nobody knew", async () => {
      const [first] = await ids();
      await drive.remove("film", { forget: true });
      const stream = Array.from({ length: 12 }, () => randomBytes(MIB / 2));
      const pieces = async function* () {
        yield* stream;
      };
      await expectError(drive.put("stream", pieces()), "VolumeFull");
      await new Home(home).setGrowth({ ...ROOMY, bytes: 2 * MIB });
      const { volume } = await drive.put("stream", pieces());
      const whole = Buffer.concat(stream);
      await same("stream", whole);
      const all = await ids();
      // One free sector of the first, three of the second, and two of the third.
      expect(all).to.have.length(3);
      expect([first, volume]).to.deep.equal([all[0], all[2]]);
      await drive.put("small", film.subarray(0, 10));
      const { drive: restored } = await world.restore(await world.keyOf(home));
      await same("stream", whole, restored);
      expect((await restored.repair()).map(({ complete }) => complete.length)).to.deep.equal([N, N, N]);
    });

    it("does not grow for a volume that was asked for by name", async () => {
      await new Home(home).setGrowth(ROOMY);
      const [volume] = await ids();
      await expectError(drive.put("next", film, { volume: volume! }), "VolumeFull");
      expect(await ids()).to.have.length(1);
    });
  });

  it("names a stream only when all volumes that it lies in have it", async () => {
    await open(2 * N);
    await drive.createVolume({ k: 1, n: N, bytes: 2 * MIB, epochs: 6 });
    const first = (await drive.status()).volumes[0]!.positions.map(({ provider }) => world.hostOf(provider!));
    await new Home(home).setGrowth(ROOMY);
    await world.stop(...first);
    const stream = Array.from({ length: 4 }, () => randomBytes(MIB));
    const pieces = async function* () {
      yield* stream;
    };
    // The second volume's providers have their part, and would have taken its name.
    await expectError(drive.put("stream", pieces()), "NotDurable");
    expect(drive.kind("stream")).to.equal(undefined);
    const { volumes, unfinished } = await drive.status();
    expect([volumes.length, unfinished]).to.deep.equal([2, 1]);
    await world.start(...first);
    await drive.repair();
    await same("stream", Buffer.concat(stream));
  });

  it("outlives one whose time is over: names of what lies elsewhere move out of it", async () => {
    await open();
    const film = randomBytes(MIB);
    const { id: lasting } = await drive.createVolume({ k: 1, n: N, bytes: 3 * MIB, epochs: 30 });
    await drive.put("film", film);
    await drive.put("old", randomBytes(10));
    await drive.createVolume({ k: 1, n: N, bytes: 3 * MIB, epochs: 3 });
    // Both changes are kept in the newest volume, which ends first.
    await drive.move("film", "movie");
    await drive.remove("old");
    await drive.put("gone", randomBytes(10));
    await world.pass(5);

    const reports = await drive.repair();
    expect(reports.map(({ volume, failed }) => ({ volume, failed }))).to.deep.equal([
      { volume: lasting, failed: undefined },
    ]);
    expect((await drive.put("new", film)).volume).to.equal(lasting);
    await expectError(read(drive.get("gone")), "TooFewProviders");
    const { drive: restored, recovered } = await world.restore(await world.keyOf(home));
    expect(recovered.volumes).to.equal(1);
    expect([...restored.list()].map(({ path }) => path)).to.deep.equal(["movie", "new"]);
    await same("movie", film, restored);
    expect(await restored.repair()).to.have.length(1);
  });

  it("is mended as far as it can be: a volume that is lost holds up no other", async () => {
    await open(4);
    const film = randomBytes(MIB);
    await drive.createVolume({ k: 1, n: 1, bytes: 2 * MIB, epochs: 20 });
    await drive.put("single", film);
    await drive.createVolume({ k: 1, n: 2, bytes: 2 * MIB, epochs: 20 });
    await drive.put("film", film);
    const [single, double] = (await drive.status()).volumes;
    const alone = world.hostOf(single!.positions[0]!.provider!);
    await world.corrupt(alone);
    const [first, second] = await drive.repair();
    expect(first).to.deep.include({ volume: single!.volume, complete: [] });
    expect(first!.failed).to.include({ code: "TooFewProviders" });
    expect(second).to.deep.include({ volume: double!.volume, complete: [0, 1] });
    expect(second!.failed).to.equal(undefined);
  });

  it("replaces a provider that answers and proves too seldom, as its rule says, and gives it notice", async () => {
    await open(N + 1);
    await drive.createVolume({ k: 1, n: N, bytes: 2 * MIB, epochs: 30 });
    const film = randomBytes(MIB);
    await drive.put("film", film);
    await world.pass(2);
    const [position] = (await drive.status()).volumes[0]!.positions;
    const host = world.hostOf(position!.provider!);
    await world.stop(host);
    await world.pass(2);
    await world.start(host);
    await world.pass(2);
    const seen = (await drive.status()).volumes[0]!.positions;
    const shares = seen.map(({ proved }) => proved!.epochs / proved!.of);
    expect(shares[0]).to.be.below(USUAL_HEALTH.least);
    for (const share of shares.slice(1)) expect(share).to.be.at.least(USUAL_HEALTH.least);
    const place = new Home(home);
    await place.setHealth({ least: 0.2 });
    expect((await drive.repair())[0]!.replaced).to.deep.equal([]);
    await place.setHealth(USUAL_HEALTH);
    const [report] = await drive.repair();
    expect(report!.replaced.map(({ position, why }) => ({ position, why }))).to.deep.equal([
      { position: 0, why: "weak" },
    ]);
    expect(report!.complete).to.deep.equal([0, 1, 2]);
    const market = await world.ground.reach(bytesToHex(randomBytes(32)));
    const { state } = await market.deal(host.address, 0);
    expect(state).to.equal(DealState.Notice);
    await same("film", film);
    await expectError(place.setHealth({ least: 1.1 }), "BadArgument");
  });
});
