/** What an operator sees of a provider: its metrics, its dashboard and rules made of them, and its log. */
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { pino } from "pino";
import { SECTOR_BYTES } from "../../src/codec/index.ts";
import { slab } from "../conformance/Writer.ts";
import { failure } from "../network/fixtures.ts";
import { Ground, type Host, Tenant } from "./Ground.ts";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const TOKEN = 10 ** 6;

type Line = Readonly<Record<string, unknown>> & { readonly msg: string };

/** What Prometheus would know after a scrape: names it was told of, and the samples by name and labels. */
class Scrape {
  readonly names = new Set<string>();
  readonly samples = new Map<string, number>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const [, name, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
      if (name && type === "histogram")
        for (const part of ["bucket", "sum", "count"]) this.names.add(`${name}_${part}`);
      else if (name) this.names.add(name);
      const [, series, value] = /^([a-z]\S*) (\S+)$/.exec(line) ?? [];
      if (series) this.samples.set(series, Number(value?.replace("Inf", "Infinity").replace("Nan", "NaN")));
    }
  }

  static async of(host: Host): Promise<Scrape> {
    const answer = await fetch(`${host.node.metricsUrl}/metrics`);
    expect(answer.status).to.equal(200);
    return new Scrape(await answer.text());
  }

  get(series: string): number {
    const value = this.samples.get(series);
    if (value === undefined) throw new Error(`there is no ${series}`);
    return value;
  }
}

describe("what an operator sees", function () {
  this.timeout(120_000);
  let ground: Ground;
  let host: Host;
  let tenant: Tenant;
  let lines: Line[];

  before(async () => {
    ground = await Ground.create();
    lines = [];
    const log = pino({ level: "debug" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    host = await ground.provider({ log, metricsPort: 0, alerts: { lookMs: 0 } });
    tenant = await Tenant.open(ground, host);
    await tenant.revise([{ op: "add", slab: slab(0), length: SECTOR_BYTES }]);
    await tenant.wire.read({ deal: tenant.deal, slab: slab(0), firstChunk: 0, endChunk: 1_024, asOf: SECTOR_BYTES });
    const unknown: `0x${string}` = `0x${"de".repeat(32)}`;
    expect((await failure(tenant.wire.status({ deal: unknown }))).code).to.equal("UnknownDeal");
    // Commits it, and proves it in the next epoch.
    const { epochs } = tenant.market;
    const epoch = epochs.at(await ground.block()) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("it is committed", async () => (await tenant.onChain()).sectors === 1);
    await ground.to(epochs.challengeBlock(epoch) + 1n);
    await ground.until("it is proven", () => tenant.market.proven(host.address, epoch));
    await ground.mine();
    await ground.rest();
  });

  after(() => ground.end());

  describe("metrics", () => {
    let scrape: Scrape;

    before(async () => {
      scrape = await Scrape.of(host);
    });

    it("count requests, refusals and bytes as they were", () => {
      expect(scrape.get('sublet_requests_total{verb="append"}')).to.equal(16);
      expect(scrape.get('sublet_requests_total{verb="revise"}')).to.equal(1);
      expect(scrape.get('sublet_requests_refused_total{verb="status",code="UnknownDeal"}')).to.equal(1);
      expect(scrape.get("sublet_received_bytes_total")).to.equal(SECTOR_BYTES);
      expect(scrape.get("sublet_sent_bytes_total")).to.equal(32 * 1_024);
      expect(scrape.get('sublet_request_seconds_count{verb="append"}')).to.equal(16);
      expect(scrape.get("sublet_sessions")).to.equal(1);
      expect(scrape.get("sublet_faults_total")).to.equal(0);
    });

    it("show disk, deals and epoch as they are", async () => {
      expect(scrape.get("sublet_used_bytes")).to.be.at.least(SECTOR_BYTES);
      expect(scrape.get("sublet_quota_bytes")).to.equal(host.config.quotaBytes);
      expect(scrape.get(`sublet_disk_free_bytes{folder="${host.config.dataDir}"}`)).to.be.above(0);
      expect(scrape.get("sublet_deals")).to.equal(1);
      expect(scrape.get("sublet_committed_sectors")).to.equal(1);
      const { epochs } = tenant.market;
      const block = BigInt(scrape.get("sublet_block"));
      expect(block).to.equal(await ground.block());
      expect(scrape.get("sublet_epoch")).to.equal(epochs.at(block));
      expect(scrape.get("sublet_last_proven_epoch")).to.equal(epochs.at(block));
      expect(scrape.get("sublet_epoch_blocks_left")).to.equal(Number(epochs.end(epochs.at(block)) - block));
      expect(scrape.get("sublet_epochs_proven_total")).to.equal(1);
      expect(scrape.get('sublet_calls_total{call="prove"}')).to.equal(1);
      expect(scrape.get("sublet_head_age_seconds")).to.be.within(0, 60);
    });

    it("show stake and gas as the chain has them", async () => {
      const { collateral } = await tenant.onChain();
      const locked = Number(collateral >> 32n) / TOKEN;
      expect(scrape.get("sublet_stake_locked_tokens")).to.equal(locked).and.be.above(0);
      const free = Number((await tenant.market.freeBalance(host.address)) >> 32n) / TOKEN;
      expect(scrape.get("sublet_stake_free_tokens")).to.equal(free).and.be.above(0);
      expect(scrape.get("sublet_gas_ether")).to.be.within(9, 10);
    });

    it("are all in docs/METRICS.md, and nothing else is", async () => {
      const page = await readFile(join(DOCS, "METRICS.md"), "utf8");
      const told = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].flatMap(([, name, kind]) =>
        kind === "histogram" ? ["bucket", "sum", "count"].map((part) => `${name}_${part}`) : [name!],
      );
      expect(told).to.have.members([...scrape.names]);
    });

    for (const file of ["sublet-provider.json", "sublet-provider.rules.yml"]) {
      it(`are all there of which ${file} is made, with their labels`, async () => {
        const text = await readFile(join(DOCS, "grafana", file), "utf8");
        const expressions: string[] = file.endsWith(".json")
          ? JSON.parse(text).panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
              targets.map(({ expr }) => expr),
            )
          : [...text.matchAll(/^ +expr:(?: >-\n)?(.*)$/gm)].map(([, expression]) => expression!);
        expect(expressions.length).to.be.at.least(8);
        for (const expression of expressions) {
          const used = expression.match(/\bsublet_\w+/g) ?? [];
          if (!expression.includes("up{")) expect(used, expression).not.to.deep.equal([]);
          for (const name of used) expect([...scrape.names], expression).to.include(name);
          for (const [, labels] of expression.matchAll(/by \(([^)]*)\)/g)) {
            for (const label of labels!.split(/, */)) {
              const [name = ""] = used;
              const help = (await readFile(join(DOCS, "METRICS.md"), "utf8"))
                .split("\n")
                .find((line) => line.includes(`\`${name.replace(/_bucket$/, "")}\``));
              if (label !== "le") expect(help, expression).to.include(`\`${label}\``);
            }
          }
        }
      });
    }
  });

  describe("the log", () => {
    const infos = (msg: string) => lines.filter((line) => line.msg === msg && Number(line.level) >= 30);

    it("has one line for each thing that happened, with its facts in fields", () => {
      const client = tenant.terms.client;
      expect(infos("session opened")).to.have.length(1);
      expect(infos("session opened")[0]).to.include({ client, ip: "127.0.0.1" });
      expect(infos("deal opened")[0]).to.include({ deal: tenant.deal, client });
      expect(infos("revision signed")[0]).to.include({ deal: tenant.deal, sectors: 1 });
      expect(infos("revisions committed")[0]).to.deep.include({ committed: 1, deals: [tenant.deal] });
      expect(infos("epoch proven")[0]).to.include({ sectors: 1 }).and.have.property("transaction");
    });

    it("has a line for each request at debug only", () => {
      const requests = lines.filter(({ msg }) => msg === "request answered");
      expect(requests.map(({ level }) => level)).to.deep.equal(requests.map(() => 20));
      expect(requests.filter(({ verb }) => verb === "append")).to.have.length(16);
      expect(requests.find(({ verb }) => verb === "status")).to.include({ code: "UnknownDeal" });
    });

    it("has a lost sector once, as an error with its file, however often it is asked for", async () => {
      const sectors = join(host.config.dataDir, "sectors");
      await rename(sectors, `${sectors}.away`);
      const read = { deal: tenant.deal, slab: slab(0), firstChunk: 0, endChunk: 1, asOf: SECTOR_BYTES };
      for (let times = 0; times < 3; times++)
        expect((await failure(tenant.wire.read(read))).code).to.equal("NoSuchSlab");
      await rename(`${sectors}.away`, sectors);
      const errors = lines.filter(({ level, file }) => level === 50 && file !== undefined);
      expect(errors).to.have.length(1);
      expect(errors[0]).to.include({ deal: tenant.deal }).and.have.property("session");
      expect((await Scrape.of(host)).get("sublet_lost_sectors_total")).to.equal(1);
      expect((await tenant.wire.read(read)).bytes).to.have.length(32);
    });

    it("has the sum of a session when it is over", async () => {
      await tenant.wire.close();
      const [closed] = await ground.until("it is over", async () => {
        const found = infos("session closed").filter(({ client }) => client !== undefined);
        return found.length > 0 && found;
      });
      expect(closed).to.deep.include({ received: SECTOR_BYTES, refused: { NoSuchSlab: 3, UnknownDeal: 1 } });
      expect(closed).to.include({ session: infos("session opened")[0]!.session });
    });
  });
});
