/** `sublet audit` of a market of real processes: in order as it is, and with a real wrong in it. */
import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { Interface, JsonRpcProvider } from "ethers";
import { dealsOf, epochNow, marketOf, provenEpoch } from "../../scripts/local-market.ts";
import { until } from "../../scripts/local-network.ts";
import type { ProofReport } from "../../src/auditor/ProofReplay.ts";
import type { Difference, Report, Run } from "../../src/auditor/Report.ts";
import type { Happening } from "../../src/auditor/watch.ts";
import { storageMarketAbi } from "../../src/chain/abi.ts";
import type { Market } from "../../src/chain/Market.ts";
import type { DealRef } from "../../src/chain/MarketReader.ts";
import { start } from "../auditor/Command.ts";
import { altered, type Log } from "../auditor/Tampering.ts";
import { RpcServer } from "../chain/RpcServer.ts";
import { done, network, place, providerAt, withoutSectors } from "./network.ts";

const face = new Interface(storageMarketAbi as never);

describe("sublet audit", function () {
  this.timeout(300_000);
  let market: Market;
  let deals: DealRef[];

  before(async () => {
    const home = await network.addClient("audited");
    await done(["volume", "create", "--k", "1", "--n", "3", "--size", "4MiB", "--epochs", "100", "--home", home]);
    await done(["put", "-", "film.bin", "--home", home], { input: randomBytes(3 * 2 ** 20) });
    market = await marketOf(network, home);
    deals = await dealsOf(market);
    let first = 0;
    await until("every provider has committed what it holds", 240_000, async () => {
      const held = await Promise.all(deals.map(({ provider, slot }) => market.deal(provider, slot)));
      first = Math.max(...held.map(({ activeSince }) => activeSince));
      return held.every(({ sectors }) => sectors > 0);
    });
    const providers = deals.map(({ provider }) => provider);
    await provenEpoch(market, providers, first, 240_000);
    await market.settle(deals);
  });

  async function audit(where = place()): Promise<{ code: number; report: Report }> {
    const { code, json } = await network.sublet(["audit", ...where]);
    return { code, report: json };
  }

  it("finds an honest history in order, and every provider with what it committed", async () => {
    const { code, report } = await audit();
    expect(code, JSON.stringify(report)).to.equal(0);
    expect(report).to.deep.include({ ok: true, differences: [], market: network.chain.market });
    for (const { provider } of deals) {
      const record = report.providers.find((one) => one.provider === provider);
      expect(record?.proven).to.be.greaterThan(0);
      expect(BigInt(record?.earned ?? 0) > 0n).to.equal(true);
      expect(report.spotChecks.find((one) => one.provider === provider)).to.include({ ok: true });
    }
    expect(report.checked.proofs).to.be.at.least(deals.length);
    expect(report.checked.settlements).to.be.at.least(deals.length);
  });

  it("finds the provider whose disk lost its sectors, by asking it", async () => {
    const [{ provider }] = deals as [DealRef];
    const { code, report } = await withoutSectors(providerAt(provider), () => audit());
    expect(code).to.equal(1);
    expect(report).to.deep.include({ ok: false, differences: [] });
    expect(report.spotChecks.filter(({ ok }) => !ok).map((one) => one.provider)).to.deep.equal([provider]);
  });

  it("finds the provider that holds other bytes than it committed", async () => {
    const [, { provider }] = deals as [DealRef, DealRef];
    const files = await sectorFiles(join(providerAt(provider).home, "data", "sectors"));
    try {
      for (const [path, bytes] of files)
        await writeFile(
          path,
          bytes.map((byte) => byte ^ 1),
        );
      const { code, report } = await audit();
      expect(code).to.equal(1);
      expect(report.spotChecks.filter(({ ok }) => !ok).map((one) => one.provider)).to.deep.equal([provider]);
    } finally {
      for (const [path, bytes] of files) await writeFile(path, bytes);
    }
  });

  describe("given a settlement that paid something else than the rules make it", () => {
    let node: JsonRpcProvider;
    let proxy: RpcServer;
    let wrong: { log: string; deal: string; paid: bigint } | undefined;
    let planting = false;

    before(async () => {
      node = new JsonRpcProvider(network.chain.rpcUrl, network.chain.chainId, { staticNetwork: true });
      proxy = await RpcServer.start({ request: ({ method, params }) => node.send(method, params ?? []) });
      proxy.between = async ({ method }, ask) => {
        const answer = await ask();
        return method === "eth_getLogs" ? (answer as Log[]).map(planted) : answer;
      };
    });
    after(async () => {
      await proxy.stop();
      node.destroy();
    });

    /** One settlement says another sum, and the same one each time it is asked for. */
    function planted(log: Log): Log {
      const event = face.parseLog(log);
      if (!planting || event?.name !== "Settled" || event.args.paid === 0n) return log;
      if (!deals.some(({ id }) => id === event.args.id)) return log;
      wrong ??= { log: log.data, deal: event.args.id, paid: event.args.paid };
      return wrong.deal === event.args.id && wrong.log === log.data ? altered(face, log, 2) : log;
    }

    const through = () => ["--rpc", proxy.url, "--market", network.chain.market, "--no-spot-check"];

    function isNamed(differences: readonly Difference[]): void {
      const [difference] = differences.filter(({ what }) => what === "paid by a settlement");
      expect(difference).to.include({ deal: wrong?.deal, expected: `${wrong?.paid}`, actual: `${wrong!.paid - 1n}` });
      const provider = deals.find(({ id }) => id === wrong?.deal)?.provider;
      expect(difference?.provider?.toLowerCase()).to.equal(provider?.toLowerCase());
    }

    it("tells whoever watches, as it happens", async () => {
      const alerts = join(network.directory, "alerts");
      const watch = start("audit", "--watch", ...through(), "--alert", `cat >> '${alerts}'`, "--json");
      const prints = (text: string) =>
        until(`the watch prints ${text}`, 120_000, async () => watch.printed().includes(text));
      try {
        await prints('"type":"audited"');
        expect(watch.printed()).not.to.include("paid by a settlement");
        planting = true;
        const providers = deals.map(({ provider }) => provider);
        await provenEpoch(market, providers, await epochNow(market), 120_000);
        await market.settle(deals);
        await prints("paid by a settlement");
        await prints('"ok":false');
      } finally {
        watch.kill("SIGINT");
      }
      const { code, stdout, stderr } = await watch.ended;
      expect(code, stderr).to.equal(1);
      const told = stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Happening);
      isNamed(told.flatMap((one) => (one.type === "wrong" ? one.differences : [])));
      expect(told.filter((one) => one.type === "unreachable")).to.deep.equal([]);
      expect(await readFile(alerts, "utf8"))
        .to.include("paid by a settlement")
        .and.include(wrong!.deal);
    });

    it("is named by an audit, in its page and by its exit code", async () => {
      const page = join(network.directory, "audit.html");
      const { code, json } = await network.sublet(["audit", ...through(), "--html", page]);
      expect(code).to.equal(1);
      isNamed((json as Report).differences);
      const html = await readFile(page, "utf8");
      for (const said of ["Something is wrong", "paid by a settlement", wrong!.deal, `${wrong!.paid - 1n}`]) {
        expect(html).to.include(said);
      }
    });
  });

  it("replays any proof, step by step", async () => {
    const [{ provider }] = deals as [DealRef];
    const { report } = await audit([...place(), "--no-spot-check"]);
    const proven = report.providers.find((one) => one.provider === provider)?.epochs.find(isProven);
    const { code, json } = await network.sublet(["audit", "proof", `${proven?.first}`, provider, ...place()]);
    expect(code, JSON.stringify(json)).to.equal(0);
    const { challenges } = json as ProofReport;
    expect(challenges).to.have.length(5);
    for (const { matches, levels, root } of challenges)
      expect([matches, levels.at(-1)?.node]).to.deep.equal([true, root]);
  });
});

const isProven = ({ outcome }: Run) => outcome === "proven";

async function sectorFiles(folder: string): Promise<[string, Buffer][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.map(async (path) => [path, await readFile(path)] as [string, Buffer]));
}
