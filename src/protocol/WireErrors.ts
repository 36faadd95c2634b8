/** What peers answer when they refuse or fail: each a code with the fields that travel, and what it means in words. */
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
export const slabName = ({ lane, sequence }: SlabId): string => `${lane.toString(16)}-${sequence}`;

/** An error's two halves. `happened`: what did, and why; `advice`: what to do now. */
export interface Wording<Fields> {
  readonly happened: (error: Fields) => string;
  readonly advice: (error: Fields) => string;
}

// biome-ignore lint/suspicious/noExplicitAny: each entry's own fields are inferred from its Field
function peer<One extends Field<any, any>>(
  field: One,
  happened: (error: Value<One>) => string,
  advice: (error: Value<One>) => string,
): Wording<Value<One>> & { readonly field: One } {
  return { field, happened, advice };
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
      `${e.actualChainId}`,
    () => "use a provider of your own market, or correct the configured market",
  ),
  HelloRequired: peer(
    message(wire.HelloRequiredSchema, { verb: line }),
    (e) => `${e.verb} is for known callers only, and this session has not said hello`,
    () => "connect with an account",
  ),
  BadSignature: peer(
    message(wire.BadSignatureSchema, { what: line, expected: optional(address), actual: optional(address) }),
    (e) =>
      `the signature of the ${e.what} is not ${e.expected ?? "a valid one"}${e.expected ? "'s" : ""}` +
      `${e.actual ? ` but ${e.actual}'s` : ""}, so nothing was accepted`,
    () => "sign these exact values with the right key",
  ),
  Unauthorized: peer(
    message(wire.UnauthorizedSchema, { verb: line, needs: line }),
    (e) => `${e.verb} was refused, because it needs ${e.needs}`,
    () => "connect with an account that has it",
  ),
  UnknownVerb: peer(
    message(wire.UnknownVerbSchema, { verb: u32 }),
    (e) => `verb number ${e.verb} is not known to the peer, which runs another version`,
    () => "do without, or ask another peer",
  ),
  MalformedMessage: peer(
    message(wire.MalformedMessageSchema, { where: line, reason: line }),
    (e) =>
      `a message does not follow the protocol at ${e.where || "its start"} (${e.reason}), so its sender is broken or hostile`,
    () => "leave that peer; where it is your own program, correct what it sends",
  ),
  MessageTooLarge: peer(
    message(wire.MessageTooLargeSchema, { limit: count, actual: count }),
    (e) => `a message of ${e.actual} bytes is over the limit of ${e.limit}`,
    () => "send it in smaller parts",
  ),
  DuplicateRequest: peer(
    message(wire.DuplicateRequestSchema, { id: u32 }),
    (e) => `request id ${e.id} was used again while in flight, so the session was closed`,
    () => "connect again, and give each request an id of its own",
  ),
  RateLimited: peer(
    message(wire.RateLimitedSchema, { what: line, retryAfterMs: count }),
    (e) => `too many ${e.what} came in a short time`,
    (e) => `try again after ${e.retryAfterMs} ms`,
  ),
  TooManySessions: peer(
    message(wire.TooManySessionsSchema, { limit: u32 }),
    (e) => `the peer serves at most ${e.limit} sessions to one address at a time`,
    () => "close some, or wait",
  ),
  ShuttingDown: peer(
    message(wire.ShuttingDownSchema, {}),
    () => "the peer is shutting down and takes no new requests",
    () => "try again when it is back",
  ),
  InternalError: peer(
    message(wire.InternalErrorSchema, { reference: line }),
    (e) => `the peer failed unexpectedly (its log has ${e.reference})`,
    () => "try again, or ask another provider",
  ),
  TooSlow: peer(
    message(wire.TooSlowSchema, { limitMs: count }),
    (e) => `a message took longer than ${e.limitMs} ms to pass, because the connection is slow or stalled`,
    () => "connect again",
  ),
  TooMuchInFlight: peer(
    message(wire.TooMuchInFlightSchema, { limitRequests: u32, limitBytes: count }),
    (e) =>
      `more than twice ${e.limitRequests} requests or ${e.limitBytes} bytes were in flight, so the session was closed`,
    () => "connect again, and wait for answers before asking for more",
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
      `${e.leastRate} and ${e.leastEgressRate}`,
    () => "offer those, or ask another provider",
  ),
  NoSpace: peer(
    message(wire.NoSpaceSchema, { wantedSectors: u32, freeSectors: u32 }),
    (e) => `${e.wantedSectors} sectors were asked for and ${e.freeSectors} are free`,
    () => "ask for fewer, or another provider",
  ),
  DurationRefused: peer(
    message(wire.DurationRefusedSchema, { endEpoch: u32, firstEpoch: u32, lastEpoch: u32 }),
    (e) => `the provider takes deals that end in epochs ${e.firstEpoch} to ${e.lastEpoch}, not ${e.endEpoch}`,
    () => "change the end, or ask another provider",
  ),
  SignerRefused: peer(
    message(wire.SignerRefusedSchema, { signer: address, reason: line }),
    (e) => `signer ${e.signer} was refused (${e.reason})`,
    () => "name another key to sign with",
  ),
  TermsRefused: peer(
    message(wire.TermsRefusedSchema, { field: line, reason: line }),
    (e) => `the terms were refused for their ${e.field} (${e.reason})`,
    () => "change that and ask for an offer again",
  ),

  // ---- deals
  UnknownDeal: peer(
    message(wire.UnknownDealSchema, { deal: hash }),
    (e) => `deal ${e.deal} is not known to this provider`,
    () => "wait until its opening is mined, or check the deal id",
  ),
  NotOpen: peer(
    message(wire.NotOpenSchema, { deal: hash, state: line }),
    (e) => `deal ${e.deal} is ${e.state} and takes no more of this`,
    () => "use another deal of the volume",
  ),
  Behind: peer(
    message(wire.BehindSchema, { length: u32 }),
    (e) => `the provider holds only the first ${e.length} bytes of the slab`,
    () => "send it the bytes from there on",
  ),
  ContentMismatch: peer(
    message(wire.ContentMismatchSchema, { offset: u32 }),
    (e) => `the provider holds other bytes at slab offset ${e.offset}, and one place has one content for ever`,
    () => "use a new slab",
  ),
  StagingFull: peer(
    message(wire.StagingFullSchema, { limit: count }),
    (e) => `${e.limit} bytes not yet in a revision are the most this deal may stage`,
    () => "revise first, then go on",
  ),
  DiskFull: peer(
    message(wire.DiskFullSchema, { neededBytes: count, freeBytes: count }),
    (e) => `${e.neededBytes} bytes are needed on disk and ${e.freeBytes} are free; nothing countersigned was lost`,
    () => "free some space, or use another provider",
  ),
  Conflict: peer(
    message(wire.ConflictSchema, { newest: optional(signedRevision) }),
    (e) => `the deal's newest revision is ${e.newest?.revision.number ?? "none"}, not the one this was built on`,
    () => "build on that one and send again",
  ),
  BadOperation: peer(
    message(wire.BadOperationSchema, { index: u32, reason: line }),
    (e) => `operation ${e.index} of the revision does not apply (${e.reason})`,
    () => "read the deal's list and build it anew",
  ),
  RootMismatch: peer(
    message(wire.RootMismatchSchema, { expected: root, actual: root }),
    (e) => `the revision names root ${e.expected} and what the provider holds has ${e.actual}`,
    () => "compare the deal's list with the journal, send what is missing, sign the right root",
  ),
  CapacityExceeded: peer(
    message(wire.CapacityExceededSchema, { capacity: u32, sectors: u32 }),
    (e) => `${e.sectors} sectors exceed the deal's capacity of ${e.capacity}`,
    () => "drop some, extend the deal or open another",
  ),
  HeadMismatch: peer(
    message(wire.HeadMismatchSchema, { expected: hash, actual: hash }),
    (e) => `the head's bytes hash to ${e.actual} and the revision names ${e.expected}`,
    () => "sign over the head that is sent",
  ),
  NoSuchSlab: peer(
    message(wire.NoSuchSlabSchema, { deal: hash, slab }),
    (e) => `slab ${slabName(e.slab)} is not in deal ${e.deal}`,
    () => "ask another provider, or repair this one",
  ),
  OutOfRange: peer(
    message(wire.OutOfRangeSchema, { what: line, least: u64, most: u64, actual: u64 }),
    (e) => `${e.what} is ${e.actual} and must be ${e.least} to ${e.most}`,
    () => "ask for something within that",
  ),
  PaymentRequired: peer(
    message(wire.PaymentRequiredSchema, { owed: amount128, paid: amount128 }),
    (e) => `${e.owed} ledger units are owed for reads and vouchers cover ${e.paid}`,
    () => "send a voucher over the difference",
  ),
  CapabilityRefused: peer(
    message(wire.CapabilityRefusedSchema, { id: address, reason: line }),
    (e) => `capability ${e.id} was refused (${e.reason})`,
    () => "ask its owner for a new one",
  ),
  BlockUnknown: peer(
    message(wire.BlockUnknownSchema, { blockNumber: u64, newest: u64 }),
    (e) =>
      `block ${e.blockNumber} is not a recent one of those that the peer knows, the newest of which is ${e.newest}`,
    () => "name a block of the last 128",
  ),
} as const;
