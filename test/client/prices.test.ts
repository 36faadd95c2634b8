import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import type { Sublet } from "../../src/client/index.ts";
import { policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { World } from "./World.ts";

const MIB = 2 ** 20;
/** Base units a sector and epoch. */
const RATES = [800n, 1_000n, 1_000n, 1_200n];
const DEAREST = { ...policy, rate: 5_000n * LEDGER_ONE };
/** Of 10^12 bytes and 30 epochs, by a price a sector and epoch. */
const month = (rate: bigint) => (rate * 30n * 10n ** 12n + BigInt(MIB) - 1n) / BigInt(MIB);

describe("prices", function () {
  this.timeout(120_000);
  let world: World;
  let drive: Sublet;

  before(async () => {
    world = await World.create(0);
    for (const rate of RATES) await world.host({ policy: { ...policy, rate: rate * LEDGER_ONE, egressRate: rate } });
    drive = await world.open(await world.home());
  });

  after(() => world.end());

  it("are what the providers that answer ask", async () => {
    const { asked, answered, storage, egress } = await drive.prices();
    expect({ asked, answered }).to.deep.equal({ asked: 4, answered: 4 });
    expect(storage).to.deep.equal({ least: month(800n), median: month(1_000n), most: month(1_200n) });
    const read = (rate: bigint) => (rate * 10n ** 12n + LEDGER_ONE - 1n) / LEDGER_ONE;
    expect(egress).to.deep.equal({ least: read(800n), median: read(1_000n), most: read(1_200n) });

    const [cheapest] = world.hosts;
    await world.stop(cheapest!);
    try {
      const fewer = await drive.prices();
      expect(fewer).to.deep.include({ asked: 4, answered: 3 });
      expect(fewer.storage.least).to.equal(month(1_000n));
    } finally {
      await world.start(cheapest!);
    }
  });

  it("do not count what no deal could be opened at, nor who has no room", async () => {
    const [backed, full] = [await world.host({ policy: DEAREST }), await world.host({ quotaBytes: MIB / 2 })];
    expect(await drive.prices()).to.include({ asked: 6, answered: 5 });
    // As if it had registered for less, before it asked for so much.
    const word = (rate: bigint) => rate.toString(16).padStart(64, "0");
    const honest = world.rpc.between;
    world.rpc.between = async (_request, ask) => {
      const answer = await ask();
      return typeof answer === "string" ? answer.replace(word(DEAREST.rate), word(DEAREST.rate - 1n)) : answer;
    };
    try {
      const { asked, answered, storage } = await drive.prices();
      expect({ asked, answered }).to.deep.equal({ asked: 6, answered: 4 });
      expect(storage.most).to.equal(month(1_200n));
    } finally {
      world.rpc.between = honest;
      await world.stop(backed, full);
    }
  });

  it("of a file are those of the market's middle provider, while there is no volume", async () => {
    const quoted = await drive.quote(8 * MIB);
    // 2 sectors at each of 12 providers, for 30 epochs.
    expect(quoted).to.deep.equal({
      ...{ files: 1, bytes: 8 * MIB, k: 4, n: 12, sectors: 2, epochs: 30, deals: 12 },
      ...{ missing: 2n * 12n * 30n * 1_000n, month: 2n * 12n * 30n * 1_000n, term: 2n * 12n * 30n * 1_000n },
    });
    const other = await drive.quote(8 * MIB, { k: 1, n: 3, epochs: 60 });
    expect(other).to.include({ sectors: 8, month: 8n * 3n * 30n * 1_000n, term: 8n * 3n * 60n * 1_000n });
    await expectError(drive.quote(1, { k: 3, n: 2 }), "BadArgument");
    await expectError(drive.quote(-1), "BadArgument");
    await expectError(drive.quote(join(await world.folder(), "nowhere")), "NoSuchPath");
  });

  it("of a folder are those of the volume that it would go to", async () => {
    await drive.createVolume({ k: 2, n: 4, bytes: 32 * MIB, epochs: 20 });
    await drive.put("first", randomBytes(1_000));
    const folder = await world.folder();
    await writeFile(join(folder, "large"), randomBytes(3 * MIB));
    await writeFile(join(folder, "small"), randomBytes(1_000));
    const { volumes } = await drive.status();
    const quoted = await drive.quote(folder);
    // The small one goes where there is room: 1.5 MiB at each position begin two sectors.
    expect(quoted).to.include({ files: 2, bytes: 3 * MIB + 1_000, volume: volumes[0]!.volume, k: 2, n: 4, sectors: 2 });
    const perEpoch = 2n * RATES.reduce((sum, rate) => sum + rate, 0n);
    expect(quoted.month).to.equal(30n * perEpoch);
    const { epochsLeft } = volumes[0]!.positions[0]!;
    expect([20n, 21n].map((epochs) => epochs * perEpoch)).to.include(quoted.term);
    expect(quoted.epochs).to.be.within(20, epochsLeft);
  });

  it("of no market at all are an error", async () => {
    await world.stop(...world.hosts);
    expect(await expectError(drive.prices(), "TooFewProviders")).to.include({ have: 0, need: 1 });
  });
});
