/** Calls that are given up: each ends at once with the signal's reason, and leaves a drive that works and has lost nothing. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { SharedFiles, type Sublet } from "../../src/client/index.ts";
import { ProviderNode } from "../../src/provider-node/main.ts";
import { expectError } from "./failures.ts";
import { read, World } from "./World.ts";

const MIB = 2 ** 20;
const HUNG_MS = 15_000;

describe("a call that is given up", function () {
  this.timeout(120_000);
  let world: World;
  let home: string;
  let drive: Sublet;
  const content = randomBytes(3 * MIB);

  before(async () => {
    world = await World.create(4);
    home = await world.home();
    // Nobody's patience ends before the signals of this suite do.
    drive = await world.open(home, { patienceMs: 100_000 });
    await drive.createVolume({ k: 2, n: 4, bytes: 64 * MIB, epochs: 30 });
    await drive.put("film", content);
    await drive.put("note", Buffer.from("sunny"));
  });

  after(() => world.end());

  /** Aborts while `work` hangs, and expects it to end with the reason, long before anything else would end it. */
  async function givesUp(work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    const stop = new AbortController();
    const reason = new Error("enough");
    const ended = work(stop.signal).then(
      () => "it went on to its end",
      (error: unknown) => error,
    );
    expect(await Promise.race([ended, sleep(300, "hangs")])).to.equal("hangs");
    stop.abort(reason);
    expect(await Promise.race([ended, sleep(HUNG_MS, "it still hangs")])).to.equal(reason);
  }

  /** While `work` runs, no provider answers what needs its disk. */
  async function withHungProviders(work: () => Promise<void>): Promise<void> {
    const release = Promise.withResolvers<void>();
    const slow = ["read", "append", "revise"] as const;
    const stores = world.hosts.map(({ node }) => node.store);
    for (const store of stores) {
      for (const name of slow) {
        const does = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
        Object.assign(store, { [name]: (...args: unknown[]) => release.promise.then(() => does(...args)) });
      }
    }
    try {
      await work();
    } finally {
      for (const store of stores) for (const name of slow) Reflect.deleteProperty(store, name);
      release.resolve();
    }
  }

  /** The drive is as it was: what was there is, and more can be put. */
  async function works(): Promise<void> {
    expect(Buffer.compare(await read(drive.get("film")), content)).to.equal(0);
    await drive.put("after", Buffer.from("still works"));
    expect((await read(drive.get("after"))).toString()).to.equal("still works");
  }

  /** A source that sends a little, and then nothing; `begun` when it was asked for more. */
  function stalled(): { source: AsyncIterable<Uint8Array>; begun: Promise<void> } {
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const source = async function* (): AsyncGenerator<Uint8Array> {
      yield randomBytes(1_000);
      resolve();
      await new Promise(() => {});
    };
    return { source: source(), begun };
  }

  it("put, of a source that says nothing more; whoever waited behind it goes on", async () => {
    let behind: Promise<unknown> | undefined;
    await givesUp((signal) => {
      const hung = drive.put("stalled", stalled().source, { signal });
      behind = drive.put("behind", Buffer.from("next"));
      return hung;
    });
    await behind;
    await expectError(read(drive.get("stalled")), "NoSuchPath");
    expect((await read(drive.get("behind"))).toString()).to.equal("next");
    await works();
  });

  it("put, of a web stream, which is told so", async () => {
    const stop = new AbortController();
    const told = Promise.withResolvers<unknown>();
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(randomBytes(1_000)),
      cancel: () => told.resolve("cancelled"),
    });
    const ended = drive.put("stream", stream, { signal: stop.signal }).catch((error: unknown) => error);
    setTimeout(() => stop.abort(), 100);
    expect(await ended).to.equal(stop.signal.reason);
    expect(await told.promise).to.equal("cancelled");
    await works();
  });

  it("put, while providers hang: it is in the journal, and goes on with the next change", async () => {
    await withHungProviders(() => givesUp((signal) => drive.put("late", Buffer.from("not lost"), { signal })));
    await works();
    expect((await read(drive.get("late"))).toString()).to.equal("not lost");
    expect((await drive.status()).unfinished).to.equal(0);
  });

  it("a change that waits for its turn: it is never made", async () => {
    const release = new AbortController();
    const { source, begun } = stalled();
    const hung = drive.put("holding", source, { signal: release.signal }).catch(() => undefined);
    await begun;
    for (const change of [
      (signal: AbortSignal) => drive.remove("note", { signal }),
      (signal: AbortSignal) => drive.move("note", "moved", { signal }),
      (signal: AbortSignal) => drive.copy("note", "copied", { signal }),
      (signal: AbortSignal) => drive.put("never", Buffer.from("x"), { signal }),
    ]) {
      await givesUp(change);
    }
    release.abort();
    await hung;
    await works();
    expect((await read(drive.get("note"))).toString()).to.equal("sunny");
    for (const path of ["moved", "copied", "never"]) expect(drive.kind(path), path).to.equal(undefined);
  });

  it("get, fetch, stream and repair, while providers hang", async () => {
    const target = `${await world.folder()}/film`;
    await withHungProviders(async () => {
      await givesUp((signal) => read(drive.get("film", { signal })));
      await givesUp((signal) => drive.fetch("film", target, { signal }));
      await givesUp((signal) => drive.stream("film", { signal }).getReader().read());
      await givesUp((signal) => drive.status(signal));
    });
    await works();
    expect((await drive.fetch("film", target)).bytes).to.equal(content.length);
  });

  it("whatever waits for the chain, while that hangs", async () => {
    const { link } = await drive.share("note", { until: { epochs: 20 } });
    const { rpc } = world;
    const release = Promise.withResolvers<void>();
    rpc.between = (_request, ask) => release.promise.then(ask);
    try {
      await givesUp((signal) => drive.topUp(1_000n, { signal }));
      await givesUp((signal) => drive.planTopUp(1_000n, { signal }));
      await givesUp((signal) => drive.shares({ signal }));
      await givesUp((signal) => drive.warnings({ signal }));
      await givesUp((signal) => drive.prices(signal));
      await givesUp((signal) => drive.createVolume({ k: 1, n: 2, bytes: MIB, epochs: 5, signal }));
      await givesUp((signal) => drive.planVolume({ k: 1, n: 2, bytes: MIB, epochs: 5, signal }));
      await givesUp((signal) => drive.extend({ signal }));
      await givesUp((signal) => drive.share("film", { signal }));
      await givesUp((signal) => SharedFiles.open(link, { signal }));
      await givesUp((signal) => world.open(home, { signal }));
    } finally {
      rpc.between = (_request, ask) => ask();
      release.resolve();
    }
    await works();
    // Nothing is left of the share that was given up.
    const shares = await drive.shares();
    expect(shares.map(({ path }) => path)).to.deep.equal(["note"]);
  });

  it("before it began does nothing at all", async () => {
    const signal = AbortSignal.abort(new Error("before"));
    const calls = [
      drive.put("never", Buffer.from("x"), { signal }),
      drive.remove("note", { signal }),
      read(drive.get("note", { signal })),
      drive.topUp(1n, { signal }),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).to.deep.equal({ status: "rejected", reason: signal.reason });
    }
    expect(drive.kind("never")).to.equal(undefined);
    expect(drive.kind("note")).to.equal("file");
  });

  it("with all others of its drive, by the signal that opened that", async () => {
    const stop = new AbortController();
    const short = await world.open(home, { signal: stop.signal, patienceMs: 100_000 });
    await withHungProviders(async () => {
      const ended = read(short.get("film")).catch((error: unknown) => error);
      await sleep(200);
      stop.abort(new Error("the program ends"));
      expect(await ended).to.equal(stop.signal.reason);
    });
    expect(await short.tokenDecimals().catch((error: unknown) => error)).to.equal(stop.signal.reason);
    await short.close();
    await works();
  });

  it("with a transaction that was sent is in the home all the same, once the drive is closed", async () => {
    const other = await world.home();
    const buyer = await world.open(other);
    const { rpc } = world;
    const sent = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    rpc.between = async ({ method }, ask) => {
      if (method === "eth_getTransactionReceipt") {
        sent.resolve();
        await release.promise;
      }
      return ask();
    };
    const stop = new AbortController();
    const buying = buyer.createVolume({ k: 1, n: 2, bytes: MIB, epochs: 5, signal: stop.signal });
    await sent.promise;
    stop.abort(new Error("never mind"));
    expect(await buying.catch((error: unknown) => error)).to.equal(stop.signal.reason);
    const closed = buyer.close();
    expect(await Promise.race([closed, sleep(300, "it waits")])).to.equal("it waits");
    rpc.between = (_request, ask) => ask();
    release.resolve();
    await closed;
    expect((await (await world.open(other)).status()).volumes).to.have.length(1);
  });

  it("a provider's start; and its run ends with the signal", async () => {
    const { ground } = world;
    const config = { ...world.hosts[0]!.config, dataDir: await ground.directory(), account: await ground.account() };
    await givesUpStart(config);
    const stop = new AbortController();
    const node = await ProviderNode.start({ ...config, signal: stop.signal });
    stop.abort();
    await node.stop();
    // Its folder is free again, which only one process may have.
    const again = await ProviderNode.start(config);
    await again.stop();
  });

  async function givesUpStart(config: Parameters<typeof ProviderNode.start>[0]): Promise<void> {
    const stop = new AbortController();
    const reason = new Error("not today");
    const starting = ProviderNode.start({ ...config, signal: stop.signal });
    stop.abort(reason);
    expect(await starting.catch((error: unknown) => error)).to.equal(reason);
  }
});
