/** The verb table: what each verb sends and answers, and who may call it. Both sides of the wire are typed from it. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import {
  address,
  amount96,
  amount128,
  bytes,
  count,
  type Field,
  FieldError,
  hash,
  list,
  message,
  optional,
  required,
  root,
  signature,
  slab,
  text,
  u16,
  u32,
  u64,
} from "./Fields.ts";
import * as wire from "./gen/sublet_pb.js";
import {
  MAX_CHUNK_PROOF_BYTES,
  MAX_HEAD_BYTES,
  MAX_LIST_ENTRIES,
  MAX_OPERATIONS,
  MAX_PAYLOAD_BYTES,
  MAX_RANGE_PROOF_BYTES,
  MAX_SAMPLES,
  MAX_SECTOR_PATH_BYTES,
  MAX_TEXT_BYTES,
} from "./limits.ts";
import {
  capability,
  extensionDraft,
  operation,
  revision,
  signedRevision,
  terms,
  termsDraft,
  voucher,
} from "./Messages.ts";

/** One direction of a verb: a protobuf message and, beside it, the frame's payload. */
export interface Body<Content, Message> {
  encode(content: Content): { message: Message; payload: Uint8Array };
  /** @throws FieldError on what a correct peer does not send */
  decode(message: Message, payload: Uint8Array): Content;
}

const NOTHING = new Uint8Array(0);

function plain<Content, Desc extends DescMessage>(
  field: Field<Content, MessageShape<Desc>>,
): Body<Content, MessageShape<Desc>> {
  return {
    encode: (content) => ({ message: field.encode(content), payload: NOTHING }),
    decode(wireMessage, payload) {
      if (payload.length > 0) throw new FieldError(`${payload.length} bytes of payload on a message that has none`);
      return field.decode(wireMessage);
    },
  };
}

/** The payload becomes the `bytes` of the content. */
function bulky<Content, Desc extends DescMessage>(
  field: Field<Content, MessageShape<Desc>>,
): Body<Content & { readonly bytes: Uint8Array }, MessageShape<Desc>> {
  const payloadField = bytes(MAX_PAYLOAD_BYTES);
  return {
    encode: (content) => ({ message: field.encode(content), payload: payloadField.encode(content.bytes) }),
    decode: (wireMessage, payload) => ({ ...field.decode(wireMessage), bytes: payloadField.decode(payload) }),
  };
}

const label = text(MAX_TEXT_BYTES);

/**
 * `open` verbs are served before hello. Every other one is answered with HelloRequired until the session said it.
 */
export const VERBS = {
  /**
   * Once a session, both ways: `address` signs, `actingFor` is the client it is a delegate of. The provider answers with
   * its own address and its signer's signature over the same nonce. WrongMarket when chain or market differ.
   */
  hello: {
    open: true,
    request: plain(
      message(wire.HelloRequestSchema, {
        chainId: count,
        market: address,
        address,
        actingFor: optional(address),
        nonce: hash,
        signature,
      }),
    ),
    response: plain(
      message(wire.HelloResponseSchema, {
        chainId: count,
        market: address,
        provider: address,
        signer: address,
        signature,
      }),
    ),
  },

  /** What the provider offers: rates in ledger units, answerBond in token base units. */
  ask: {
    open: true,
    request: plain(message(wire.AskRequestSchema, {})),
    response: plain(
      message(wire.AskResponseSchema, {
        provider: address,
        signer: address,
        rate: amount96,
        egressRate: amount96,
        minSectors: u32,
        freeSectors: u32,
        maxEndEpoch: u32,
        noticeEpochs: u32,
        answerBond: amount128,
        allowanceBytes: count,
        creditBytes: count,
        operator: label,
        region: label,
        version: label,
      }),
    ),
  },

  /** Terms for a draft, signed, with the provider's place and validUntil filled in. Reserves nothing. */
  offer: {
    open: true,
    request: plain(message(wire.OfferRequestSchema, { terms: required(termsDraft) })),
    response: plain(message(wire.OfferResponseSchema, { terms: required(terms), signature })),
  },

  /** An extension for a draft, signed, with the provider's series and validUntil. Reserves nothing. */
  extend: {
    open: false,
    request: plain(message(wire.ExtendRequestSchema, { extension: required(extensionDraft) })),
    response: plain(message(wire.ExtendResponseSchema, { series: u32, validUntil: u64, signature })),
  },

  /** Stages `bytes` of a slab at `offset`; `length` is what the provider holds of it now. */
  append: {
    open: false,
    request: bulky(message(wire.AppendRequestSchema, { deal: hash, slab, offset: u32 })),
    response: plain(message(wire.AppendResponseSchema, { length: u32 })),
  },

  /**
   * Moves the deal from `previousNumber` (0: none yet) to `revision`, which `operations` must lead to and whose `head`
   * is the SHA-256 of `headBytes`. The answer is the provider's signature over the same revision, given after all of it
   * is on disk. The same request again gets the same answer.
   */
  revise: {
    open: false,
    request: plain(
      message(wire.ReviseRequestSchema, {
        previousNumber: u64,
        revision: required(revision),
        operations: list(operation, MAX_OPERATIONS),
        headBytes: bytes(MAX_HEAD_BYTES),
        clientSignature: signature,
      }),
    ),
    response: plain(message(wire.ReviseResponseSchema, { providerSignature: signature })),
  },

  /** Siblings, bottom up and packed, from a sector's root to the deal's root at revision `number`. */
  paths: {
    open: false,
    request: plain(message(wire.PathsRequestSchema, { deal: hash, sector: u32 })),
    response: plain(message(wire.PathsResponseSchema, { number: u64, siblings: bytes(MAX_SECTOR_PATH_BYTES) })),
  },

  /** The deal's sectors in order, from index `from`, at revision `number`; `sectors` is how many there are in all. */
  list: {
    open: false,
    request: plain(message(wire.ListRequestSchema, { deal: hash, from: u32, limit: u32 })),
    response: plain(
      message(wire.ListResponseSchema, {
        number: u64,
        sectors: u32,
        entries: list(message(wire.EntrySchema, { slab, length: u32, root }), MAX_LIST_ENTRIES),
      }),
    ),
  },

  /** The newest countersigned revision (none yet: left out) with the head it binds, and the number last committed. */
  head: {
    open: false,
    request: plain(message(wire.HeadRequestSchema, { deal: hash })),
    response: plain(
      message(wire.HeadResponseSchema, {
        newest: optional(signedRevision),
        headBytes: bytes(MAX_HEAD_BYTES),
        committedNumber: u64,
      }),
    ),
  },

  /**
   * Chunks [firstChunk, endChunk) of a slab as it was when `asOf` bytes long (later bytes count as zero), and the
   * siblings up to that sector root.
   */
  read: {
    open: false,
    request: plain(
      message(wire.ReadRequestSchema, {
        deal: hash,
        slab,
        firstChunk: u32,
        endChunk: u32,
        asOf: u32,
        voucher: optional(voucher),
        capability: optional(capability),
      }),
    ),
    response: bulky(message(wire.ReadResponseSchema, { proof: bytes(MAX_RANGE_PROOF_BYTES) })),
  },

  /**
   * Proofs over the committed set: at positions drawn from the hash of a recent block, or, for the client of `deal`, of
   * the `chunk` it names. Each sample says which deal (slot, id, sectors, root) it was made against.
   */
  prove: {
    open: true,
    request: plain(
      message(wire.ProveRequestSchema, { blockNumber: u64, deal: optional(hash), chunk: optional(count) }),
    ),
    response: plain(
      message(wire.ProveResponseSchema, {
        blockHash: hash,
        samples: list(
          message(wire.SampleSchema, {
            slot: u16,
            deal: hash,
            sectors: u32,
            root,
            chunk: count,
            proof: bytes(MAX_CHUNK_PROOF_BYTES),
          }),
          MAX_SAMPLES,
        ),
      }),
    ),
  },

  /** Stops serving a capability of the caller's; remembered until `until` (unix seconds, the capability's own). */
  revoke: {
    open: false,
    request: plain(message(wire.RevokeRequestSchema, { id: address, until: u64 })),
    response: plain(message(wire.RevokeResponseSchema, {})),
  },

  /** `freeBytes` is what may still be read before a voucher is due. */
  status: {
    open: false,
    request: plain(message(wire.StatusRequestSchema, { deal: hash })),
    response: plain(
      message(wire.StatusResponseSchema, {
        newestNumber: u64,
        committedNumber: u64,
        sectors: u32,
        storedBytes: count,
        stagedBytes: count,
        stopAt: u32,
        freeBytes: count,
      }),
    ),
  },
} as const;

export type Verb = keyof typeof VERBS;
// biome-ignore lint/suspicious/noExplicitAny: the message type is the wire's own business
type ContentOf<One> = One extends Body<infer Content, any> ? Content : never;
export type RequestOf<V extends Verb> = ContentOf<(typeof VERBS)[V]["request"]>;
export type ResponseOf<V extends Verb> = ContentOf<(typeof VERBS)[V]["response"]>;
