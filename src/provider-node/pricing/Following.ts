/**
 * What the market asks for storage, and a price that follows it within bounds. Announcements cost nothing, so each counts
 * by the sectors that its provider holds, which stand for stake and for clients who pay.
 */
import type { Logger } from "pino";
import { type Address, hexToBytes, isAddressEqual } from "viem";
import type { MarketReader } from "../../chain/MarketReader.ts";
import { AnnouncementError, decodeAnnouncement } from "../../protocol/Announcement.ts";
import type { Policy } from "./Policy.ts";

type Chain = Pick<MarketReader, "events" | "provider" | "epochs" | "parameters">;

/** Ledger units for a sector and epoch. */
export interface Bounds {
  readonly leastRate: bigint;
  readonly mostRate: bigint;
}

export interface FollowingOptions {
  readonly chain: Chain;
  readonly provider: Address;
  readonly bounds: Bounds;
  /** Its rate is changed. */
  readonly policy: { -readonly [Field in keyof Policy]: Policy[Field] };
  readonly log: Logger;
  /** The rate is another one: the market should hear of it. */
  readonly onChanged: () => Promise<void>;
}

/** Of so many parts one is not worth the gas of an announcement. */
const WORTH_PARTS = 20n;

export class Following {
  readonly #options: FollowingOptions;
  readonly #announced = new Map<Address, bigint>();
  #through = -1n;
  #epoch = 0;

  constructor(options: FollowingOptions) {
    this.#options = options;
    options.policy.rate = within(options.policy.rate, options.bounds);
  }

  /** Looks once an epoch. Call it again only when it has returned. */
  async step({ number }: { readonly number: bigint }): Promise<void> {
    const { chain, policy, bounds, log, onChanged } = this.#options;
    const epoch = chain.epochs.at(number);
    if (epoch === this.#epoch) return;
    const market = await this.#marketRate(number);
    this.#epoch = epoch;
    if (market === undefined) return;
    const rate = within(market, bounds);
    const change = rate > policy.rate ? rate - policy.rate : policy.rate - rate;
    if (change * WORTH_PARTS < policy.rate) return;
    log.info({ from: `${policy.rate}`, to: `${rate}`, market: `${market}` }, "the price follows the market's");
    policy.rate = rate;
    await onChanged();
  }

  /** Half of all sectors are held for less, half for more; undefined while others hold none. */
  async #marketRate(block: bigint): Promise<bigint | undefined> {
    const { chain, provider } = this.#options;
    const from = this.#through < chain.epochs.genesis ? chain.epochs.genesis : this.#through + 1n;
    for await (const { args } of chain.events({ from, to: block, names: ["Announced"] })) {
      const rate = rateIn(hexToBytes(args.data));
      if (rate !== undefined && !isAddressEqual(args.provider, provider)) this.#announced.set(args.provider, rate);
    }
    this.#through = block;
    const offers: { readonly rate: bigint; readonly sectors: number }[] = [];
    for (const [address, rate] of this.#announced) {
      const { sectors, penaltyRate } = await chain.provider(address);
      // No deal could be opened at more.
      if (rate * BigInt(chain.parameters.multiplier) <= penaltyRate) offers.push({ rate, sectors });
    }
    const all = offers.reduce((sum, { sectors }) => sum + sectors, 0);
    let below = 0;
    for (const { rate, sectors } of offers.sort((a, b) => (a.rate < b.rate ? -1 : 1))) {
      below += sectors;
      if (sectors > 0 && 2 * below >= all) return rate;
    }
    return undefined;
  }
}

function within(rate: bigint, { leastRate, mostRate }: Bounds): bigint {
  if (rate < leastRate) return leastRate;
  return rate > mostRate ? mostRate : rate;
}

function rateIn(data: Uint8Array): bigint | undefined {
  try {
    return decodeAnnouncement(data).rate;
  } catch (error) {
    if (error instanceof AnnouncementError) return undefined;
    throw error;
  }
}
