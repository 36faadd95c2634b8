/** Every verb of the wire, joined to the part of the provider that serves it. */
import type { Logger } from "pino";
import { Scope } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import type { Context, Handlers, KnownContext } from "../../network/Handlers.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { MAX_LIST_ENTRIES } from "../../protocol/limits.ts";
import type { RequestOf, ResponseOf } from "../../protocol/Verbs.ts";
import type { Samples } from "../proving/Samples.ts";
import { callOf } from "../RequestLog.ts";
import { SectorLostError, type Store } from "../storage/Store.ts";
import { type Access, isOwner, READERS, WRITERS } from "./Access.ts";
import type { DealBook } from "./DealBook.ts";
import type { Egress } from "./Egress.ts";
import type { Offers } from "./Offers.ts";
import type { Reads } from "./Reads.ts";
import type { Revisions } from "./Revisions.ts";

export interface Serving {
  readonly store: Store;
  readonly book: DealBook;
  readonly access: Access;
  readonly offers: Offers;
  readonly revisions: Revisions;
  readonly reads: Reads;
  readonly egress: Egress;
  readonly samples: Samples;
  readonly log: Logger;
  /** A sector file was found missing or wrong, which is told of once. */
  readonly onLost: () => void;
}

export function handlersOf(serving: Serving): Handlers {
  const { store, book, access, offers, revisions, reads, egress, log } = serving;
  const lost = lossesTold(serving);
  return {
    ask: () => offers.ask(),
    offer: ({ terms }) => offers.offer(terms),

    async extend({ extension }, context) {
      const { record } = await book.requireLive(extension.deal);
      if (!isOwner(record, context.remote))
        throw new SubletException({ code: "Unauthorized", verb: "extend", needs: "the client of the deal" });
      return offers.extend(extension, await book.refresh(extension.deal));
    },

    async append({ deal, slab, offset, bytes }, context) {
      const { record, onChain } = await book.requireLive(deal);
      await access.require("append", record, context, WRITERS);
      // Even a deal with no sector yet never has more to stage than it could hold.
      const limit = onChain.capacity * SECTOR_BYTES;
      if (store.stagedBytes(deal) + bytes.length > limit) throw new SubletException({ code: "StagingFull", limit });
      return { length: await store.append(deal, slab, offset, bytes).catch((error) => lost(context, error)) };
    },

    async revise(request, context) {
      const { record } = await book.require(request.revision.deal);
      await access.require("revise", record, context, WRITERS);
      const providerSignature = await revisions.revise(request).catch((error) => lost(context, error));
      const { deal, number, sectors } = request.revision;
      log.info({ ...callOf(context), deal, number: `${number}`, sectors }, "revision signed");
      return { providerSignature };
    },

    async paths({ deal, sector }, context) {
      const { record } = await book.require(deal);
      await access.require("paths", record, context, READERS);
      return revisions.paths(deal, sector);
    },

    async list({ deal, from, limit }, context) {
      const { record } = await book.require(deal);
      await access.require("list", record, context, READERS);
      const newest = await store.newest(deal);
      if (!newest) return { number: 0n, sectors: 0, entries: [] };
      const { number, sectors } = newest.revision;
      const page = await store.sectors(deal, number, from, Math.min(limit, MAX_LIST_ENTRIES));
      const entries = page.map(({ slab, length, root }) => ({ slab, length, root: rootHex(root) }));
      return { number, sectors, entries };
    },

    async head({ deal }, context) {
      const { record, onChain } = await book.require(deal);
      await access.require("head", record, context, READERS);
      const newest = await store.newest(deal);
      const headBytes = await store.head(deal);
      return { ...(newest && { newest }), headBytes, committedNumber: onChain.number };
    },

    read: (request, context) => reads.read(request, context).catch((error) => lost(context, error)),
    prove: (request, context) => prove(serving, request, context).catch((error) => lost(context, error)),

    async revoke({ id, until }, context) {
      const owned = book.deals().find(({ record }) => isOwner(record, context.remote));
      if (!owned)
        throw new SubletException({ code: "Unauthorized", verb: "revoke", needs: "the client of a deal here" });
      await egress.revoke(owned.record.client, id, until);
      return {};
    },

    async status({ deal }, context) {
      const known = await book.require(deal);
      await access.require("status", known.record, context, READERS);
      const newest = await store.newest(deal);
      return {
        newestNumber: newest?.revision.number ?? 0n,
        committedNumber: known.onChain.number,
        sectors: newest?.revision.sectors ?? 0,
        storedBytes: await store.keptBytes(deal),
        stagedBytes: store.stagedBytes(deal),
        stopAt: known.onChain.stopAt,
        freeBytes: egress.freeBytes(
          known,
          isOwner(known.record, context.remote) ? known.record.clientSigner : context.remote,
        ),
      };
    },
  };
}

async function prove(
  { book, access, samples }: Serving,
  { blockNumber, deal, chunk }: RequestOf<"prove">,
  context: Context,
): Promise<ResponseOf<"prove">> {
  if (deal === undefined || chunk === undefined) return samples.ofBlock(blockNumber);
  if (!context.remote) throw new SubletException({ code: "HelloRequired", verb: "prove" });
  const { record } = await book.require(deal);
  await access.require("prove", record, context as KnownContext, Scope.Audit);
  return samples.ofDeal(record.slot, deal, chunk);
}

/**
 * A lost sector is for this provider's log; the peer only has to know that it must ask another one. However often a file is
 * asked for, it is an error once.
 */
function lossesTold({ log, onLost }: Serving): (context: Context, error: unknown) => never {
  const told = new Set<string>();
  return (context, error) => {
    if (!(error instanceof SectorLostError)) throw error;
    const { deal, slab, file } = error;
    const isNew = !told.has(file);
    told.add(file);
    log[isNew ? "error" : "debug"]({ ...callOf(context), deal, file }, error.message);
    if (isNew) onLost();
    throw new SubletException({ code: "NoSuchSlab", deal, slab }, { cause: error });
  };
}

function rootHex(root: Uint8Array): `0x${string}` {
  return `0x${Buffer.from(root).toString("hex")}`;
}
