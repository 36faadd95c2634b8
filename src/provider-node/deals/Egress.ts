/**
 * Who was sent how much, and what was paid for it. A reader is served first and pays with the next request, so that at
 * most the credit is at risk; a voucher counts only as far as the deal's egress budget on chain can pay it.
 */
import type { Address, Hex } from "viem";
import { isAddressEqual } from "viem";
import { type MarketReader, Scope } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { SignedCapability, SignedVoucher } from "../../protocol/Messages.ts";
import { CAPABILITY_VERBS } from "../../protocol/Messages.ts";
import {
  capabilityDigest,
  type Market,
  recoverSigner,
  requireSigner,
  voucherDigest,
} from "../../protocol/TypedData.ts";
import type { Policy } from "../pricing/Policy.ts";
import type { CapabilityUse, ReadAccount, Store } from "../storage/Store.ts";
import type { Access } from "./Access.ts";
import type { DealBook, KnownDeal } from "./DealBook.ts";

const NO_VOUCHER: Hex = `0x${"00".repeat(65)}`;
const SAVE_EVERY_MS = 1_000;
/** Capabilities remembered of one client. */
const MAX_CAPABILITIES = 4_096;

type Chain = Pick<MarketReader, "redeemed">;

export interface EgressOptions {
  readonly market: Market;
  readonly chain: Chain;
  readonly store: Store;
  readonly book: DealBook;
  readonly access: Access;
  readonly policy: Policy;
  /** Saving in the background failed; it is tried again. */
  readonly onFailure: (error: unknown) => void;
}

export class Egress {
  readonly #options: EgressOptions;
  readonly #accounts: Map<string, ReadAccount>;
  readonly #uses = new Map<Address, Map<Address, CapabilityUse>>();
  readonly #unsavedAccounts = new Set<string>();
  readonly #unsavedUses = new Set<CapabilityUse>();
  readonly #timer: NodeJS.Timeout;

  private constructor(options: EgressOptions, accounts: readonly ReadAccount[], uses: readonly CapabilityUse[]) {
    this.#options = options;
    this.#accounts = new Map(accounts.map((account) => [keyOf(account.deal, account.signer), account]));
    for (const use of uses) this.#uses.set(use.client, (this.#uses.get(use.client) ?? new Map()).set(use.id, use));
    this.#timer = setInterval(() => void this.save().catch(options.onFailure), SAVE_EVERY_MS).unref();
  }

  static async open(options: EgressOptions): Promise<Egress> {
    await options.store.forgetCapabilities(Math.floor(nowSeconds()));
    return new Egress(options, await options.store.readAccounts(), await options.store.capabilities());
  }

  // ---------------------------------------------------------------- vouchers

  /** Takes a voucher; an older one than is known changes nothing. @throws BadSignature, Unauthorized, PaymentRequired */
  async accept(deal: KnownDeal, { signer, cumulative, signature }: SignedVoucher): Promise<void> {
    const { id } = deal.record;
    if (cumulative <= this.#account(id, signer).cumulative) return;
    await requireSigner("voucher", voucherDigest(this.#options.market, { deal: id, cumulative }), signature, signer);
    let redeemed = this.#account(id, signer).redeemed;
    let most = await this.#payable(deal, signer, redeemed);
    if (cumulative > most) {
      redeemed = await this.#options.chain.redeemed(id, signer);
      most = await this.#payable(await this.#options.book.refresh(id), signer, redeemed);
    }
    if (cumulative > most) throw new SubletException({ code: "PaymentRequired", owed: cumulative, paid: clamp(most) });
    // Another voucher may have come while this one was being checked.
    const now = this.#account(id, signer);
    if (cumulative > now.cumulative) this.#put({ ...now, cumulative, voucher: signature, redeemed });
  }

  /** The highest voucher of `signer` that the chain would pay in full. */
  async #payable({ record, onChain }: KnownDeal, signer: Address, redeemed: bigint): Promise<bigint> {
    const budget = onChain.egress - this.#promised(record.id, signer);
    if (isAddressEqual(signer, record.clientSigner)) return redeemed + budget;
    const delegation = await this.#options.access.delegation(record.client, signer);
    if (!delegation || !(delegation.scopes & Scope.Read)) {
      const needs = "a voucher of the deal's signer or of a READ delegate";
      throw new SubletException({ code: "Unauthorized", verb: "read", needs });
    }
    const { egressCap } = delegation;
    if (egressCap < budget) return redeemed + egressCap;
    return redeemed + budget;
  }

  /** Vouchers worth something that is not paid yet. */
  redeemable(): ReadAccount[] {
    return [...this.#accounts.values()].filter(({ cumulative, redeemed }) => cumulative > redeemed);
  }

  /** The chain has paid a signer's vouchers for a deal up to `redeemed`. */
  paid(deal: Hex, signer: Address, redeemed: bigint): void {
    this.#put({ ...this.#account(deal, signer), redeemed });
  }

  // ---------------------------------------------------------------- bytes

  /**
   * Counts `bytes` as sent to `payer`, before they are. Take them back with {@link refund} when they were not.
   * @throws PaymentRequired when they are not covered by vouchers, allowance and credit
   */
  charge(deal: KnownDeal, payer: Address, bytes: number): void {
    const account = this.#account(deal.record.id, payer);
    const { egressRate } = deal.record;
    const served = account.served + BigInt(bytes) * egressRate;
    if (served > account.cumulative + this.#unpaid(egressRate)) {
      const owed = served - this.#allowance(egressRate);
      throw new SubletException({ code: "PaymentRequired", owed: clamp(owed), paid: account.cumulative });
    }
    this.#put({ ...account, served });
  }

  refund(deal: KnownDeal, payer: Address, bytes: number): void {
    const account = this.#account(deal.record.id, payer);
    this.#put({ ...account, served: account.served - BigInt(bytes) * deal.record.egressRate });
  }

  /** Bytes that `payer` may still read before a voucher is due. */
  freeBytes({ record }: KnownDeal, payer: Address): number {
    if (record.egressRate === 0n) return Number.MAX_SAFE_INTEGER;
    const { cumulative, served } = this.#account(record.id, payer);
    const left = (cumulative + this.#unpaid(record.egressRate) - served) / record.egressRate;
    return left > 0n ? Number(left < BigInt(Number.MAX_SAFE_INTEGER) ? left : Number.MAX_SAFE_INTEGER) : 0;
  }

  // ---------------------------------------------------------------- capabilities

  /**
   * Counts `bytes` as sent under a capability, before they are.
   * @throws CapabilityRefused unless it lets `remote` read this deal now
   */
  async admit({ record }: KnownDeal, capability: SignedCapability, remote: Address, bytes: number): Promise<void> {
    const refuse = (reason: string): never => {
      throw new SubletException({ code: "CapabilityRefused", id: capability.id, reason });
    };
    const { client, volume, verbs, until, maxBytes, id, signature } = capability;
    if (!isAddressEqual(id, remote)) refuse("it was made for another caller");
    if (!isAddressEqual(client, record.client) || volume !== record.volume) refuse("it is for another volume");
    if (!(verbs & CAPABILITY_VERBS.read)) refuse("it does not let its holder read");
    if (Number(until) <= nowSeconds()) refuse("it has expired");
    const digest = capabilityDigest(this.#options.market, { client, volume, verbs, until, maxBytes, id });
    const signer = await recoverSigner(digest, signature);
    if (!signer || !isAddressEqual(record.client, signer)) {
      refuse("the client of the deal has not signed it");
    }
    const use = this.#use(client, id, until);
    if (use.revoked) refuse("its owner revoked it");
    if (BigInt(use.sentBytes + bytes) > maxBytes) refuse(`it is for ${maxBytes} bytes and ${use.sentBytes} were sent`);
    this.#putUse({ ...use, sentBytes: use.sentBytes + bytes });
  }

  /** Stops serving a capability; on the disk when this returns. @throws RateLimited */
  async revoke(client: Address, id: Address, until: bigint): Promise<void> {
    this.#putUse({ ...this.#use(client, id, until), revoked: true });
    await this.save();
  }

  // ---------------------------------------------------------------- keeping

  async save(): Promise<void> {
    const keys = [...this.#unsavedAccounts];
    const uses = [...this.#unsavedUses];
    if (keys.length + uses.length === 0) return;
    this.#unsavedAccounts.clear();
    this.#unsavedUses.clear();
    try {
      const accounts = keys.flatMap((key) => this.#accounts.get(key) ?? []);
      await this.#options.store.saveReads(accounts, uses);
    } catch (error) {
      for (const key of keys) this.#unsavedAccounts.add(key);
      for (const use of uses) this.#unsavedUses.add(use);
      throw error;
    }
  }

  /** Forgets accounts of deals that the book has forgotten. */
  forget(): void {
    for (const [key, { deal }] of this.#accounts) if (!this.#options.book.get(deal)) this.#accounts.delete(key);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.save();
  }

  #account(deal: Hex, signer: Address): ReadAccount {
    const none = { deal, signer, served: 0n, cumulative: 0n, voucher: NO_VOUCHER, redeemed: 0n };
    return this.#accounts.get(keyOf(deal, signer)) ?? none;
  }

  #put(account: ReadAccount): void {
    const key = keyOf(account.deal, account.signer);
    this.#accounts.set(key, account);
    this.#unsavedAccounts.add(key);
  }

  /** What the egress budget of a deal owes to the vouchers of everybody else. */
  #promised(deal: Hex, besides: Address): bigint {
    let sum = 0n;
    for (const account of this.redeemable()) {
      if (account.deal === deal && !isAddressEqual(account.signer, besides))
        sum += account.cumulative - account.redeemed;
    }
    return sum;
  }

  #allowance(egressRate: bigint): bigint {
    return BigInt(this.#options.policy.allowanceBytes) * egressRate;
  }

  #unpaid(egressRate: bigint): bigint {
    return this.#allowance(egressRate) + BigInt(this.#options.policy.creditBytes) * egressRate;
  }

  #use(client: Address, id: Address, until: bigint): CapabilityUse {
    const none = { client, id, sentBytes: 0, revoked: false, until: Number(until) };
    return this.#uses.get(client)?.get(id) ?? none;
  }

  #putUse(use: CapabilityUse): void {
    const ofClient = this.#uses.get(use.client) ?? new Map<Address, CapabilityUse>();
    if (!ofClient.has(use.id) && ofClient.size >= MAX_CAPABILITIES) {
      for (const [id, { until }] of ofClient) if (until <= nowSeconds()) ofClient.delete(id);
      if (ofClient.size >= MAX_CAPABILITIES) {
        throw new SubletException({ code: "RateLimited", what: "capabilities of one client", retryAfterMs: 3_600_000 });
      }
    }
    this.#uses.set(use.client, ofClient.set(use.id, use));
    this.#unsavedUses.add(use);
  }
}

function nowSeconds(): number {
  return Date.now() / 1000;
}

function keyOf(a: Hex, b: Hex): string {
  return `${a} ${b}`.toLowerCase();
}

function clamp(value: bigint): bigint {
  return value > 0n ? value : 0n;
}
