/** The command as a person runs it: real processes against a real chain's JSON-RPC. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "chai";
import { LocalNetwork, until } from "../../scripts/local-network.ts";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import { decodeAnnouncement } from "../../src/protocol/Announcement.ts";

interface Outcome {
  readonly code: number;
  // biome-ignore lint/suspicious/noExplicitAny: each command has its own document
  readonly document: any;
}

describe("sublet provider", function () {
  this.timeout(120_000);
  let directory: string;
  let network: LocalNetwork;
  let home: string;
  let address: string;
  const running = new Set<ChildProcess>();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "sublet-command-"));
    network = await LocalNetwork.start(directory);
    home = join(directory, "host");
    const { rpcUrl, market } = network.chain;
    const { code, document } = await sublet(
      "init",
      "--rpc",
      rpcUrl,
      "--market",
      market,
      "--stake",
      "7",
      "--quota",
      "1GiB",
    );
    expect(code, JSON.stringify(document)).to.equal(0);
    address = document.address;
  });

  after(async () => {
    for (const child of running) child.kill("SIGKILL");
    await network.stop();
    await rm(directory, { recursive: true, force: true });
  });

  function start(password: string, ...args: string[]): ChildProcess {
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "src/sublet.ts", "provider", ...args, "--home", home, "--json"],
      { env: { ...process.env, SUBLET_PASSWORD: password }, stdio: ["ignore", "pipe", "pipe"] },
    );
    running.add(child);
    child.once("exit", () => running.delete(child));
    return child;
  }

  async function sublet(...args: string[]): Promise<Outcome> {
    return outcome(start("right", ...args));
  }

  async function outcome(child: ChildProcess): Promise<Outcome> {
    let said = "";
    child.stdout!.on("data", (text) => {
      said += text;
    });
    const [code] = await once(child, "close");
    return { code, document: said === "" ? undefined : JSON.parse(said) };
  }

  /** Runs until it serves; the document that it prints then. */
  async function serve(...args: string[]) {
    const child = start("right", "run", "--listen", "/ip4/127.0.0.1/tcp/0", "--metrics-port", "0", ...args);
    const ended = once(child, "exit").then(() => {
      throw new Error("it ended before it served");
    });
    const [line] = await Promise.race([once(createInterface({ input: child.stdout! }), "line"), ended]);
    ended.catch(() => {});
    return { child, document: JSON.parse(line) };
  }

  it("never overwrites a key", async () => {
    const before = await readFile(join(home, "keystore.json"), "utf8");
    const { rpcUrl, market } = network.chain;
    const { code, document } = await sublet("init", "--rpc", rpcUrl, "--market", market);
    expect(code).to.equal(1);
    expect(document.error).to.include({ code: "BadArgument", name: "--home" });
    expect(await readFile(join(home, "keystore.json"), "utf8")).to.equal(before);
  });

  it("keeps its key encrypted, as a wallet reads it", async () => {
    const keystore = JSON.parse(await readFile(join(home, "keystore.json"), "utf8"));
    expect(keystore).to.include({ version: 3 });
    expect(`0x${keystore.address}`.toLowerCase()).to.equal(address.toLowerCase());
  });

  it("says how much of what an unfunded wallet lacks", async () => {
    const poor = await sublet("run");
    expect(poor.code).to.equal(1);
    expect(poor.document.error).to.include({ code: "InsufficientFunds", asset: "token", missing: "7000000" });
    await network.fund(address, { ether: 0, tokens: 8 });
    const gasless = await sublet("run");
    expect(gasless.document.error).to.include({ code: "InsufficientFunds", asset: "gas", have: "0" });
  });

  it("says that the password is wrong", async () => {
    const { code, document } = await outcome(start("wrong", "run"));
    expect(code).to.equal(1);
    expect(document.error).to.include({ code: "WrongPassword", keystore: join(home, "keystore.json") });
  });

  it("says that the chain is down, another one, or without the market", async () => {
    const down = await sublet("run", "--rpc", "http://127.0.0.1:9");
    expect([down.code, down.document.error.code]).to.deep.equal([1, "ChainUnavailable"]);
    const astray = await sublet("run", "--market", network.chain.token);
    expect([astray.code, astray.document.error.code]).to.deep.equal([1, "NotAMarket"]);
    const file = join(home, "config.json");
    const config = await readFile(file, "utf8");
    await writeFile(file, config.replace('"chainId": 31337', '"chainId": 1'));
    const other = await sublet("run");
    expect(other.document.error).to.include({ code: "WrongChain", expected: 1, actual: 31_337 });
    await writeFile(file, config.slice(9));
    const broken = await sublet("status");
    expect(broken.document.error).to.include({ code: "StateCorrupt", file });
    await writeFile(file, config);
  });

  it("refuses prices, sizes and ports that are none", async () => {
    const outcomes = await Promise.all([
      sublet("run", "--price", "0.0000000001"),
      sublet("run", "--price", "much"),
      sublet("run", "--quota", "5 apples"),
      sublet("run", "--metrics-port", "-1"),
    ]);
    expect(outcomes.map(({ code, document }) => [code, document.error.code, document.error.name])).to.deep.equal([
      [1, "BadArgument", "--price"],
      [1, "BadArgument", "price"],
      [1, "BadArgument", "--quota"],
      [1, "BadArgument", "--metrics-port"],
    ]);
  });

  it("stakes, announces, serves, tells how it is, stops when asked and starts again", async () => {
    await network.fund(address, { ether: 10, tokens: 8 });
    const first = await serve();
    expect(first.document).to.include({ address, pid: first.child.pid, dataDir: join(home, "data") });
    const health = await fetch(`${first.document.metricsUrl}/healthz`);
    expect(await health.json()).to.deep.equal({ ok: true });
    const metrics = await (await fetch(`${first.document.metricsUrl}/metrics`)).text();
    expect(metrics).to.match(/^sublet_quota_bytes 1073741824$/m);
    const { rpcUrl, market } = network.chain;
    const chain = await MarketReader.connect({ rpcUrl, market });
    const announced = async () => {
      const said = (await chain.announcements()).get(address as `0x${string}`);
      return said && decodeAnnouncement(Buffer.from(said.data.slice(2), "hex"));
    };
    expect((await announced())?.addrs).to.deep.equal(first.document.multiaddrs);
    const busy = await sublet("run", "--listen", "/ip4/127.0.0.1/tcp/0");
    expect([busy.code, busy.document.error.code]).to.deep.equal([1, "HomeBusy"]);
    first.child.kill("SIGTERM");
    expect((await once(first.child, "exit"))[0]).to.equal(0);
    const second = await serve();
    expect(second.document.peerId).to.equal(first.document.peerId);
    second.child.kill("SIGKILL");
    await once(second.child, "exit");
    const third = await serve();
    third.child.kill("SIGINT");
    expect((await once(third.child, "exit"))[0]).to.equal(0);
    expect((await announced())?.addrs).to.deep.equal(third.document.multiaddrs);
  });

  it("tells its standing, and leaves with its money", async () => {
    const status = await sublet("status");
    expect(status.document).to.include({ address, registered: true, balance: "7", locked: "0", free: "7", sectors: 0 });
    const left = await sublet("exit");
    expect(left.document).to.include({ done: true, resigned: 0, withdrawn: "7" });
    expect((await sublet("status")).document).to.include({ balance: "0" });
    const again = await serve();
    await until("it has not staked again", 10_000, async () => (await sublet("status")).document.balance === "0");
    again.child.kill("SIGTERM");
    await once(again.child, "exit");
  });
});
