/**
 * Real processes on this machine for the demo and the system tests: a local chain, provider nodes, and the command
 * line as a person would call it. Everything started here ends with {@link LocalNetwork.stop}.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Contract, JsonRpcProvider, parseEther } from "ethers";
import { type Address, isAddressEqual } from "viem";
import { setUp } from "../src/client/home/Setup.ts";
import type { Settings } from "../src/provider-node/Settings.ts";
import { setUp as setUpProvider } from "../src/provider-node/Setup.ts";

/** The keys are thrown away with the network: no command should spend a third of its time on opening them. */
const SCRYPT_N = 2;

/** What scripts/local-chain.ts prints once it is ready. */
export interface LocalChain {
  rpcUrl: string;
  chainId: number;
  market: `0x${string}`;
  token: `0x${string}`;
  forwarder: `0x${string}`;
}

/** One provider process; `process` is undefined while it is down. */
export interface LocalProvider {
  readonly name: string;
  readonly address: `0x${string}`;
  readonly home: string;
  readonly port: number;
  process: ChildProcess | undefined;
  /** With the peer's id; the same after every start. */
  multiaddr: string;
  /** Serves /metrics and /healthz; another after every start. */
  metricsUrl: string;
}

export interface CommandOptions {
  readonly input?: Uint8Array;
  /** The network's own unless told. */
  readonly password?: string;
  /** Besides this process's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A command that ended. One that was killed has code 1. */
export interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A command that ended, and the one JSON document that it printed. */
export interface CommandResult {
  readonly code: number;
  // biome-ignore lint/suspicious/noExplicitAny: each command documents its own document
  readonly json: any;
  readonly stderr: string;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI = join(ROOT, "src", "sublet.ts");

/** A chain, its providers and a place on disk, all of them this process's to end. */
export class LocalNetwork {
  readonly directory: string;
  readonly chain: LocalChain;
  readonly password = randomBytes(12).toString("hex");
  readonly passwordFile: string;
  readonly providers: LocalProvider[] = [];
  readonly #children: Children;
  readonly #rpc: JsonRpcProvider;
  #funding: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, chain: LocalChain, children: Children) {
    this.directory = directory;
    this.chain = chain;
    this.passwordFile = join(directory, "password");
    this.#children = children;
    this.#rpc = new JsonRpcProvider(chain.rpcUrl, chain.chainId, { staticNetwork: true, pollingInterval: 100 });
  }

  /** Starts the chain and deploys the contracts; everything it keeps lies under `directory`. */
  static async start(directory: string, options: { blockMilliseconds?: number } = {}): Promise<LocalNetwork> {
    await mkdir(directory, { recursive: true });
    const log = join(directory, "chain.log");
    const children = new Children();
    const { blockMilliseconds } = options;
    const pace = blockMilliseconds === undefined ? [] : ["--block-milliseconds", `${blockMilliseconds}`];
    const script = ["scripts/local-chain.ts", ...pace];
    // It ends when its standard input closes.
    const chain = (await firstDocument(children.logging(log, script, "pipe"), () => tail(log))) as LocalChain;
    const network = new LocalNetwork(directory, chain, children);
    await writeFile(network.passwordFile, network.password, { mode: 0o600 });
    return network;
  }

  /** Sends gas and freshly minted tokens (whole tokens of six decimals) from the chain's first account. */
  async fund(address: string, amounts: { ether: number; tokens: number }): Promise<void> {
    const rich = await this.#rpc.getSigner(0);
    const token = new Contract(this.chain.token, ["function mint(address to, uint256 amount)"], rich);
    // One after the other: two at once would ask the node for the same nonce.
    const sending = this.#funding.then(async () => [
      await rich.sendTransaction({ to: address, value: parseEther(String(amounts.ether)) }),
      await token.getFunction("mint")(address, BigInt(amounts.tokens) * 10n ** 6n),
    ]);
    this.#funding = sending.catch(() => undefined);
    for (const sent of await sending) await sent.wait();
  }

  /**
   * Makes a provider's home, funds it, starts its process and waits until it takes connections.
   * @param settings in place of the defaults of `sublet provider init`
   */
  async addProvider(name: string, settings: Partial<Settings> = {}): Promise<LocalProvider> {
    const home = join(this.directory, name);
    const password = async () => this.password;
    const made = await setUpProvider({ ...this.#place(home), settings, password });
    const address = made.address as `0x${string}`;
    await this.fund(address, { ether: 10, tokens: 1_000 });
    const down = { process: undefined, multiaddr: "", metricsUrl: "" };
    const provider: LocalProvider = { name, address, home, port: await freePort(), ...down };
    this.providers.push(provider);
    this.providers.sort((left, right) => left.name.localeCompare(right.name));
    await this.run(provider);
    return provider;
  }

  /** Starts a provider's process, for the first time or again, and waits until it takes connections. */
  async run(provider: LocalProvider): Promise<void> {
    const log = join(this.directory, `${provider.name}.log`);
    const where = ["--home", provider.home, "--password-file", this.passwordFile];
    // Pages call by WebSocket; nobody looks for that one where it was before.
    const listen = ["--listen", `/ip4/127.0.0.1/tcp/${provider.port}`, "/ip4/127.0.0.1/tcp/0/ws"];
    const child = this.#children.logging(
      log,
      [CLI, "provider", "run", ...where, ...listen, "--metrics-port", "0", "--json"],
      "ignore",
    );
    provider.process = child;
    child.once("exit", () => {
      if (provider.process === child) provider.process = undefined;
    });
    const { multiaddrs, metricsUrl } = (await firstDocument(child, () => tail(log))) as Serving;
    provider.multiaddr = multiaddrs[0]!;
    provider.metricsUrl = metricsUrl;
  }

  /** Ends a provider's process and waits until it is gone. SIGKILL unless told. */
  async kill(provider: LocalProvider, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (provider.process) await end(provider.process, signal);
  }

  /** Makes a client's home on this chain and funds it. */
  async addClient(name: string, tokens = 1_000): Promise<string> {
    const home = join(this.directory, name);
    const { account } = await setUp({ ...this.#place(home), password: this.password, localNetwork: true });
    await this.fund(account, { ether: 10, tokens });
    return home;
  }

  /** The provider with that address, if it is one of this network's. */
  providerAt(address: string): LocalProvider | undefined {
    return this.providers.find((one) => isAddressEqual(one.address, address as Address));
  }

  /** Runs `sublet ... --json` in a process of its own, as a person would. */
  async sublet(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const { code, stdout, stderr } = await this.command([...args, "--json"], options);
    try {
      return { code, json: JSON.parse(`${stdout}`), stderr };
    } catch {
      throw new Error(`sublet ${args.join(" ")} ended with ${code} and no single JSON document: ${stdout}${stderr}`);
    }
  }

  /** Runs `sublet ...` in a process of its own, whatever it prints. */
  async command(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const { input } = options;
    const child = this.begin(args, options);
    child.stdin?.on("error", () => undefined); // it may end before it has read everything
    child.stdin?.end(input);
    const stdout: Buffer[] = [];
    let stderr = "";
    child.stdout?.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr?.on("data", (text) => {
      stderr += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? 1, stdout: Buffer.concat(stdout), stderr };
  }

  /** Starts `sublet ...` in a process of its own, for the caller to wait for or to end. */
  begin(args: readonly string[], { input, password = this.password, environment }: CommandOptions = {}): ChildProcess {
    return this.#children.spawn([CLI, ...args], {
      env: { ...process.env, SUBLET_PASSWORD: password, ...environment },
      stdio: [input ? "pipe" : "ignore", "pipe", "pipe"],
    });
  }

  /** Ends every process started here, commands under way too; none can be started any more. */
  async stop(): Promise<void> {
    this.#rpc.destroy();
    await this.#children.end();
  }

  #place(home: string) {
    return { home, rpcUrl: this.chain.rpcUrl, market: this.chain.market, scryptN: SCRYPT_N };
  }
}

/** Asks `holds` every 100 ms until it says true. @throws Error naming `what` after `milliseconds` */
export async function until(what: string, milliseconds: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${milliseconds / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What `sublet provider run --json` prints once it serves. */
interface Serving {
  readonly multiaddrs: string[];
  readonly metricsUrl: string;
}

/** Every process started here that still runs. */
class Children {
  readonly #running = new Set<ChildProcess>();
  #ended = false;
  /** Also where an error nobody caught ends this one. */
  readonly #last = (): void => {
    for (const child of this.#running) child.kill("SIGKILL");
  };

  constructor() {
    process.on("exit", this.#last);
  }

  /** Starts Node on a script of this repository. */
  spawn(args: readonly string[], options: SpawnOptions): ChildProcess {
    if (this.#ended) throw new Error("the local network was stopped");
    const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
      cwd: ROOT,
      ...options,
    });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  /** The same, with what it says on standard error in a file. */
  logging(file: string, args: readonly string[], stdin: "pipe" | "ignore"): ChildProcess {
    const log = openSync(file, "a");
    try {
      return this.spawn(args, { stdio: [stdin, "pipe", log] });
    } finally {
      closeSync(log);
    }
  }

  async end(): Promise<void> {
    this.#ended = true;
    await Promise.all([...this.#running].map((child) => end(child, "SIGKILL")));
    process.off("exit", this.#last);
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

/** Hang protection only. */
const START_MS = 240_000;

async function tail(log: string): Promise<string> {
  return `${basename(log)} says:\n${(await readFile(log, "utf8")).slice(-2_000)}`;
}

/**
 * The JSON document that a process prints once it is ready. `said`: what it logged until then.
 * @throws Error that tells so, if it ended, or the error that it printed
 */
export async function firstDocument(child: ChildProcess, said: () => string | Promise<string>): Promise<unknown> {
  const ended = once(child, "close").then(async () => {
    throw new Error(`a process ended before it was ready; ${await said()}`);
  });
  const lines = createInterface({ input: child.stdout! });
  const first = once(lines, "line", { signal: AbortSignal.timeout(START_MS) }).then(([text]) => JSON.parse(text));
  for (const either of [ended, first]) either.catch(() => undefined);
  const document = await Promise.race([first, ended]);
  if (document.error) throw new Error(document.error.message);
  return document;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
