import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import fc from "fast-check";
import { getAddress } from "viem";
import {
  decodeRequest,
  decodeResponse,
  encodeFailure,
  encodeRequest,
  encodeResponse,
} from "../../src/protocol/Envelope.ts";
import { type SubletError, SubletException, describe as say } from "../../src/protocol/Errors.ts";
import { FailureSchema, RequestSchema, ResponseSchema } from "../../src/protocol/gen/sublet_pb.js";
import {
  MAX_CHUNK_PROOF_BYTES,
  MAX_HEAD_BYTES,
  MAX_HEADER_BYTES,
  MAX_LIST_ENTRIES,
  MAX_OPERATIONS,
  MAX_PAYLOAD_BYTES,
  MAX_RANGE_PROOF_BYTES,
  MAX_SAMPLES,
  MAX_STRANGER_HEADER_BYTES,
  MAX_TEXT_BYTES,
} from "../../src/protocol/limits.ts";
import { type RequestOf, VERBS, type Verb } from "../../src/protocol/Verbs.ts";
import { WIRE } from "../../src/protocol/WireErrors.ts";
import { FAILURES, fill, REQUESTS, RESPONSES } from "./messages.ts";

const VERB_NAMES = Object.keys(VERBS) as Verb[];
const NOTHING = new Uint8Array(0);
const DEAL = fill(32, 1);
const SLAB = { lane: (1n << 64n) - 1n, sequence: 0xffffffff };

describe("Envelope", () => {
  it("has one entry a verb and a failure, in the tables as in the generated messages", () => {
    const cases = (schema: typeof RequestSchema | typeof ResponseSchema | typeof FailureSchema) =>
      schema.oneofs[0]!.fields.map(({ localName }) => localName);
    expect(cases(RequestSchema)).to.have.members(VERB_NAMES);
    expect(cases(ResponseSchema)).to.have.members([...VERB_NAMES, "failure"]);
    const codes = cases(FailureSchema).map((name) => name[0]!.toUpperCase() + name.slice(1));
    expect(codes).to.have.members(Object.keys(WIRE));
  });

  for (const verb of VERB_NAMES) {
    it(`${verb}: carries any request and any response unchanged`, () => {
      const id = fc.integer({ min: 1, max: 0xffffffff });
      fc.assert(
        fc.property(id, REQUESTS[verb] as fc.Arbitrary<never>, (id, content) => {
          const request = decodeRequest(encodeRequest(id, verb, content));
          expect(request.id).to.equal(id);
          expect(request.open()).to.deep.equal({ verb, content });
        }),
      );
      fc.assert(
        fc.property(id, RESPONSES[verb] as fc.Arbitrary<never>, (id, content) => {
          const response = decodeResponse(encodeResponse(id, verb, content));
          expect(response.id).to.equal(id);
          expect(response.open(verb)).to.deep.equal(content);
        }),
      );
    });
  }

  it("carries a trace beside any request, and none that is no trace id", () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const read = decodeRequest(encodeRequest(7, "status", { deal: DEAL }, trace));
    expect(read).to.include({ id: 7, verb: "status", trace });
    expect(read.open()).to.deep.equal({ verb: "status", content: { deal: DEAL } });
    for (const none of ["", "00".repeat(16), trace.toUpperCase(), trace.slice(1), `${trace}0`, "../../etc/passwd"]) {
      const where = "request.trace";
      expect(thrown(() => encodeRequest(7, "ask", {}, none))).to.include({ code: "MalformedMessage", where });
    }
  });

  it("names the verb that it does not know, whatever trace comes with it", () => {
    const trace = new Uint8Array(16).fill(0x11);
    // A later version's verb: field 16 of the request, an empty message.
    const verb = Uint8Array.of(0x82, 0x01, 0x00);
    const header = Buffer.concat([toBinary(RequestSchema, create(RequestSchema, { id: 7, trace })), verb]);
    expect(thrown(() => decodeRequest({ header, payload: NOTHING }).open())).to.deep.equal({
      code: "UnknownVerb",
      verb: 16,
    });
    expect(decodeRequest({ header, payload: NOTHING })).to.include({ id: 7, trace: "11".repeat(16) });
  });

  it("survives any bytes: a message, or MalformedMessage", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 8 }), (header, payload) => {
        for (const read of [
          () => decodeRequest({ header, payload }).open(),
          () => decodeResponse({ header, payload }).open("read"),
        ]) {
          const error = thrown(read);
          if (error !== undefined) expect(error.code).to.be.oneOf([...Object.keys(WIRE), "Unrecognized"]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("survives any one byte changed in a real message", () => {
    const signed = { revision: { deal: DEAL, number: 5n, root: fill(24, 2), sectors: 1, head: DEAL } };
    const { header } = encodeRequest(7, "revise", {
      previousNumber: 1n,
      ...signed,
      operations: [{ op: "add", slab: SLAB, length: 64 }],
      headBytes: new Uint8Array(9),
      clientSignature: fill(65, 3),
    });
    for (let at = 0; at < header.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const changed = Uint8Array.from(header);
        changed[at]! ^= flip;
        thrown(() => decodeRequest({ header: changed, payload: NOTHING }).open());
      }
    }
  });

  describe("given values that do not fit", () => {
    const read: RequestOf<"read"> = { deal: DEAL, slab: SLAB, firstChunk: 0, endChunk: 1, asOf: 32 };
    const voucher = { signer: getAddress(fill(20, 5)), cumulative: 1n, signature: fill(65, 3) };
    const bad: [string, RequestOf<"read">][] = [
      ["read.deal", { ...read, deal: fill(31, 1) }],
      ["read.deal", { ...read, deal: "0xzz" }],
      ["read.asOf", { ...read, asOf: -1 }],
      ["read.asOf", { ...read, asOf: 2 ** 32 }],
      ["read.asOf", { ...read, asOf: 1.5 }],
      ["read.slab", { ...read, slab: { lane: 1n << 64n, sequence: 0 } }],
      ["read.voucher.cumulative", { ...read, voucher: { ...voucher, cumulative: 1n << 128n } }],
      ["read.voucher.cumulative", { ...read, voucher: { ...voucher, cumulative: -1n } }],
      ["read.voucher.signer", { ...read, voucher: { ...voucher, signer: fill(19, 1) } }],
      ["read.voucher.signature", { ...read, voucher: { ...voucher, signature: fill(64, 1) } }],
    ];
    for (const [where, content] of bad) {
      it(`names ${where} and sends nothing`, () => {
        expect(thrown(() => encodeRequest(1, "read", content))).to.include({ code: "MalformedMessage", where });
      });
    }

    it("names what a peer sent with the wrong width, or left out", () => {
      const open = (value: object) => () => {
        const message = create(RequestSchema, { id: 1, call: { case: "revise", value } as never });
        return decodeRequest({ header: toBinary(RequestSchema, message), payload: NOTHING }).open();
      };
      expect(thrown(open({}))).to.include({ where: "revise.revision", reason: "missing" });
      const revision = { deal: new Uint8Array(32), root: new Uint8Array(23), head: new Uint8Array(32) };
      expect(thrown(open({ revision }))).to.include({ where: "revise.revision.root" });
      const whole = { ...revision, root: new Uint8Array(24) };
      const operations = [{ op: { case: "drop", value: 1 } }, {}];
      expect(thrown(open({ revision: whole, operations }))).to.include({ where: "revise.operations[1]" });
    });

    it("caps lists, bytes and text", () => {
      const entry = { slab: SLAB, length: 1, root: fill(24, 1) };
      const entries = Array.from({ length: MAX_LIST_ENTRIES + 1 }, () => entry);
      const list = { number: 1n, sectors: 1, entries };
      expect(thrown(() => encodeResponse(1, "list", list))).to.include({ where: "list.entries" });
      const head = { headBytes: new Uint8Array(MAX_HEAD_BYTES + 1), committedNumber: 0n };
      expect(thrown(() => encodeResponse(1, "head", head))).to.include({ where: "head.headBytes" });
      const append = { deal: DEAL, slab: SLAB, offset: 0, bytes: new Uint8Array(MAX_PAYLOAD_BYTES + 1) };
      expect(thrown(() => encodeRequest(1, "append", append))).to.include({ code: "MalformedMessage" });
    });
  });

  it("fits the largest message of every kind into its frame", () => {
    const top = { sequence: 0xffffffff, lane: (1n << 64n) - 1n };
    const parts = [
      encodeRequest(0xffffffff, "revise", {
        previousNumber: (1n << 64n) - 1n,
        revision: { deal: DEAL, number: (1n << 64n) - 1n, root: fill(24, 1), sectors: 0xffffffff, head: DEAL },
        operations: Array.from(
          { length: MAX_OPERATIONS },
          () => ({ op: "grow", slab: top, length: 0xffffffff }) as const,
        ),
        headBytes: new Uint8Array(MAX_HEAD_BYTES),
        clientSignature: fill(65, 1),
      }),
      encodeResponse(0xffffffff, "list", {
        number: (1n << 64n) - 1n,
        sectors: 0xffffffff,
        entries: Array.from({ length: MAX_LIST_ENTRIES }, () => ({ slab: top, length: 0xffffffff, root: fill(24, 1) })),
      }),
      encodeResponse(0xffffffff, "prove", {
        blockHash: DEAL,
        samples: Array.from({ length: MAX_SAMPLES }, () => ({
          slot: 0xffff,
          deal: DEAL,
          sectors: 0xffffffff,
          root: fill(24, 1),
          chunk: Number.MAX_SAFE_INTEGER,
          proof: new Uint8Array(MAX_CHUNK_PROOF_BYTES),
        })),
      }),
      encodeResponse(0xffffffff, "read", {
        proof: new Uint8Array(MAX_RANGE_PROOF_BYTES),
        bytes: new Uint8Array(MAX_PAYLOAD_BYTES),
      }),
    ];
    for (const { header, payload } of parts) {
      expect(header.length).to.be.at.most(MAX_HEADER_BYTES);
      expect(payload.length).to.be.at.most(MAX_PAYLOAD_BYTES);
    }
    // Strangers' own: hello, ask, offer, prove.
    for (const verb of VERB_NAMES.filter((name) => VERBS[name].open)) {
      for (const content of fc.sample(REQUESTS[verb] as fc.Arbitrary<never>, 100)) {
        const { header, payload } = encodeRequest(0xffffffff, verb, content);
        expect(header.length).to.be.at.most(MAX_STRANGER_HEADER_BYTES);
        expect(payload.length).to.equal(0);
      }
    }
  });

  it("tells an answer of another verb from the right one", () => {
    const parts = encodeResponse(3, "append", { length: 1 });
    expect(thrown(() => decodeResponse(parts).open("read"))).to.include({ code: "MalformedMessage", where: "read" });
  });
});

describe("failures at the wire", () => {
  it("are all tried here", () => {
    expect([...new Set(FAILURES.map(({ code }) => code))]).to.have.members(Object.keys(WIRE));
  });

  for (const error of FAILURES) {
    it(`${error.code} arrives with its fields and a sentence`, () => {
      expect(thrown(() => decodeResponse(encodeFailure(1, error)).open("ask"))).to.deep.equal(error);
      expect(say(error))
        .to.have.length.above(20)
        .and.not.match(/undefined|\[object/);
    });
  }

  it("of this side only are told as InternalError, without what they know", () => {
    const local: SubletError = { code: "ChainUnavailable", url: "http://127.0.0.1:8545/secret" };
    const parts = encodeFailure(1, local, "0badc0de");
    expect(Buffer.from(parts.header).toString("latin1")).not.to.include("secret");
    expect(thrown(() => decodeResponse(parts).open("ask"))).to.deep.equal({
      code: "InternalError",
      reference: "0badc0de",
    });
  });

  it("of a newer peer arrive as Unrecognized with its sentence", () => {
    const failure = create(FailureSchema, { code: "MoonInWrongPhase", message: "wait for the full moon" });
    const response = create(ResponseSchema, { id: 2, result: { case: "failure", value: failure } });
    const header = Buffer.concat([toBinary(ResponseSchema, response)]);
    expect(thrown(() => decodeResponse({ header, payload: NOTHING }).open("ask"))).to.deep.equal({
      code: "Unrecognized",
      theirCode: "MoonInWrongPhase",
      sentence: "wait for the full moon",
    });
  });

  it("are cut where their text is too long, rather than lost", () => {
    const error: SubletError = { code: "TermsRefused", field: "rate", reason: "ß".repeat(MAX_TEXT_BYTES) };
    const told = thrown(() => decodeResponse(encodeFailure(1, error)).open("ask")) as typeof error;
    expect(told.code).to.equal("TermsRefused");
    expect(told.reason).to.match(/^ß{100,128}$/);
  });
});

/** The error that `work` ends in, if it is one; anything but a SubletException fails the test. */
function thrown(work: () => unknown): SubletError | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof SubletException) return error.error;
    throw error;
  }
}
