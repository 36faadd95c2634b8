/** Following a market whose chain grows, takes blocks back and is out of reach at times. */
import { expect } from "chai";
import { until } from "../../scripts/local-network.ts";
import { audit } from "../../src/auditor/audit.ts";
import type { Difference, Report } from "../../src/auditor/Report.ts";
import { type Happening, type WatchOptions, watch } from "../../src/auditor/watch.ts";
import { LocalMarket } from "../chain/LocalMarket.ts";
import { DROPPED } from "../chain/RpcServer.ts";
import { type Agreement, RATE } from "../contracts/fixture.ts";
import { everything, ref } from "./History.ts";
import { recordAsProven } from "./Tampering.ts";

const POLL_MS = 20;
const WAIT_MS = 30_000;

describe("watching a market", function () {
  this.timeout(90_000);
  let local: LocalMarket;
  let watcher: Watcher | undefined;
  let restore: () => Promise<void>;

  before(async () => {
    local = await LocalMarket.start();
  });
  after(() => local.stop());
  beforeEach(async () => {
    ({ restore } = await local.world.connection.networkHelpers.takeSnapshot());
  });
  afterEach(async () => {
    local.rpc.between = (_request, ask) => ask();
    await watcher?.stop();
    watcher = undefined;
    await restore();
  });

  async function watching(options: Partial<WatchOptions> = {}): Promise<Watcher> {
    const place = { rpcUrl: local.rpc.url, market: local.address };
    watcher = new Watcher({ ...place, pollMs: POLL_MS, spotCheck: false, ...options });
    await watcher.sees("a whole audit", ({ type }) => type === "audited");
    return watcher;
  }

  const whole = () => audit({ rpcUrl: local.rpc.url, market: local.address, spotCheck: false });

  /** A deal whose provider proved one epoch and missed the next. */
  async function missed(): Promise<Agreement> {
    const deal = await local.world.active(3);
    await local.world.live(local.world.bob);
    await local.world.miss();
    return deal;
  }

  /** Has the market pay for the missed epoch as if it had been proven. */
  async function settleWrongly(deal: Agreement): Promise<void> {
    await recordAsProven(local.world, local.world.bob, 3);
    await local.world.market.settle([ref(deal)]);
  }

  it("comes to what a whole audit finds, whatever happened block by block", async () => {
    const following = await watching();
    await everything(local.world);
    const epoch = await local.world.start();
    await local.world.connection.networkHelpers.mine(1);
    const { report } = await following.sees("the last epoch", (one) => auditedIn(one, epoch));
    expect(report).to.deep.equal(await whole());
    expect(report.ok).to.equal(true);
    expect(following.of("wrong")).to.deep.equal([]);
    expect(await following.stop()).to.deep.include({ type: "stopped", ok: true, block: report.block });
  });

  it("tells a wrong settlement once, as soon as it is on chain, and ends with that", async () => {
    const deal = await missed();
    const following = await watching();
    await settleWrongly(deal);
    const block = `${await local.world.block()}`;
    const { provider } = deal;
    const wrong = await following.tells("paid by a settlement");
    const figures = { expected: `${3n * RATE}`, actual: `${6n * RATE}` };
    expect(wrong).to.deep.include({ block, provider: provider, deal: deal.id, ...figures });
    await following.tells("an epoch in a provider's record");
    const epoch = await local.world.start();
    await local.world.market.settle([ref(deal)]);
    await following.sees("the next epoch", (one) => auditedIn(one, epoch));
    const all = following.of("wrong").flatMap(({ differences }) => differences.map(({ what }) => what));
    expect(all).to.have.members([
      ...["paid by a settlement", "penalty of a settlement", "an epoch in a provider's record"],
      ...["misses of a provider", "a deal's misses"], // which the market tells from its record
    ]);
    expect(await following.stop()).to.deep.include({ type: "stopped", ok: false });
  });

  it("does not tell again what was told before, and still knows that it is wrong", async () => {
    await settleWrongly(await missed());
    const first = await watching();
    await first.tells("an epoch in a provider's record");
    await first.stop();
    const keys = first.of("wrong").flatMap((one) => one.keys);
    expect(keys).to.have.length(5);
    const second = await watching({ told: keys });
    expect(second.of("wrong")).to.deep.equal([]);
    expect(await second.stop()).to.deep.include({ ok: false });
  });

  describe("given a node that is out of reach", () => {
    it("says so once, and makes up for it", async () => {
      const deal = await missed();
      const following = await watching();
      local.rpc.between = async () => DROPPED;
      await following.sees("the outage", ({ type }) => type === "unreachable");
      await settleWrongly(deal);
      local.rpc.between = (_request, ask) => ask();
      await following.tells("paid by a settlement");
      const kinds = following.happenings.map(({ type }) => type);
      expect(kinds.filter((kind) => kind === "unreachable" || kind === "reachable")).to.deep.equal([
        ...["unreachable", "reachable"],
      ]);
    });

    it("judges nothing twice that was half judged when it went", async () => {
      const following = await watching();
      local.rpc.between = async () => DROPPED;
      await everything(local.world);
      // More transactions than are fetched at once: some are judged before the node goes again.
      let answers = 30;
      let [cut, again] = [false, false];
      local.rpc.between = async ({ method, params }, ask) => {
        cut ||= method === "eth_getTransactionByHash" && answers-- === 0;
        again ||= cut && params[0] === "latest";
        return cut ? DROPPED : ask();
      };
      await until("it gives up and looks anew", WAIT_MS, async () => again);
      local.rpc.between = (_request, ask) => ask();
      const epoch = await local.world.start();
      await local.world.connection.networkHelpers.mine(1);
      const { report } = await following.sees("the last epoch", (one) => auditedIn(one, epoch));
      expect(report).to.deep.equal(await whole());
      expect(following.of("wrong")).to.deep.equal([]);
    });
  });

  describe("given blocks that are taken back", () => {
    it("judges the others in their place, and forgets what was wrong in the lost ones", async () => {
      const { world } = local;
      const deal = await missed();
      const following = await watching();
      const { restore: takeBack } = await world.connection.networkHelpers.takeSnapshot();
      await settleWrongly(deal);
      await following.tells("paid by a settlement");
      await following.sees("what is wrong", (one) => one.type === "audited" && !one.report.ok);
      await takeBack();
      await world.market.settle([ref(deal)]);
      const epoch = await world.start();
      await world.connection.networkHelpers.mine(1);
      await following.sees("the reorganisation", ({ type }) => type === "reorganised");
      const { report } = await following.sees("the other chain", (one) => auditedIn(one, epoch));
      expect(report).to.deep.equal(await whole());
      expect(await following.stop()).to.deep.include({ ok: true });
    });

    it("tells it again to nobody where it is on the other chain as well", async () => {
      const { world } = local;
      const deal = await missed();
      const following = await watching();
      const { restore: takeBack } = await world.connection.networkHelpers.takeSnapshot();
      await settleWrongly(deal);
      await following.tells("an epoch in a provider's record");
      await takeBack();
      await world.connection.networkHelpers.mine(3);
      await settleWrongly(deal);
      const epoch = await world.start();
      await world.connection.networkHelpers.mine(1);
      await following.sees("the other chain", (one) => auditedIn(one, epoch));
      const told = following.of("wrong").flatMap(({ differences }) => differences.map(({ what }) => what));
      expect(told.filter((what) => what === "an epoch in a provider's record")).to.have.length(1);
    });
  });

  describe("given a provider that does not show what it holds", () => {
    it("names it once", async () => {
      await local.world.active(1);
      const following = await watching({ spotCheck: true });
      const epoch = await local.world.start();
      await local.world.connection.networkHelpers.mine(1);
      await following.sees("the next epoch", (one) => auditedIn(one, epoch));
      const named = following.of("wrong").flatMap(({ spotChecks }) => spotChecks);
      expect(named.map(({ provider, reason }) => [provider, reason])).to.deep.equal([
        [local.world.bob.address, "it never announced an address"],
      ]);
    });
  });
});

type Audited = Extract<Happening, { type: "audited" }>;

function auditedIn(happening: Happening, epoch: number): happening is Audited {
  return happening.type === "audited" && happening.report.epoch === epoch;
}

/** A watch that runs, and all that it told. */
class Watcher {
  readonly happenings: Happening[] = [];
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: WatchOptions) {
    this.#done = this.#run(options);
  }

  of<Type extends Happening["type"]>(type: Type): Extract<Happening, { type: Type }>[] {
    return this.happenings.filter((one): one is Extract<Happening, { type: Type }> => one.type === type);
  }

  /** The first happening that is meant, now or soon. */
  async sees<One extends Happening>(what: string, meant: (one: Happening) => one is One): Promise<One>;
  async sees(what: string, meant: (one: Happening) => boolean): Promise<Happening & { report: Report }>;
  async sees(what: string, meant: (one: Happening) => boolean): Promise<Happening> {
    await until(what, WAIT_MS, async () => this.happenings.some(meant));
    return this.happenings.find(meant)!;
  }

  async tells(what: string): Promise<Difference> {
    const told = () => this.of("wrong").flatMap(({ differences }) => differences);
    await until(`"${what}" is told`, WAIT_MS, async () => told().some((one) => one.what === what));
    return told().find((one) => one.what === what)!;
  }

  async stop(): Promise<Happening> {
    this.#stop.abort();
    await this.#done;
    return this.happenings.at(-1)!;
  }

  async #run(options: WatchOptions): Promise<void> {
    for await (const happening of watch({ ...options, signal: this.#stop.signal })) this.happenings.push(happening);
  }
}
