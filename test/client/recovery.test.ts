import { randomBytes } from "node:crypto";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { bytesToHex } from "viem";
import { Market } from "../../src/chain/Market.ts";
import { accountOf } from "../../src/client/home/Keystore.ts";
import type { Sublet } from "../../src/client/index.ts";
import type { Host } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("repair and restore", function () {
  this.timeout(180_000);
  let world: World;
  let home: string;
  let drive: Sublet;
  const key = randomBytes(32);
  const bytes = randomBytes(5 * MIB + 777);

  beforeEach(async () => {
    world = await World.create(6);
    home = await world.home(key);
    drive = await world.open(home);
    await drive.createVolume({ k: 2, n: 6, bytes: 64 * MIB, epochs: 20 });
    await drive.put("film.bin", bytes);
    await drive.put("notes/a.txt", Buffer.from("a"));
    await drive.put("notes/b.txt", Buffer.from("b"));
    await drive.remove("notes/a.txt");
  });

  afterEach(() => world.end());

  it("brings everything back from the key alone", async () => {
    await drive.close();
    await world.stop(...world.hosts.slice(0, 2));
    const { drive: restored, recovered } = await world.restore(key);
    expect(recovered).to.include({ volumes: 1, deals: 6, answered: 4, files: 2 });
    expect([...restored.list()].map(({ path }) => path)).to.deep.equal(["film.bin", "notes/b.txt"]);
    expect(Buffer.compare(await read(restored.get("film.bin")), bytes)).to.equal(0);
    // It writes on beside what was there, in a lane of its own, and repairs what it has not written.
    await restored.put("later.txt", Buffer.from("later"));
    await world.start(...world.hosts.slice(0, 2));
    const [report] = await restored.repair();
    expect(report!.complete).to.have.length(6);
    await restored.close();
    // And again from nothing, with both lanes.
    const third = await world.restore(key);
    expect([...third.drive.list()].map(({ path }) => path)).to.deep.equal(["film.bin", "later.txt", "notes/b.txt"]);
    expect((await read(third.drive.get("later.txt"))).toString()).to.equal("later");
    await third.drive.close();
  });

  it("takes nothing from a provider that shows less than what is on chain", async () => {
    const [host] = world.hosts as [Host];
    const { dataDir } = host.config;
    const old = await world.folder();
    await world.stop(host);
    await cp(dataDir, old, { recursive: true });
    await world.start(host);
    await drive.put("new.txt", Buffer.from("new"));
    await drive.repair();
    const { number } = (await drive.status()).volumes[0]!.positions.find(
      ({ provider }) => world.hostOf(provider!) === host,
    )!;
    // A whole commit phase, wherever in an epoch this began.
    await world.pass(2);
    const market = await world.ground.reach(bytesToHex(randomBytes(32)));
    const [deal] = await market.unclosedDeals(host.address);
    expect(deal!.number).to.equal(number);
    await drive.close();
    await world.stop(host);
    await rm(dataDir, { recursive: true });
    await cp(old, dataDir, { recursive: true });
    await world.start(host);
    const { drive: restored, recovered } = await world.restore(key);
    expect(recovered).to.include({ deals: 6, answered: 5, files: 3 });
    expect((await read(restored.get("new.txt"))).toString()).to.equal("new");
  });

  it("says when too few providers answer, and goes on from there", async () => {
    await drive.close();
    await world.stop(...world.hosts.slice(0, 5));
    const empty = await world.home(key, 0n);
    expect(await expectError(world.restore(key, empty), "TooFewProviders")).to.include({
      have: 1,
      need: 2,
    });
    await world.start(...world.hosts.slice(0, 5));
    const { drive: restored } = await world.restore(key, empty);
    expect(Buffer.compare(await read(restored.get("film.bin")), bytes)).to.equal(0);
    await restored.close();
  });

  it("rebuilds a lost position at a fresh provider, from k others", async () => {
    const status = (await drive.status()).volumes[0]!;
    const loser = world.hostOf(status.positions[1]!.provider!);
    await world.stop(loser);
    await rm(join(loser.config.dataDir, "sectors"), { recursive: true });
    await world.start(loser);
    const fresh = await world.host();
    const [report] = await drive.repair();
    expect(report!.replaced).to.deep.equal([{ position: 1, from: loser.address, to: fresh.address, why: "lost" }]);
    expect(report!.complete).to.deep.equal([0, 1, 2, 3, 4, 5]);
    // The fresh one alone and any other are enough.
    const others = world.hosts.filter((host) => host !== fresh && host.address !== status.positions[4]!.provider);
    await world.stop(...others);
    expect(Buffer.compare(await read(drive.get("film.bin")), bytes)).to.equal(0);
    expect((await read(drive.get("notes/b.txt"))).toString()).to.equal("b");
  });

  it("keeps one change of two devices apart from the other", async () => {
    const second = await world.restore(key);
    await second.drive.put("from-second.txt", Buffer.from("second"));
    await drive.put("from-first.txt", Buffer.from("first"));
    await second.drive.put("again-second.txt", Buffer.from("second again"));
    await second.drive.close();
    await drive.repair();
    expect([...drive.list()].map(({ path }) => path)).to.include.members([
      "from-first.txt",
      "from-second.txt",
      "again-second.txt",
    ]);
    expect((await read(drive.get("from-second.txt"))).toString()).to.equal("second");
    await drive.close();
    const third = await world.restore(key);
    expect([...third.drive.list()].map(({ path }) => path)).to.include.members([
      "from-first.txt",
      "from-second.txt",
      "again-second.txt",
    ]);
    await third.drive.close();
  });

  it("says when a put is on chain", async () => {
    const market = await Market.connect({
      rpcUrl: world.rpc.url,
      market: world.ground.market,
      account: accountOf(key),
    });
    const stop = new AbortController();
    const mining = (async () => {
      while (!stop.signal.aborted) {
        await world.ground.mine();
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    })();
    const receipt = await drive.put("committed.txt", Buffer.from("x"), { until: "committed" });
    stop.abort();
    await mining;
    expect(receipt.state).to.equal("committed");
    for (const { provider, number, deal } of receipt.positions) {
      const slots = (await market.provider(provider)).slots;
      const deals = await Promise.all(Array.from({ length: slots }, (_, slot) => market.deal(provider, slot)));
      const onChain = deals.find(({ id }) => id === deal)!;
      expect(onChain.number >= number).to.equal(true);
    }
  });
});
