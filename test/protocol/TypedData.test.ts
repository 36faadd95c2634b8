import { expect } from "chai";
import { TypedDataEncoder, Wallet } from "ethers";
import fc from "fast-check";
import { getAddress, type Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { SubletException } from "../../src/protocol/Errors.ts";
import {
  capabilityDigest,
  dealId,
  domain,
  extensionDigest,
  helloDigest,
  laneTag,
  type Market,
  nextNumber,
  recoverSigner,
  requireSigner,
  revisionDigest,
  signDigest,
  signerAddress,
  TYPES,
  termsDigest,
  voucherDigest,
} from "../../src/protocol/TypedData.ts";
import { fill } from "./messages.ts";

const MARKET: Market = { chainId: 31_337, address: getAddress(fill(20, 0xaa)) };
const KEY = fill(32, 0x42);
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const A = (byte: number) => getAddress(fill(20, byte));

const TERMS = {
  client: A(1),
  clientSigner: A(2),
  provider: A(3),
  slot: 4_095,
  previous: fill(32, 5),
  series: 6,
  volume: (1n << 64n) - 1n,
  position: 3,
  k: 4,
  n: 12,
  rate: (1n << 96n) - 1n,
  egressRate: 5n,
  capacity: 2 ** 24,
  minSectors: 6,
  endEpoch: 7,
  noticeEpochs: 8,
  answerBond: (1n << 128n) - 1n,
  validUntil: 9n,
};
const REVISION = { deal: fill(32, 1), number: 65_537n, root: fill(24, 2), sectors: 3, head: fill(32, 4) };
const VOUCHER = { deal: fill(32, 1), cumulative: 77n };
const EXTENSION = { deal: fill(32, 1), from: 8, endEpoch: 9, rate: 8n, capacity: 7, series: 6, validUntil: 5n };
const HELLO = { from: fill(38, 1), to: fill(38, 2), account: A(1), actingFor: A(2), nonce: fill(32, 3) };
const CAPABILITY = { client: A(1), volume: 2n, verbs: 3, until: 4n, maxBytes: 5n, id: A(6) };

/** Type strings as the contract has them, written out here a second time. */
const ENCODED: Record<keyof typeof TYPES, string> = {
  Terms:
    "Terms(address client,address clientSigner,address provider,uint16 slot,bytes32 previous,uint32 series," +
    "uint64 volume,uint8 position,uint8 k,uint8 n,uint96 rate,uint96 egressRate,uint32 capacity,uint32 minSectors," +
    "uint32 endEpoch,uint32 noticeEpochs,uint128 answerBond,uint64 validUntil)",
  Revision: "Revision(bytes32 deal,uint64 number,bytes24 root,uint32 sectors,bytes32 head)",
  Voucher: "Voucher(bytes32 deal,uint128 cumulative)",
  Extension:
    "Extension(bytes32 deal,uint32 from,uint32 endEpoch,uint96 rate,uint32 capacity,uint32 series,uint64 validUntil)",
  Hello: "Hello(bytes from,bytes to,address account,address actingFor,bytes32 nonce)",
  Capability: "Capability(address client,uint64 volume,uint32 verbs,uint64 until,uint64 maxBytes,address id)",
};

describe("TypedData", () => {
  const digests = [
    ["Terms", TERMS, (market: Market, message: typeof TERMS) => termsDigest(market, message)],
    ["Revision", REVISION, (market: Market, message: typeof REVISION) => revisionDigest(market, message)],
    ["Voucher", VOUCHER, (market: Market, message: typeof VOUCHER) => voucherDigest(market, message)],
    ["Extension", EXTENSION, (market: Market, message: typeof EXTENSION) => extensionDigest(market, message)],
    ["Hello", HELLO, (market: Market, message: typeof HELLO) => helloDigest(market, message)],
    ["Capability", CAPABILITY, (market: Market, message: typeof CAPABILITY) => capabilityDigest(market, message)],
  ] as unknown as [keyof typeof TYPES, Record<string, unknown>, (market: Market, message: object) => Hex][];

  for (const [type, message, digest] of digests) {
    describe(type, () => {
      const types = { [type]: [...TYPES[type]] };

      it("has the fields of the contract, in its order", () => {
        expect(TypedDataEncoder.from(types).encodeType(type)).to.equal(ENCODED[type]);
      });

      it("hashes as ethers hashes it", () => {
        expect(digest(MARKET, message)).to.equal(TypedDataEncoder.hash(domain(MARKET), types, message));
      });

      it("is another digest when any field, the chain or the contract is another", () => {
        const seen = new Set([digest(MARKET, message)]);
        for (const [key, value] of Object.entries(message)) {
          const other =
            typeof value === "number" ? value - 1 : typeof value === "bigint" ? value - 1n : flip(value as Hex);
          seen.add(digest(MARKET, { ...message, [key]: other }));
        }
        seen.add(digest({ ...MARKET, chainId: 1 }, message));
        seen.add(digest({ ...MARKET, address: A(9) }, message));
        expect(seen.size).to.equal(Object.keys(message).length + 3);
      });
    });
  }
});

describe("a deal's id", () => {
  it("is the first 19 bytes of its terms' digest, and zeros", () => {
    const cut = termsDigest(MARKET, TERMS).slice(0, 2 + 2 * 19);
    expect(dealId(MARKET, TERMS)).to.equal(cut + "00".repeat(13));
  });
});

describe("signatures", () => {
  const hash = revisionDigest(MARKET, REVISION);

  it("are the same from a key and from an account, and the same as those of ethers", async () => {
    const ofKey = await signDigest(KEY, hash);
    expect(await signDigest(privateKeyToAccount(KEY), hash)).to.equal(ofKey);
    const types = { Revision: [...TYPES.Revision] };
    expect(await new Wallet(KEY).signTypedData(domain(MARKET), types, REVISION)).to.equal(ofKey);
    expect(await recoverSigner(hash, ofKey))
      .to.equal(signerAddress(KEY))
      .and.equal(new Wallet(KEY).address);
  });

  it("of others, over other values or malformed ones are not taken for ours", async () => {
    const signature = await signDigest(KEY, hash);
    const v = signature.slice(130);
    const s = BigInt(`0x${signature.slice(66, 130)}`);
    const highS = (ORDER - s).toString(16).padStart(64, "0");
    const twin: Hex = `0x${signature.slice(2, 66)}${highS}${v === "1b" ? "1c" : "1b"}`;
    // The twin is a valid signature of the same key: only the rule on s refuses it.
    expect(await recoverSigner(hash, twin)).to.equal(undefined);
    const zeroV: Hex = `0x${signature.slice(2, 130)}${v === "1b" ? "00" : "01"}`;
    const bad: Hex[] = [zeroV, `${signature}00`, `0x${signature.slice(2, 130)}`, fill(65, 0), fill(65, 0xff), "0x"];
    for (const one of bad) expect(await recoverSigner(hash, one), one).to.equal(undefined);
    expect(await recoverSigner(fill(32, 9), signature)).not.to.equal(signerAddress(KEY));
  });

  it("end in BadSignature naming what, whose it should be and whose it is", async () => {
    const signature = await signDigest(KEY, hash);
    await requireSigner("revision", hash, signature, signerAddress(KEY).toLowerCase() as Hex);
    const error = await requireSigner("revision", hash, signature, A(1)).catch((thrown: unknown) => thrown);
    expect(SubletException.is(error, "BadSignature")).to.equal(true);
    expect((error as SubletException).error).to.deep.equal({
      code: "BadSignature",
      what: "revision",
      expected: A(1),
      actual: signerAddress(KEY),
    });
    const nobody = await requireSigner("revision", hash, "0x12", A(1)).catch((thrown: SubletException) => thrown.error);
    expect(nobody).to.deep.equal({ code: "BadSignature", what: "revision", expected: A(1) });
  });
});

describe("revision numbers", () => {
  const number = fc.bigInt({ min: 0n, max: (1n << 48n) - (1n << 17n) });
  const tag = fc.integer({ min: 0, max: 0xffff });

  it("rise, carry their tag, and skip none that would do", () => {
    fc.assert(
      fc.property(number, tag, (previous, tag) => {
        const next = nextNumber(previous, tag);
        expect(next > previous).to.equal(true);
        expect(laneTag(next)).to.equal(tag);
        expect(next - previous <= 65_536n).to.equal(true);
      }),
    );
  });

  it("are never the same for two tags", () => {
    fc.assert(
      fc.property(number, number, tag, tag, (one, other, first, second) => {
        fc.pre(first !== second);
        expect(nextNumber(one, first)).not.to.equal(nextNumber(other, second));
      }),
    );
  });

  it("end with a typed error where 48 bits or the tag do", () => {
    for (const [previous, tag] of [
      [(1n << 48n) - 1n, 5],
      [0n, 65_536],
      [0n, -1],
      [0n, 0.5],
    ] as const) {
      expect(() => nextNumber(previous, tag))
        .to.throw(SubletException)
        .with.property("code", "BadArgument");
    }
    expect(nextNumber((1n << 48n) - 2n, 0xffff)).to.equal((1n << 48n) - 1n);
  });
});

function flip(value: Hex): Hex {
  return `0x${(Number.parseInt(value[2]!, 16) ^ 1).toString(16)}${value.slice(3)}`;
}
