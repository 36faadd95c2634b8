/**
 * Real processes on this machine for the demo and the system tests: a local chain, provider nodes, and the command
 * line as a person would call it. Everything started here ends with {@link LocalNetwork.stop}.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Contract, JsonRpcProvider, parseEther } from "ethers";

export const BLOCK_MILLISECONDS = 500;

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
}

/** A command that ended: its exit code, and its JSON document where it printed one. */
export interface CommandResult {
  code: number;
  // biome-ignore lint/suspicious/noExplicitAny: each command documents its own document
  json: any;
  stderr: string;
}

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NODE = [process.execPath, "--disable-warning=ExperimentalWarning"] as const;
const CLI = join(ROOT, "src", "sublet.ts");

/** A chain, its providers and a place on disk, all of them this process's to end. */
export class LocalNetwork {
  readonly directory: string;
  readonly chain: LocalChain;
  readonly password: string;
  readonly passwordFile: string;
  readonly providers: LocalProvider[] = [];
  readonly #chainProcess: ChildProcess;
  readonly #rpc: JsonRpcProvider;
  #funding: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, chain: LocalChain, chainProcess: ChildProcess, password: string) {
    this.directory = directory;
    this.chain = chain;
    this.password = password;
    this.passwordFile = join(directory, "password");
    this.#chainProcess = chainProcess;
    this.#rpc = new JsonRpcProvider(chain.rpcUrl, chain.chainId, { staticNetwork: true, pollingInterval: 100 });
  }

  /** Starts the chain and deploys the contracts; everything it keeps lies under `directory`. */
  static async start(directory: string, options: { port?: number } = {}): Promise<LocalNetwork> {
    await mkdir(directory, { recursive: true });
    const log = join(directory, "chain.log");
    const script = join(ROOT, "scripts", "local-chain.ts");
    const child = spawn(NODE[0], [NODE[1], script, "--port", String(options.port ?? 0)], {
      cwd: ROOT,
      stdio: ["pipe", "pipe", openSync(log, "a")],
    });
    const chain = JSON.parse(await firstLine(child, log)) as LocalChain;
    const network = new LocalNetwork(directory, chain, child, randomBytes(12).toString("hex"));
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
   * @param settings more arguments of `sublet provider init`
   */
  async addProvider(name: string, settings: readonly string[] = []): Promise<LocalProvider> {
    const home = join(this.directory, name);
    const made = await this.sublet(["provider", "init", ...this.#chainArguments(home), ...settings]);
    if (made.code !== 0) throw new Error(`provider init failed for ${name}: ${made.stderr}`);
    const address = made.json.address as `0x${string}`;
    await this.fund(address, { ether: 10, tokens: 1_000 });
    const provider: LocalProvider = { name, address, home, port: await freePort(), process: undefined };
    this.providers.push(provider);
    await this.run(provider);
    return provider;
  }

  /** Starts a provider's process again and waits until it takes connections. */
  async run(provider: LocalProvider): Promise<void> {
    const log = openSync(join(this.directory, `${provider.name}.log`), "a");
    const listen = ["--listen", `/ip4/127.0.0.1/tcp/${provider.port}`];
    const child = spawn(
      NODE[0],
      [NODE[1], CLI, "provider", "run", "--home", provider.home, "--password-file", this.passwordFile, ...listen],
      { cwd: ROOT, stdio: ["ignore", log, log] },
    );
    provider.process = child;
    child.once("exit", () => {
      if (provider.process === child) provider.process = undefined;
    });
    await until(`${provider.name} takes connections`, 120_000, async () => {
      if (provider.process !== child) throw new Error(`${provider.name} ended: ${await this.tail(provider.name)}`);
      return accepts(provider.port);
    });
  }

  /** The last lines of a process's log, to say why it ended. */
  async tail(name: string): Promise<string> {
    return (await readFile(join(this.directory, `${name}.log`), "utf8")).split("\n").slice(-12).join("\n");
  }

  /** Ends a provider's process and waits until it is gone. SIGKILL unless told. */
  async kill(provider: LocalProvider, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (provider.process) await end(provider.process, signal);
  }

  /** Makes a client's home on this chain and funds it. */
  async addClient(name: string, tokens = 1_000): Promise<string> {
    const home = join(this.directory, name);
    const made = await this.sublet(["init", ...this.#chainArguments(home), "--local-network"]);
    if (made.code !== 0) throw new Error(`init failed: ${made.stderr}`);
    await this.fund(made.json.address, { ether: 10, tokens });
    return home;
  }

  /** Runs `sublet ... --json` in a process of its own, as a person would. */
  async sublet(args: readonly string[], options: { input?: Uint8Array } = {}): Promise<CommandResult> {
    const child = spawn(NODE[0], [NODE[1], CLI, ...args, "--json"], {
      cwd: ROOT,
      env: { ...process.env, SUBLET_PASSWORD: this.password },
      stdio: [options.input ? "pipe" : "ignore", "pipe", "pipe"],
    });
    child.stdin?.end(options.input);
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (text) => {
      stdout += text;
    });
    child.stderr?.on("data", (text) => {
      stderr += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code: code ?? 1, json: stdout.trim().startsWith("{") ? JSON.parse(stdout) : undefined, stderr };
  }

  /** Ends every process started here. */
  async stop(): Promise<void> {
    this.#rpc.destroy();
    await Promise.all(this.providers.map((provider) => this.kill(provider)));
    await end(this.#chainProcess, "SIGKILL");
  }

  #chainArguments(home: string): string[] {
    return ["--home", home, "--rpc", this.chain.rpcUrl, "--market", this.chain.market];
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

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

async function firstLine(child: ChildProcess, log: string): Promise<string> {
  const ended = once(child, "exit").then(async () => {
    throw new Error(`the local chain did not start: ${(await readFile(log, "utf8")).slice(-2_000)}`);
  });
  const lines = createInterface({ input: child.stdout! });
  const line = once(lines, "line").then(([text]) => text as string);
  const first = await Promise.race([line, ended]);
  ended.catch(() => undefined);
  return first;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.once("connect", () => socket.end());
  });
}
