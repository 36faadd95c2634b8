/** A host that never had any gas, and the relay that it tips, in processes of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { expect } from "chai";
import type { Address } from "viem";
import { epochNow, provenEpoch } from "../../scripts/local-market.ts";
import { firstDocument, until } from "../../scripts/local-network.ts";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import { done, fails, network, place } from "./network.ts";

const CLI = join(import.meta.dirname, "..", "..", "src", "sublet.ts");
/** A tenant who wants so much finds room at this suite's provider only. */
const QUOTA = "1GiB";
const WANTED = "100MiB";

describe("sublet relay", function () {
  this.timeout(300_000);
  const running: ChildProcess[] = [];
  let chain: MarketReader;
  let relayHome: string;
  let hostHome: string;
  let relay: { readonly relay: Address; readonly url: string };
  let host: Address;

  before(async () => {
    chain = await MarketReader.connect({ rpcUrl: network.chain.rpcUrl, market: network.chain.market });
    relayHome = join(network.directory, "relay");
    hostHome = join(network.directory, "penniless");
    const { address } = await done(["relay", "init", "--home", relayHome]);
    await network.fund(address, { ether: 5, tokens: 0 });
    const serving = ["--listen", "127.0.0.1:0", "--tip", "0.001", "--home", relayHome];
    relay = (await start("relay", "run", ...place(), ...serving)) as typeof relay;
    expect(relay.relay).to.equal(address);
    const settings = ["--stake", "7", "--quota", QUOTA, "--relay", relay.url, "--tip", "0.001"];
    ({ address: host } = await done(["provider", "init", ...place(), ...settings, "--home", hostHome]));
    await network.fund(host, { ether: 0, tokens: 8 });
  });

  after(async () => {
    for (const child of running) {
      const gone = once(child, "close");
      if (child.exitCode === null && child.kill("SIGTERM")) await gone;
    }
  });

  /** Runs a command that stays, until it has printed its document. */
  async function start(...args: string[]): Promise<unknown> {
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CLI, ...args, "--json"], {
      env: { ...process.env, SUBLET_PASSWORD: network.password },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.push(child);
    let logged = "";
    child.stderr.on("data", (text) => {
      logged += text;
    });
    return firstDocument(child, () => logged);
  }

  it("has a host without gas register, stake, announce, commit and prove, and is tipped for each proof", async () => {
    expect(await chain.gasBalance(host)).to.equal(0n);
    await start("provider", "run", "--listen", "/ip4/127.0.0.1/tcp/0", "--home", hostHome);
    expect((await chain.announcements()).has(host)).to.equal(true);
    const tenant = await network.addClient("relayed");
    const volume = ["volume", "create", "--k", "1", "--n", "1", "--size", WANTED, "--epochs", "50"];
    await done([...volume, "--home", tenant]);
    const receipt = await done(["put", "-", "film.bin", "--home", tenant], { input: randomBytes(2 ** 20) });
    expect(receipt.positions.map(({ provider }: { provider: Address }) => provider)).to.deep.equal([host]);
    await until("it has committed", 240_000, async () => (await chain.provider(host)).sectors > 0);
    // The epoch under way may be proven by an empty set, which is not tipped: what was committed counts from the next one on.
    await provenEpoch(chain, [host], (await epochNow(chain)) + 1, 240_000);
    expect((await chain.freeBalance(relay.relay)) >= 1_000n << 32n).to.equal(true);
    expect(await chain.gasBalance(host)).to.equal(0n);
  });

  it("takes its tips home", async () => {
    const { tokens } = await done(["relay", "collect", ...place(), "--home", relayHome]);
    expect(Number(tokens)).to.be.greaterThan(0);
    expect(await chain.tokenBalance(relay.relay)).to.equal(BigInt(Math.round(Number(tokens) * 1e6)));
  });

  it("says what is wrong with how it is started", async () => {
    const run = (...more: string[]) => fails(["relay", "run", ...place(), "--home", relayHome, ...more]);
    expect(await run("--listen", "everywhere")).to.include({ code: "BadArgument", name: "--listen" });
    expect(await run("--tip", "some")).to.include({ code: "BadArgument", name: "--tip" });
    expect(await fails(["relay", "init", "--home", relayHome])).to.include({ code: "BadArgument", name: "--home" });
  });
});
