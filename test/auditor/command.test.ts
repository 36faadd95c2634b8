/** `sublet audit` as a process of its own. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { ProofReport } from "../../src/auditor/ProofReplay.ts";
import type { Report } from "../../src/auditor/Report.ts";
import { LocalMarket } from "../chain/LocalMarket.ts";
import { sublet } from "./Command.ts";

describe("sublet audit", function () {
  this.timeout(60_000);
  let local: LocalMarket;
  let home: string;
  before(async () => {
    local = await LocalMarket.start();
    home = await mkdtemp(join(tmpdir(), "sublet-audit-"));
    const { bob } = local.world;
    await local.world.active(2);
    await local.world.live(bob, 1);
  });
  after(async () => {
    await local.stop();
    await rm(home, { recursive: true });
  });
  afterEach(() => {
    local.rpc.between = (_request, ask) => ask();
  });

  const where = () => ["--rpc", local.rpc.url, "--market", local.address];

  it("prints one JSON document and ends with 0 where all is in order", async () => {
    const { code, stdout, stderr } = await sublet("audit", ...where(), "--no-spot-check", "--json");
    expect(code, stderr).to.equal(0);
    const report = JSON.parse(stdout) as Report;
    expect(report).to.deep.include({ ok: true, market: local.address, differences: [], spotChecks: [] });
    expect(report.providers.find(({ provider }) => provider === local.world.bob.address)).to.include({ proven: 1 });
  });

  it("prints a page for people", async () => {
    const { code, stdout } = await sublet("audit", ...where(), "--no-spot-check");
    expect(code).to.equal(0);
    expect(stdout).to.include("No differences.").and.include("Everything is in order.");
    expect(stdout).to.include(local.world.bob.address);
  });

  it("names what is wrong and ends with another code", async () => {
    local.rpc.between = async ({ method, params }, ask) => {
      const answer = await ask();
      const called = (params?.[0] as { data?: string })?.data ?? "";
      const burnt = local.world.market.interface.getFunction("burnt").selector;
      return method === "eth_call" && called.startsWith(burnt) ? `0x${"7".padStart(64, "0")}` : answer;
    };
    const { code, stdout } = await sublet("audit", ...where(), "--no-spot-check", "--json");
    expect(code).not.to.equal(0);
    const { ok, differences } = JSON.parse(stdout) as Report;
    expect(ok).to.equal(false);
    expect(differences.map(({ what, expected, actual }) => [what, expected, actual])).to.deep.equal([
      ["burnt in all", "0", "7"],
    ]);
    const page = await sublet("audit", ...where(), "--no-spot-check");
    expect(page.code).not.to.equal(0);
    expect(page.stdout).to.include("burnt in all: expected 0, found 7").and.include("Something is wrong.");
  });

  it("asks the providers unless told not to: one that never announced itself is named", async () => {
    const { code, stdout } = await sublet("audit", ...where(), "--json");
    expect(code).not.to.equal(0);
    const { differences, spotChecks } = JSON.parse(stdout) as Report;
    expect(differences).to.deep.equal([]);
    expect(spotChecks).to.have.length(1);
    expect(spotChecks[0]).to.include({ provider: local.world.bob.address, ok: false });
  });

  it("writes a page for browsers too, whole or not at all", async () => {
    const file = join(home, "audit.html");
    await writeFile(file, "an older one");
    const { code, stdout } = await sublet("audit", ...where(), "--no-spot-check", "--html", file);
    expect(code).to.equal(0);
    expect(stdout).to.include("Everything is in order.");
    const page = await readFile(file, "utf8");
    expect(page)
      .to.match(/^<!doctype html>[\s\S]*<\/html>\n$/)
      .and.include(`Epochs of ${local.world.bob.address}`);
    expect(await readdir(home)).to.deep.equal(["audit.html"]);
    const nowhere = join(home, "none", "audit.html");
    const refused = await sublet("audit", ...where(), "--no-spot-check", "--html", nowhere, "--json");
    expect(refused.code).to.equal(1);
    expect(JSON.parse(refused.stdout).error).to.include({ code: "BadArgument", name: "--html", value: nowhere });
  });

  describe("proof", () => {
    const proof = (epoch: string, who: string, ...more: string[]) =>
      sublet("audit", "proof", epoch, who, ...where(), ...more);

    it("prints each step for a person to follow, and one document for a program", async () => {
      const { bob } = local.world;
      const { code, stdout, stderr } = await proof("2", bob.address.toLowerCase());
      expect(code, stderr).to.equal(0);
      expect(stdout).to.include(`Proof of epoch 2 by provider ${bob.address}`).and.include("Valid: all 5");
      const document = JSON.parse((await proof("2", bob.address, "--json")).stdout) as ProofReport;
      expect(document).to.deep.include({ ok: true, epoch: 2, provider: bob.address, differences: [] });
      for (const { content, levels, root } of document.challenges) {
        expect(stdout).to.include(content);
        expect(levels.at(-1)?.node).to.equal(root);
      }
    });

    it("says what is wrong with what it is asked for", async () => {
      const { alice, bob } = local.world;
      const error = async (...args: [string, string]) => JSON.parse((await proof(...args, "--json")).stdout).error;
      expect(await error("2", alice.address)).to.include({ code: "NotProven", epoch: 2, provider: alice.address });
      expect(await error("first", bob.address)).to.include({ code: "BadArgument", name: "epoch" });
      expect(await error("2", "bob")).to.include({ code: "BadArgument", name: "provider" });
    });
  });

  it("takes chain and market from a home", async () => {
    const config = { rpcUrl: local.rpc.url, chainId: 31_337, market: local.address, token: local.address };
    await writeFile(join(home, "config.json"), JSON.stringify(config));
    const { code, stderr } = await sublet("audit", "--home", home, "--no-spot-check", "--json");
    expect(code, stderr).to.equal(0);
  });

  const refused = {
    "a home without anything": async () => [["--home", join(home, "none")], "NotInitialized"],
    "a wrong chain id in the home": async () => {
      const config = { rpcUrl: local.rpc.url, chainId: 1, market: local.address };
      await writeFile(join(home, "config.json"), JSON.stringify(config));
      return [["--home", home], "WrongChain"];
    },
    "an address that is no market": async () => [
      ["--rpc", local.rpc.url, "--market", local.world.alice.address],
      "NotAMarket",
    ],
    "no node": async () => [["--rpc", "http://127.0.0.1:9", "--market", local.address], "ChainUnavailable"],
    "no address": async () => [["--rpc", local.rpc.url, "--market", "0x12"], "BadArgument"],
  } satisfies Record<string, () => Promise<[string[], string] | (string | string[])[]>>;
  for (const [what, args] of Object.entries(refused)) {
    it(`says what is wrong with ${what}, and ends with another code`, async () => {
      const [flags, expected] = (await args()) as [string[], string];
      const { code, stdout, stderr } = await sublet("audit", ...flags, "--no-spot-check", "--json");
      expect(code).not.to.equal(0);
      expect(JSON.parse(stdout).error.code, stderr).to.equal(expected);
    });
  }
});
