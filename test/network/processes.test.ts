/** Two processes over loopback: this one calls, another serves. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { expect } from "chai";
import { cleanUp, client, DEAL, failure, onCleanUp, PROVIDER, read, SLAB } from "./fixtures.ts";

const SCRIPT = join(import.meta.dirname, "serverProcess.ts");

interface ServerProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  readonly address: string;
}

describe("a server in another process", () => {
  let keyFile: string;
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), "sublet-network-"));
    onCleanUp(() => rm(folder, { recursive: true }));
    keyFile = join(folder, "peer.key");
  });
  afterEach(cleanUp);

  async function start(listen = "/ip4/127.0.0.1/tcp/0"): Promise<ServerProcess> {
    const child = spawn(process.execPath, [SCRIPT, keyFile, listen], { stdio: ["pipe", "pipe", "inherit"] });
    onCleanUp(() => end(child, "SIGKILL"));
    const [address] = (await once(createInterface(child.stdout), "line")) as [string];
    return { child, address };
  }

  it("is greeted, written to and read from, many calls at once", async () => {
    const { address } = await start();
    const connection = await client(address);
    expect((await connection.hello()).provider).to.equal(PROVIDER);
    const calls = Array.from({ length: 24 }, async (_, n) => {
      const bytes = new Uint8Array(1_048_576 - 32 * n);
      const { length } = await connection.append({ deal: DEAL, slab: SLAB, offset: 32 * n, bytes });
      const answer = await connection.read(read(n, n + 32_000));
      return [length, answer.bytes.length, answer.bytes[0], answer.bytes.at(-1)];
    });
    const expected = Array.from({ length: 24 }, (_, n) => [1_048_576, 1_024_000, n, n]);
    expect(await Promise.all(calls)).to.deep.equal(expected);
  });

  it("that is killed loses its calls, and has them again when it is back under the same peer id", async () => {
    const first = await start();
    const connection = await client(first.address);
    await connection.hello();
    const calls = Array.from({ length: 16 }, () => failure(endlessly(() => connection.read(read(0, 32_768)))));
    await end(first.child, "SIGKILL");
    for (const error of await Promise.all(calls)) expect(error.code).to.be.oneOf(["ConnectionLost", "DialFailed"]);
    const second = await start(first.address.replace(/\/p2p\/.*/, ""));
    expect(second.address).to.equal(first.address);
    expect((await connection.read(read(5, 6))).bytes).to.deep.equal(new Uint8Array(32).fill(5));
  });

  it("ends by itself when it is closed", async () => {
    const { child, address } = await start();
    const connection = await client(address);
    await connection.hello();
    child.stdin.end();
    const [code] = (await once(child, "exit")) as [number];
    expect(code).to.equal(0);
    expect((await failure(connection.read(read(0, 1)))).code).to.be.oneOf(["ConnectionLost", "DialFailed"]);
  });
});

async function endlessly(call: () => Promise<unknown>): Promise<never> {
  for (;;) await call();
}

async function end(child: ServerProcess["child"], signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}
