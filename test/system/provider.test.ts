/** `sublet provider` as a host runs it: through the launcher, in processes of its own, killed and started again. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Address } from "viem";
import { dealsOf, epochNow, marketOf, provenEpoch } from "../../scripts/local-market.ts";
import { firstDocument, until } from "../../scripts/local-network.ts";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import { decodeAnnouncement } from "../../src/protocol/Announcement.ts";
import { usualFinalBlocks } from "../../src/provider-node/ProviderConfig.ts";
import { Receiver } from "../provider-node/Receiver.ts";
import { done, fails, network, place } from "./network.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const MIB = 2 ** 20;
/** Both disks together: a tenant who wants so much finds room at this suite's provider only. */
const [QUOTA, SECOND_QUOTA] = ["700MiB", "324MiB"];
const WANTED = "100MiB";

interface Served {
  /** What it printed once it served. */
  readonly document: {
    readonly address: Address;
    readonly peerId: string;
    readonly multiaddrs: string[];
    readonly metricsUrl: string;
    readonly dataDir: string;
    readonly pid: number;
  };
  /** What it logged so far. */
  log(): string;
  /** Sends a signal to the provider itself; resolves with the launcher's exit code and signal. */
  end(signal: NodeJS.Signals): Promise<[code: number | null, signal: NodeJS.Signals | null]>;
}

describe("sublet provider", function () {
  this.timeout(300_000);
  const running = new Map<ChildProcess, number>();
  let chain: MarketReader;
  let home: string;
  let second: string;
  let at: string[];
  let address: Address;

  before(async () => {
    chain = await MarketReader.connect({ rpcUrl: network.chain.rpcUrl, market: network.chain.market });
    home = join(network.directory, "host");
    at = ["--home", home];
    second = join(network.directory, "second");
    address = await init(home, "--stake", "7", "--quota", QUOTA, "--folders", `${second}=${SECOND_QUOTA}`);
  });

  // The launcher cannot end its program where it is itself killed.
  after(() => {
    for (const [child, pid] of running) {
      child.kill("SIGKILL");
      if (pid > 0) process.kill(pid, "SIGKILL");
    }
  });

  async function init(folder: string, ...settings: string[]): Promise<Address> {
    return (await done(["provider", "init", ...place(), ...settings, "--home", folder])).address;
  }

  /** Runs until it serves. */
  async function serve(folder = home, ...more: string[]): Promise<Served> {
    const where = ["--listen", "/ip4/127.0.0.1/tcp/0", "--metrics-port", "0", "--home", folder, "--json"];
    const child = spawn(process.execPath, ["scripts/launch.mjs", "provider", "run", ...where, ...more], {
      cwd: ROOT,
      env: { ...process.env, SUBLET_PASSWORD: network.password },
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.set(child, 0);
    const ended = once(child, "close").finally(() => running.delete(child)) as Promise<[number | null, null]>;
    let logged = "";
    child.stderr.on("data", (text) => {
      logged += text;
    });
    const document = (await firstDocument(child, () => logged)) as Served["document"];
    running.set(child, document.pid);
    const end: Served["end"] = (signal) => {
      process.kill(document.pid, signal);
      return ended;
    };
    return { document, log: () => logged, end };
  }

  async function announced(): Promise<readonly string[] | undefined> {
    const said = (await chain.announcements()).get(address);
    return said && decodeAnnouncement(Buffer.from(said.data.slice(2), "hex")).addrs;
  }

  describe("init", () => {
    it("makes a key that a wallet can read, encrypted and its owner's only", async () => {
      const file = join(home, "keystore.json");
      expect((await stat(file)).mode & 0o077).to.equal(0);
      const keystore = JSON.parse(await readFile(file, "utf8"));
      expect(keystore).to.include({ version: 3 });
      expect(keystore.Crypto ?? keystore.crypto).to.include({ kdf: "scrypt", cipher: "aes-128-ctr" });
      expect(`0x${keystore.address}`.toLowerCase()).to.equal(address.toLowerCase());
    });

    it("never overwrites a key", async () => {
      const before = await readFile(join(home, "keystore.json"), "utf8");
      expect(await fails(["provider", "init", ...place(), ...at])).to.include({ code: "BadArgument", name: "--home" });
      expect(await readFile(join(home, "keystore.json"), "utf8")).to.equal(before);
    });
  });

  describe("run, given something wrong", () => {
    const run = (...more: string[]) => fails(["provider", "run", ...at, ...more]);

    it("says at once how much of what an empty wallet lacks", async () => {
      const error = await run();
      expect(error).to.include({ code: "InsufficientFunds", asset: "token", account: address, missing: "7000000" });
      expect(error.also).to.include({ asset: "gas", account: address, have: "0" });
      expect(error.also.missing).to.equal(error.also.need);
    });

    it("takes the settings of flags before those of the environment, and these before its file's", async () => {
      const environment = { SUBLET_PROVIDER_STAKE: "8" };
      const named = await fails(["provider", "run", ...at], { environment });
      expect(named).to.include({ code: "InsufficientFunds", missing: "8000000" });
      const flagged = await fails(["provider", "run", "--stake", "9", ...at], { environment });
      expect(flagged).to.include({ code: "InsufficientFunds", missing: "9000000" });
    });

    it("says the same as the service that it prints a unit for", async () => {
      const { unit } = await done(["provider", "service", "--password-file", network.passwordFile, ...at]);
      const credential = /^LoadCredential=password:(.*)$/m.exec(unit)![1]!;
      expect(/^ReadWritePaths=(.*)$/m.exec(unit)![1]).to.equal(`"${home}" "${second}"`);
      const words = /^ExecStart=(.*)$/m
        .exec(unit)![1]!
        .match(/"[^"]*"|\S+/g)!
        .map((word) => word.replaceAll('"', ""));
      const [program, ...args] = words.map((word) => word.replace("%d/password", credential));
      // As systemd starts it: from the root, without this process's environment.
      const { status, stderr } = spawnSync(program!, args, { cwd: "/", env: {}, encoding: "utf8" });
      expect(status).to.equal(1);
      expect(stderr).to.match(new RegExp(`^sublet: ${address} has 0 base units of token and needs 7000000`));
      expect(await fails(["provider", "service", ...at])).to.include({ code: "BadArgument", name: "--password-file" });
    });

    it("says which argument, password, chain or market is wrong", async () => {
      const { token } = network.chain;
      const errors = await Promise.all([
        run("--price", "much"),
        run("--price", "0.0000000001"),
        run("--price", "10000000000000000"),
        run("--quota", "5 apples"),
        run("--metrics-port", "-1"),
        fails(["provider", "run", ...at], { environment: { SUBLET_PROVIDER_MIN_SECTORS: "few" } }),
        fails(["provider", "run", ...at], { password: "wrong" }),
        run("--rpc", "http://127.0.0.1:9"),
        run("--market", token),
      ]);
      const named = errors.map(({ code, name, keystore, url, address }) => [code, name ?? keystore ?? url ?? address]);
      expect(named).to.deep.equal([
        ["BadArgument", "--price"],
        ["BadArgument", "price"],
        ["BadArgument", "price"],
        ["BadArgument", "--quota"],
        ["BadArgument", "--metrics-port"],
        ["BadArgument", "SUBLET_PROVIDER_MIN_SECTORS"],
        ["WrongPassword", join(home, "keystore.json")],
        ["ChainUnavailable", "http://127.0.0.1:9"],
        ["NotAMarket", token],
      ]);
    });

    it("says that the chain is another one, or its settings are broken", async () => {
      const file = join(home, "config.toml");
      const config = await readFile(file, "utf8");
      await writeFile(file, config.replace("chain-id = 31337", "chain-id = 1"));
      expect(await run()).to.include({ code: "WrongChain", expected: 1, actual: 31_337 });
      await writeFile(file, config.replace("chain-id =", "chain-id"));
      expect(await fails(["provider", "status", ...at])).to.include({ code: "StateCorrupt", file });
      await writeFile(file, config);
    });
  });

  describe("run", () => {
    const bytes = randomBytes(2 * MIB);
    let tenant: string;
    let first: Served;
    let operator: Receiver;
    let commanded: string;

    before(async () => {
      await network.fund(address, { ether: 10, tokens: 8 });
      operator = await Receiver.start();
      commanded = join(network.directory, "commanded");
      const alerts = [
        "--alert-webhook",
        operator.url,
        "--alert-command",
        `cat >> '${commanded}'`,
        "--alert-stake",
        "8",
      ];
      [tenant, first] = await Promise.all([network.addClient("tenant"), serve(home, ...alerts)]);
    });

    after(() => operator?.stop());

    async function get(): Promise<Buffer> {
      const { code, stdout, stderr } = await network.command(["get", "film.bin", "-", "--home", tenant]);
      expect(code, stderr).to.equal(0);
      return stdout;
    }

    /** An epoch from `from` on that it proves. */
    const proves = (from: number): Promise<number> => provenEpoch(chain, [address], from, 240_000);

    it("stakes, announces where it listens, and tells how it is", async () => {
      const { document } = first;
      expect(document).to.include({ address, dataDir: join(home, "data") });
      expect(await announced()).to.deep.equal(document.multiaddrs);
      expect(await done(["provider", "status", ...at])).to.deep.include({
        ...{ address, registered: true, balance: "7", locked: "0", free: "7", sectors: 0, deals: [] },
      });
      expect(await (await fetch(`${document.metricsUrl}/healthz`)).json()).to.deep.equal({ ok: true });
      const metrics = await (await fetch(`${document.metricsUrl}/metrics`)).text();
      expect(metrics).to.match(/^sublet_quota_bytes 1073741824$/m);
    });

    it("logs one JSON object a line", () => {
      const lines = first.log().trimEnd().split("\n");
      const messages = lines.map((line) => {
        const { level, time, msg } = JSON.parse(line);
        expect([typeof level, typeof time]).to.deep.equal(["number", "number"]);
        return msg;
      });
      const told = messages.filter((message) => ["registered", "announced", "serving"].includes(message));
      expect(told).to.deep.equal(["registered", "announced", "serving"]);
    });

    it("has its folder for itself", async () => {
      const error = await fails(["provider", "run", "--listen", "/ip4/127.0.0.1/tcp/0", ...at]);
      expect(error).to.include({ code: "HomeBusy" });
      expect(await fails(["provider", "fsck", ...at])).to.include({ code: "HomeBusy" });
    });

    it("stores a tenant's file, commits and proves it", async () => {
      const volume = ["volume", "create", "--k", "1", "--n", "1", "--size", WANTED, "--epochs", "50"];
      await done([...volume, "--home", tenant]);
      const receipt = await done(["put", "-", "film.bin", "--home", tenant], { input: bytes });
      expect(receipt.positions.map(({ provider }: { provider: Address }) => provider)).to.deep.equal([address]);
      await until("it has committed", 240_000, async () => (await chain.provider(address)).sectors > 0);
      await proves(await epochNow(chain));
    });

    it("alerts its operator before it misses an epoch, and of low stake", async () => {
      const sectors = join(home, "data", "sectors");
      await rename(sectors, `${sectors}.away`);
      await until("it has told", 240_000, async () => operator.of("epoch-at-risk").length > 0);
      await rename(`${sectors}.away`, sectors);
      const [risk] = operator.of("epoch-at-risk");
      expect(risk).to.include({ provider: address });
      expect(risk!.blocksLeft).to.be.a("number");
      expect(operator.of("low-stake")).to.have.length(1);
      const told = async () => (await readFile(commanded, "utf8")).trimEnd().split("\n");
      await until("the command has run", 60_000, async () => (await told()).length >= operator.told.length);
      const kinds = (await told()).map((line) => JSON.parse(line).kind);
      expect(kinds).to.include.members(["low-stake", "epoch-at-risk"]);
    });

    it("goes on where it was when it was killed: the data is there, and proved", async () => {
      expect(await first.end("SIGKILL")).to.deep.equal([null, "SIGKILL"]);
      const gone = await fails(["get", "film.bin", join(network.directory, "film.bin"), "--home", tenant]);
      expect(gone).to.include({ code: "TooFewProviders", have: 0, need: 1 });
      const { peerId } = first.document;
      first = await serve();
      const { multiaddrs, metricsUrl } = first.document;
      expect(first.document.peerId).to.equal(peerId);
      expect(await announced()).to.deep.equal(multiaddrs);
      const next = (await epochNow(chain)) + 1;
      expect(Buffer.compare(await get(), bytes)).to.equal(0);
      const { deals, sectors } = await done(["provider", "status", ...at]);
      expect(deals).to.have.length(1);
      expect(deals[0]).to.include({ state: "active", sectors, capacity: 101 });
      await proves(next);
      const metrics = async () => (await fetch(`${metricsUrl}/metrics`)).text();
      expect(await metrics()).to.match(new RegExp(`^sublet_committed_sectors ${sectors}$`, "m"));
      // It counts a proof once it has seen it mined.
      await until("it has counted the proof", 60_000, async () =>
        /^sublet_epochs_proven_total [1-9]/m.test(await metrics()),
      );
    });

    it("tells what it earned by deal and day, also while it runs", async () => {
      const market = await marketOf(network, tenant);
      const [deal] = await dealsOf(market);
      const { sectors, rate } = await market.deal(address, deal!.slot);
      await market.settle([deal!]);
      const settled = await chain.blockNumber();
      const final = settled + BigInt(usualFinalBlocks(chain.epochs));
      await until("it is final", 60_000, async () => (await chain.blockNumber()) > final);
      const { rows, total, gas } = await done(["provider", "income", ...at]);
      const calls = gas.map(({ call }: { call: string }) => call);
      expect(calls).to.include.members(["announce", "commit", "permit + register + deposit"]);
      expect(gas.every(({ ether }: { ether: string }) => Number(ether) > 0)).to.equal(true);
      expect(rows.every((row: { deal: string }) => row.deal === deal!.id)).to.equal(true);
      expect(Number(total.storage)).to.be.greaterThan((Number(BigInt(sectors) * rate) / 2 ** 32 / 1e6) * 0.99);
      const { code, stdout } = await network.command(["provider", "income", "--csv", ...at]);
      expect(code).to.equal(0);
      const [heads, ...lines] = `${stdout}`
        .trimEnd()
        .split("\n")
        .map((line) => line.split(","));
      expect(heads).to.deep.equal(["day", "deal", "client", "storage", "egress", "bonds", "lost", "tips", "net"]);
      expect(lines.map((line) => line[1])).to.deep.equal(rows.map((row: { deal: string }) => row.deal));
      expect(await fails(["provider", "income", "--since", "soon", ...at])).to.include({ name: "--since" });
    });

    it("gives notice to its deals when it exits, and keeps what they stand for", async () => {
      const left = await done(["provider", "exit", ...at]);
      expect(left).to.include({ done: false, resigned: 1, closed: 0 });
      expect(left.remaining).to.have.length(1);
      const { deals, locked, free } = await done(["provider", "status", ...at]);
      expect(deals[0]).to.include({ state: "notice", id: left.remaining[0].deal });
      expect(deals[0].stopAt).to.equal(left.remaining[0].provenThrough + 1);
      expect(Number(locked)).to.be.greaterThan(0);
      expect(free).to.equal("0");
      expect(Buffer.compare(await get(), bytes)).to.equal(0);
    });

    it("stops when it is told to", async () => {
      expect(await first.end("SIGTERM")).to.deep.equal([0, null]);
      expect(JSON.parse(first.log().trimEnd().split("\n").at(-1)!)).to.include({ msg: "stopped" });
    });

    it("finds what its disk has altered when it is checked", async () => {
      const whole = await done(["provider", "fsck", ...at]);
      expect(whole).to.deep.include({ ok: true, deals: 1, lost: [], wrong: [] });
      const folder = join(home, "data", "sectors");
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const [entry] = entries.filter((one) => one.isFile());
      const file = join(entry!.parentPath, entry!.name);
      const content = await readFile(file);
      content[5]! ^= 1;
      await writeFile(file, content);
      const { code, json } = await network.sublet(["provider", "fsck", ...at]);
      expect(code).to.equal(1);
      expect(json).to.include({ ok: false, sectors: whole.sectors });
      expect(json.lost).to.have.length(1);
      expect(json.lost[0]).to.include({ file });
      content[5]! ^= 1;
      await writeFile(file, content);
    });

    it("has its data elsewhere when they were moved, and does not start without them", async () => {
      const to = join(network.directory, "moved");
      const moved = await done(["provider", "move", to, ...at]);
      expect(moved).to.include({ from: join(home, "data"), to });
      expect(await done(["provider", "fsck", ...at])).to.include({ ok: true, sectors: moved.sectors });
      await rename(to, `${to}.away`);
      const missing = await fails(["provider", "run", "--listen", "/ip4/127.0.0.1/tcp/0", ...at]);
      expect(missing).to.include({ code: "StateCorrupt", file: join(to, "store.sqlite") });
      await rename(`${to}.away`, to);
    });
  });

  describe("exit, without deals", () => {
    it("takes all the money home, and a later start stakes none of it", async () => {
      const folder = join(network.directory, "leaver");
      const leaver = await init(folder, "--stake", "7");
      await network.fund(leaver, { ether: 1, tokens: 7 });
      const dear = await fails(["provider", "run", "--gas-max-fee", "0.000000001", "--home", folder]);
      expect(dear).to.include({ code: "GasHeld" });
      await (await serve(folder)).end("SIGINT");
      const left = await done(["provider", "exit", "--home", folder]);
      expect(left).to.include({ done: true, resigned: 0, withdrawn: "7" });
      expect(await chain.tokenBalance(leaver)).to.equal(7_000_000n);
      const again = await serve(folder);
      expect(again.log()).to.match(/on its way out/);
      expect(await chain.freeBalance(leaver)).to.equal(0n);
      expect(await chain.unclosedDeals(leaver)).to.deep.equal([]);
      expect(await again.end("SIGINT")).to.deep.equal([0, null]);
    });
  });

  describe("with its owner's key elsewhere", () => {
    it("is enrolled, announced and taken home by that key, and runs without it", async () => {
      const [cold, warm] = [join(network.directory, "cold"), join(network.directory, "warm")];
      const owner = await init(cold);
      const { signer, ...made } = await done([
        ...["provider", "init", ...place(), "--stake", "7", "--owner", owner, "--home", warm],
      ]);
      expect(made.address).to.equal(owner);
      await network.fund(owner, { ether: 1, tokens: 7 });
      await network.fund(signer, { ether: 1, tokens: 0 });
      const there = ["--home", warm];
      const withKey = ["--owner-keystore", join(cold, "keystore.json"), ...there];
      expect(await fails(["provider", "run", ...there])).to.include({ code: "BadArgument", value: signer });
      const enrolled = await done(["provider", "enroll", ...withKey]);
      expect(enrolled).to.include({ address: owner, signer, announced: false });
      const running = await serve(warm);
      expect(running.document.address).to.equal(owner);
      expect(await done(["provider", "enroll", ...withKey])).to.include({ announced: true });
      const said = (await chain.announcements()).get(owner)!;
      const { addrs } = decodeAnnouncement(Buffer.from(said.data.slice(2), "hex"));
      expect(addrs).to.deep.equal(running.document.multiaddrs);
      expect(await running.end("SIGTERM")).to.deep.equal([0, null]);
      expect(await fails(["provider", "exit", ...there])).to.include({ code: "BadArgument", name: "keystore" });
      expect(await done(["provider", "exit", ...withKey])).to.include({ done: true, withdrawn: "7" });
      expect(await chain.tokenBalance(owner)).to.equal(7_000_000n);
    });
  });
});
