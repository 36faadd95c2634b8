import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { Market } from "../../src/chain/Market.ts";
import type { Sublet } from "../../src/client/index.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { dial, type Host, policy } from "../provider-node/Ground.ts";
import { World } from "./World.ts";

const MIB = 2 ** 20;
const VOLUME = { k: 1, bytes: 8 * MIB, epochs: 10 };
const SECTORS = 9;
/** All drives here are strangers of one IP, and a host answers eight requests of those a second. */
const STRANGER_MS = 250;

describe("opening a volume at providers that want different things", function () {
  this.timeout(60_000);
  let world: World;
  let drive: Sublet;
  let market: Market;
  let plain: Host[];
  /** Has room for one volume. */
  let small: Host;

  before(async () => {
    world = await World.create(2);
    plain = [...world.hosts];
    const wants = { minSectors: 1, noticeEpochs: 3, answerBond: 1_500n };
    small = await world.host({ policy: { ...policy, ...wants }, quotaBytes: (SECTORS + 3) * MIB });
    await world.host({ policy: { ...policy, minSectors: SECTORS } });
    await world.host({ policy: { ...policy, answerBond: 100_000n } });
    drive = await world.open(await world.home());
    market = await Market.connect({ rpcUrl: world.rpc.url, market: world.ground.market });
  });

  after(() => world.end());

  /** What each deal of a new volume is about, by provider. */
  async function opened(n: number) {
    const { id } = await drive.createVolume({ ...VOLUME, n });
    const deals = [];
    for await (const { args } of market.openings(drive.account)) {
      const { provider, minSectors, noticeEpochs, answerBond } = args;
      if (args.volume === id) deals.push({ provider, minSectors, noticeEpochs, answerBond });
    }
    return deals;
  }

  it("gives all of them what the most demanding wants, and passes over those that want far more", async () => {
    const wants = { minSectors: 1, noticeEpochs: 3, answerBond: 1_500n };
    const expected = [...plain, small].map(({ address }) => ({ provider: address, ...wants }));
    expect(await opened(3)).to.have.deep.members(expected);
  });

  it("asks the others anew where one refuses after all, for what they want themselves", async () => {
    const wire = await dial(world.ground, small);
    await world.ground.until("its space is taken", async () => {
      await sleep(STRANGER_MS);
      return (await wire.ask({})).freeSectors < SECTORS;
    });
    const wants = { minSectors: 0, noticeEpochs: 2, answerBond: 1_000n };
    const expected = plain.map(({ address }) => ({ provider: address, ...wants }));
    expect(await opened(2)).to.have.deep.members(expected);
  });

  it("says why there are too few", async () => {
    await sleep(16 * STRANGER_MS);
    const thrown = await drive.createVolume({ ...VOLUME, n: 3 }).catch((error: unknown) => error);
    if (!SubletException.is(thrown, "TooFewProviders")) throw thrown;
    expect(thrown.error).to.include({ have: 2, need: 3 });
    const { errors } = thrown.cause as AggregateError;
    expect(errors.map(({ code }) => code)).to.have.members(["NoSpace", "TermsRefused", "TermsRefused"]);
  });
});
