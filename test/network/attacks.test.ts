/** What no honest client sends, over raw streams: each ends in a typed error or a closed session, and harms nobody else. */
import { create, toBinary } from "@bufbuild/protobuf";
import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import { zeroAddress } from "viem";
import type { Handlers } from "../../src/network/Handlers.ts";
import { PROTOCOL } from "../../src/network/Node.ts";
import { decodeResponse, encodeRequest, type Parts } from "../../src/protocol/Envelope.ts";
import type { SubletException } from "../../src/protocol/Errors.ts";
import { RequestSchema } from "../../src/protocol/gen/sublet_pb.js";
import {
  MAX_HEADER_BYTES,
  MAX_LIBP2P_STREAM_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_STRANGER_HEADER_BYTES,
} from "../../src/protocol/limits.ts";
import { helloDigest, signDigest } from "../../src/protocol/TypedData.ts";
import {
  ASK,
  CLIENT,
  CLIENT_KEY,
  cleanUp,
  client,
  DEAL,
  failure,
  MARKET,
  node,
  read,
  SLAB,
  serving,
  stranger,
  until,
} from "./fixtures.ts";
import { frameOf, prefix, RawSession } from "./raw.ts";

const ASKED = encodeRequest(1, "ask", {});
const APPEND = { deal: DEAL, slab: SLAB, offset: 0 };
const NOTHING = new Uint8Array(0);

/** A session that has said hello. */
async function known(address: string): Promise<RawSession> {
  const raw = await RawSession.to(address);
  const nonce = DEAL;
  const hello = { from: raw.self, to: raw.peer, account: CLIENT, actingFor: zeroAddress, nonce };
  const signature = await signDigest(CLIENT_KEY, helloDigest(MARKET, hello));
  const content = { chainId: MARKET.chainId, market: MARKET.address, address: CLIENT, nonce, signature };
  raw.sendParts(encodeRequest(1, "hello", content));
  decodeResponse(await raw.next()).open("hello");
  return raw;
}

describe("attacks at the wire", () => {
  afterEach(cleanUp);

  describe("given frames of false size", () => {
    const sizes: [string, number, number, number, number][] = [
      ["a header of 4 GiB", 0xffffffff, 0, MAX_STRANGER_HEADER_BYTES, 0xffffffff],
      ["a payload of 4 GiB", 0, 0xffffffff, 0, 0xffffffff],
      [
        "a header a stranger has no use for",
        MAX_STRANGER_HEADER_BYTES + 1,
        0,
        MAX_STRANGER_HEADER_BYTES,
        MAX_STRANGER_HEADER_BYTES + 1,
      ],
      ["a payload before hello", 0, 1, 0, 1],
    ];
    for (const [name, headerBytes, payloadBytes, limit, actual] of sizes) {
      it(`refuses ${name} by its length alone, and closes`, async () => {
        const { address, server } = await serving();
        const raw = await RawSession.to(address);
        raw.send(prefix(headerBytes, payloadBytes));
        expect(await raw.failure("ask")).to.deep.equal({ code: "MessageTooLarge", limit, actual });
        await raw.closed;
        await until(() => server.sessions === 0);
      });
    }

    it("refuses what exceeds the limits of known callers", async () => {
      const { address } = await serving();
      const wide = await known(address);
      wide.send(prefix(MAX_HEADER_BYTES + 1, 0));
      expect(await wide.failure("ask")).to.include({ code: "MessageTooLarge", limit: MAX_HEADER_BYTES });
      await wide.closed;
      const long = await known(address);
      long.send(prefix(0, MAX_PAYLOAD_BYTES + 1));
      expect(await long.failure("ask")).to.include({ code: "MessageTooLarge", limit: MAX_PAYLOAD_BYTES });
      await long.closed;
    });
  });

  describe("given bytes that are no message", () => {
    const headers: [string, Uint8Array][] = [
      ["an empty header", NOTHING],
      ["random bytes", Buffer.from("ffeeddccbbaa99887766554433221100", "hex")],
      ["text", Buffer.from("GET / HTTP/1.1\r\n")],
      ["a header cut short", ASKED.header.subarray(0, -1)],
      ["a field that claims more than the header has", Buffer.from("5affffffff0f", "hex")],
      ["request id 0", toBinary(RequestSchema, create(RequestSchema, { call: { case: "ask", value: {} } }))],
    ];
    for (const [name, header] of headers) {
      it(`ends the session at ${name}`, async () => {
        const { address } = await serving();
        const raw = await RawSession.to(address);
        raw.sendParts({ header, payload: NOTHING });
        expect((await raw.failure("ask")).code).to.equal("MalformedMessage");
        await raw.closed;
      });
    }

    it("ends the session at a frame that the stream cuts off", async () => {
      const { address, server } = await serving();
      const raw = await RawSession.to(address);
      raw.send(frameOf(ASKED).subarray(0, -1));
      await raw.stream.close();
      expect(await raw.failure("ask")).to.include({ code: "MalformedMessage", where: "frame" });
      await until(() => server.sessions === 0);
    });

    it("ends the session at garbage behind a frame", async () => {
      const { address } = await serving();
      const raw = await RawSession.to(address);
      raw.sendParts(ASKED);
      decodeResponse(await raw.next()).open("ask");
      raw.send(Buffer.concat([frameOf(ASKED), Buffer.alloc(64, 0xee)]));
      const answers = [decodeResponse(await raw.next())];
      while (answers.at(-1)!.id !== 0) answers.push(decodeResponse(await raw.next()));
      expect(() => answers.at(-1)!.open("ask"))
        .to.throw()
        .with.property("code", "MessageTooLarge");
      await raw.closed;
    });
  });

  describe("given a message with bad fields", () => {
    it("answers under its id, and the session goes on", async () => {
      const { address } = await serving();
      const raw = await known(address);
      const call = {
        case: "append",
        value: { deal: new Uint8Array(31), slab: new Uint8Array(12), offset: 0 },
      } as const;
      raw.sendParts({ header: toBinary(RequestSchema, create(RequestSchema, { id: 9, call })), payload: NOTHING });
      expect(await raw.failure("append")).to.include({ code: "MalformedMessage", where: "append.deal" });
      raw.sendParts(ASKED);
      expect(decodeResponse(await raw.next()).open("ask")).to.deep.equal(ASK);
    });

    it("refuses a payload on a message that has none", async () => {
      const { address } = await serving();
      const raw = await known(address);
      raw.sendParts({ header: ASKED.header, payload: new Uint8Array(32) });
      expect((await raw.failure("ask")).code).to.equal("MalformedMessage");
    });

    it("answers an unknown verb by its number", async () => {
      const { address } = await serving();
      const raw = await RawSession.to(address);
      // id = 5, then field 77 as an empty message.
      raw.sendParts({ header: Buffer.from("0805ea0400", "hex"), payload: NOTHING });
      expect(await raw.failure("ask")).to.deep.equal({ code: "UnknownVerb", verb: 77 });
      raw.sendParts(ASKED);
      expect(decodeResponse(await raw.next()).open("ask")).to.deep.equal(ASK);
    });

    it("ends the session at an id used twice at once", async () => {
      const { address } = await serving({ append: () => new Promise(() => {}) });
      const raw = await known(address);
      const append = encodeRequest(4, "append", { deal: DEAL, slab: SLAB, offset: 0, bytes: NOTHING });
      raw.sendParts(append);
      raw.sendParts(append);
      expect(await raw.failure("append")).to.deep.equal({ code: "DuplicateRequest", id: 4 });
      await raw.closed;
    });
  });

  describe("given a peer that is slow on purpose", () => {
    it("gives up on a frame that never gets whole", async () => {
      const { address, server } = await serving({}, { frameDeadlineMs: 100 });
      const raw = await RawSession.to(address);
      const drip = setInterval(() => raw.stream.status === "open" && raw.send(Buffer.alloc(1)), 20);
      raw.send(prefix(4_000, 0));
      expect(await raw.failure("ask")).to.deep.equal({ code: "TooSlow", limitMs: 100 });
      await raw.closed;
      clearInterval(drip);
      await until(() => server.sessions === 0);
    });

    it("cuts off one that does not read its answers", async () => {
      const { address, server } = await serving({}, { frameDeadlineMs: 200 });
      const raw = await known(address);
      raw.stream.pause();
      for (let id = 2; id < 10; id++) raw.sendParts(encodeRequest(id, "read", read(0, 32_768)));
      await until(() => server.sessions === 0);
      expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
    });

    const tooMuch = { code: "TooMuchInFlight", limitRequests: 32, limitBytes: 8 * MAX_PAYLOAD_BYTES };
    const floods: [string, number, (id: number) => Parts][] = [
      ["more small requests", 64, (id) => encodeRequest(id, "status", { deal: DEAL })],
      ["requests for more bytes", 16, (id) => encodeRequest(id, "read", read(0, 32_768))],
      ["more bytes", 16, (id) => encodeRequest(id, "append", { ...APPEND, bytes: new Uint8Array(MAX_PAYLOAD_BYTES) })],
    ];
    for (const [name, allowed, request] of floods) {
      it(`ends a session with ${name} in flight than twice the limit, and keeps none`, async () => {
        let handled = 0;
        const handle = (): Promise<never> => {
          handled += 1;
          return new Promise(() => {});
        };
        const { address, server } = await serving({ status: handle, read: handle, append: handle });
        const raw = await known(address);
        for (let id = 2; id < 2 + allowed; id++) raw.sendParts(request(id));
        await until(() => handled === allowed);
        raw.sendParts(request(1_000));
        expect(await raw.failure("ask")).to.deep.equal(tooMuch);
        await until(() => server.sessions === 0);
        expect(handled).to.equal(allowed);
      });
    }

    it("takes no more bulk bytes of all sessions together than its limit", async () => {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      let handled = 0;
      const append: Handlers["append"] = async ({ offset }) => {
        handled += 1;
        await held;
        return { length: offset };
      };
      const { address } = await serving({ append }, { heldBytes: 2 * MAX_PAYLOAD_BYTES });
      const full = { ...APPEND, bytes: new Uint8Array(MAX_PAYLOAD_BYTES) };
      const first = await client(address);
      const second = await client(address);
      const calls = [first.append(full), second.append(full)];
      await until(() => handled === 2);
      expect(await failure(second.append(full))).to.include({ code: "RateLimited", what: "bytes in flight" });
      expect(await second.ask({})).to.deep.equal(ASK);
      release();
      await Promise.all(calls);
      expect(await second.append(full)).to.deep.equal({ length: 0 });
    });
  });

  describe("given what libp2p leaves open", () => {
    it("reads a muxer frame as it comes, not when it is whole", async () => {
      const { address } = await serving();
      const raw = await RawSession.to(address);
      const request = frameOf(ASKED);
      const { muxer } = raw;
      muxer.send(Buffer.concat([muxerFrame(0, 0, raw.stream.id, request.length + 1), request]));
      expect(decodeResponse(await raw.next()).open("ask")).to.deep.equal(ASK);
    });

    it("ends a connection whose muxer frame claims more than any window, by its length alone", async () => {
      const { node: listening, address } = await serving();
      const { muxer, stream } = await RawSession.to(address);
      muxer.send(muxerFrame(0, 0, stream.id, 0xffffffff));
      await until(() => listening.getConnections().length === 0);
      expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
    });

    for (const protocol of ["/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"]) {
      it(`ends a connection that floods ${protocol}, which nobody reads to the end`, async () => {
        const { node: listening, address } = await serving();
        const connection = await (await node()).dial(multiaddr(address));
        // Both ends identify each other first, and one stream at a time is all that identify takes.
        await until(() => connection.streams.length === 0);
        const stream = await connection.newStream(protocol);
        stream.send(new Uint8Array(MAX_LIBP2P_STREAM_BYTES + 1));
        await until(() => listening.getConnections().length === 0);
      });
    }

    it("ends a connection that floods a stream before it says what it is for", async () => {
      const { node: listening, address } = await serving();
      const { muxer } = await RawSession.to(address);
      muxer.send(Buffer.concat([muxerFrame(0, 1, 99, 65_536), new Uint8Array(MAX_LIBP2P_STREAM_BYTES + 1)]));
      await until(() => listening.getConnections().length === 0);
    });

    it("ends a connection that calls up answers and reads none", async () => {
      const { node: listening, address } = await serving();
      const { muxer, maConn } = await RawSession.to(address);
      maConn.pause();
      // A million: more than the systems' buffers hold answers to.
      const pings = Buffer.concat(new Array<Buffer>(5_000).fill(muxerFrame(2, 1, 0, 7)));
      for (let sent = 0; sent < 200 && maConn.status === "open"; sent++) {
        muxer.send(pings);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await until(() => listening.getConnections().length === 0);
    });
  });

  describe("given too much of a good thing", () => {
    it("limits strangers by IP, over all their sessions and peer ids", async () => {
      const limits = { strangerBurstRequests: 3, strangerRequestsPerSecond: 0.001 };
      const { address } = await serving({}, limits);
      const codes: string[] = [];
      for (let visit = 0; visit < 5; visit++) {
        const connection = await stranger(address);
        codes.push(
          await connection.ask({}).then(
            () => "ok",
            (error) => error.code,
          ),
        );
      }
      expect(codes).to.deep.equal(["ok", "ok", "ok", "RateLimited", "RateLimited"]);
    });

    it("limits a known caller by session", async () => {
      const limits = { sessionBurstRequests: 2, sessionRequestsPerSecond: 0.001 };
      const { address } = await serving({}, limits);
      const raw = await known(address);
      for (const id of [2, 3, 4]) raw.sendParts(encodeRequest(id, "ask", {}));
      const codes = [await raw.next(), await raw.next(), await raw.next()].map((parts) => {
        try {
          return decodeResponse(parts).open("ask").version;
        } catch (error) {
          return (error as SubletException).code;
        }
      });
      expect(codes.sort()).to.deep.equal([ASK.version, ASK.version, "RateLimited"]);
    });

    it("limits the sessions of an IP, and serves it again when some are gone", async () => {
      const { address, server } = await serving({}, { sessionsPerIp: 2 });
      const first = await RawSession.to(address);
      await RawSession.to(address);
      await until(() => server.sessions === 2);
      const third = await RawSession.to(address);
      expect(await third.failure("ask")).to.deep.equal({ code: "TooManySessions", limit: 2 });
      await third.closed;
      first.stream.abort(new Error("done"));
      await until(() => server.sessions === 1);
      expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
    });

    it("takes no more connections of an IP than its limit, and others when some are gone", async () => {
      const { node: listening, address } = await serving({}, {}, { connectionsPerIp: 2 });
      const first = await (await node()).dial(multiaddr(address));
      await (await node()).dial(multiaddr(address));
      await until(() => listening.getConnections().length === 2);
      const late = await stranger(address);
      expect(await late.ask({}).catch((error) => error.code)).to.equal("DialFailed");
      await first.close();
      await until(() => listening.getConnections().length === 1);
      expect(await late.ask({})).to.deep.equal(ASK);
    });

    it("takes no more than four streams of a connection", async () => {
      const { address, server } = await serving();
      const connection = await (await node()).dial(multiaddr(address));
      const streams = await Promise.all(Array.from({ length: 6 }, () => connection.newStream(PROTOCOL)));
      await until(() => streams.filter(({ status }) => status === "open").length === 4);
      expect(server.sessions).to.equal(4);
    });
  });

  it("forgets streams that are opened and dropped at once", async () => {
    const { address, server } = await serving();
    const connection = await (await node()).dial(multiaddr(address));
    for (let turn = 0; turn < 20; turn++) {
      const stream = await connection.newStream(PROTOCOL);
      if (turn % 2 === 0) stream.abort(new Error("never mind"));
      else await stream.close();
    }
    await until(() => server.sessions === 0 && connection.streams.every(({ protocol }) => protocol !== PROTOCOL));
    expect(await (await stranger(address)).ask({})).to.deep.equal(ASK);
  });
});

/** The header of a yamux frame: type 0 is data, 2 a ping; flag 1 opens. */
function muxerFrame(type: number, flag: number, stream: number | string, length: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt8(type, 1);
  bytes.writeUInt16BE(flag, 2);
  bytes.writeUInt32BE(Number(stream), 4);
  bytes.writeUInt32BE(length, 8);
  return bytes;
}
