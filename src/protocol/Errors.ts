/**
 * Everything that can go wrong, as one union: a code with typed fields. Those under WIRE travel between peers, those
 * under LOCAL arise on this side only. Every sentence says what happened, why, and what to do.
 */
import type { Address, Hex } from "viem";
import type { SlabId } from "../codec/Slab.ts";
import {
  address,
  amount96,
  amount128,
  count,
  type Field,
  hash,
  message,
  optional,
  root,
  slab,
  text,
  u32,
  u64,
  type Value,
} from "./Fields.ts";
import * as wire from "./gen/sublet_pb.js";
import { MAX_TEXT_BYTES } from "./limits.ts";
import { signedRevision } from "./Messages.ts";

const line = text(MAX_TEXT_BYTES);
const slabName = ({ lane, sequence }: SlabId): string => `${lane.toString(16)}-${sequence}`;

// biome-ignore lint/suspicious/noExplicitAny: each entry's own fields are inferred from its Field
function peer<One extends Field<any, any>>(field: One, say: (error: Value<One>) => string) {
  return { field, say };
}

export const WIRE = {
  // ---- the session
  WrongMarket: peer(
    message(wire.WrongMarketSchema, {
      expectedChainId: count,
      actualChainId: count,
      expectedMarket: address,
      actualMarket: address,
    }),
    (e) =>
      `the peer serves market ${e.expectedMarket} on chain ${e.expectedChainId}, not ${e.actualMarket} on chain ` +
      `${e.actualChainId}: use a provider of your own market, or correct the configured market`,
  ),
  HelloRequired: peer(
    message(wire.HelloRequiredSchema, { verb: line }),
    (e) => `${e.verb} is for known callers only, and this session has not said hello: connect with an account`,
  ),
  BadSignature: peer(
    message(wire.BadSignatureSchema, { what: line, expected: optional(address), actual: optional(address) }),
    (e) =>
      `the signature of the ${e.what} is not ${e.expected ?? "a valid one"}${e.expected ? "'s" : ""}` +
      `${e.actual ? ` but ${e.actual}'s` : ""}: nothing was accepted; sign these exact values with the right key`,
  ),
  Unauthorized: peer(
    message(wire.UnauthorizedSchema, { verb: line, needs: line }),
    (e) => `${e.verb} was refused: it needs ${e.needs}; connect with an account that has it`,
  ),
  UnknownVerb: peer(
    message(wire.UnknownVerbSchema, { verb: u32 }),
    (e) =>
      `verb number ${e.verb} is not known to the peer, which runs another version: do without, or ask another peer`,
  ),
  MalformedMessage: peer(
    message(wire.MalformedMessageSchema, { where: line, reason: line }),
    (e) =>
      `a message does not follow the protocol at ${e.where || "its start"} (${e.reason}): the sender is broken or hostile`,
  ),
  MessageTooLarge: peer(
    message(wire.MessageTooLargeSchema, { limit: count, actual: count }),
    (e) => `a message of ${e.actual} bytes is over the limit of ${e.limit}: send it in smaller parts`,
  ),
  DuplicateRequest: peer(
    message(wire.DuplicateRequestSchema, { id: u32 }),
    (e) => `request id ${e.id} was used again while in flight: the sender is broken; the session was closed`,
  ),
  RateLimited: peer(
    message(wire.RateLimitedSchema, { what: line, retryAfterMs: count }),
    (e) => `too many ${e.what} in a short time: try again after ${e.retryAfterMs} ms`,
  ),
  TooManySessions: peer(
    message(wire.TooManySessionsSchema, { limit: u32 }),
    (e) => `the peer serves at most ${e.limit} sessions to one address at a time: close some, or wait`,
  ),
  ShuttingDown: peer(
    message(wire.ShuttingDownSchema, {}),
    () => "the peer is shutting down and takes no new requests: try again when it is back",
  ),
  InternalError: peer(
    message(wire.InternalErrorSchema, { reference: line }),
    (e) => `the peer failed unexpectedly (its log has ${e.reference}): try again, or ask another provider`,
  ),
  TooSlow: peer(
    message(wire.TooSlowSchema, { limitMs: count }),
    (e) => `a message took longer than ${e.limitMs} ms to pass: the connection is too slow or stalled; connect again`,
  ),
  TooMuchInFlight: peer(
    message(wire.TooMuchInFlightSchema, { limitRequests: u32, limitBytes: count }),
    (e) =>
      `more than twice ${e.limitRequests} requests or ${e.limitBytes} bytes were in flight: the sender is broken or hostile; ` +
      "the session was closed",
  ),

  // ---- offers
  PriceTooLow: peer(
    message(wire.PriceTooLowSchema, {
      rate: amount96,
      leastRate: amount96,
      egressRate: amount96,
      leastEgressRate: amount96,
    }),
    (e) =>
      `the offered rates ${e.rate} a sector-epoch and ${e.egressRate} a byte (ledger units) are below the provider's ` +
      `${e.leastRate} and ${e.leastEgressRate}: offer those, or ask another provider`,
  ),
  NoSpace: peer(
    message(wire.NoSpaceSchema, { wantedSectors: u32, freeSectors: u32 }),
    (e) =>
      `${e.wantedSectors} sectors were asked for and ${e.freeSectors} are free: ask for fewer, or another provider`,
  ),
  DurationRefused: peer(
    message(wire.DurationRefusedSchema, { endEpoch: u32, firstEpoch: u32, lastEpoch: u32 }),
    (e) =>
      `the provider takes deals that end in epochs ${e.firstEpoch} to ${e.lastEpoch}, not ${e.endEpoch}: change the end`,
  ),
  SignerRefused: peer(
    message(wire.SignerRefusedSchema, { signer: address, reason: line }),
    (e) => `signer ${e.signer} was refused: ${e.reason}`,
  ),
  TermsRefused: peer(
    message(wire.TermsRefusedSchema, { field: line, reason: line }),
    (e) => `the terms were refused for their ${e.field}: ${e.reason}`,
  ),

  // ---- deals
  UnknownDeal: peer(
    message(wire.UnknownDealSchema, { deal: hash }),
    (e) => `deal ${e.deal} is not known to this provider: wait until its opening is mined, or check the deal id`,
  ),
  NotOpen: peer(
    message(wire.NotOpenSchema, { deal: hash, state: line }),
    (e) => `deal ${e.deal} is ${e.state} and takes no more of this: use another deal of the volume`,
  ),
  Behind: peer(
    message(wire.BehindSchema, { length: u32 }),
    (e) => `the provider holds only the first ${e.length} bytes of the slab: send it the bytes from there on`,
  ),
  ContentMismatch: peer(
    message(wire.ContentMismatchSchema, { offset: u32 }),
    (e) =>
      `the provider holds other bytes at slab offset ${e.offset}: one place has one content for ever; use a new slab`,
  ),
  StagingFull: peer(
    message(wire.StagingFullSchema, { limit: count }),
    (e) => `${e.limit} bytes not yet in a revision are the most this deal may stage: revise first, then go on`,
  ),
  DiskFull: peer(
    message(wire.DiskFullSchema, { neededBytes: count, freeBytes: count }),
    (e) =>
      `${e.neededBytes} bytes are needed on disk and ${e.freeBytes} are free: free some space, or use another provider; ` +
      "nothing countersigned was lost",
  ),
  Conflict: peer(
    message(wire.ConflictSchema, { newest: optional(signedRevision) }),
    (e) =>
      `the deal's newest revision is ${e.newest?.revision.number ?? "none"}, not the one this was built on: ` +
      "build on that one and send again",
  ),
  BadOperation: peer(
    message(wire.BadOperationSchema, { index: u32, reason: line }),
    (e) => `operation ${e.index} of the revision does not apply (${e.reason}): read the deal's list and build it anew`,
  ),
  RootMismatch: peer(
    message(wire.RootMismatchSchema, { expected: root, actual: root }),
    (e) =>
      `the revision names root ${e.expected} and what the provider holds has ${e.actual}: compare the deal's list with ` +
      "the journal, send what is missing, sign the right root",
  ),
  CapacityExceeded: peer(
    message(wire.CapacityExceededSchema, { capacity: u32, sectors: u32 }),
    (e) =>
      `${e.sectors} sectors exceed the deal's capacity of ${e.capacity}: drop some, extend the deal or open another`,
  ),
  HeadMismatch: peer(
    message(wire.HeadMismatchSchema, { expected: hash, actual: hash }),
    (e) => `the head's bytes hash to ${e.actual} and the revision names ${e.expected}: sign over the head that is sent`,
  ),
  NoSuchSlab: peer(
    message(wire.NoSuchSlabSchema, { deal: hash, slab }),
    (e) => `slab ${slabName(e.slab)} is not in deal ${e.deal}: ask another provider, or repair this one`,
  ),
  OutOfRange: peer(
    message(wire.OutOfRangeSchema, { what: line, least: u64, most: u64, actual: u64 }),
    (e) => `${e.what} is ${e.actual} and must be ${e.least} to ${e.most}`,
  ),
  PaymentRequired: peer(
    message(wire.PaymentRequiredSchema, { owed: amount128, paid: amount128 }),
    (e) => `${e.owed} ledger units are owed for reads and vouchers cover ${e.paid}: send a voucher over the difference`,
  ),
  CapabilityRefused: peer(
    message(wire.CapabilityRefusedSchema, { id: address, reason: line }),
    (e) => `capability ${e.id} was refused: ${e.reason}; ask its owner for a new one`,
  ),
  BlockUnknown: peer(
    message(wire.BlockUnknownSchema, { blockNumber: u64, newest: u64 }),
    (e) => `block ${e.blockNumber} is not a recent one, the newest known is ${e.newest}: name a block of the last 128`,
  ),
} as const;

/** What an account lacks, in base units of the asset: the token's, or wei. */
export interface Shortage {
  readonly asset: "token" | "gas";
  readonly account: Address;
  readonly have: bigint;
  readonly need: bigint;
  readonly missing: bigint;
}

interface Local {
  /** A failure of a newer peer that this version does not know. */
  Unrecognized: { theirCode: string; sentence: string };

  // ---- network
  DialFailed: { address: string; reason: string };
  WrongPeer: { expected: string; actual: string };
  ConnectionLost: { peer: string; reason: string };
  RequestTimeout: { verb: string; limitMs: number };

  // ---- chain
  ChainUnavailable: { url: string; reason?: string };
  WrongChain: { expected: number; actual: number };
  NotAMarket: { address: Address };
  /** `also`: the other asset, where that is missing too. */
  InsufficientFunds: Shortage & { also?: Shortage };
  TransactionFailed: { call: string; reason: string };
  /** The contract refused: its custom error and that error's arguments by name. */
  ChainRejected: { call: string; error: string; args: Readonly<Record<string, string | number | bigint | boolean>> };
  /** Not sent, as the operator's own limits have it. */
  GasHeld: { call: string; reason: string };
  /** A relay has not sent a call, and will not. */
  RelayRefused: { url: string; reason: string };
  /** Sent and not mined yet: the outcome is unknown. */
  TransactionPending: { call: string; hash: Hex; limitMs: number };

  // ---- this machine
  WrongPassword: { keystore: string };
  NotInitialized: { home: string };
  HomeBusy: { home: string; pid?: number };
  StateCorrupt: { file: string; reason: string };
  /** A provider's folder of sectors: not mounted, or no longer in its settings. */
  FolderMissing: { folder: string; sectors: number };
  BadArgument: { name: string; value: string; reason: string };

  // ---- files
  NoSuchPath: { path: string };
  NoVolume: { home: string };
  VolumeFull: { volume: bigint; needSectors: number; freeSectors: number };
  CatalogueTooLarge: { limit: number; actual: number };
  TooFewProviders: { have: number; need: number };
  NotDurable: { have: number; need: number };
  BadShard: { provider: Address; slab: SlabId; expected: Hex };
  BadReply: { provider: Address; verb: string; reason: string };
}

const LOCAL: { readonly [Code in keyof Local]: { say: (error: Local[Code]) => string } } = {
  Unrecognized: {
    say: (e) =>
      `the peer answered ${e.theirCode}, which this version does not know: ${e.sentence || "no reason given"}`,
  },
  DialFailed: { say: (e) => `no connection to ${e.address} (${e.reason}): check that it runs and can be reached` },
  WrongPeer: {
    say: (e) => `the peer proved to be ${e.actual}, not ${e.expected}: its address changed or someone is in between`,
  },
  ConnectionLost: {
    say: (e) =>
      `the connection to ${e.peer} was lost (${e.reason}): whether the request was done is unknown; send the same again`,
  },
  RequestTimeout: {
    say: (e) => `${e.verb} got no answer within ${e.limitMs} ms: whether it was done is unknown; send the same again`,
  },
  ChainUnavailable: {
    say: (e) => `the chain does not answer at ${e.url}${e.reason ? ` (${e.reason})` : ""}: check the node and the URL`,
  },
  WrongChain: {
    say: (e) => `the node is on chain ${e.actual} and ${e.expected} is configured: correct the URL or the chain id`,
  },
  NotAMarket: {
    say: (e) => `there is no storage market at ${e.address}: check the contract address and the chain`,
  },
  InsufficientFunds: {
    say: (e) => `${lacking(e)}${e.also ? `; ${lacking(e.also)}` : ""}, then repeat`,
  },
  TransactionFailed: { say: (e) => `${e.call} failed on the chain: ${e.reason}` },
  ChainRejected: {
    say: (e) =>
      `the market refused ${e.call}: ${e.error}(${Object.entries(e.args)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}); nothing was changed`,
  },
  RelayRefused: {
    say: (e) =>
      `the relay at ${e.url} did not send it: ${e.reason}; try another relay, or give the account gas of its own`,
  },
  GasHeld: { say: (e) => `${e.call} was not sent: ${e.reason}; it is tried again, or raise that limit` },
  TransactionPending: {
    say: (e) =>
      `transaction ${e.hash} (${e.call}) is sent and not mined after ${e.limitMs} ms: its outcome is unknown; ` +
      "look it up before doing the same again",
  },
  WrongPassword: { say: (e) => `the password does not open keystore ${e.keystore}: try again; nothing was changed` },
  NotInitialized: { say: (e) => `there is nothing set up in ${e.home}: run init first, or choose another home` },
  HomeBusy: {
    say: (e) => `${e.home} is in use${e.pid ? ` by process ${e.pid}` : ""}: end that one first, or choose another home`,
  },
  StateCorrupt: { say: (e) => `${e.file} cannot be used (${e.reason}): restore it from a copy or from the key` },
  FolderMissing: {
    say: (e) =>
      `${e.sectors} sectors lie in ${e.folder}, which is not there: mount its disk and name it in the settings; if it is lost ` +
      `for good, give it up with: sublet provider fsck --give-up ${e.folder}`,
  },
  BadArgument: { say: (e) => `${e.name} cannot be ${JSON.stringify(e.value)}: ${e.reason}` },
  NoSuchPath: { say: (e) => `${e.path} does not exist: list what there is with ls` },
  NoVolume: { say: (e) => `there is no volume yet in ${e.home}: create one first` },
  VolumeFull: {
    say: (e) =>
      `volume ${e.volume} has ${e.freeSectors} sectors free at each position and ${e.needSectors} are needed: ` +
      "remove files or create another volume",
  },
  CatalogueTooLarge: {
    say: (e) =>
      `the catalogue's head would take ${e.actual} bytes and ${e.limit} fit: nothing was changed; ` +
      "keep what is new in a drive of its own",
  },
  TooFewProviders: {
    say: (e) => `${e.have} providers answer and ${e.need} are needed: wait for more of them, then repeat`,
  },
  NotDurable: {
    say: (e) =>
      `${e.have} providers have countersigned and ${e.need} make it durable: the outcome is unknown; put the same again`,
  },
  BadShard: {
    say: (e) =>
      `provider ${e.provider} sent bytes of slab ${slabName(e.slab)} that do not match root ${e.expected}: ` +
      "they were thrown away, another provider is asked",
  },
  BadReply: { say: (e) => `provider ${e.provider} answered ${e.verb} wrongly (${e.reason}): it is not asked again` },
};

function lacking({ account, have, asset, need, missing }: Shortage): string {
  return `${account} has ${have} base units of ${asset} and needs ${need}: send it ${missing} more`;
}

type WireError = { [Code in keyof typeof WIRE]: { readonly code: Code } & Value<(typeof WIRE)[Code]["field"]> };
type LocalError = { [Code in keyof Local]: { readonly code: Code } & Readonly<Local[Code]> };
export type WireCode = keyof WireError;
export type ErrorCode = WireCode | keyof LocalError;
export type SubletError = WireError[WireCode] | LocalError[keyof LocalError];
export type ErrorOf<Code extends ErrorCode> = SubletError & { readonly code: Code };

/** What happened, why, and what to do, in one sentence for people. */
export function describe(error: SubletError): string {
  const table = { ...WIRE, ...LOCAL } as Record<string, { say: (error: SubletError) => string }>;
  return table[error.code]!.say(error);
}

export function isWireError(error: SubletError): error is WireError[WireCode] {
  return error.code in WIRE;
}

/** The one exception of Sublet: `error` says everything, `message` says it in words. */
export class SubletException<Code extends ErrorCode = ErrorCode> extends Error {
  readonly error: ErrorOf<Code>;

  constructor(error: ErrorOf<Code>, options?: ErrorOptions) {
    super(describe(error), options);
    this.name = `SubletException(${error.code})`;
    this.error = error;
  }

  get code(): Code {
    return this.error.code;
  }

  /** Whether something caught is a Sublet exception, of one of `codes` if any are given. */
  static is<Code extends ErrorCode = ErrorCode>(thrown: unknown, ...codes: Code[]): thrown is SubletException<Code> {
    return thrown instanceof SubletException && (codes.length === 0 || (codes as string[]).includes(thrown.code));
  }
}
