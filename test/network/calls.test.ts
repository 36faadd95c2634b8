import { expect } from "chai";
import { getAddress, type Hex } from "viem";
import type { Handlers } from "../../src/network/Handlers.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import {
  ASK,
  CLIENT,
  CLIENT_KEY,
  cleanUp,
  client,
  DEAL,
  failure,
  node,
  PROVIDER,
  read,
  SLAB,
  serving,
  stranger,
} from "./fixtures.ts";

const OTHER: Hex = `0x${"0e".repeat(20)}`;

describe("calls", () => {
  afterEach(cleanUp);

  describe("given a provider that serves", () => {
    it("answers a stranger what is open to all", async () => {
      const { address } = await serving();
      const connection = await stranger(address);
      expect(await connection.ask({})).to.deep.equal(ASK);
    });

    it("passes bulk bytes both ways", async () => {
      const { address } = await serving({ append: async ({ bytes }) => ({ length: bytes.at(-1)! }) });
      const connection = await client(address);
      const bytes = new Uint8Array(1_048_576).fill(9);
      expect(await connection.append({ deal: DEAL, slab: SLAB, offset: 0, bytes })).to.deep.equal({ length: 9 });
      const answer = await connection.read(read(3, 32_768));
      expect(answer.bytes.length).to.equal(1_048_576 - 96);
      expect(answer.bytes.every((byte) => byte === 3)).to.equal(true);
    });

    it("gives each of many calls in flight its own answer, in whatever order they come", async () => {
      const gates: (() => void)[] = [];
      const { address } = await serving({ append: gated(gates) });
      const connection = await client(address);
      const calls = [1, 2, 3, 4, 5].map((n) => connection.append(appendAt(n)));
      while (gates.length < 5) await tick();
      for (const open of gates.reverse()) open();
      expect((await Promise.all(calls)).map(({ length }) => length)).to.deep.equal([1, 2, 3, 4, 5]);
    });

    for (const [name, size, count, limit] of [
      ["requests", 0, 100, 32],
      ["bytes", 1_048_576, 20, 8],
    ] as const) {
      it(`has no more ${name} in flight than the limit, and answers all of them in the end`, async () => {
        const gates: (() => void)[] = [];
        const { address } = await serving({ append: gated(gates) });
        const connection = await client(address);
        const bytes = new Uint8Array(size);
        const calls = Array.from({ length: count }, (_, n) => connection.append({ ...appendAt(n), bytes }));
        for (let open = 0; open < count; ) {
          const most = Math.min(open + limit, count);
          while (gates.length < most) await tick();
          await roundTrip(address);
          expect(gates.length).to.equal(most);
          while (open < most) gates[open++]!();
        }
        expect((await Promise.all(calls)).map(({ length }) => length)).to.deep.equal([...Array(count).keys()]);
      });
    }

    it("tells handlers who asks, from where, and that nobody waits any more", async () => {
      const told: unknown[] = [];
      let abandoned!: Promise<void>;
      const { address, node: listening } = await serving({
        status: async (_, { remote, actingFor, ip, peerId, signal }) => {
          told.push({ remote, actingFor, ip, peerId });
          abandoned = new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
          await abandoned;
          throw new Error("nobody hears this");
        },
      });
      const connection = await client(address, { caller: { account: CLIENT_KEY, actingFor: OTHER } });
      const lost = failure(connection.status({ deal: DEAL }));
      while (told.length === 0) await tick();
      const caller = listening.getConnections()[0]!;
      expect(told).to.deep.equal([
        { remote: CLIENT, actingFor: getAddress(OTHER), ip: "127.0.0.1", peerId: caller.remotePeer.toString() },
      ]);
      caller.abort(new Error("cable cut"));
      expect((await lost).code).to.equal("ConnectionLost");
      await abandoned;
    });
  });

  describe("given errors", () => {
    it("carries a typed error with its fields, and the next call goes through", async () => {
      const { address } = await serving({
        append: async ({ offset }) => {
          if (offset > 0) throw new SubletException({ code: "Behind", length: 32 });
          return { length: 64 };
        },
      });
      const connection = await client(address);
      expect(await failure(connection.append(appendAt(64)))).to.deep.equal({ code: "Behind", length: 32 });
      expect(await connection.append(appendAt(0))).to.deep.equal({ length: 64 });
    });

    it("tells the peer only a reference of an unexpected failure, and its owner all of it", async () => {
      const { address, faults } = await serving({
        append: async () => {
          throw new Error("EIO /home/host/secret");
        },
        status: async () => {
          throw new SubletException({ code: "ChainUnavailable", url: "http://127.0.0.1:1/key" });
        },
      });
      const connection = await client(address);
      const error = await failure(connection.append(appendAt(0)));
      expect(error).to.deep.equal({ code: "InternalError", reference: faults[0]!.reference });
      expect((faults[0]!.error as Error).message).to.equal("EIO /home/host/secret");
      expect((await failure(connection.status({ deal: DEAL }))).code).to.equal("InternalError");
      expect(faults).to.have.length(2);
    });

    it("answers InternalError when a handler returns what does not fit the wire", async () => {
      const { address, faults } = await serving({ append: async () => ({ length: -1 }) });
      const connection = await client(address);
      expect((await failure(connection.append(appendAt(0)))).code).to.equal("InternalError");
      expect(faults).to.have.length(1);
    });

    it("refuses on this side what does not fit its fields, without sending it", async () => {
      const { address } = await serving();
      const connection = await client(address);
      const long = new Uint8Array(1_048_577);
      expect(await failure(connection.append({ ...appendAt(0), bytes: long }))).to.include({
        code: "MalformedMessage",
      });
      expect(await failure(connection.append({ ...appendAt(0), deal: "0x12" }))).to.include({ where: "append.deal" });
      expect(await connection.append(appendAt(0))).to.deep.equal({ length: 32 });
    });
  });

  describe("given a timeout or a caller that gives up", () => {
    it("ends in RequestTimeout, and the late answer harms nothing", async () => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const { address } = await serving({
        append: async ({ offset }) => {
          if (offset === 1) await held;
          return { length: offset };
        },
      });
      const connection = await client(address);
      const slow = failure(connection.append(appendAt(1), { timeoutMs: 300 }));
      // Heard from within the time: slow, not dead, so the session stays.
      expect(await connection.append(appendAt(2))).to.deep.equal({ length: 2 });
      expect(await slow).to.deep.equal({ code: "RequestTimeout", verb: "append", limitMs: 300 });
      release();
      expect(await connection.append(appendAt(3))).to.deep.equal({ length: 3 });
    });

    it("hangs up on a peer that was silent for the whole time, and connects again", async () => {
      let sessions = 0;
      const { address, server } = await serving({
        append: async ({ offset }, { signal }) => {
          if (offset > 0) return { length: offset };
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          sessions += 1;
          throw new Error("given up");
        },
      });
      const connection = await client(address);
      await connection.hello();
      expect((await failure(connection.append(appendAt(0), { timeoutMs: 100 }))).code).to.equal("RequestTimeout");
      while (sessions === 0) await tick();
      expect(await connection.append(appendAt(5))).to.deep.equal({ length: 5 });
      expect(server.sessions).to.equal(1);
    });

    it("rejects with the caller's own reason, at once when it had given up before", async () => {
      const { address } = await serving({ append: () => new Promise(() => {}) });
      const connection = await client(address);
      const reason = new Error("changed my mind");
      const stop = new AbortController();
      const call = connection.append(appendAt(0), { signal: stop.signal });
      stop.abort(reason);
      expect(await call.catch((error: unknown) => error)).to.equal(reason);
      expect(await connection.append(appendAt(0), stop).catch((error: unknown) => error)).to.equal(reason);
    });

    it("lets a call that waits for its turn give up", async () => {
      const stop = new AbortController();
      const { address } = await serving({ append: () => new Promise(() => {}) });
      const connection = await client(address);
      const { signal } = stop;
      const running = Array.from({ length: 32 }, (_, n) => connection.append(appendAt(n), { signal }).catch(() => {}));
      await tick();
      const waiting = failure(connection.append(appendAt(40), { timeoutMs: 50 }));
      expect(await waiting).to.include({ code: "RequestTimeout" });
      stop.abort();
      await Promise.all(running);
    });

    it("counts what it gave up as in flight until the answers come", async () => {
      const gates: (() => void)[] = [];
      const { address } = await serving({ append: gated(gates) });
      const connection = await client(address);
      const stop = new AbortController();
      const { signal } = stop;
      const given = Array.from({ length: 32 }, (_, n) => connection.append(appendAt(n), { signal }).catch(() => {}));
      while (gates.length < 32) await tick();
      stop.abort();
      await Promise.all(given);
      const late = connection.append(appendAt(40));
      await roundTrip(address);
      expect(gates.length).to.equal(32);
      gates[0]!();
      while (gates.length < 33) await tick();
      gates[32]!();
      expect(await late).to.deep.equal({ length: 40 });
    });
  });

  describe("given connections that fail", () => {
    it("says who cannot be reached", async () => {
      const { address } = await serving();
      await cleanUp();
      const error = await failure((await client(address)).ask({}));
      expect(error).to.include({ code: "DialFailed", address });
    });

    it("refuses a peer that is not who the address names", async () => {
      const { address } = await serving();
      const other = (await node()).peerId.toString();
      const connection = await client(address.replace(/p2p\/.*/, `p2p/${other}`));
      expect((await failure(connection.ask({}))).code).to.equal("DialFailed");
    });

    it("rejects addresses that name no peer, or several", async () => {
      const { address } = await serving();
      const nobody = address.replace(/\/p2p\/.*/, "");
      expect(await failure(client(nobody))).to.include({ code: "BadArgument", name: "peer address" });
      expect(await failure(client("tcp://127.0.0.1"))).to.include({ code: "BadArgument", name: "peer address" });
    });

    it("connects again by the next call, to a server that is back", async () => {
      const first = await serving();
      const connection = await client(first.address);
      expect((await connection.hello()).provider).to.equal(PROVIDER);
      for (const caller of first.node.getConnections()) caller.abort(new Error("cable cut"));
      while ((await connection.append(appendAt(0)).catch(() => undefined)) === undefined) await tick();
      expect(first.server.sessions).to.equal(1);
    });

    it("dials once for many calls at once, also after the session was lost", async () => {
      const { address, node: listening, server } = await serving();
      const connection = await client(address);
      for (let round = 0; round < 3; round++) {
        await Promise.all(Array.from({ length: 20 }, (_, n) => connection.append(appendAt(n))));
        expect(server.sessions).to.equal(1);
        for (const caller of listening.getConnections()) caller.abort(new Error("cable cut"));
        while (server.sessions > 0) await tick();
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
  });

  describe("given a graceful close", () => {
    it("lets what is in flight finish and refuses what comes after", async () => {
      let release!: () => void;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      let started = false;
      const { address, server } = await serving({
        append: async ({ offset }) => {
          started = true;
          await held;
          return { length: offset };
        },
      });
      const connection = await client(address);
      const call = connection.append(appendAt(7));
      while (!started) await tick();
      const closing = server.close();
      expect((await failure(connection.append(appendAt(8)))).code).to.equal("ShuttingDown");
      release();
      expect(await call).to.deep.equal({ length: 7 });
      await closing;
      expect(server.sessions).to.equal(0);
    });

    it("closes a client after its calls", async () => {
      const { address, server } = await serving({
        append: async ({ offset }) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return { length: offset };
        },
      });
      const connection = await client(address);
      const call = connection.append(appendAt(7));
      await connection.hello();
      await tick();
      await connection.close();
      expect(await call).to.deep.equal({ length: 7 });
      while (server.sessions > 0) await tick();
    });
  });

  it("closes an idle session and opens another for the next call", async () => {
    const { address, server } = await serving({}, { idleDeadlineMs: 50 });
    const connection = await client(address);
    await connection.hello();
    while (server.sessions > 0) await tick();
    expect(await connection.append(appendAt(0))).to.deep.equal({ length: 32 });
  });
});

function appendAt(offset: number) {
  return { deal: DEAL, slab: SLAB, offset, bytes: new Uint8Array(offset === 0 ? 32 : 0) };
}

/** An append that answers when its gate is opened. */
function gated(gates: (() => void)[]): Handlers["append"] {
  return async ({ offset }) => {
    await new Promise<void>((open) => gates.push(open));
    return { length: offset };
  };
}

/** Somebody else is answered meanwhile: what was sent before had time to arrive. */
async function roundTrip(address: string): Promise<void> {
  const connection = await stranger(address);
  await connection.ask({});
}

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
