/** A provider that nobody can call, and a client that stores at it through a relay of circuits: all in processes of their own. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:net";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { expect } from "chai";
import { hexToBytes } from "viem";
import { firstDocument, type LocalNetwork } from "../../scripts/local-network.ts";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import { decodeAnnouncement } from "../../src/protocol/Announcement.ts";
import { commandsOf, endNetwork, startNetwork } from "./commands.ts";
import { forbidden, forward, namespace, OUTSIDE, removeNamespaces } from "./Namespaces.ts";

const CLI = join(import.meta.dirname, "..", "..", "src", "sublet.ts");
const reason = forbidden();

/** Where commands run, and how they reach the market there. */
interface Place {
  readonly prefix: readonly string[];
  readonly place: readonly string[];
  readonly listen?: string;
}

describe("sublet bootnode --circuits", function () {
  this.timeout(300_000);
  const running: ChildProcess[] = [];
  const servers: Server[] = [];
  const { fails, place } = commandsOf(() => network);
  /** Of its own: what is stored here goes down with the relays. */
  let network: LocalNetwork;

  before(async () => {
    network = await startNetwork("circuit");
  });

  after(async () => {
    removeNamespaces();
    await endNetwork(network);
  });

  afterEach(async () => {
    for (const child of running.splice(0).reverse()) {
      const gone = once(child, "close");
      if (child.exitCode === null && child.kill("SIGTERM")) await gone;
    }
    for (const server of servers.splice(0)) server.close();
  });

  function begin(
    prefix: readonly string[],
    args: readonly string[],
    input: "pipe" | "ignore" = "ignore",
  ): ChildProcess {
    const [command, ...rest] = [...prefix, process.execPath, "--disable-warning=ExperimentalWarning", CLI, ...args];
    const env = { ...process.env, SUBLET_PASSWORD: network.password };
    const child = spawn(command!, rest, { env, stdio: [input, "pipe", "pipe"] });
    running.push(child);
    return child;
  }

  /** A command that stays, once it has printed its document. */
  async function start(prefix: readonly string[], ...args: string[]) {
    const child = begin(prefix, [...args, "--json"]);
    let logged = "";
    child.stderr?.on("data", (more) => {
      logged += more;
    });
    return (await firstDocument(child, () => logged)) as { multiaddrs: string[]; peerId: string };
  }

  /** What a command that must succeed prints. */
  async function done(prefix: readonly string[], args: readonly string[], input?: Uint8Array): Promise<Buffer> {
    const child = begin(prefix, args, input ? "pipe" : "ignore");
    child.stdin?.end(input);
    const [[code], out, errors] = await Promise.all([once(child, "close"), buffer(child.stdout!), text(child.stderr!)]);
    expect(code, `${args.join(" ")}: ${out} ${errors}`).to.equal(0);
    return out;
  }

  /**
   * Stores and reads a file of a client at a provider that nobody can call, with a relay at `ip`. Those of other calls are
   * down.
   */
  async function stores(name: string, ip: string, host: Place, tenant: Place): Promise<void> {
    const folder = (of: string): string => join(network.directory, `${name}-${of}`);
    const listen = ["--listen", `/ip4/${ip}/tcp/0`, "--home", folder("bootnode")];
    const [relay] = (await start([], "bootnode", "--circuits", "--local-network", ...listen)).multiaddrs;

    const reached = ["--listen", host.listen ?? "", "--circuit-relays", relay!, "--bootnodes", relay!];
    const settings = ["--stake", "7", ...reached, "--home", folder("host"), "--json"];
    const { address } = JSON.parse(`${await done(host.prefix, ["provider", "init", ...host.place, ...settings])}`);
    await network.fund(address, { ether: 5, tokens: 8 });
    const { multiaddrs, peerId } = await start(host.prefix, "provider", "run", "--home", folder("host"));
    expect(multiaddrs).to.deep.equal([`${relay}/p2p-circuit/p2p/${peerId}`]);
    const chain = await MarketReader.connect({ rpcUrl: network.chain.rpcUrl, market: network.chain.market });
    const { data } = (await chain.announcements()).get(address)!;
    expect(decodeAnnouncement(hexToBytes(data)).addrs).to.deep.equal(multiaddrs);

    const own = ["--home", await network.addClient(`${name}-tenant`), ...tenant.place];
    const volume = ["volume", "create", "--k", "1", "--n", "1", "--size", "8MiB", "--epochs", "20"];
    await done(tenant.prefix, [...volume, ...own]);
    const bytes = randomBytes(3 * 2 ** 20);
    const receipt = JSON.parse(`${await done(tenant.prefix, ["put", "-", "/film.bin", ...own, "--json"], bytes)}`);
    expect(receipt.positions.map((one: { provider: string }) => one.provider)).to.deep.equal([address]);
    expect(Buffer.compare(await done(tenant.prefix, ["get", "/film.bin", "-", ...own]), bytes)).to.equal(0);
  }

  it("brings a client to a provider that listens nowhere", async () => {
    const here = { prefix: [], place: place() };
    await stores("nowhere", "127.0.0.1", here, here);
  });

  if (reason !== undefined) console.log(`    (no network of its own for a provider on this machine: ${reason})`);
  else {
    it("brings a client to a provider in a network that the client has no way into", async () => {
      const [inner, outer] = [namespace(0), namespace(1)];
      const { hostname, port } = new URL(network.chain.rpcUrl);
      const chain = await forward(OUTSIDE, hostname, Number(port));
      servers.push(chain.server);
      const theirs = ["--rpc", `http://${OUTSIDE}:${chain.port}`, "--market", network.chain.market];
      const listen = `/ip4/${inner.address}/tcp/4001`;
      // What it listens on cannot be reached from where the client is, or there would be nothing to show.
      const from = execFileSync("ip", ["-n", outer.prefix.at(-1)!, "route", "show"], { encoding: "utf8" });
      expect(from).not.to.match(/default/);
      const route = spawnSync("ip", ["-n", outer.prefix.at(-1)!, "route", "get", inner.address]);
      expect(route.status).not.to.equal(0);
      await stores(
        "inside",
        OUTSIDE,
        { prefix: inner.prefix, place: theirs, listen },
        { prefix: outer.prefix, place: theirs },
      );
    });
  }

  it("says what is wrong with how a provider or a client would use it", async () => {
    const home = ["--home", join(network.directory, "wrong")];
    const init = (...more: string[]) => fails(["provider", "init", ...place(), ...home, ...more]);
    expect(await init("--circuit-relays", "/ip4/127.0.0.1/tcp/1")).to.include({ name: "--circuit-relays" });
    expect(await init("--bootnodes", "nonsense")).to.include({ code: "BadArgument", name: "--bootnodes" });
    await done([], ["provider", "init", ...place(), ...home]);
    expect(await fails(["provider", "run", ...home, "--listen", ""])).to.include({
      code: "BadArgument",
      name: "listen",
    });
    const tenant = await network.addClient("asking");
    const asked = await fails(["status", "--home", tenant, "--bootnodes", "/ip4/127.0.0.1/tcp/1"]);
    expect(asked).to.include({ code: "BadArgument", name: "--bootnodes" });
    const environment = { SUBLET_BOOTNODES: "here" };
    expect(await fails(["status", "--home", tenant], { environment })).to.include({ value: "here" });
  });
});
