/** Serves bytes of slabs with their proofs, to the deal's client, its delegates and holders of its capabilities. */
import { type Address, isAddressEqual } from "viem";
import { CHUNK_BYTES, RangeProof, SECTOR_CHUNKS } from "../../codec/index.ts";
import type { KnownContext } from "../../network/Handlers.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { RequestOf, ResponseOf } from "../../protocol/Verbs.ts";
import { readBlocks } from "../proving/Proofs.ts";
import type { Store } from "../storage/Store.ts";
import { type Access, isOwner, READERS } from "./Access.ts";
import type { DealBook, KnownDeal } from "./DealBook.ts";
import type { Egress } from "./Egress.ts";

export class Reads {
  readonly #store: Store;
  readonly #book: DealBook;
  readonly #access: Access;
  readonly #egress: Egress;

  constructor(store: Store, book: DealBook, access: Access, egress: Egress) {
    this.#store = store;
    this.#book = book;
    this.#access = access;
    this.#egress = egress;
  }

  /** @throws UnknownDeal, Unauthorized, CapabilityRefused, PaymentRequired, OutOfRange, NoSuchSlab, SectorLostError */
  async read(request: RequestOf<"read">, context: KnownContext): Promise<ResponseOf<"read">> {
    const { deal: id, slab, firstChunk, endChunk, asOf, voucher, capability } = request;
    requireWithin("the end of the chunks", endChunk, 1, SECTOR_CHUNKS);
    requireWithin("the first chunk", firstChunk, 0, endChunk - 1);
    const deal = await this.#book.require(id);
    const bytes = (endChunk - firstChunk) * CHUNK_BYTES;
    if (!capability) await this.#access.require("read", deal.record, context, READERS);
    const kept = await this.#store.kept(id, slab);
    if (!kept) throw new SubletException({ code: "NoSuchSlab", deal: id, slab });
    requireWithin("asOf", asOf, 0, kept.length);
    const payer = payerOf(deal, context.remote, capability !== undefined);
    if (voucher) {
      if (!isAddressEqual(voucher.signer, payer))
        throw new SubletException({ code: "Unauthorized", verb: "read", needs: "a voucher of who pays for the read" });
      await this.#egress.accept(deal, voucher);
    }
    this.#egress.charge(deal, payer, bytes);
    try {
      if (capability) await this.#egress.admit(deal, capability, context.remote, bytes);
      const blocks = await readBlocks(
        this.#store,
        id,
        kept,
        RangeProof.blocksRead(kept.length, firstChunk, endChunk, asOf),
      );
      const sector = {
        length: kept.length,
        blockNodes: kept.blockNodes,
        readBlock: (block: number) => blocks.get(block)!,
      };
      const answer = new Uint8Array(bytes);
      const offset = firstChunk * CHUNK_BYTES;
      const held = Math.min(endChunk * CHUNK_BYTES, asOf) - offset;
      if (held > 0) answer.set(await this.#store.read(id, slab, offset, held));
      return { bytes: answer, proof: RangeProof.prove(sector, firstChunk, endChunk, asOf) };
    } catch (error) {
      this.#egress.refund(deal, payer, bytes);
      throw error;
    }
  }
}

/** A capability's holder has no voucher of its own: the client that made it pays, within its own credit. */
function payerOf({ record }: KnownDeal, remote: Address, byCapability: boolean): Address {
  return byCapability || isOwner(record, remote) ? record.clientSigner : remote;
}

function requireWithin(what: string, actual: number, least: number, most: number): void {
  if (actual >= least && actual <= most) return;
  const fields = { what, least: BigInt(least), most: BigInt(most), actual: BigInt(actual) };
  throw new SubletException({ code: "OutOfRange", ...fields });
}
