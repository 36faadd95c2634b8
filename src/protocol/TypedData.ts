/**
 * Everything that is signed, as EIP-712 under one domain a market: a signature fits one chain, one contract, one type.
 * The contract recomputes Terms, Revision, Voucher and Extension; Hello and Capability are between peers.
 */
import {
  type Address,
  type Hash,
  type Hex,
  hashTypedData,
  isHex,
  type LocalAccount,
  padHex,
  recoverAddress,
  size,
  slice,
} from "viem";
import { privateKeyToAddress, sign } from "viem/accounts";
import { SubletException } from "./Errors.ts";
import type { Capability, Revision, Terms } from "./Messages.ts";

/** Which market: the same contract address may exist on many chains. */
export interface Market {
  readonly chainId: number;
  readonly address: Address;
}

/** `from`: the end that it changes. */
export interface Extension {
  readonly deal: Hash;
  readonly from: number;
  readonly endEpoch: number;
  readonly rate: bigint;
  readonly capacity: number;
  readonly series: number;
  readonly validUntil: bigint;
}

/** `cumulative`: ledger units. */
export interface Voucher {
  readonly deal: Hash;
  readonly cumulative: bigint;
}

/**
 * A peer's word that it speaks for `account` to one other peer: `from` and `to` are the multihash bytes of their peer
 * ids. `actingFor` is whose delegate or signer the account is (zero: its own). The answerer repeats the caller's nonce.
 */
export interface Hello {
  readonly from: Hex;
  readonly to: Hex;
  readonly account: Address;
  readonly actingFor: Address;
  readonly nonce: Hash;
}

/** Field order is part of the protocol: it is hashed. */
export const TYPES = {
  Terms: [
    { name: "client", type: "address" },
    { name: "clientSigner", type: "address" },
    { name: "provider", type: "address" },
    { name: "slot", type: "uint16" },
    { name: "previous", type: "bytes32" },
    { name: "series", type: "uint32" },
    { name: "volume", type: "uint64" },
    { name: "position", type: "uint8" },
    { name: "k", type: "uint8" },
    { name: "n", type: "uint8" },
    { name: "rate", type: "uint96" },
    { name: "egressRate", type: "uint96" },
    { name: "capacity", type: "uint32" },
    { name: "minSectors", type: "uint32" },
    { name: "endEpoch", type: "uint32" },
    { name: "noticeEpochs", type: "uint32" },
    { name: "answerBond", type: "uint128" },
    { name: "validUntil", type: "uint64" },
  ],
  Revision: [
    { name: "deal", type: "bytes32" },
    { name: "number", type: "uint64" },
    { name: "root", type: "bytes24" },
    { name: "sectors", type: "uint32" },
    { name: "head", type: "bytes32" },
  ],
  Voucher: [
    { name: "deal", type: "bytes32" },
    { name: "cumulative", type: "uint128" },
  ],
  Extension: [
    { name: "deal", type: "bytes32" },
    { name: "from", type: "uint32" },
    { name: "endEpoch", type: "uint32" },
    { name: "rate", type: "uint96" },
    { name: "capacity", type: "uint32" },
    { name: "series", type: "uint32" },
    { name: "validUntil", type: "uint64" },
  ],
  Hello: [
    { name: "from", type: "bytes" },
    { name: "to", type: "bytes" },
    { name: "account", type: "address" },
    { name: "actingFor", type: "address" },
    { name: "nonce", type: "bytes32" },
  ],
  Capability: [
    { name: "client", type: "address" },
    { name: "volume", type: "uint64" },
    { name: "verbs", type: "uint32" },
    { name: "until", type: "uint64" },
    { name: "maxBytes", type: "uint64" },
    { name: "id", type: "address" },
  ],
} as const;

export function domain(market: Market) {
  return { name: "Sublet", version: "1", chainId: market.chainId, verifyingContract: market.address } as const;
}

const DEAL_ID_BYTES = 19;

export const termsDigest = (market: Market, message: Terms): Hash => digest(market, "Terms", message);
/** Of the terms' digest, as much as the market has room for; zeros stand for the rest. */
export function dealId(market: Market, message: Terms): Hash {
  return padHex(slice(termsDigest(market, message), 0, DEAL_ID_BYTES), { dir: "right", size: 32 });
}
export const revisionDigest = (market: Market, message: Revision): Hash => digest(market, "Revision", message);
export const voucherDigest = (market: Market, message: Voucher): Hash => digest(market, "Voucher", message);
export const extensionDigest = (market: Market, message: Extension): Hash => digest(market, "Extension", message);
export const helloDigest = (market: Market, message: Hello): Hash => digest(market, "Hello", message);
export const capabilityDigest = (market: Market, message: Capability): Hash => digest(market, "Capability", message);

function digest(market: Market, primaryType: keyof typeof TYPES, message: object): Hash {
  return hashTypedData({ domain: domain(market), types: TYPES, primaryType, message } as never);
}

// ---------------------------------------------------------------- signatures

/** A viem account, or a 32-byte private key. */
export type Signer = LocalAccount | Hex;

export function signerAddress(signer: Signer): Address {
  return typeof signer === "string" ? privateKeyToAddress(signer) : signer.address;
}

/** 65 bytes: r, s (low), v (27 or 28). */
export async function signDigest(signer: Signer, hash: Hash): Promise<Hex> {
  if (typeof signer === "string") return sign({ hash, privateKey: signer, to: "hex" });
  if (signer.sign === undefined) {
    throw new SubletException({
      code: "BadArgument",
      name: "signer",
      value: signer.address,
      reason: "this account cannot sign a digest; use one that holds its key",
    });
  }
  return signer.sign({ hash });
}

/** Half of secp256k1's order: of the two forms of a signature, only the one with s up to here counts. */
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

/**
 * Who signed, by the contract's rules (65 bytes, low s, v 27 or 28); undefined where it would find nobody either.
 * Anyone's signature is somebody's: compare the result with who should have signed, or use {@link requireSigner}.
 */
export async function recoverSigner(hash: Hash, signature: Hex): Promise<Address | undefined> {
  if (!isHex(signature) || size(signature) !== 65) return undefined;
  const s = BigInt(`0x${signature.slice(66, 130)}`);
  const v = Number.parseInt(signature.slice(130), 16);
  if (s > HALF_ORDER || (v !== 27 && v !== 28)) return undefined;
  // No such point: r or s out of the curve's range.
  return recoverAddress({ hash, signature }).catch(() => undefined);
}

/** @throws SubletException BadSignature naming `what`, unless `expected` signed `hash` */
export async function requireSigner(what: string, hash: Hash, signature: Hex, expected: Address): Promise<void> {
  const actual = await recoverSigner(hash, signature);
  if (actual?.toLowerCase() === expected.toLowerCase()) return;
  throw new SubletException({ code: "BadSignature", what, expected, ...(actual && { actual }) });
}

// ---------------------------------------------------------------- revision numbers

const LANE_TAG_BITS = 16n;
const LANE_TAG_MASK = (1n << LANE_TAG_BITS) - 1n;
export const MAX_NUMBER = 2n ** 48n - 1n;

/** The writer's tag in a revision number: two devices with two tags never sign one number for two contents. */
export function laneTag(number: bigint): number {
  return Number(number & LANE_TAG_MASK);
}

/**
 * The lowest revision number above `previous` that carries `tag`.
 * @throws SubletException BadArgument when the tag is not 0 to 65,535 or no number below 2^48 is left
 */
export function nextNumber(previous: bigint, tag: number): bigint {
  const bad = (): SubletException =>
    new SubletException({
      code: "BadArgument",
      name: "revision number",
      value: `${previous} with tag ${tag}`,
      reason: "tags are 0 to 65,535 and numbers end at 2^48",
    });
  if (!Number.isInteger(tag) || tag < 0 || tag > 0xffff) throw bad();
  const tagged = (previous & ~LANE_TAG_MASK) | BigInt(tag);
  const next = tagged > previous ? tagged : tagged + (1n << LANE_TAG_BITS);
  if (next > MAX_NUMBER) throw bad();
  return next;
}
