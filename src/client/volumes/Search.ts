/**
 * Finding providers for positions of a volume. Deals that are opened together have the same least bill, notice and bond,
 * so candidates are asked what they want first, and then all of them sign for the largest of that.
 */
import { type Address, isAddressEqual, type LocalAccount } from "viem";
import type { DealItem } from "../../chain/Calls.ts";
import type { Market } from "../../chain/Market.ts";
import { baseUnits, LEDGER_ONE, MAX_NOTICE_EPOCHS } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import type { CallOptions } from "../../network/Client.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { TermsDraft } from "../../protocol/Messages.ts";
import { requireSigner, termsDigest } from "../../protocol/TypedData.ts";
import type { ResponseOf } from "../../protocol/Verbs.ts";
import type { Announced, Providers } from "./Providers.ts";
import { type Candidate, draw, largest, moderate, mostReserved, Spread, type Wants } from "./Selection.ts";
import type { Volume, Volumes } from "./Volume.ts";

/** What is asked of each provider. `endEpoch` is exclusive. */
export interface Wish {
  readonly volume: Volume;
  readonly positions: readonly number[];
  readonly endEpoch: number;
  /** Providers and whoever else serves the volume already. */
  readonly taken: readonly Address[];
  /** Opens if at least so many positions get a provider. */
  readonly least: number;
}

export interface SearchSurroundings {
  readonly market: Market;
  readonly account: LocalAccount;
  readonly client: Address;
  readonly signer: LocalAccount;
  readonly providers: Providers;
  readonly volumes: Volumes;
  readonly localNetwork: boolean;
}

interface Asked extends Wants {
  readonly candidate: Candidate;
  readonly rate: bigint;
  readonly egressRate: bigint;
}

/** Providers looked at closely; of more, as many at random. */
const MAX_CANDIDATES = 256;
/** Asked at least, for one position too: of fewer, nobody is the middle one. */
const LEAST_ASKED = 3;
const ASK_TIMEOUT_MS = 10_000;

export class Search {
  /** What those said that were asked and did not do. */
  readonly refusals: unknown[] = [];
  readonly #around: SearchSurroundings;
  readonly #wish: Wish;
  readonly #options: CallOptions;
  readonly #spread: Spread;
  readonly #queue: Candidate[];

  private constructor(
    around: SearchSurroundings,
    wish: Wish,
    spread: Spread,
    queue: Candidate[],
    signal?: AbortSignal,
  ) {
    this.#around = around;
    this.#wish = wish;
    this.#spread = spread;
    this.#queue = queue;
    this.#options = { timeoutMs: ASK_TIMEOUT_MS, ...(signal && { signal }) };
  }

  /** @param refused who is not asked */
  static async begin(
    around: SearchSurroundings,
    wish: Wish,
    refused: ReadonlySet<Address>,
    signal?: AbortSignal,
  ): Promise<Search> {
    const spread = new Spread(around.localNetwork);
    const all = await candidates(around, await around.providers.announced(), wish);
    for (const candidate of all)
      if (wish.taken.some((one) => isAddressEqual(one, candidate.provider))) spread.take(candidate);
    const queue = draw(all.filter(({ provider }) => !refused.has(provider)));
    return new Search(around, wish, spread, queue, signal);
  }

  /** A signed offer for each position, as far as there are providers that suit one another. */
  async offers(): Promise<DealItem[]> {
    const { positions } = this.#wish;
    let asked: Asked[] = [];
    for (;;) {
      const missing = Math.max(positions.length, LEAST_ASKED) - asked.length;
      const more = await this.#ask(missing);
      const all = [...asked, ...more];
      asked = moderate(all);
      for (const one of all) if (!asked.includes(one)) this.#passOver(one.candidate, immoderate(one.candidate));
      if (asked.length < positions.length && more.length === missing) continue;

      const chosen = asked.slice(0, positions.length);
      const wants = largest(chosen);
      const signed = await Promise.allSettled(
        chosen.map((one, index) => this.#offer({ ...one, ...wants }, positions[index]!)),
      );
      this.#options.signal?.throwIfAborted();
      const offers = signed.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      if (offers.length === chosen.length) return offers;
      // The others sign anew: what all of them want may be less without those that refused.
      for (const [index, one] of signed.entries()) {
        if (one.status === "rejected") this.#passOver(chosen[index]!.candidate, one.reason);
      }
      asked = asked.filter((one) => signed[chosen.indexOf(one)]?.status !== "rejected");
    }
  }

  /** What `count` more candidates want, in the order they were drawn; fewer where no more are left. */
  async #ask(count: number): Promise<Asked[]> {
    const asked: Asked[] = [];
    while (asked.length < count) {
      this.#options.signal?.throwIfAborted();
      const next = this.#next(count - asked.length);
      if (next.length === 0) break;
      const answers = await Promise.allSettled(next.map((candidate) => this.#wantsOf(candidate)));
      for (const [index, answer] of answers.entries()) {
        if (answer.status === "fulfilled") asked.push(answer.value);
        else this.#passOver(next[index]!, answer.reason);
      }
    }
    return asked;
  }

  #next(count: number): Candidate[] {
    const next: Candidate[] = [];
    while (next.length < count) {
      const index = this.#queue.findIndex((candidate) => this.#spread.take(candidate));
      if (index < 0) break;
      next.push(...this.#queue.splice(index, 1));
    }
    return next;
  }

  #passOver(candidate: Candidate, why: unknown): void {
    this.#spread.free(candidate);
    this.refusals.push(why);
  }

  /** @throws TermsRefused where the candidate wants what no opening could have, or too large a reservation */
  async #wantsOf(candidate: Candidate): Promise<Asked> {
    const { market, providers } = this.#around;
    const ask = await providers.call(candidate.provider, (connection) => connection.ask({}, this.#options));
    const limits = {
      minSectors: mostReserved(this.#wish.volume.capacity),
      noticeEpochs: MAX_NOTICE_EPOCHS,
      answerBond: market.parameters.minCollateral / 2n,
    };
    for (const [field, most] of Object.entries(limits)) {
      if (ask[field as keyof Wants] <= most) continue;
      const reason = `${candidate.provider} wants more than ${most}`;
      throw new SubletException({ code: "TermsRefused", field, reason });
    }
    const { rate, egressRate, minSectors, noticeEpochs, answerBond } = ask;
    return { candidate, rate, egressRate, minSectors, noticeEpochs, answerBond };
  }

  /** Signed terms, at the provider's own price, with the money that goes with them. */
  async #offer({ candidate, rate, egressRate, ...asked }: Asked, position: number): Promise<DealItem> {
    const {
      market,
      client,
      signer: { address: clientSigner },
      providers,
    } = this.#around;
    const { endEpoch, volume } = this.#wish;
    const { id, k, n, capacity } = volume;
    const { provider } = candidate;
    const { minSectors, noticeEpochs, answerBond } = asked;
    const draft: TermsDraft = {
      ...{ client, clientSigner, provider, volume: id, position, k, n },
      ...{ rate, egressRate, capacity, minSectors, endEpoch, noticeEpochs, answerBond },
    };
    const { terms, signature } = await providers.call(provider, (connection) =>
      connection.offer({ terms: draft }, this.#options),
    );
    requireSame(provider, draft, terms);
    const { signer } = await market.provider(provider);
    const place = { chainId: market.chainId, address: market.address };
    await requireSigner("offer", termsDigest(place, terms), signature, signer);
    const epochs = BigInt(endEpoch - (await market.epoch()));
    return {
      ...{ terms, signature, escrow: baseUnits(BigInt(capacity) * rate * epochs) },
      // Enough to have every byte sent back once.
      egress: baseUnits(BigInt(capacity * SECTOR_BYTES) * egressRate),
    };
  }
}

function immoderate({ provider }: Candidate): Error {
  const reason = `${provider} wants more than twice what others do`;
  return new SubletException({ code: "TermsRefused", field: "minSectors, noticeEpochs or answerBond", reason });
}

/** @throws BadReply */
function requireSame(provider: Address, draft: TermsDraft, terms: ResponseOf<"offer">["terms"]): void {
  for (const [field, wanted] of Object.entries(draft)) {
    if (terms[field as keyof TermsDraft] === wanted) continue;
    const reason = `its terms have another ${field} than was asked for`;
    throw new SubletException({ code: "BadReply", provider, verb: "offer", reason });
  }
}

async function candidates(
  { market, volumes }: SearchSurroundings,
  announced: readonly Announced[],
  { volume, endEpoch }: Wish,
): Promise<Candidate[]> {
  const fitting = announced.filter(
    ({ announcement: { freeSectors, maxEndEpoch } }) =>
      freeSectors >= volume.capacity && (maxEndEpoch === undefined || endEpoch <= maxEndEpoch),
  );
  const block = await market.blockNumber();
  const { minCollateral, coverEpochs } = market.parameters;
  const least = minCollateral * LEDGER_ONE;
  return Promise.all(
    sample(fitting, MAX_CANDIDATES).map(async ({ provider, announcement, registeredBlock }) => {
      const { missCount, capacity, penaltyRate } = await market.provider(provider);
      const backed = BigInt(capacity) * penaltyRate * BigInt(coverEpochs);
      const ageEpochs = market.epochs.at(block) - market.epochs.at(BigInt(registeredBlock));
      const proved = 1 - Math.min(1, missCount / Math.max(1, ageEpochs));
      return {
        provider,
        addresses: announcement.addrs,
        operator: announcement.operator,
        rate: announcement.rate,
        egressRate: announcement.egressRate,
        collateral: backed > least ? backed : least,
        ageEpochs,
        quality: volumes.hasProblemWith(provider) ? proved / 10 : proved,
      };
    }),
  );
}

function sample<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .slice(0, most)
    .map(({ item }) => item);
}
