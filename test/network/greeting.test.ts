import { expect } from "chai";
import { getAddress, type Hex, zeroAddress } from "viem";
import { encodeRequest } from "../../src/protocol/Envelope.ts";
import { type Hello, helloDigest, type Market, signDigest } from "../../src/protocol/TypedData.ts";
import type { RequestOf, ResponseOf } from "../../src/protocol/Verbs.ts";
import {
  CLIENT,
  CLIENT_KEY,
  cleanUp,
  client,
  DEAL,
  failure,
  MARKET,
  PROVIDER,
  SIGNER,
  serving,
  stranger,
} from "./fixtures.ts";
import { answerHello, RawSession, rawServer } from "./raw.ts";

const OTHER_MARKET: Market = { chainId: 1, address: getAddress(`0x${"ab".repeat(20)}`) };
const OTHER_KEY: Hex = `0x${"07".repeat(32)}`;
const NONCE: Hex = `0x${"90".repeat(32)}`;

describe("hello", () => {
  afterEach(cleanUp);

  it("makes both sides known to each other", async () => {
    const { address } = await serving();
    const connection = await client(address);
    expect(await connection.hello()).to.deep.equal({ provider: PROVIDER, signer: SIGNER });
  });

  it("is said once a session, however many calls need it", async () => {
    const { address } = await serving();
    const connection = await client(address);
    await Promise.all([connection.hello(), connection.revoke(REVOKE), connection.hello(), connection.revoke(REVOKE)]);
  });

  it("is required for what is not open to strangers, on either side", async () => {
    const { address } = await serving();
    expect(await failure((await stranger(address)).revoke(REVOKE))).to.deep.equal({
      code: "HelloRequired",
      verb: "revoke",
    });
    const raw = await RawSession.to(address);
    raw.sendParts(encodeRequest(1, "status", { deal: DEAL }));
    expect(await raw.failure("status")).to.deep.equal({ code: "HelloRequired", verb: "status" });
  });

  it("ends in WrongMarket when chain or contract differ, naming both", async () => {
    const { address } = await serving();
    for (const market of [OTHER_MARKET, { ...MARKET, chainId: 1 }, { ...MARKET, address: OTHER_MARKET.address }]) {
      const connection = await client(address, { market });
      expect(await failure(connection.hello())).to.deep.equal({
        code: "WrongMarket",
        expectedChainId: MARKET.chainId,
        actualChainId: market.chainId,
        expectedMarket: MARKET.address,
        actualMarket: market.address,
      });
    }
  });

  it("ends in WrongPeer when another provider answers", async () => {
    const { address } = await serving();
    const connection = await client(address, { provider: CLIENT });
    expect(await failure(connection.hello())).to.deep.equal({ code: "WrongPeer", expected: CLIENT, actual: PROVIDER });
    expect((await failure(connection.revoke(REVOKE))).code).to.equal("WrongPeer");
  });

  describe("given a signature that does not fit", () => {
    const forgeries: [string, (hello: Hello) => { market?: Market; key?: Hex; hello?: Hello }][] = [
      ["by another key", () => ({ key: OTHER_KEY })],
      ["for another market", () => ({ market: OTHER_MARKET })],
      ["of another session: from another peer", (hello) => ({ hello: { ...hello, from: hello.to } })],
      ["of another session: to another peer", (hello) => ({ hello: { ...hello, to: hello.from } })],
      ["over another nonce", (hello) => ({ hello: { ...hello, nonce: DEAL } })],
      ["that did not say whom it acts for", (hello) => ({ hello: { ...hello, actingFor: PROVIDER } })],
    ];
    for (const [name, forge] of forgeries) {
      it(`refuses one ${name}`, async () => {
        const { address } = await serving();
        const raw = await RawSession.to(address);
        const honest = helloOf(raw);
        const { market = MARKET, key = CLIENT_KEY, hello = honest } = forge(honest);
        raw.sendParts(encodeRequest(1, "hello", await request(market, hello, key)));
        expect(await raw.failure("hello")).to.include({ code: "BadSignature", what: "hello", expected: CLIENT });
        raw.sendParts(encodeRequest(2, "revoke", REVOKE));
        expect((await raw.failure("revoke")).code).to.equal("HelloRequired");
      });
    }

    it("refuses one altered to its high-s twin", async () => {
      const { address } = await serving();
      const raw = await RawSession.to(address);
      const content = await request(MARKET, helloOf(raw), CLIENT_KEY);
      const s = BigInt(`0x${content.signature.slice(66, 130)}`);
      const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
      const v = content.signature.endsWith("1b") ? "1c" : "1b";
      const twin: Hex = `0x${content.signature.slice(2, 66)}${(order - s).toString(16).padStart(64, "0")}${v}`;
      raw.sendParts(encodeRequest(1, "hello", { ...content, signature: twin }));
      expect((await raw.failure("hello")).code).to.equal("BadSignature");
    });
  });

  it("takes no second hello in a session", async () => {
    const { address } = await serving();
    const raw = await RawSession.to(address);
    raw.sendParts(encodeRequest(1, "hello", await request(MARKET, helloOf(raw), CLIENT_KEY)));
    await raw.next();
    raw.sendParts(encodeRequest(2, "hello", await request(MARKET, { ...helloOf(raw), nonce: DEAL }, CLIENT_KEY)));
    expect((await raw.failure("hello")).code).to.equal("MalformedMessage");
  });

  describe("given an impostor that answers", () => {
    const answers: [string, Partial<ResponseOf<"hello">>, string][] = [
      ["signed by another key", { signer: CLIENT }, "BadSignature"],
      ["in the name of another provider", { provider: CLIENT }, "BadSignature"],
      ["for another market", { chainId: 1 }, "WrongMarket"],
    ];
    for (const [name, altered, code] of answers) {
      it(`refuses an answer ${name}`, async () => {
        const { address } = await rawServer((session, parts) => answerHello(session, parts, altered));
        expect((await failure((await client(address)).hello())).code).to.equal(code);
      });
    }
  });
});

const REVOKE = { id: CLIENT, until: 2n };

function helloOf(raw: RawSession): Hello {
  return { from: raw.self, to: raw.peer, account: CLIENT, actingFor: zeroAddress, nonce: NONCE };
}

/** What claims to be CLIENT's hello with NONCE, signed over `hello` with `key` for `market`. */
async function request(market: Market, hello: Hello, key: Hex): Promise<RequestOf<"hello">> {
  const signature = await signDigest(key, helloDigest(market, hello));
  return { chainId: MARKET.chainId, market: MARKET.address, address: CLIENT, nonce: NONCE, signature };
}
