/**
 * Between two processes over loopback: reads with 1 MiB answers and appends of 1 MiB, 8 in flight, in MB/s; calls with
 * next to no content, per second. `stream/...` is the same node's bare libp2p stream doing the same, measured beside it
 * in alternating rounds, so that `overStream` (reads through Sublet against that) does not depend on the machine's load.
 *
 *   node bench/network.ts [--json]
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { type Connection, connect } from "../src/network/Client.ts";
import { createNode, type Node } from "../src/network/Node.ts";
import { serve } from "../src/network/Server.ts";
import { SubletException } from "../src/protocol/Errors.ts";

const MARKET = { chainId: 31_337, address: `0x${"5f".repeat(20)}` } as const;
const KEY = `0x${"c1".repeat(32)}` as const;
const READ = { deal: KEY, slab: { lane: 1n, sequence: 0 }, firstChunk: 0, endChunk: 32_768, asOf: 1_048_576 };
const MIB = 1_048_576;
const ROUNDS = 5;
const READS = 256;
const IN_FLIGHT = 8;
const SMALL_CALLS = 4_000;

/** Others on the same kind of machine, MB/s: 4 MiB requests, 8 in flight, over libp2p on TCP; and whole file transfers. */
const PEERS = {
  "libp2p/noise": 290,
  "libp2p/tls": 430,
  "libp2p/node-tls": 650,
  "WebTorrent/fetch": 140,
  "Hyperdrive/fetch": 73,
  "Helia/fetch/disk": 45,
  "Helia/fetch/memory": 75,
};

/** A byte asks for a MiB: what is left when Sublet's own work is taken away. */
const BARE = "/bench/bare";

async function serveBare(node: Node): Promise<void> {
  const answer = new Uint8Array(MIB).fill(7);
  await node.handle(BARE, (stream) => {
    let owed = 0;
    const pay = (): void => {
      while (owed > 0 && stream.writeBufferLength < MIB) {
        owed -= 1;
        stream.send(answer);
      }
    };
    stream.addEventListener("message", ({ data }) => {
      owed += data.byteLength;
      pay();
    });
    for (const event of ["drain", "idle"] as const) stream.addEventListener(event, () => queueMicrotask(pay));
  });
}

/** Seconds for `count` MiB over a bare stream. */
async function bareSeconds(stream: Stream, count: number): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const start = performance.now();
  let asked = 0;
  let got = 0;
  const ask = (): void => {
    asked += 1;
    stream.send(new Uint8Array(1));
  };
  const onMessage = ({ data }: { data: { byteLength: number } }): void => {
    const before = Math.floor(got / MIB);
    got += data.byteLength;
    for (let answers = Math.floor(got / MIB) - before; answers > 0 && asked < count; answers--) ask();
    if (got >= count * MIB) resolve();
  };
  stream.addEventListener("message", onMessage);
  for (let n = 0; n < IN_FLIGHT; n++) ask();
  await promise;
  stream.removeEventListener("message", onMessage);
  return (performance.now() - start) / 1_000;
}

async function serveForEver(): Promise<void> {
  const node = await createNode({ listen: ["/ip4/127.0.0.1/tcp/0"] });
  await serveBare(node);
  const bytes = new Uint8Array(MIB).fill(7);
  const unused = async (): Promise<never> => {
    throw new SubletException({ code: "UnknownDeal", deal: KEY });
  };
  await serve(node, {
    market: MARKET,
    provider: MARKET.address,
    signer: KEY,
    onFault: console.error,
    limits: { sessionBurstRequests: 1e6, sessionRequestsPerSecond: 1e6 },
    handlers: {
      ask: unused,
      offer: unused,
      extend: unused,
      append: async ({ offset, bytes }) => ({ length: offset + bytes.length }),
      revise: unused,
      paths: unused,
      list: unused,
      head: unused,
      read: async () => ({ bytes, proof: new Uint8Array(0) }),
      prove: unused,
      revoke: async () => ({}),
      status: unused,
    },
  });
  console.log(node.getMultiaddrs()[0]!.toString());
}

/** Seconds for `count` calls, `inFlight` at a time. */
async function seconds(count: number, inFlight: number, call: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (performance.now() - start) / 1_000;
}

async function measure(connection: Connection, bare: Stream): Promise<Record<string, number>> {
  await connection.hello();
  const megabytes = (READS * MIB) / 1e6;
  const chunk = { ...READ, bytes: new Uint8Array(MIB), offset: 0 };
  const revoke = { id: MARKET.address, until: 0n };
  const figures: Record<string, () => Promise<number>> = {
    "stream/1MiB/8": async () => megabytes / (await bareSeconds(bare, READS)),
    "read/1MiB/8": async () => megabytes / (await seconds(READS, IN_FLIGHT, () => connection.read(READ))),
    "append/1MiB/8": async () => megabytes / (await seconds(READS, IN_FLIGHT, () => connection.append(chunk))),
    "small/calls/1": async () => SMALL_CALLS / (await seconds(SMALL_CALLS, 1, () => connection.revoke(revoke))),
    "small/calls/32": async () => SMALL_CALLS / (await seconds(SMALL_CALLS, 32, () => connection.revoke(revoke))),
  };
  const best: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, figure] of Object.entries(figures))
      best[name] = Math.max(best[name] ?? 0, Math.round(await figure()));
  }
  return { ...best, overStream: Number((best["read/1MiB/8"]! / best["stream/1MiB/8"]!).toFixed(2)) };
}

async function main(json: boolean): Promise<void> {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(
    process.execPath,
    [import.meta.filename, "--serve"],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const node = await createNode();
  try {
    const [address] = (await once(createInterface(child.stdout), "line")) as [string];
    const bare = await node.dialProtocol(multiaddr(address), BARE);
    const figures = await measure(connect(node, address, { market: MARKET, caller: { account: KEY } }), bare);
    const reads = figures["read/1MiB/8"] ?? 0;
    const ratios = Object.fromEntries(
      Object.entries(PEERS).map(([name, mbs]) => [`ratio/${name}`, Number((reads / mbs).toFixed(2))]),
    );
    if (json) console.log(JSON.stringify({ ...figures, ...ratios }));
    else console.table({ ...figures, ...ratios });
  } finally {
    await node.stop();
    child.kill();
  }
}

if (process.argv.includes("--serve")) await serveForEver();
else await main(process.argv.includes("--json"));
