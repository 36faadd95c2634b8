/** Hosts that nobody can call but through a relay, and what the relay lets through. */

import { type CircuitRelayService, RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from "@libp2p/circuit-relay-v2";
import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import type { CircuitLimits } from "../../src/network/CircuitRelay.ts";
import type { Handlers } from "../../src/network/Handlers.ts";
import type { Node } from "../../src/network/Node.ts";
import { newPeerKey } from "../../src/network/PeerKey.ts";
import { type ServeLimits, serve } from "../../src/network/Server.ts";
import {
  ASK,
  addressOf,
  cleanUp,
  client,
  DEAL,
  failure,
  handlers,
  LOOPBACK,
  MARKET,
  node,
  onCleanUp,
  PROVIDER,
  read,
  SIGNER_KEY,
  SLAB,
  stranger,
  strangerOf,
  until,
} from "./fixtures.ts";
import type { RawSession } from "./raw.ts";

const relay = (limits: Partial<CircuitLimits> = {}): Promise<Node> => node([LOOPBACK], { circuitRelay: limits });

/** A server that listens nowhere, at these relays. */
async function hidden(
  at: readonly Node[],
  replaced: Partial<Handlers> = {},
  limits: Partial<ServeLimits> = {},
): Promise<{ host: Node; address: string; told: [string, boolean][] }> {
  const told: [string, boolean][] = [];
  const onRelay = (relay: string, failure?: unknown) => told.push([relay, failure === undefined]);
  const host = await node([], { circuits: { relays: at.map(addressOf), onRelay, checkMs: 100 } });
  const server = await serve(host, {
    ...{ market: MARKET, provider: PROVIDER, signer: SIGNER_KEY, handlers: handlers(replaced), limits },
    onFault: ({ error }) => {
      throw error;
    },
  });
  onCleanUp(() => server.close());
  return { host, address: addressOf(host), told };
}

describe("circuits", () => {
  afterEach(cleanUp);

  it("lead to a host that listens nowhere, in sessions like any other", async () => {
    const through = await relay();
    const { host, address, told } = await hidden([through]);
    expect(address).to.equal(`${addressOf(through)}/p2p-circuit/p2p/${host.peerId}`);
    expect(told).to.deep.equal([[addressOf(through), true]]);
    expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
    const connection = await client(address);
    for (let turn = 0; turn < 8; turn++) {
      expect((await connection.read(read(0, 32_768))).bytes.length).to.equal(1_048_576);
    }
  });

  it("are one for all sessions of a caller with a host", async () => {
    const { host, address } = await hidden([await relay({ circuitsPerIp: 1 })]);
    const caller = await node();
    for (let turn = 0; turn < 3; turn++) {
      const connection = await strangerOf(caller, address);
      expect(await connection.ask({})).to.deep.equal(ASK);
      if (turn === 1) await connection.close();
    }
    expect(host.getConnections(caller.peerId)).to.have.lengthOf(1);
  });

  it("lead from one caller to many hosts, and to one host from many callers", async () => {
    const through = await relay({ reservationsPerIp: 10 });
    const hosts = await Promise.all(Array.from({ length: 10 }, () => hidden([through])));
    const caller = await node();
    const calls = hosts.map(async ({ address }) => (await strangerOf(caller, address)).ask({}));
    expect(await Promise.all(calls)).to.deep.equal(hosts.map(() => ASK));
    const callers = await Promise.all(hosts.map(() => stranger(hosts[0]!.address)));
    expect(await Promise.all(callers.map((one) => one.ask({})))).to.deep.equal(hosts.map(() => ASK));
  });

  it("are there again when the relay is, and the host tells of it", async () => {
    const privateKey = await newPeerKey();
    const first = await node([LOOPBACK], { privateKey, circuitRelay: {} });
    const { address, told } = await hidden([first]);
    const at = addressOf(first);
    await first.stop();
    await until(() => told.length === 2);
    await node([at.split("/p2p/")[0]!], { privateKey, circuitRelay: {} });
    await until(() => told.length === 3);
    expect(told).to.deep.equal([true, false, true].map((holds) => [at, holds]));
    expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
  });

  describe("given a relay's limits", () => {
    it("end after so many bytes, and the next call has another", async () => {
      const { address } = await hidden([await relay({ circuitBytes: 3 * 2 ** 20 })]);
      const connection = await client(address);
      const reading = async () => (await connection.read(read(0, 32_768))).bytes.length;
      expect([await reading(), await reading()]).to.deep.equal([2 ** 20, 2 ** 20]);
      expect((await failure(reading())).code).to.equal("ConnectionLost");
      expect(await reading()).to.equal(2 ** 20);
    });

    it("end after some time, whatever they carry", async () => {
      const { host, address } = await hidden([await relay({ circuitMs: 300 })], {
        append: () => new Promise(() => {}),
      });
      const connection = await client(address);
      await connection.hello();
      const call = connection.append({ deal: DEAL, slab: SLAB, offset: 0, bytes: new Uint8Array(1) });
      expect((await failure(call)).code).to.equal("ConnectionLost");
      await until(() => host.getConnections().length === 1);
    });

    it("are refused to an IP that has enough of them, and open when one is gone", async () => {
      const { address } = await hidden([await relay({ circuitsPerIp: 2 })]);
      const [first, ...others] = [await node(), await node(), await node()];
      for (const one of [first, others[0]!]) expect(await (await strangerOf(one, address)).ask({})).to.deep.equal(ASK);
      const late = await strangerOf(others[1]!, address);
      expect((await failure(late.ask({}))).code).to.equal("DialFailed");
      await first.stop();
      expect(await untilServed(() => late.ask({}))).to.deep.equal(ASK);
    });

    it("are refused to all when there are enough", async () => {
      const { address } = await hidden([await relay({ circuits: 1 })]);
      expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
      expect((await failure((await stranger(address)).ask({}))).code).to.equal("DialFailed");
    });

    for (const limit of ["reservations", "reservationsPerIp"] as const) {
      it(`have no place for one host more than ${limit}, until another goes`, async () => {
        const through = await relay({ [limit]: 1 });
        const first = await hidden([through]);
        const second = await hidden([through]);
        expect(second.told.map(([, holds]) => holds)).to.deep.equal([false]);
        expect((await failure((await stranger(second.address)).ask({}))).code).to.equal("DialFailed");
        await first.host.stop();
        await until(() => second.told.length === 2);
        expect(await (await stranger(second.address)).ask({})).to.deep.equal(ASK);
      });
    }

    it("hold little of what the far end does not read", async () => {
      const through = await relay();
      const { host, address } = await hidden([through]);
      const caller = await node();
      const { muxer } = (await caller.dial(multiaddr(address))) as unknown as Pick<RawSession, "muxer">;
      const [carrier] = caller.getConnections(through.peerId);
      const stream = carrier!.streams.find(({ protocol }) => protocol === RELAY_V2_HOP_CODEC)!;
      const { maConn } = host.getConnections(through.peerId)[0] as unknown as Pick<RawSession, "maConn">;
      maConn.pause();
      const sent = 16 * 2 ** 20;
      muxer.send(new Uint8Array(sent));
      const incoming = () => through.getConnections(caller.peerId)[0]!.streams.find(({ id }) => id === stream.id);
      // Most still waits at the caller, in the end.
      await until(() => incoming()?.readStatus === "paused" && stream.writeBufferLength > sent / 2);
      expect([stream.status, incoming()?.status]).to.deep.equal(["open", "open"]);
    });
  });

  describe("given a host", () => {
    it("counts all who come through one relay as one", async () => {
      const { address } = await hidden([await relay()], {}, { sessionsPerIp: 2 });
      for (let turn = 0; turn < 2; turn++) expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
      expect((await failure((await stranger(address)).ask({}))).code).to.equal("TooManySessions");
    });

    it("is brought no caller by one that is none of its relays", async () => {
      const { host } = await hidden([await relay()]);
      const other = await relay();
      await host.dial(multiaddr(addressOf(other)));
      await until(() => other.getConnections(host.peerId).length > 0);
      const stream = await other.getConnections(host.peerId)[0]!.newStream(RELAY_V2_STOP_CODEC);
      await until(() => stream.status !== "open");
      const { reservations } = other.services.circuitRelay as CircuitRelayService;
      expect(reservations.size).to.equal(0);
    });
  });
});

/** The answer to the first call that gets any. */
async function untilServed<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return await call();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return call();
}
