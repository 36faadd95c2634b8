import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { bytesToHex } from "viem";
import { LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import { Home } from "../../src/client/home/Home.ts";
import type { ExtensionReport, Sublet, VolumeRenewed } from "../../src/client/index.ts";
import { Keys } from "../../src/codec/index.ts";
import { dial, policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
const RATE = 2_000n;
const EPOCHS = 6;
const N = 3;

describe("deals that are extended", function () {
  this.timeout(240_000);
  const film = randomBytes(MIB);
  let world: World;
  let home: string;
  let drive: Sublet;

  beforeEach(async () => {
    world = await World.create(N, { policy: { ...policy, rate: RATE * LEDGER_ONE } });
    home = await world.home();
    drive = await world.open(home);
    await drive.createVolume({ k: 1, n: N, bytes: 2 * MIB, epochs: EPOCHS });
    await drive.put("film", film);
  });

  afterEach(() => world.end());

  const ends = async (from = drive): Promise<number[]> => {
    const { volumes, epoch } = await from.status();
    return volumes[0]!.positions.map(({ epochsLeft }) => epoch + epochsLeft);
  };
  const states = async (from = drive): Promise<string[]> =>
    (await from.status()).volumes[0]!.positions.map(({ health }) => health);
  const tokens = async (): Promise<bigint> => (await drive.status()).tokens;

  it("outlive their first end, paid by what extending cost", async () => {
    await world.pass(2);
    const before = await ends();
    const money = await tokens();
    const [planned] = await drive.extend({ epochs: 9, dryRun: true });
    expect(await tokens(), "after a dry run").to.equal(money);
    expect(await ends()).to.deep.equal(before);

    const [report] = await drive.extend({ epochs: 9 });
    expect(report!.failed).to.deep.equal([]);
    expect(report!.cost).to.equal(planned!.cost);
    expect(report!.extended.map(({ position, from, rate }) => ({ position, from, rate }))).to.deep.equal(
      [0, 1, 2].map((position) => ({ position, from: before[0]!, rate: RATE * LEDGER_ONE })),
    );
    // Nine epochs of all that each can hold, three sectors, less what the first ones left in the escrow.
    expect(report!.cost > BigInt(N * 4 * 3) * RATE && report!.cost < BigInt(N * 9 * 3) * RATE).to.equal(true);
    expect(money - (await tokens())).to.equal(report!.cost);
    expect(await ends()).to.deep.equal(before.map((end) => end + 9));
    expect((await drive.warnings({ within: 100 })).map(({ kind }) => kind)).to.deep.equal(Array(N).fill("ending"));

    await world.pass(EPOCHS);
    expect(await states()).to.deep.equal(Array(N).fill("good"));
    expect(Buffer.compare(await read(drive.get("film")), film)).to.equal(0);
    await drive.put("more", randomBytes(1_000));
    const { drive: restored } = await world.restore(await world.keyOf(home));
    expect(await states(restored)).to.deep.equal(Array(N).fill("good"));
  });

  it("by repair alone, within the budget, which says what is left of it", async () => {
    const place = new Home(home);
    await place.setRenewal({ epochs: 20, within: 2, budget: 10n ** 9n });
    expect((await drive.repair())[0]!.renewed, "long before the end").to.have.keys("volume");
    await world.pass(EPOCHS - 1);
    const before = await ends();
    const [{ cost }] = (await drive.extend({ epochs: 20, dryRun: true })) as [ExtensionReport];
    expect(cost > 0n).to.equal(true);
    await place.setRenewal({ epochs: 20, within: 2, budget: cost + 1n });
    const money = await tokens();
    const { renewed } = (await drive.repair())[0]!;
    expect(renewed!.report).to.deep.include({ cost, failed: [] });
    expect(money - (await tokens())).to.equal(cost);
    expect(await ends()).to.deep.equal(before.map((end) => end + 20));
    expect((await place.readConfig()).renewal!.budget).to.equal(1n);
    expect((await drive.repair())[0]!.renewed, "long before the next end").to.have.keys("volume");

    await place.setRenewal({ epochs: 20, within: 100, budget: 1n });
    const { short } = (await drive.repair())[0]!.renewed!;
    expect(short!.budget).to.equal(1n);
    expect(money - (await tokens())).to.equal(cost);
    const warnings = (await drive.status()).warnings.filter(({ kind }) => kind === "budget");
    expect(warnings).to.have.length(N);
    expect(warnings[0]).to.include({ missing: short!.need - 1n });
    await place.setRenewal({ epochs: 20, within: 100, budget: short!.need });
    expect((await drive.warnings()).filter(({ kind }) => kind === "budget")).to.deep.equal([]);
    expect((await drive.repair())[0]!.renewed!.report!.cost).to.equal(short!.need);
    expect((await place.readConfig()).renewal!.budget).to.equal(0n);
  });

  it("by watching a folder too, which may go on for years", async () => {
    await new Home(home).setRenewal({ epochs: 20, within: 100, budget: 10n ** 9n });
    const folder = await world.folder();
    await writeFile(join(folder, "note"), "note");
    await world.pass(1);
    const before = await ends();
    const stop = new AbortController();
    const { promise, resolve } = Promise.withResolvers<VolumeRenewed>();
    const over = drive.watch(folder, "kept", { quietMs: 1, onRenewed: resolve, signal: stop.signal });
    over.catch(() => undefined);
    const { report } = await promise;
    stop.abort();
    await over.catch(() => undefined);
    expect(report).to.deep.include({ failed: [] });
    expect(await ends()).to.deep.equal(before.map((end) => end + 20));
  });

  it("not, where it costs more than is allowed, or where nobody may ask for it", async () => {
    await world.pass(1);
    const before = await ends();
    const [{ cost: need }] = (await drive.extend({ epochs: 20, dryRun: true })) as [ExtensionReport];
    const over = await expectError(drive.extend({ epochs: 20, budget: need - 1n }), "OverBudget");
    expect(over).to.include({ need, budget: need - 1n });
    await expectError(drive.extend({ epochs: 0 }), "BadArgument");
    await expectError(drive.extend({ volume: 1n }), "NoVolume");
    expect(await ends()).to.deep.equal(before);
  });

  it("without those whose provider is away: the others are not held up, and a later attempt has it too", async () => {
    await world.pass(1);
    const { positions } = (await drive.status()).volumes[0]!;
    const away = world.hostOf(positions[1]!.provider!);
    await world.stop(away);
    const [report] = await drive.extend({ epochs: 5 });
    expect(report!.extended.map(({ position }) => position)).to.deep.equal([0, 2]);
    expect(report!.failed.map(({ path }) => path)).to.deep.equal([away.address]);
    await world.start(away);
    const [again] = await drive.extend({ epochs: 1 });
    expect(new Set(await ends())).to.deep.equal(new Set([again!.endEpoch]));
  });

  it("by their provider's word for its client alone, for what it would take anew", async () => {
    await world.pass(1);
    const { positions } = (await drive.status()).volumes[0]!;
    const [{ deal, provider }] = positions as [(typeof positions)[number]];
    const host = world.hostOf(provider!);
    const stranger = await dial(world.ground, host, await world.ground.account(0n));
    const key = bytesToHex(Keys.accountKey(await world.keyOf(home)));
    const wire = await dial(world.ground, host, key);
    const [from] = (await ends()) as [number];
    const draft = { deal: deal!, from, endEpoch: from + 1, rate: RATE * LEDGER_ONE, capacity: 3 };
    await expectError(stranger.extend({ extension: draft }), "Unauthorized");
    for (const [changed, code] of [
      [{ from: from - 1 }, "TermsRefused"],
      [{ endEpoch: from }, "DurationRefused"],
      [{ endEpoch: from + 2_000 }, "DurationRefused"],
      [{ rate: RATE * LEDGER_ONE - 1n }, "PriceTooLow"],
      [{ capacity: 0 }, "TermsRefused"],
      [{ capacity: 2 ** 31 }, "TermsRefused"],
      [{ capacity: 5_000 }, "NoSpace"],
      [{ deal: bytesToHex(randomBytes(32)) }, "UnknownDeal"],
    ] as const)
      await expectError(wire.extend({ extension: { ...draft, ...changed } }), code);
    expect((await wire.extend({ extension: draft })).series).to.equal(0);
  });
});
