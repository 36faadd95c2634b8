import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { Market } from "../../src/chain/Market.ts";
import { DealState, StopReason } from "../../src/chain/MarketReader.ts";
import type { Sublet } from "../../src/client/index.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { type Host, keeping, policy } from "../provider-node/Ground.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
const VOLUME = { k: 1, n: 3, epochs: 20 };

describe("providers that reserve much", function () {
  this.timeout(60_000);
  let world: World;
  let drive: Sublet;

  before(async () => {
    world = await World.create(3, { policy: { ...policy, minSectors: 2 } });
    drive = await world.open(await world.home());
  });

  after(() => world.end());

  it("are left out where it is more than a small part of the capacity, though all of them do", async () => {
    const thrown = await drive.createVolume({ ...VOLUME, bytes: 40 * MIB }).catch((error: unknown) => error);
    if (!SubletException.is(thrown, "TooFewProviders")) throw thrown;
    const { errors } = thrown.cause as AggregateError;
    expect(errors.map(({ error: { code, field } }) => [code, field])).to.deep.equal(
      Array(3).fill(["TermsRefused", "minSectors"]),
    );
  });

  it("are taken where it is", async () => {
    const { capacity } = await drive.createVolume({ ...VOLUME, bytes: 63 * MIB });
    expect(capacity).to.equal(64);
  });
});

describe("a provider that refuses the first bytes of a deal", function () {
  this.timeout(120_000);
  let world: World;
  let drive: Sublet;
  let market: Market;
  const bytes = randomBytes(2 * MIB);

  beforeEach(async () => {
    // Nothing is committed: it is the receipt that counts.
    world = await World.create(3, { keeping: { ...keeping, commitAfterEpochs: 100, commitGain: 2n ** 127n } });
    drive = await world.open(await world.home());
    market = await Market.connect({ rpcUrl: world.rpc.url, market: world.ground.market });
    await drive.createVolume({ ...VOLUME, bytes: 16 * MIB });
  });

  afterEach(() => world.end());

  /** The one deal of a host. */
  const dealOf = ({ address }: Host) => market.deal(address, 0);

  /** Its operator has other plans for the disk. @returns what came of a file that is put then */
  async function putRefused(refusing: Host) {
    await refusing.restart({ quotaBytes: 0 });
    const receipt = await drive.put("film.bin", bytes);
    expect(receipt.state).to.equal("durable");
    const { state, reason, stopAt } = await dealOf(refusing);
    const given = { state: DealState.Notice, reason: StopReason.Terminated };
    const epoch = market.epochs.at(await market.blockNumber());
    expect({ state, reason, stopAt }).to.deep.equal({ ...given, stopAt: epoch + 1 });
    return receipt;
  }

  it("is given notice at once, which counts from the next epoch, and its position is repaired at another", async () => {
    const refusing = world.hosts[0]!;
    const receipt = await putRefused(refusing);

    // It is not asked a second time.
    expect(await expectError(drive.repair(), "TooFewProviders")).to.include({ have: 0, need: 1 });
    const fresh = await world.host();
    const [report] = await drive.repair();
    const position = receipt.positions.find(({ provider }) => provider === refusing.address)!.position;
    expect(report!.replaced).to.deep.equal([{ position, to: fresh.address, why: "over" }]);
    expect(report!.complete).to.deep.equal([0, 1, 2]);
    await world.stop(...world.hosts.filter((host) => host !== fresh));
    expect(Buffer.compare(await read(drive.get("film.bin")), bytes)).to.equal(0);
  });

  it("is not waited for where it has resigned first", async () => {
    const refusing = world.hosts[0]!;
    const { id } = await dealOf(refusing);
    const owner = await world.ground.reach(refusing.config.account as `0x${string}`);
    await owner.resign({ provider: refusing.address, slot: 0, id });
    const { state, stopAt } = await dealOf(refusing);
    expect(state).to.equal(DealState.Notice);
    expect(stopAt).to.be.greaterThan(market.epochs.at(await market.blockNumber()) + 1);
    await putRefused(refusing);
  });

  it("keeps its deal while it is only out of reach", async () => {
    const away = world.hosts[0]!;
    await world.stop(away);
    await drive.put("film.bin", bytes);
    expect((await dealOf(away)).state).to.equal(DealState.Open);
    await world.start(away);
    const [report] = await drive.repair();
    expect(report).to.deep.include({ replaced: [], complete: [0, 1, 2] });
  });

  it("keeps a deal that holds what it countersigned", async () => {
    await drive.put("before.bin", bytes);
    const full = world.hosts[0]!;
    await full.restart({ quotaBytes: 0 });
    await drive.put("film.bin", bytes);
    expect((await dealOf(full)).state).to.equal(DealState.Open);
  });
});
