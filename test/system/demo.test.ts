/** `npm start` as a newcomer meets it: the network that stays up, the commands it prints, and how it ends. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import { isAddress } from "viem";
import { until } from "../../scripts/local-network.ts";
import { readKeystore } from "../../src/chain/Keystore.ts";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import { accountOf } from "../../src/client/home/Keystore.ts";
import { ROOT, Terminal } from "./terminal.ts";

const FOLDER = join(ROOT, ".sublet", "local");
const FILE = join(FOLDER, "network.json");
const PROVIDERS = 12;
const START = "npm start --silent -- --network --json";

describe("npm start, without the story", function () {
  this.timeout(300_000);
  let demo: Terminal;
  // biome-ignore lint/suspicious/noExplicitAny: its fields are what is looked at here
  let network: any;

  after(() => Terminal.killAll());

  before(async () => {
    demo = new Terminal(START);
    await until("the network is up", 280_000, async () => {
      if (demo.child.exitCode !== null) throw new Error(`it ended: ${demo.stderr}`);
      return existsSync(FILE) && demo.stderr.includes("Ctrl-C");
    });
    network = JSON.parse(await readFile(FILE, "utf8"));
  });

  it("prints one JSON document: whether all checks held, each of them, and the table", () => {
    const document = JSON.parse(demo.stdout);
    expect(document).to.have.all.keys("ok", "checks", "table");
    expect(document.ok, demo.stdout).to.equal(true);
    expect(document.checks.map(({ name }: { name: string }) => name)).to.deep.equal(["providers", "volume"]);
    for (const check of document.checks) {
      expect(check).to.have.all.keys("name", "ok", "detail");
      expect(check.ok).to.equal(true);
      expect(check.detail).to.match(/^12 /);
    }
    expect(document.table).to.have.all.keys("providers", "client", "burnt", "gas");
    expect(document.table.providers).to.have.length(PROVIDERS);
    expect(document.table.gas.map(({ call }: { call: string }) => call)).to.include("permit + openDeals");
  });

  it("says in network.json what runs where, for its owner only", async () => {
    expect((await stat(FILE)).mode & 0o077).to.equal(0);
    expect(network).to.include.all.keys("rpcUrl", "chainId", "market", "token", "providers", "clientHome", "password");
    const { rpcUrl, chainId, market, token, providers } = network;
    const chain = await MarketReader.connect({ rpcUrl, chainId, market });
    expect(chain.token).to.equal(token);
    const announced = await chain.announcements();
    expect(providers).to.have.length(PROVIDERS);
    for (const { address, pid, multiaddr, dataDir } of providers) {
      expect(isAddress(address)).to.equal(true);
      expect([...announced.keys()]).to.include(address);
      expect(process.kill(pid, 0), `process ${pid}`).to.equal(true);
      expect(multiaddr).to.match(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+$/);
      expect(existsSync(join(dataDir, "keystore.json"))).to.equal(true);
    }
    expect(new Set(providers.map(({ pid }: { pid: number }) => pid)).size).to.equal(PROVIDERS);
  });

  it("has a client with money, whose key the password opens", async () => {
    const { rpcUrl, market, clientHome, clientKey, password } = network;
    const { address } = accountOf(await readKeystore(clientKey, password));
    const chain = await MarketReader.connect({ rpcUrl, market });
    expect((await chain.tokenBalance(address)) > 10n ** 9n).to.equal(true);
    expect((await chain.gasBalance(address)) > 10n ** 18n).to.equal(true);
    expect(JSON.parse(await readFile(join(clientHome, "config.json"), "utf8"))).to.include({
      rpcUrl,
      account: address,
    });
  });

  it("prints commands that work as they are printed", async () => {
    const commands = demo.stderr.split("\n").filter((line) => /^ {2}(export|npx) /.test(line));
    expect(commands).to.have.length(6);
    const [given, first, ...others] = commands as [string, string, ...string[]];
    const typed = async (command: string) => {
      const shell = ["-c", `${given}\n${command}`];
      return (await promisify(execFile)("sh", shell, { cwd: ROOT, maxBuffer: 2 ** 24 })).stdout;
    };
    const put = await typed(first);
    // Without npm's own second: what npx runs is the launcher.
    const short = others.map((command) => command.replace("npx sublet", "node scripts/launch.mjs"));
    const [ls, got, status, audit] = await Promise.all(short.map(typed));
    expect(put).to.match(/^readme\.md: 1 file, .* complete \(12 of 12 providers have signed for it/);
    expect(ls).to.match(/ readme\.md$/m);
    expect(got).to.equal(await readFile(join(ROOT, "README.md"), "utf8"));
    expect(status).to.match(/12 of 12 providers are good, 4 are needed/);
    expect(audit).to.match(/Everything is in order\./);
  });

  it("refuses to start a second one over the first", async () => {
    const second = new Terminal(START);
    expect(await second.ended()).to.equal(1);
    const { ok, checks, table } = JSON.parse(second.stdout);
    expect({ ok, table }).to.deep.equal({ ok: false, table: null });
    expect(checks[0].detail).to.contain("end that one first");
    expect(JSON.parse(await readFile(FILE, "utf8"))).to.deep.equal(network);
  });

  it("ends all that it started when it is interrupted", async () => {
    const pid = Number(await readFile(join(FOLDER, "pid"), "utf8"));
    process.kill(pid, "SIGINT");
    expect(await demo.ended(), demo.stderr).to.equal(0);
    expect(demo.lives).to.equal(false);
    for (const name of ["network.json", "pid"]) expect(existsSync(join(FOLDER, name)), name).to.equal(false);
  });
});
