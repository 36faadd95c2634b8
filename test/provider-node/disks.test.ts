/** A host with several disks, on its market. */
import { rename } from "node:fs/promises";
import { expect } from "chai";
import { decodeAnnouncement } from "../../src/protocol/Announcement.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { dial, Ground, Tenant } from "./Ground.ts";

const SECTOR = 1_048_576;

describe("a provider with several disks", function () {
  this.timeout(60_000);
  let ground: Ground;

  beforeEach(async () => {
    ground = await Ground.create();
  });

  afterEach(() => ground.end());

  it("rents out the room of all, proves what lies on each, and does not start without one", async () => {
    const parent = await ground.directory();
    const folders = ["one", "two"].map((name) => ({ path: `${parent}/${name}`, quotaBytes: 2 * SECTOR }));
    const host = await ground.provider({ quotaBytes: SECTOR, folders });
    const { data } = (await (await ground.reach(await ground.account())).announcements()).get(host.address)!;
    expect(decodeAnnouncement(Buffer.from(data.slice(2), "hex")).freeSectors).to.equal(5);
    const wire = await dial(ground, host);
    expect((await wire.ask({})).freeSectors).to.equal(5);

    const tenant = await Tenant.open(ground, host, { capacity: 5 });
    const { epochs } = tenant.market;
    const steps = [0, 1, 2, 3, 4].map((sequence) => ({ op: "add", slab: slab(sequence), length: SECTOR }) as const);
    await tenant.revise(steps);
    expect(await failure(tenant.append({ op: "add", slab: slab(5), length: SECTOR }))).to.include({ code: "DiskFull" });
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 5);
    for (const next of [epoch, epoch + 1, epoch + 2]) {
      await ground.to(epochs.challengeBlock(next));
      await ground.until("it is proven", () => tenant.market.proven(host.address, next));
    }

    const [disk] = folders;
    await host.node.stop();
    await rename(disk!.path, `${disk!.path}.away`);
    expect(await failure(host.restart())).to.include({ code: "FolderMissing", folder: disk!.path, sectors: 2 });
    await rename(`${disk!.path}.away`, `${parent}/elsewhere`);
    await host.restart({ folders: [{ ...disk!, path: `${parent}/elsewhere` }, folders[1]!] });
    await ground.to(epochs.challengeBlock(epoch + 3));
    await ground.until("it is proven", () => tenant.market.proven(host.address, epoch + 3));
  });
});
