/**
 * Reads ranges of sectors, each checked against the root that its provider countersigned. A provider whose bytes do not
 * match is marked and its bytes are thrown away.
 */
import { bytesToHex } from "viem";
import { CHUNK_BYTES, RangeProof, Slab } from "../../codec/index.ts";
import { type ErrorCode, SubletException } from "../../protocol/Errors.ts";
import type { SignedVoucher } from "../../protocol/Messages.ts";
import type { Database } from "../home/Database.ts";
import type { Providers } from "../volumes/Providers.ts";
import type { Deal, Volumes } from "../volumes/Volume.ts";
import type { Vouchers } from "./Vouchers.ts";

/** A deal that holds (some of) a slab: its first `length` bytes, under `root`. */
export interface Source {
  readonly deal: Deal;
  readonly length: number;
  readonly root: Uint8Array;
}

/** Something that went wrong with one provider while everything else went on. */
export interface Incident {
  readonly deal: Deal;
  readonly error: unknown;
}

export interface ReaderSurroundings {
  readonly database: Database;
  readonly providers: Providers;
  readonly volumes: Volumes;
  readonly vouchers: Vouchers;
  readonly report: (incident: Incident) => void;
}

/** A provider that did not answer is asked last for this long. */
const SHUNNED_MS = 15_000;
/** It does not have what it countersigned. */
const LOST: readonly ErrorCode[] = ["BadShard", "NoSuchSlab", "OutOfRange"];

export class ShardReader {
  readonly #around: ReaderSurroundings;
  readonly #failedAtMs = new Map<string, number>();

  constructor(around: ReaderSurroundings) {
    this.#around = around;
  }

  /** Deals that have countersigned a slab up to `end` at least, the most promising one of a position first. */
  sources(volume: bigint, slab: Slab.SlabId, end: number): Source[] {
    const deals = new Map(this.#around.volumes.deals(volume).map((deal) => [deal.id as string, deal]));
    return this.#around.database
      .all<{ deal: string; length: number; root: Uint8Array }>(
        "SELECT deal, length, root FROM sector WHERE slab = ? AND length >= ?",
        Slab.idBytes(slab),
        end,
      )
      .flatMap(({ deal, length, root }) => (deals.has(deal) ? [{ deal: deals.get(deal)!, length, root }] : []))
      .sort((a, b) => this.#doubt(a) - this.#doubt(b) || a.deal.position - b.deal.position);
  }

  /** 0: nothing against it; 1: it did not answer lately; 2: it sent wrong bytes before. */
  #doubt({ deal }: Source): number {
    if (this.#around.volumes.problem(deal.id) !== undefined) return 2;
    const failedAt = this.#failedAtMs.get(deal.id);
    return failedAt !== undefined && performance.now() - failedAt < SHUNNED_MS ? 1 : 0;
  }

  isDoubtful(source: Source): boolean {
    return this.#doubt(source) > 0;
  }

  /**
   * Bytes [from, to), whole chunks, of a sector; they are what its root commits to.
   * @throws SubletException BadShard when they are not; what the provider or the network said
   */
  async read(source: Source, slab: Slab.SlabId, from: number, to: number, signal?: AbortSignal): Promise<Uint8Array> {
    const { deal } = source;
    try {
      const bytes = await this.#fetch(source, slab, from, to, signal);
      this.#failedAtMs.delete(deal.id);
      return bytes;
    } catch (error) {
      if (signal?.aborted) throw error;
      this.#failedAtMs.set(deal.id, performance.now());
      if (SubletException.is(error, ...LOST) && !(await this.#isBehindItself(source, slab, error.code))) {
        this.#around.volumes.setProblem(deal.id, error.code);
      }
      this.#around.report({ deal, error });
      throw error;
    }
  }

  /** Whether the slab is missing there only because this drive, or another device, has had it dropped since. */
  async #isBehindItself({ deal }: Source, slab: Slab.SlabId, code: ErrorCode): Promise<boolean> {
    if (code === "BadShard") return false;
    const { database, providers } = this.#around;
    const row = database.get<{ number: string }>(
      "SELECT number FROM deal JOIN sector ON sector.deal = deal.id WHERE deal.id = ? AND sector.slab = ?",
      deal.id,
      Slab.idBytes(slab),
    );
    if (!row) return true;
    const status = await providers
      .call(deal.provider, (connection) => connection.status({ deal: deal.id }))
      .catch(() => undefined);
    return status !== undefined && status.newestNumber > BigInt(row.number);
  }

  async #fetch(
    { deal, length: asOf, root }: Source,
    slab: Slab.SlabId,
    from: number,
    to: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const { providers, vouchers } = this.#around;
    const [firstChunk, endChunk] = [from / CHUNK_BYTES, to / CHUNK_BYTES];
    vouchers.count(deal, to - from);
    const ask = (voucher?: SignedVoucher) =>
      providers.call(deal.provider, (connection) =>
        connection.read(
          { deal: deal.id, slab, firstChunk, endChunk, asOf, ...(voucher && { voucher }) },
          signal ? { signal } : {},
        ),
      );
    const { bytes, proof } = await ask().catch(async (error: unknown) => {
      if (!SubletException.is(error, "PaymentRequired")) throw error;
      return ask(await vouchers.pay(deal, error.error));
    });
    try {
      RangeProof.verify(bytes, firstChunk, endChunk, proof, root);
    } catch (cause) {
      const expected = bytesToHex(root);
      throw new SubletException({ code: "BadShard", provider: deal.provider, slab, expected }, { cause });
    }
    return bytes;
  }
}
