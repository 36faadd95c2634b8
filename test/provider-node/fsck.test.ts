/** A store compared with what was countersigned. */
import { mkdir, readdir, rename, rm, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { type CheckReport, check } from "../../src/provider-node/storage/Check.ts";
import { openDatabase } from "../../src/provider-node/storage/Database.ts";
import { nodeDisk } from "../../src/provider-node/storage/Disk.ts";
import { type FolderQuota, settle } from "../../src/provider-node/storage/Folders.ts";
import { Journal } from "../../src/provider-node/storage/Journal.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { Ground, type Host, Tenant } from "./Ground.ts";

const SECTOR = 1_048_576;
const BLOCK = 65_536;

describe("a check of a provider's store", function () {
  this.timeout(60_000);
  let ground: Ground;
  let host: Host;
  let tenant: Tenant;
  let folder: FolderQuota;

  beforeEach(async () => {
    ground = await Ground.create();
    folder = { path: join(await ground.directory(), "disk"), quotaBytes: 2 ** 24 };
    host = await ground.provider({ folders: [folder], quotaBytes: 2 ** 24 });
    tenant = await Tenant.open(ground, host);
    await tenant.revise([0, 1, 2].map((sequence) => ({ op: "add", slab: slab(sequence), length: 2 * BLOCK }) as const));
    await tenant.revise([
      { op: "grow", slab: slab(1), length: SECTOR },
      { op: "drop", index: 0 },
    ]);
    await host.node.stop();
  });

  afterEach(() => ground.end());

  const file = (): string => join(host.config.dataDir, "store.sqlite");

  async function fsck(repair = false): Promise<CheckReport> {
    const database = openDatabase(file());
    try {
      const own = { key: 0, path: join(host.config.dataDir, "sectors"), quotaBytes: 0 };
      const folders = [own, ...(await settle(new Journal(database), nodeDisk, [folder]))];
      return await check({ database, disk: nodeDisk, folders, market: tenant.place, repair });
    } finally {
      database.close();
    }
  }

  function change(sql: string): void {
    const database = openDatabase(file());
    database.exec(sql);
    database.close();
  }

  /** Where a slab's file lies. */
  async function fileOf(sequence: number): Promise<string> {
    const name = `fffffffffffffffe${sequence.toString(16).padStart(8, "0")}`;
    for (const sectors of [join(host.config.dataDir, "sectors"), join(folder.path, "sectors")]) {
      const path = join(sectors, tenant.deal.slice(2), name.slice(-2), name);
      if ((await nodeDisk.size(path)) !== undefined) return path;
    }
    throw new Error(`slab ${sequence} has no file`);
  }

  it("finds every sector of every revision as it was signed", async () => {
    expect(await fsck()).to.deep.equal({
      ...{ deals: 1, revisions: 2, sectors: 3, bytes: SECTOR + 4 * BLOCK },
      ...{ lost: [], wrong: [] },
    });
  });

  it("is refused while the provider runs", async () => {
    await host.restart();
    expect(await failure(fsck())).to.include({ code: "HomeBusy" });
  });

  it("names the sector and file of which a byte was altered, and does not call that right", async () => {
    const path = await fileOf(1);
    const [byte] = await nodeDisk.read(path, SECTOR - 1, 1);
    await nodeDisk.write(path, SECTOR - 1, new Uint8Array([byte! ^ 1]));
    const reason = "other bytes are in it than were countersigned";
    const lost = [{ deal: tenant.deal, sector: 1, slab: "fffffffffffffffe00000001", file: path, reason }];
    for (const repair of [false, true]) {
      const report = await fsck(repair);
      expect(report.lost).to.deep.equal(lost);
      expect(report.wrong).to.deep.equal([]);
    }
  });

  it("names what is gone, and what is shorter than it was", async () => {
    const [first, second] = [await fileOf(1), await fileOf(2)];
    await rm(first);
    await truncate(second, BLOCK);
    const { lost } = await fsck();
    expect(lost.map(({ sector, file, reason }) => ({ sector, file, reason }))).to.deep.equal([
      { sector: 1, file: first, reason: "it is not there" },
      { sector: 0, file: second, reason: `it has ${BLOCK} bytes, not ${2 * BLOCK}` },
    ]);
  });

  for (const [what, sql] of [
    ["the nodes above blocks", "UPDATE kept SET block_nodes = zeroblob(384)"],
    ["the roots of sectors", "UPDATE place SET root = zeroblob(24)"],
    [
      "both, where only the roots that were signed can tell",
      "UPDATE place SET root = zeroblob(24); UPDATE kept SET block_nodes = zeroblob(384)",
    ],
  ] as const) {
    it(`puts right ${what}, if it is told to, and they are proved again`, async () => {
      change(sql);
      const before = await fsck();
      expect(before.lost).to.deep.equal([]);
      expect(before.wrong.length).to.be.greaterThan(1);
      expect(before.wrong.every(({ repaired }) => !repaired)).to.equal(true);
      expect((await fsck(true)).wrong.every(({ repaired }) => repaired)).to.equal(true);
      expect((await fsck()).wrong).to.deep.equal([]);
      await host.restart();
      const { epochs } = tenant.market;
      const epoch = epochs.at(await ground.block()) + 1;
      await ground.to(epochs.start(epoch) + 12n);
      await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 2);
      await ground.to(epochs.challengeBlock(epoch));
      await ground.until("it is proven", () => tenant.market.proven(host.address, epoch));
    });
  }

  it("finds a sector that somebody moved to another folder", async () => {
    const from = await fileOf(1);
    const [own, other] = [join(host.config.dataDir, "sectors"), join(folder.path, "sectors")];
    const to = from.startsWith(own) ? from.replace(own, other) : from.replace(other, own);
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
    expect((await fsck()).wrong).to.deep.equal([
      { deal: tenant.deal, what: `where slab fffffffffffffffe00000001 lies: it is ${to}`, repaired: false },
    ]);
    // Opening it anew must not take the file for a stray.
    await host.restart();
    await host.node.stop();
    expect((await readdir(dirname(to))).length).to.be.greaterThan(0);
    await fsck(true);
    expect((await fsck()).wrong).to.deep.equal([]);
    await host.restart();
    expect(await host.node.store.read(tenant.deal, slab(1), 0, SECTOR)).to.have.length(SECTOR);
  });

  it("tells of a revision that its client has not signed, and of a list that does not make its root", async () => {
    change("UPDATE revision SET client_signature = zeroblob(65) WHERE step = 2");
    change("DELETE FROM place WHERE place = 1 AND until > 1000");
    const { lost, wrong } = await fsck(true);
    expect(lost).to.deep.equal([]);
    expect(
      wrong.map(({ what, repaired }) => [what.replaceAll(/0x\w+/g, "X").replace(/\d{4,}/, "N"), repaired]),
    ).to.deep.equal([
      ["revision N is not signed by X", false],
      ["revision N has 2 sectors of root X, and the 1 listed do not make it", false],
    ]);
  });
});
