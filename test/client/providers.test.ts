import { randomBytes } from "node:crypto";
import { expect } from "chai";
import type { Incident, Receipt, Sublet } from "../../src/client/index.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;

describe("a drive whose providers fail", function () {
  this.timeout(180_000);
  let world: World;
  let home: string;
  let drive: Sublet;
  let incidents: Incident[];
  let receipt: Receipt;
  const bytes = randomBytes(5 * MIB + 4_321);

  beforeEach(async () => {
    world = await World.create(12);
    home = await world.home();
    incidents = [];
    drive = await world.open(home, { onIncident: (incident) => incidents.push(incident) });
    await drive.createVolume({ k: 4, n: 12, bytes: 64 * MIB, epochs: 20 });
    receipt = await drive.put("before.bin", bytes);
  });

  afterEach(() => world.end());

  function hostsAt(positions: number[]) {
    return positions.map((position) => world.hostOf(receipt.positions[position]!.provider));
  }

  it("reads with 8 of 12 gone, and says how many are missing when 9 are", async () => {
    const gone = hostsAt([0, 1, 2, 3, 4, 6, 8, 10]);
    await world.stop(...gone);
    expect(Buffer.compare(await read(drive.get("before.bin")), bytes)).to.equal(0);
    await world.stop(...hostsAt([11]));
    const few = await expectError(read(drive.get("before.bin")), "TooFewProviders");
    expect(few).to.include({ have: 3, need: 4 });
    await world.start(gone[0]!);
    expect(Buffer.compare(await read(drive.get("before.bin")), bytes)).to.equal(0);
  });

  it("is durable with 8 of 12, and complete when the others are back", async () => {
    const gone = hostsAt([1, 3, 5, 7]);
    await world.stop(...gone);
    const more = randomBytes(3 * MIB);
    const less = await drive.put("less.bin", more);
    expect(less.state).to.equal("durable");
    expect(less.positions.filter(({ state }) => state === "behind").map(({ position }) => position)).to.deep.equal([
      1, 3, 5, 7,
    ]);
    expect(Buffer.compare(await read(drive.get("less.bin")), more)).to.equal(0);
    expect((await drive.status()).journalBytes).to.be.greaterThan(0);
    await world.start(...gone);
    const [report] = await drive.repair();
    expect(report).to.deep.include({ replaced: [], n: 12 });
    expect(report!.complete).to.have.length(12);
    expect((await drive.status()).volumes[0]).to.include({ good: 12 });
    // Any four of those that were away are enough now.
    await world.stop(...hostsAt([0, 2, 4, 6, 8, 9, 10, 11]));
    expect(Buffer.compare(await read(drive.get("less.bin")), more)).to.equal(0);
  });

  it("does not call lost what may not be: the outcome is unknown, and becomes known", async () => {
    const gone = hostsAt([0, 1, 2, 3, 4]);
    await world.stop(...gone);
    const more = randomBytes(200_000);
    const unknown = await expectError(drive.put("unknown.bin", more), "NotDurable");
    expect(unknown).to.include({ have: 7, need: 8 });
    await expectError(read(drive.get("unknown.bin")), "NoSuchPath");
    expect((await drive.status()).unfinished).to.equal(1);
    await world.start(...gone);
    await drive.close();
    drive = await world.open(home);
    const [report] = await drive.repair();
    expect(report!.complete).to.have.length(12);
    expect(Buffer.compare(await read(drive.get("unknown.bin")), more)).to.equal(0);
    expect((await drive.status()).unfinished).to.equal(0);
  });

  it("names a provider that sends wrong bytes, and reads on without it", async () => {
    const [liar] = hostsAt([2]);
    await world.corrupt(liar!);
    expect(Buffer.compare(await read(drive.get("before.bin")), bytes)).to.equal(0);
    const bad = incidents.filter(({ error }) => SubletException.is(error, "BadShard"));
    expect(new Set(bad.map(({ deal }) => deal.provider))).to.deep.equal(new Set([liar!.address]));
    const { positions } = (await drive.status()).volumes[0]!;
    expect(positions.filter(({ health }) => health === "lost").map(({ position }) => position)).to.deep.equal([2]);
  });
});
