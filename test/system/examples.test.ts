/** Every program of examples/, run as the comment at its head says, against a network of real processes. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { network } from "./network.ts";

const ROOT = join(import.meta.dirname, "..", "..");

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Runs an example to its end; what it prints, on both streams. */
async function run(name: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const program = join(ROOT, "examples", name);
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

describe("the examples", function () {
  this.timeout(300_000);

  const tried = new Set<string>();
  let home: string;

  before(async () => {
    home = await network.addClient("programmer");
  });

  /** Runs one and expects it to end well, having said each of `said`. */
  async function works(
    name: string,
    args: readonly string[],
    environment: Record<string, string>,
    said: readonly RegExp[],
  ): Promise<void> {
    tried.add(name);
    const { code, output } = await run(name, args, environment);
    expect(code, output).to.equal(0);
    for (const words of said) expect(output).to.match(words);
  }

  it("put-and-get.ts stores a file and reads a part of it", async () => {
    await works("put-and-get.ts", [home], { SUBLET_PASSWORD: network.password }, [
      /random\.bin: complete, 3 of 3 providers have signed for it/,
      /bytes 1000000 to 1999999 came back as they were put/,
      /random\.bin: removed/,
    ]);
  });

  it("share.ts makes a link, reads by it, and takes it back", async () => {
    await works("share.ts", [home], { SUBLET_PASSWORD: network.password }, [
      /^sublet:share\/1#\S+\.\.\.: until epoch \d+, for \d+ base units at most$/m,
      /^invitation\.txt: "Come as you are\."$/m,
      /^taken back: the link leads nowhere any more$/m,
    ]);
  });

  it("web-streams.ts compresses on the way in, and the other way round", async () => {
    await works("web-streams.ts", [home], { SUBLET_PASSWORD: network.password }, [
      /^(\d+) bytes became \d+, complete\n\1 bytes came back$/m,
      /^the first [1-9]\d* bytes, and no more$/m,
    ]);
  });

  it("provider-in-process.ts serves whoever asks", async () => {
    const key = generatePrivateKey();
    await network.fund(privateKeyToAddress(key), { ether: 1, tokens: 10 });
    const { rpcUrl, market } = network.chain;
    const folder = join(network.directory, "in-process");
    await works("provider-in-process.ts", [rpcUrl, market, folder], { SUBLET_KEY: key }, [
      new RegExp(`provider ${privateKeyToAddress(key)} serves at /ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/`),
      /it asks 214748364 ledger units a sector-epoch and has [1-9]\d* sectors free/,
      /stopped/,
    ]);
  });

  it("audit.ts replays the market and finds nothing wrong", async () => {
    const { rpcUrl, market } = network.chain;
    await works("audit.ts", [rpcUrl, market], {}, [
      new RegExp(`^${network.providers[0]!.address}: \\d+ sectors, \\d+ epochs proven, \\d+ missed; `, "m"),
      /Nothing is wrong\./,
    ]);
  });

  it("says how to call one that is called without arguments", async () => {
    const without = (name: string) => run(name, [], { SUBLET_PASSWORD: "", SUBLET_KEY: "" });
    const ended = await Promise.all([...tried].map(async (name) => ({ name, ...(await without(name)) })));
    for (const { name, code, output } of ended) {
      expect(code, name).to.equal(1);
      expect(output).to.match(new RegExp(`usage: .*node examples/${name}`));
    }
  });

  it("are all tried here", async () => {
    expect((await readdir(join(ROOT, "examples"))).filter((name) => name.endsWith(".ts")).sort()).to.deep.equal(
      [...tried].sort(),
    );
  });
});
