/** Real providers on a real chain, all in the test's process, and drives that reach the chain over HTTP. */
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Address, bytesToHex, encodeFunctionData, parseAbi } from "viem";
import { readKeystore } from "../../src/chain/Keystore.ts";
import { setUp } from "../../src/client/home/Setup.ts";
import { joinDevice, type OpenOptions, Sublet } from "../../src/client/index.ts";
import { type ProviderConfig, ProviderNode } from "../../src/provider-node/main.ts";
import { RpcServer } from "../chain/RpcServer.ts";
import { Ground, type Host, PARAMETERS } from "../provider-node/Ground.ts";

export const PASSWORD = "correct horse";
/** So that no test waits for a password to be stretched. */
const SCRYPT_N = 2;
const MINT = parseAbi(["function mint(address to, uint256 amount)"]);

export class World {
  readonly ground: Ground;
  readonly rpc: RpcServer;
  readonly hosts: Host[] = [];
  /** Those that were stopped. */
  readonly #away = new Set<Host>();
  readonly #folders: string[] = [];
  readonly #drives: Sublet[] = [];

  private constructor(ground: Ground, rpc: RpcServer) {
    this.ground = ground;
    this.rpc = rpc;
  }

  static async create(hosts: number, given: Partial<ProviderConfig> = {}): Promise<World> {
    const ground = await Ground.create();
    const world = new World(ground, await RpcServer.start({ request: ground.request as never }));
    for (let index = 0; index < hosts; index++) await world.host(given);
    return world;
  }

  async host(given: Partial<ProviderConfig> = {}): Promise<Host> {
    const host = await this.ground.provider(given);
    this.hosts.push(host);
    return host;
  }

  /** The host that serves a provider's address. */
  hostOf(provider: Address): Host {
    return this.hosts.find(({ address }) => address.toLowerCase() === provider.toLowerCase())!;
  }

  stop(...hosts: Host[]): Promise<unknown> {
    for (const host of hosts) this.#away.add(host);
    return Promise.all(hosts.map(({ node }) => node.stop()));
  }

  /** Starts providers again, at other addresses than before. */
  async start(...hosts: Host[]): Promise<void> {
    for (const host of hosts) {
      host.node = await ProviderNode.start(host.config);
      this.#away.delete(host);
    }
  }

  /** Lets epochs pass, in which providers commit, prove and are paid; ends in the commit phase of one. */
  async pass(epochs: number): Promise<void> {
    const { ground } = this;
    const market = await ground.reach(bytesToHex(randomBytes(32)));
    const { genesis } = market.epochs;
    const now = market.epochs.at(await ground.block());
    for (let epoch = now; epoch <= now + epochs; epoch++) {
      const start = genesis + BigInt(epoch * PARAMETERS.epochBlocks);
      const { commitBlocks, gapBlocks } = PARAMETERS;
      // Revisions are committed in the later half of their phase.
      for (const block of [1, commitBlocks - 5, commitBlocks + gapBlocks + 3]) {
        await ground.to(start + BigInt(block));
        await ground.rest();
        if (epoch === now + epochs) return;
      }
      for (const { address } of this.hosts.filter((host) => !this.#away.has(host))) {
        const deals = await market.unclosedDeals(address);
        if (!deals.some(({ sectors, activeSince }) => sectors > 0 && activeSince <= epoch)) continue;
        // One that two send at once fails for one of them, which waits for another block.
        for (let tries = 0; tries < 20 && !(await market.proven(address, epoch)); tries++) {
          await ground.mine();
          await ground.rest();
        }
      }
    }
  }

  /** Flips a bit in every 512 bytes that a stopped or running provider keeps in files. */
  async corrupt(host: Host): Promise<void> {
    const entries = await readdir(join(host.config.dataDir, "sectors"), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      for (let at = 0; at < bytes.length; at += 512) bytes[at]! ^= 1;
      await writeFile(path, bytes);
    }
  }

  /** Ends everything, drives first. */
  async end(): Promise<void> {
    for (const drive of this.#drives) await drive.close();
    await this.ground.end();
    await this.rpc.stop();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "sublet-client-"));
    this.#folders.push(folder);
    return folder;
  }

  /** A funded home (1,000 tokens and 10 ether, unless told). */
  async home(key: Uint8Array = randomBytes(32), tokens?: bigint, wei?: bigint): Promise<string> {
    const home = join(await this.folder(), "home");
    const { rpc, ground } = this;
    const { account, token } = await setUp({
      ...{ home, rpcUrl: rpc.url, market: ground.market, password: PASSWORD, key, scryptN: SCRYPT_N },
      localNetwork: true,
    });
    await this.fund(account, token, tokens, wei);
    return home;
  }

  async fund(account: Address, token: Address, tokens = 1_000_000_000n, wei = 10n ** 19n): Promise<void> {
    const { request } = this.ground;
    await request({ method: "hardhat_setBalance", params: [account, `0x${wei.toString(16)}`] } as never);
    const [from] = (await request({ method: "eth_accounts" })) as Address[];
    const data = encodeFunctionData({ abi: MINT, args: [account, tokens] });
    await request({ method: "eth_sendTransaction", params: [{ from, to: token, data }] } as never);
  }

  async open(home: string, options: Partial<OpenOptions> = {}): Promise<Sublet> {
    const drive = await Sublet.open({ home, password: PASSWORD, patienceMs: 2_000, ...options });
    this.#drives.push(drive);
    return drive;
  }

  /** A second machine: its home, and the drive that it made of a device's link. */
  async join(link: string, home?: string) {
    const folder = home ?? join(await this.folder(), "device");
    const options = { home: folder, password: PASSWORD, localNetwork: true, scryptN: SCRYPT_N, patienceMs: 2_000 };
    const joined = await joinDevice({ ...options, link });
    this.#drives.push(joined.drive);
    return { ...joined, home: folder };
  }

  keyOf(home: string): Promise<Uint8Array> {
    return readKeystore(join(home, "keystore.json"), PASSWORD);
  }

  /** A drive that comes back from its key into an empty home (or one where that was tried before). */
  async restore(key: Uint8Array, home?: string) {
    const folder = home ?? (await this.home(key, 0n));
    const { drive, recovered } = await Sublet.restore({ home: folder, password: PASSWORD, patienceMs: 2_000 });
    this.#drives.push(drive);
    return { drive, recovered };
  }
}

export async function read(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const piece of pieces) read.push(piece);
  return Buffer.concat(read);
}
