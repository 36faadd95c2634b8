/**
 * Pays for reads: one cumulative voucher a deal, raised when the provider says what is owed, and never beyond what it can
 * have served. A voucher is recorded before it is sent, so that no later one says less.
 */
import type { Address, LocalAccount } from "viem";
import type { Market } from "../../chain/Market.ts";
import { type ErrorOf, SubletException } from "../../protocol/Errors.ts";
import type { SignedVoucher } from "../../protocol/Messages.ts";
import { signDigest, voucherDigest } from "../../protocol/TypedData.ts";
import type { Deal, Volumes } from "../volumes/Volume.ts";

/** What a provider may have served on credit to earlier processes of this drive, which this one cannot know of. */
const UNKNOWN_BYTES = 64 * 1_048_576;

export class Vouchers {
  readonly #market: Market;
  readonly #account: LocalAccount;
  readonly #volumes: Volumes;
  /** Bytes asked for in this process, by deal: no more than these and UNKNOWN_BYTES can be owed. */
  readonly #asked = new Map<string, { bytes: number; paidBefore: bigint }>();
  readonly #cap: (() => Promise<bigint>) | undefined;
  #left: Promise<{ units: bigint }> | undefined;

  /**
   * @param account who promises: the deals' signer, or a delegate
   * @param cap ledger units that a delegate may promise yet, over all deals together; asked for once
   */
  constructor(market: Market, account: LocalAccount, volumes: Volumes, cap?: () => Promise<bigint>) {
    this.#market = market;
    this.#account = account;
    this.#volumes = volumes;
    this.#cap = cap;
  }

  /** Counts a request for `bytes` that is about to be sent. */
  count(deal: Deal, bytes: number): void {
    const known = this.#asked.get(deal.id) ?? { bytes: 0, paidBefore: this.#volumes.paid(deal.id) };
    this.#asked.set(deal.id, { ...known, bytes: known.bytes + bytes });
  }

  /**
   * A voucher over what a provider says is owed.
   * @throws SubletException BadReply when it cannot be owed that much; PaymentRequired when it is more than the cap has left
   */
  async pay(deal: Deal, { owed, paid }: ErrorOf<"PaymentRequired">): Promise<SignedVoucher> {
    const { bytes, paidBefore } = this.#asked.get(deal.id) ?? { bytes: 0, paidBefore: this.#volumes.paid(deal.id) };
    const known = paid > paidBefore ? await this.#settledBefore(deal, paidBefore) : paidBefore;
    const most = known + BigInt(bytes + UNKNOWN_BYTES) * deal.egressRate;
    if (owed > most) throw overcharged(deal.provider, owed, most);
    const left = await this.#remaining();
    const recorded = this.#volumes.paid(deal.id);
    let before = known;
    if (recorded > before) before = recorded;
    const cumulative = owed > before ? owed : before;
    if (left !== undefined) {
      if (cumulative - before > left.units) throw new SubletException({ code: "PaymentRequired", owed, paid });
      left.units -= cumulative - before;
    }
    if (cumulative > recorded) this.#volumes.setPaid(deal.id, cumulative);
    const digest = voucherDigest(this.#market, { deal: deal.id, cumulative });
    return { signer: this.#account.address, cumulative, signature: await signDigest(this.#account, digest) };
  }

  #remaining(): Promise<{ units: bigint }> | undefined {
    if (!this.#cap) return undefined;
    this.#left ??= this.#cap().then((units) => ({ units }));
    // An answer that did not come is asked for again.
    this.#left.catch(() => {
      this.#left = undefined;
    });
    return this.#left;
  }

  /** A restored drive has no memory of its vouchers; the chain has, of those that were redeemed. */
  async #settledBefore(deal: Deal, paidBefore: bigint): Promise<bigint> {
    const redeemed = await this.#market.redeemed(deal.id, this.#account.address);
    return redeemed > paidBefore ? redeemed : paidBefore;
  }
}

function overcharged(provider: Address, owed: bigint, most: bigint): SubletException {
  const reason = `it says that ${owed} ledger units are owed for reads, and it cannot be more than ${most}`;
  return new SubletException({ code: "BadReply", provider, verb: "read", reason });
}
