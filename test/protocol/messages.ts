/** Any message of any verb, and one of each failure. */
import fc from "fast-check";
import { type Address, getAddress, type Hex } from "viem";
import type { SubletError } from "../../src/protocol/Errors.ts";
import { MAX_SAMPLES } from "../../src/protocol/limits.ts";
import type { RequestOf, ResponseOf, Verb } from "../../src/protocol/Verbs.ts";

const u = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const big = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
const count = fc.maxSafeNat();
const hex = (width: number) =>
  fc.uint8Array({ minLength: width, maxLength: width }).map((b): Hex => `0x${Buffer.from(b).toString("hex")}`);
const address = hex(20).map((value) => getAddress(value));
const bytes = (most: number) => fc.uint8Array({ maxLength: Math.min(most, 300) });
const text = fc.string({ maxLength: 60, unit: "grapheme" });
const slab = fc.record({ lane: big(64), sequence: u(32) });
const maybe = <T>(key: string, value: fc.Arbitrary<T>) =>
  fc.option(value, { nil: undefined }).map((one) => (one === undefined ? {} : { [key]: one }));

const draft = {
  client: address,
  clientSigner: address,
  provider: address,
  volume: big(64),
  position: u(8),
  k: u(8),
  n: u(8),
  rate: big(96),
  egressRate: big(96),
  capacity: u(32),
  minSectors: u(32),
  endEpoch: u(32),
  noticeEpochs: u(32),
  answerBond: big(128),
};
const revision = fc.record({ deal: hex(32), number: big(64), root: hex(24), sectors: u(32), head: hex(32) });
const signed = fc.record({ revision, clientSignature: hex(65), providerSignature: hex(65) });
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom("add" as const, "grow" as const), slab, length: u(32) }),
  fc.record({ op: fc.constant("drop" as const), index: u(32) }),
);
const voucher = fc.record({ signer: address, cumulative: big(128), signature: hex(65) });
const capability = fc.record({
  client: address,
  volume: big(64),
  verbs: u(32),
  until: big(64),
  maxBytes: big(64),
  id: address,
  signature: hex(65),
});
const together = <A extends object, B extends object>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>) =>
  fc.tuple(a, b).map(([first, second]) => ({ ...first, ...second }));

export const REQUESTS: { [V in Verb]: fc.Arbitrary<RequestOf<V>> } = {
  hello: together(
    fc.record({ chainId: count, market: address, address, nonce: hex(32), signature: hex(65) }),
    maybe("actingFor", address),
  ),
  ask: fc.constant({}),
  offer: fc.record({ terms: fc.record(draft) }),
  extend: fc.record({
    extension: fc.record({ deal: hex(32), from: u(32), endEpoch: u(32), rate: big(96), capacity: u(32) }),
  }),
  append: fc.record({ deal: hex(32), slab, offset: u(32), bytes: bytes(300) }),
  revise: fc.record({
    previousNumber: big(64),
    revision,
    operations: fc.array(operation, { maxLength: 8 }),
    headBytes: bytes(300),
    clientSignature: hex(65),
  }),
  paths: fc.record({ deal: hex(32), sector: u(32) }),
  list: fc.record({ deal: hex(32), from: u(32), limit: u(32) }),
  head: fc.record({ deal: hex(32) }),
  read: together(
    fc.record({ deal: hex(32), slab, firstChunk: u(32), endChunk: u(32), asOf: u(32) }),
    together(maybe("voucher", voucher), maybe("capability", capability)),
  ),
  prove: together(fc.record({ blockNumber: big(64) }), together(maybe("deal", hex(32)), maybe("chunk", count))),
  revoke: fc.record({ id: address, until: big(64) }),
  status: fc.record({ deal: hex(32) }),
};

export const RESPONSES: { [V in Verb]: fc.Arbitrary<ResponseOf<V>> } = {
  hello: fc.record({ chainId: count, market: address, provider: address, signer: address, signature: hex(65) }),
  ask: fc.record({
    provider: address,
    signer: address,
    rate: big(96),
    egressRate: big(96),
    minSectors: u(32),
    freeSectors: u(32),
    maxEndEpoch: u(32),
    noticeEpochs: u(32),
    answerBond: big(128),
    allowanceBytes: count,
    creditBytes: count,
    operator: text,
    region: text,
    version: text,
  }),
  offer: fc.record({
    terms: fc.record({ ...draft, slot: u(16), previous: hex(32), series: u(32), validUntil: big(64) }),
    signature: hex(65),
  }),
  extend: fc.record({ series: u(32), validUntil: big(64), signature: hex(65) }),
  append: fc.record({ length: u(32) }),
  revise: fc.record({ providerSignature: hex(65) }),
  paths: fc.record({ number: big(64), siblings: bytes(300) }),
  list: fc.record({
    number: big(64),
    sectors: u(32),
    entries: fc.array(fc.record({ slab, length: u(32), root: hex(24) }), { maxLength: 8 }),
  }),
  head: together(fc.record({ headBytes: bytes(300), committedNumber: big(64) }), maybe("newest", signed)),
  read: fc.record({ proof: bytes(300), bytes: bytes(300) }),
  prove: fc.record({
    blockHash: hex(32),
    samples: fc.array(
      fc.record({ slot: u(16), deal: hex(32), sectors: u(32), root: hex(24), chunk: count, proof: bytes(300) }),
      { maxLength: MAX_SAMPLES },
    ),
  }),
  revoke: fc.constant({}),
  status: fc.record({
    newestNumber: big(64),
    committedNumber: big(64),
    sectors: u(32),
    storedBytes: count,
    stagedBytes: count,
    stopAt: u(32),
    freeBytes: count,
  }),
};

/** One of each failure; the compiler checks the fields, a test that none is missing. */
export const FAILURES: SubletError[] = [
  { code: "WrongMarket", expectedChainId: 1, actualChainId: 2, expectedMarket: A(1), actualMarket: A(2) },
  { code: "HelloRequired", verb: "append" },
  { code: "BadSignature", what: "revision", expected: A(1), actual: A(2) },
  { code: "BadSignature", what: "revision" },
  { code: "Unauthorized", verb: "read", needs: "the client" },
  { code: "UnknownVerb", verb: 77 },
  { code: "MalformedMessage", where: "append.deal", reason: "31 bytes, not 32" },
  { code: "MessageTooLarge", limit: 65_536, actual: 0xffffffff },
  { code: "DuplicateRequest", id: 0xffffffff },
  { code: "RateLimited", what: "requests", retryAfterMs: 125 },
  { code: "TooManySessions", limit: 64 },
  { code: "ShuttingDown" },
  { code: "InternalError", reference: "0badc0de" },
  { code: "TooSlow", limitMs: 60_000 },
  { code: "TooMuchInFlight", limitRequests: 32, limitBytes: 8_388_608 },
  { code: "PriceTooLow", rate: 1n, leastRate: (1n << 96n) - 1n, egressRate: 0n, leastEgressRate: 3n },
  { code: "NoSpace", wantedSectors: 2 ** 24, freeSectors: 0 },
  { code: "DurationRefused", endEpoch: 1, firstEpoch: 2, lastEpoch: 3 },
  { code: "SignerRefused", signer: A(3), reason: "a rotation is under way" },
  { code: "TermsRefused", field: "noticeEpochs", reason: "7 is the most" },
  { code: "UnknownDeal", deal: H(1) },
  { code: "NotOpen", deal: H(1), state: "Stopped" },
  { code: "Behind", length: 65_536 },
  { code: "ContentMismatch", offset: 32 },
  { code: "StagingFull", limit: 2 ** 40 },
  { code: "DiskFull", neededBytes: 2 ** 53 - 1, freeBytes: 0 },
  { code: "Conflict" },
  {
    code: "Conflict",
    newest: {
      revision: { deal: H(1), number: 2n ** 64n - 1n, root: R(1), sectors: 9, head: H(2) },
      clientSignature: S(1),
      providerSignature: S(2),
    },
  },
  { code: "BadOperation", index: 3, reason: "no such slab" },
  { code: "RootMismatch", expected: R(1), actual: R(2) },
  { code: "CapacityExceeded", capacity: 10, sectors: 11 },
  { code: "HeadMismatch", expected: H(1), actual: H(2) },
  { code: "NoSuchSlab", deal: H(1), slab: { lane: 2n ** 64n - 1n, sequence: 5 } },
  { code: "OutOfRange", what: "endChunk", least: 0n, most: 32_768n, actual: 40_000n },
  { code: "PaymentRequired", owed: (1n << 128n) - 1n, paid: 0n },
  { code: "CapabilityRefused", id: A(4), reason: "revoked" },
  { code: "BlockUnknown", blockNumber: 2n ** 64n - 1n, newest: 7n },
];

export function fill(width: number, byte: number): Hex {
  return `0x${byte.toString(16).padStart(2, "0").repeat(width)}`;
}

function A(byte: number): Address {
  return getAddress(fill(20, byte));
}

function H(byte: number): Hex {
  return fill(32, byte);
}

function R(byte: number): Hex {
  return fill(24, byte);
}

function S(byte: number): Hex {
  return fill(65, byte);
}
