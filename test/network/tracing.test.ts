/** What a server tells whoever keeps its logs, and the trace that callers want to be found by there. */
import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { type Connection, connect } from "../../src/network/Client.ts";
import type { Context } from "../../src/network/Handlers.ts";
import { decodeResponse } from "../../src/protocol/Envelope.ts";
import { RequestSchema } from "../../src/protocol/gen/sublet_pb.js";
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
  onCleanUp,
  read,
  SLAB,
  serving,
  stranger,
} from "./fixtures.ts";
import { prefix, RawSession } from "./raw.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const NOTHING = new Uint8Array(0);

describe("a trace", () => {
  afterEach(cleanUp);

  it("goes with every request of a node: to its handler, and to what is told of it", async () => {
    const contexts: Context[] = [];
    const { address, heard } = await serving({
      ask: async (...args: unknown[]) => {
        contexts.push(args[1] as Context);
        return ASK;
      },
    });
    const connection = await traced(address);
    await connection.ask({});
    await connection.append({ deal: DEAL, slab: SLAB, offset: 0, bytes: new Uint8Array(64) });
    expect((await failure(connection.status({ deal: DEAL }))).code).to.equal("UnknownDeal");
    await connection.close();

    expect(contexts.map(({ trace }) => trace)).to.deep.equal([TRACE]);
    const requests = heard.answered.map(({ verb, trace, refused }) => ({ verb, trace, refused }));
    expect(requests).to.deep.equal([
      { verb: "ask", trace: TRACE, refused: undefined },
      { verb: "hello", trace: TRACE, refused: undefined },
      { verb: "append", trace: TRACE, refused: undefined },
      { verb: "status", trace: TRACE, refused: "UnknownDeal" },
    ]);
    expect(heard.greeted).to.have.length(1);
    expect(heard.greeted[0]).to.include({ remote: CLIENT, trace: TRACE, session: contexts[0]!.session });
  });

  it("is asked of nobody: a session without one is served, and said to have none", async () => {
    const { address, heard } = await serving();
    const connection = await client(address);
    expect((await connection.read(read(0, 1))).bytes).to.have.length(32);
    expect(heard.answered.map((answered) => "trace" in answered)).to.deep.equal([false, false]);
    expect(heard.greeted[0]).not.to.have.property("trace");
  });

  it("tells the calls of two nodes apart", async () => {
    const { address, heard } = await serving();
    const traces = [TRACE, "11".repeat(16)];
    for (const trace of traces) await (await traced(address, trace)).read(read(0, 1));
    expect(heard.greeted.map(({ trace }) => trace)).to.deep.equal(traces);
    expect(heard.greeted[0]!.session).not.to.equal(heard.greeted[1]!.session);
  });

  it("of another length is refused under the request's id, by name, and the session goes on", async () => {
    const { address, heard } = await serving();
    const raw = await RawSession.to(address);
    for (const [id, length] of [0, 15, 17, 4_000].entries()) {
      const call = { case: "ask", value: {} } as const;
      const request = create(RequestSchema, { id: id + 1, call, trace: new Uint8Array(length) });
      raw.sendParts({ header: toBinary(RequestSchema, request), payload: NOTHING });
      expect(await raw.failure("ask"), `${length}`).to.deep.equal({
        ...{ code: "MalformedMessage", where: "request.trace" },
        reason: `${length} bytes, not 16`,
      });
    }
    const request = create(RequestSchema, {
      id: 9,
      call: { case: "ask", value: {} },
      trace: new Uint8Array(16).fill(7),
    });
    raw.sendParts({ header: toBinary(RequestSchema, request), payload: NOTHING });
    expect(decodeResponse(await raw.next()).open("ask")).to.deep.equal(ASK);
    // What did not fit was not kept either.
    expect(heard.answered.map(({ trace }) => trace)).to.deep.equal([...Array(4).fill(undefined), "07".repeat(16)]);
  });
});

describe("a server's witness", () => {
  afterEach(cleanUp);

  it("hears of all that a session did when it is over: requests, refusals, bytes", async () => {
    const { address, heard, server } = await serving();
    const connection = await client(address);
    await connection.append({ deal: DEAL, slab: SLAB, offset: 0, bytes: new Uint8Array(640) });
    await connection.read(read(1, 4));
    await failure(connection.status({ deal: DEAL }));
    await failure(connection.head({ deal: DEAL }));
    await connection.close();
    await server.close();
    expect(heard.ended).to.have.length(1);
    expect(heard.ended[0]).to.deep.include({
      ...{ requests: 5, refused: { UnknownDeal: 2 }, received: 640, sent: 96 },
      by: heard.greeted[0],
    });
    const [, append, reading] = heard.answered;
    expect(append).to.include({ verb: "append", received: 640, sent: 0 });
    expect(reading).to.include({ verb: "read", received: 0, sent: 96 });
    for (const { ms } of heard.answered) expect(ms).to.be.within(0, heard.ended[0]!.ms);
  });

  it("hears which requests failed by a fault of the server, of which the caller is told a reference only", async () => {
    const { address, heard, faults } = await serving({
      status: async () => {
        throw new Error("the disk is on fire");
      },
    });
    const connection = await traced(address);
    const told = await failure(connection.status({ deal: DEAL }));
    expect(told).to.deep.equal({ code: "InternalError", reference: faults[0]!.reference });
    expect(faults[0]).to.include({ verb: "status", trace: TRACE, session: heard.greeted[0]!.session });
    expect(heard.answered.at(-1)).to.include({ verb: "status", refused: "InternalError" });
  });

  it("hears of a session that is refused as a whole, and why", async () => {
    const { address, heard } = await serving();
    const raw = await RawSession.to(address);
    raw.send(prefix(0xffffffff, 0));
    expect((await raw.failure("ask")).code).to.equal("MessageTooLarge");
    await raw.closed;
    expect(heard.refused.map(({ code }) => code)).to.deep.equal(["MessageTooLarge"]);
    expect(heard.refused[0]!.by).to.include({ ip: "127.0.0.1" }).and.not.to.have.property("remote");
    expect(heard.answered).to.deep.equal([]);
  });

  it("hears of strangers without names", async () => {
    const { address, heard, server } = await serving();
    const connection = await stranger(address);
    await connection.ask({});
    await connection.close();
    await server.close();
    expect(heard.greeted).to.deep.equal([]);
    expect(heard.ended[0]).to.include({ requests: 1 });
    expect(heard.ended[0]!.by).to.have.all.keys("session", "peerId", "ip");
  });
});

/** A connection whose calls bear a trace. */
async function traced(target: string, trace = TRACE): Promise<Connection> {
  const caller = { account: CLIENT_KEY };
  const connection = connect(await node([], trace ? { trace } : {}), target, { market: MARKET, caller });
  onCleanUp(() => connection.close());
  return connection;
}
