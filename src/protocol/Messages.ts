/** The parts that several messages share, as callers see them. Their EIP-712 sides are in TypedData.ts. */

import { create } from "@bufbuild/protobuf";
import {
  address,
  amount96,
  amount128,
  type Field,
  FieldError,
  hash,
  message,
  required,
  root,
  signature,
  slab,
  u8,
  u16,
  u32,
  u64,
  type Value,
} from "./Fields.ts";
import {
  CapabilitySchema,
  ExtensionDraftSchema,
  FillSchema,
  type Operation as OperationMessage,
  OperationSchema,
  RevisionSchema,
  SignedRevisionSchema,
  TermsDraftSchema,
  TermsSchema,
  VoucherSchema,
} from "./gen/sublet_pb.js";

const draftFields = {
  client: address,
  clientSigner: address,
  provider: address,
  volume: u64,
  position: u8,
  k: u8,
  n: u8,
  rate: amount96,
  egressRate: amount96,
  capacity: u32,
  minSectors: u32,
  endEpoch: u32,
  noticeEpochs: u32,
  answerBond: amount128,
};

/** What a client asks for; the provider adds its slot, that slot's previous deal, its series and validUntil. */
export const termsDraft = message(TermsDraftSchema, draftFields);
export type TermsDraft = Value<typeof termsDraft>;

/** The contract's `Terms`: rates in ledger units, answerBond in token base units, validUntil in unix seconds. */
export const terms = message(TermsSchema, { ...draftFields, slot: u16, previous: hash, series: u32, validUntil: u64 });
export type Terms = Value<typeof terms>;

/** A later end, another price or size for a deal, from the end that it has; the provider adds series and validUntil. */
export const extensionDraft = message(ExtensionDraftSchema, {
  ...{ deal: hash, from: u32, endEpoch: u32, rate: amount96, capacity: u32 },
});
export type ExtensionDraft = Value<typeof extensionDraft>;

/** The contract's `Revision`: `head` is the SHA-256 of the head's bytes; the low 16 bits of `number` are a lane tag. */
export const revision = message(RevisionSchema, { deal: hash, number: u64, root, sectors: u32, head: hash });
export type Revision = Value<typeof revision>;

/** A receipt: both assents over the same revision. */
export const signedRevision = message(SignedRevisionSchema, {
  revision: required(revision),
  clientSignature: signature,
  providerSignature: signature,
});
export type SignedRevision = Value<typeof signedRevision>;

const fill = message(FillSchema, { slab, length: u32 });

/**
 * One step from a revision to the next, in order. `add` appends a sector holding the first `length` bytes of a slab,
 * `grow` makes a held one longer, `drop` removes the sector at `index` and puts the last one in its place.
 */
export type Operation =
  | ({ readonly op: "add" | "grow" } & Value<typeof fill>)
  | { readonly op: "drop"; readonly index: number };

export const operation: Field<Operation, OperationMessage> = {
  encode(value) {
    const op =
      value.op === "drop"
        ? ({ case: "drop", value: u32.encode(value.index) } as const)
        : ({ case: value.op, value: fill.encode(value) } as const);
    return create(OperationSchema, { op });
  },
  decode({ op }) {
    if (op.case === undefined) throw new FieldError("an operation that is not known here");
    return op.case === "drop" ? { op: "drop", index: u32.decode(op.value) } : { op: op.case, ...fill.decode(op.value) };
  },
};

/** Payment for reads: `cumulative` ledger units in all by this signer for this deal. */
export const voucher = message(VoucherSchema, { signer: address, cumulative: amount128, signature });
export type SignedVoucher = Value<typeof voucher>;

/**
 * Leave to read one volume, signed by the client. `id` is the address of a key made for it: whoever uses the capability
 * says hello with that key, so a provider that has seen one cannot spend it elsewhere. `verbs` is a sum of
 * CAPABILITY_VERBS, `until` in unix seconds.
 */
export const capability = message(CapabilitySchema, {
  client: address,
  volume: u64,
  verbs: u32,
  until: u64,
  maxBytes: u64,
  id: address,
  signature,
});
export type SignedCapability = Value<typeof capability>;
export type Capability = Omit<SignedCapability, "signature">;

export const CAPABILITY_VERBS = { read: 1, list: 2, head: 4, paths: 8 } as const;
