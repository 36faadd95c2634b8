/** What no honest provider answers: the call ends in a typed error, and the client is none the worse. */
import { expect } from "chai";
import { connect } from "../../src/network/Client.ts";
import { PROTOCOL } from "../../src/network/Node.ts";
import { decodeRequest, encodeFailure, encodeResponse } from "../../src/protocol/Envelope.ts";
import {
  MAX_FRAME_BYTES,
  MAX_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  WRITE_HIGH_WATER_BYTES,
} from "../../src/protocol/limits.ts";
import { ASK, CLIENT_KEY, cleanUp, DEAL, failure, MARKET, node, SLAB, stranger } from "./fixtures.ts";
import { answerHello, frameOf, prefix, type RawSession, rawServer } from "./raw.ts";

describe("a hostile provider", () => {
  afterEach(cleanUp);

  const answers: [string, (session: RawSession, id: number) => void, string][] = [
    ["claims a header of 4 GiB", (session) => session.send(prefix(0xffffffff, 0)), "MessageTooLarge"],
    ["claims a header just too long", (session) => session.send(prefix(MAX_HEADER_BYTES + 1, 0)), "MessageTooLarge"],
    ["claims a payload just too long", (session) => session.send(prefix(1, MAX_PAYLOAD_BYTES + 1)), "MessageTooLarge"],
    [
      "sends no message",
      (session) => session.send(Buffer.concat([prefix(4, 0), Buffer.alloc(4, 0xff)])),
      "MalformedMessage",
    ],
    [
      "answers what nobody asked",
      (session, id) => session.sendParts(encodeResponse(id + 1, "ask", ASK)),
      "MalformedMessage",
    ],
    [
      "answers another verb",
      (session, id) => session.sendParts(encodeResponse(id, "append", { length: 1 })),
      "MalformedMessage",
    ],
    ["sends a payload where there is none", sendPayload, "MalformedMessage"],
    [
      "answers session-wide with no failure",
      (session) => session.sendParts(encodeResponse(0, "ask", ASK)),
      "MalformedMessage",
    ],
    ["fails the session", (session) => session.sendParts(encodeFailure(0, { code: "ShuttingDown" })), "ShuttingDown"],
    ["hangs up", (session) => session.stream.abort(new Error("bye")), "ConnectionLost"],
    ["closes its end", (session) => void session.stream.close(), "ConnectionLost"],
    ["stops in the middle of an answer", stopHalfway, "MalformedMessage"],
    ["never answers", () => {}, "RequestTimeout"],
  ];
  for (const [name, answer, code] of answers) {
    it(`that ${name} ends the call in ${code}, and the next one goes through`, async () => {
      let calls = 0;
      const { address } = await rawServer((session, parts) => {
        const { id } = decodeRequest(parts);
        calls += 1;
        if (calls === 1) answer(session, id);
        else session.sendParts(encodeResponse(id, "ask", ASK));
      });
      const connection = await stranger(address, { timeoutMs: 500 });
      expect((await failure(connection.ask({}))).code).to.equal(code);
      expect(await connection.ask({})).to.deep.equal(ASK);
    });
  }

  it("that answers twice loses the session", async () => {
    const { address } = await rawServer((session, parts) => {
      const { id } = decodeRequest(parts);
      session.sendParts(encodeResponse(id, "ask", ASK));
      if (id === 1) session.sendParts(encodeResponse(id, "ask", { ...ASK, rate: 1n }));
    });
    const connection = await stranger(address);
    const [first, second] = await Promise.allSettled([connection.ask({}), connection.ask({})]);
    expect(first).to.deep.equal({ status: "fulfilled", value: ASK });
    expect(second).to.have.nested.property("reason.code", "MalformedMessage");
  });

  it("that does not read leaves the client with one frame over the high-water mark, not with all it has to send", async () => {
    const { address } = await rawServer(async (session, parts) => {
      await answerHello(session, parts);
      session.stream.pause();
    });
    const own = await node();
    const connection = connect(own, address, { market: MARKET, caller: { account: CLIENT_KEY }, timeoutMs: 1_000 });
    await connection.hello();
    const [stream] = own.getConnections()[0]!.streams.filter(({ protocol }) => protocol === PROTOCOL);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, stream!.writeBufferLength);
    }, 5);
    const append = { deal: DEAL, slab: SLAB, offset: 0, bytes: new Uint8Array(MAX_PAYLOAD_BYTES) };
    const calls = Array.from({ length: 64 }, () => failure(connection.append(append)));
    for (const { code } of await Promise.all(calls)) expect(code).to.be.oneOf(["RequestTimeout", "ConnectionLost"]);
    clearInterval(watch);
    expect(most).to.be.within(1, WRITE_HIGH_WATER_BYTES + MAX_FRAME_BYTES);
  });
});

function sendPayload(session: RawSession, id: number): void {
  session.sendParts({ ...encodeResponse(id, "ask", ASK), payload: new Uint8Array(32) });
}

function stopHalfway(session: RawSession, id: number): void {
  session.send(frameOf(encodeResponse(id, "ask", ASK)).subarray(0, 20));
  void session.stream.close();
}
