/** What the provider offers, and terms signed for drafts that fit it. An offer reserves nothing: the opening counts. */
import { type Address, isAddressEqual, zeroAddress } from "viem";
import {
  DealState,
  isUnclosed,
  LEDGER_ONE,
  MAX_NOTICE_EPOCHS,
  MAX_RATE,
  MAX_SLOTS,
  type MarketReader,
} from "../../chain/MarketReader.ts";
import { MAX_DEAL_SECTORS, MAX_PROVIDER_SECTORS, SECTOR_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { ExtensionDraft, Terms, TermsDraft } from "../../protocol/Messages.ts";
import {
  extensionDigest,
  type Market,
  type Signer,
  signDigest,
  signerAddress,
  termsDigest,
} from "../../protocol/TypedData.ts";
import type { ResponseOf } from "../../protocol/Verbs.ts";
import type { Policy } from "../pricing/Policy.ts";
import type { Store } from "../storage/Store.ts";
import { type DealBook, isUnstopped, type KnownDeal } from "./DealBook.ts";
import { Slots } from "./Slots.ts";

const OFFER_SECONDS = 600n;
/** Strangers may ask often; the chain is asked at most so often. */
const BELIEVED_MS = 1_000;
export const VERSION = "sublet/0.1.0";

type Chain = Pick<MarketReader, "freeBalance" | "provider" | "deal" | "parameters">;

export interface OffersOptions {
  readonly market: Market;
  readonly chain: Chain;
  readonly store: Store;
  readonly book: DealBook;
  readonly provider: Address;
  readonly signer: Signer;
  readonly policy: Policy;
  /** Ledger units per missed sector-epoch, as registered. */
  readonly penaltyRate: bigint;
}

export class Offers {
  readonly #options: OffersOptions;
  readonly #slots: Slots;
  #free: { readonly sectors: Promise<number>; readonly until: number } | null = null;
  /** Set when the provider is leaving. */
  closed = false;

  constructor(options: OffersOptions) {
    this.#options = options;
    this.#slots = new Slots(options.chain, options.book, options.provider);
  }

  async ask(): Promise<ResponseOf<"ask">> {
    const { policy, provider, signer } = this.#options;
    const { rate, egressRate, minSectors, noticeEpochs, answerBond, allowanceBytes, creditBytes, operator, region } =
      policy;
    return {
      ...{ provider, signer: signerAddress(signer), rate, egressRate, minSectors, noticeEpochs, answerBond },
      ...{ freeSectors: await this.freeSectors(), maxEndEpoch: this.#lastEnd() },
      ...{ allowanceBytes, creditBytes, operator, region, version: VERSION },
    };
  }

  /** @throws PriceTooLow, NoSpace, DurationRefused, SignerRefused, TermsRefused */
  async offer(draft: TermsDraft): Promise<ResponseOf<"offer">> {
    this.#requireParties(draft);
    this.#requirePrice(draft);
    this.#requireShape(draft);
    const freeSectors = await this.freeSectors();
    if (draft.capacity > freeSectors) {
      throw new SubletException({ code: "NoSpace", wantedSectors: draft.capacity, freeSectors });
    }
    const { market, signer } = this.#options;
    const now = this.#now();
    const validUntil = now + OFFER_SECONDS;
    const place = await this.#slots.take(now, validUntil);
    if (!place) throw new SubletException({ code: "NoSpace", wantedSectors: draft.capacity, freeSectors: 0 });
    const terms: Terms = { ...draft, ...place, validUntil };
    return { terms, signature: await signDigest(signer, termsDigest(market, terms)) };
  }

  /**
   * A later end for a deal of this provider, at a price that it would take for a new one.
   * @throws NotOpen, PriceTooLow, NoSpace, DurationRefused, TermsRefused
   */
  async extend(draft: ExtensionDraft, { record, onChain }: KnownDeal): Promise<ResponseOf<"extend">> {
    const { market, chain, provider, signer } = this.#options;
    const { deal, from, endEpoch, rate, capacity } = draft;
    if (onChain.state === DealState.Notice) throw new SubletException({ code: "NotOpen", deal, state: "given notice" });
    if (this.closed) refuse("endEpoch", "this provider takes its leave");
    if (from !== onChain.stopAt) refuse("from", `the deal ends at epoch ${onChain.stopAt}`);
    this.#requirePrice({ rate, egressRate: record.egressRate });
    const [firstEpoch, lastEpoch] = [from + 1, this.#lastEnd()];
    if (endEpoch < firstEpoch || endEpoch > lastEpoch)
      throw new SubletException({ code: "DurationRefused", endEpoch, firstEpoch, lastEpoch });
    const least = Math.max(1, onChain.sectors, onChain.minSectors);
    if (capacity < least || capacity > MAX_DEAL_SECTORS)
      refuse("capacity", `it is ${least} to ${MAX_DEAL_SECTORS} sectors`);
    const more = capacity - onChain.capacity;
    const freeSectors = more > 0 ? await this.freeSectors() : 0;
    if (more > freeSectors) throw new SubletException({ code: "NoSpace", wantedSectors: more, freeSectors });
    const { series } = await chain.provider(provider);
    const validUntil = this.#now() + OFFER_SECONDS;
    const digest = extensionDigest(market, { ...draft, series, validUntil });
    return { series, validUntil, signature: await signDigest(signer, digest) };
  }

  /** Unix seconds; a test chain's clock may be ahead of this machine's. */
  #now(): bigint {
    const own = BigInt(Math.floor(Date.now() / 1000));
    const { timestamp } = this.#options.book.seen;
    return own > timestamp ? own : timestamp;
  }

  /** Sectors that the disk's quota and the stake both still have room for. */
  freeSectors(): Promise<number> {
    const now = performance.now();
    if (this.#free && now < this.#free.until) return this.#free.sectors;
    const sectors = this.#countFree();
    this.#free = { sectors, until: now + BELIEVED_MS };
    sectors.catch(() => {
      this.#free = null;
    });
    return sectors;
  }

  async #countFree(): Promise<number> {
    const { chain, store, book, provider, penaltyRate } = this.#options;
    const unclosed = book.deals().filter(({ onChain }) => isUnclosed(onChain));
    if (this.closed || unclosed.length >= MAX_SLOTS) return 0;
    let promised = 0;
    for (const { onChain } of unclosed) if (isUnstopped(onChain)) promised += onChain.capacity;
    const space = Math.floor(store.usage().quotaBytes / SECTOR_BYTES) - promised;
    const stake = await chain.freeBalance(provider);
    const { coverEpochs, minCollateral } = chain.parameters;
    const backed = stake < minCollateral * LEDGER_ONE ? 0n : stake / (penaltyRate * BigInt(coverEpochs));
    const most = Math.min(space, MAX_PROVIDER_SECTORS - promised, MAX_DEAL_SECTORS);
    return Math.max(0, backed < BigInt(Math.max(0, most)) ? Number(backed) : most);
  }

  #requireParties({ client, clientSigner, provider }: TermsDraft): void {
    if (!isAddressEqual(provider, this.#options.provider)) refuse("provider", `this is ${this.#options.provider}`);
    if (isAddressEqual(client, zeroAddress)) refuse("client", "it is nobody");
    if (isAddressEqual(clientSigner, zeroAddress)) {
      throw new SubletException({ code: "SignerRefused", signer: clientSigner, reason: "nobody can sign with it" });
    }
  }

  #requirePrice({ rate, egressRate }: Pick<TermsDraft, "rate" | "egressRate">): void {
    const { policy, penaltyRate, chain } = this.#options;
    if (rate < policy.rate || egressRate < policy.egressRate) {
      const least = { leastRate: policy.rate, leastEgressRate: policy.egressRate };
      throw new SubletException({ code: "PriceTooLow", rate, egressRate, ...least });
    }
    const backed = penaltyRate / BigInt(chain.parameters.multiplier);
    const most = backed < MAX_RATE ? backed : MAX_RATE;
    if (rate > most) refuse("rate", `this provider's stake stands for rates up to ${most}`);
  }

  #requireShape(draft: TermsDraft): void {
    const { policy, chain, book } = this.#options;
    const { k, n, position, capacity, minSectors, endEpoch, noticeEpochs, answerBond } = draft;
    if (k < 1 || k > n) refuse("k", "it is 1 to n");
    if (position >= n) refuse("position", "it is below n");
    if (capacity < 1 || capacity > MAX_DEAL_SECTORS) refuse("capacity", `it is 1 to ${MAX_DEAL_SECTORS} sectors`);
    if (minSectors < policy.minSectors || minSectors > capacity) {
      refuse("minSectors", `it is ${policy.minSectors} to the capacity`);
    }
    if (noticeEpochs < policy.noticeEpochs || noticeEpochs > MAX_NOTICE_EPOCHS) {
      refuse("noticeEpochs", `it is ${policy.noticeEpochs} to ${MAX_NOTICE_EPOCHS}`);
    }
    const mostBond = chain.parameters.minCollateral / 2n;
    if (answerBond < policy.answerBond || answerBond > mostBond) {
      refuse("answerBond", `it is ${policy.answerBond} to ${mostBond} token base units`);
    }
    const [firstEpoch, lastEpoch] = [book.epoch + 2, this.#lastEnd()];
    if (endEpoch < firstEpoch || endEpoch > lastEpoch) {
      throw new SubletException({ code: "DurationRefused", endEpoch, firstEpoch, lastEpoch });
    }
  }

  #lastEnd(): number {
    return (
      this.#options.book.epoch + Math.min(this.#options.policy.maxEpochs, this.#options.chain.parameters.maxDealEpochs)
    );
  }
}

function refuse(field: string, reason: string): never {
  throw new SubletException({ code: "TermsRefused", field, reason });
}
