/** A later end for the deals of a volume: each provider signs for it, at what it asks now, and one transaction pays. */
import type { Address, Hash, Hex } from "viem";
import { call, compact } from "../../chain/Calls.ts";
import { baseUnits, type Deal as ChainDeal, DealState } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { type Extension, extensionDigest, requireSigner } from "../../protocol/TypedData.ts";
import { requireOwner } from "../home/Identity.ts";
import { type Failure, failureOf } from "../Parallel.ts";
import type { Parts } from "../Parts.ts";
import type { Allowance, Paid } from "./Allowance.ts";
import { DEFAULT_EPOCHS, requireWithin } from "./Creation.ts";
import { escrowLeft } from "./Prices.ts";
import { affordable } from "./Selection.ts";
import { refreshDeals } from "./Standing.ts";
import type { Deal, Volume } from "./Volume.ts";

/** Until when deals are to last, and what that may cost. */
export interface ExtendOptions {
  /** So many epochs after the last of the volume's deals ends; 30 unless told. */
  readonly epochs?: number;
  /** Only deals that end within so many epochs from now; all unless told. */
  readonly within?: number;
  /** Token base units that it may cost; as much as it takes unless told. */
  readonly budget?: bigint;
  /** Has providers sign, and moves no money. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/** `cost`: token base units that went into the deal's escrow for it. */
export interface ExtendedDeal {
  readonly position: number;
  readonly provider: Address;
  readonly deal: Hash;
  readonly from: number;
  readonly endEpoch: number;
  readonly rate: bigint;
  readonly cost: bigint;
}

/** `failed`: by provider, deals that end as they did, since it refused, or asks too much, or the chain did. */
export interface ExtensionReport {
  readonly volume: bigint;
  readonly endEpoch: number;
  readonly cost: bigint;
  readonly extended: readonly ExtendedDeal[];
  readonly failed: readonly Failure[];
}

/** What was paid for, and what the chain refused. */
interface Sent {
  readonly offers: readonly Offer[];
  readonly failed: readonly Failure[];
}

interface Offer extends ExtendedDeal {
  readonly slot: number;
  readonly extension: Extension;
  readonly signature: Hex;
}

const ANSWER_MS = 10_000;
/** Extensions in one transaction, so that it fits a block. */
const AT_ONCE = 16;

/**
 * @param allowance what pays for it; whatever the account has unless told
 * @throws SubletException OverBudget, InsufficientFunds, OwnerOnly: nothing was changed
 */
export async function extendVolume(
  parts: Parts,
  volume: Volume,
  options: ExtendOptions,
  allowance?: Allowance,
): Promise<ExtensionReport> {
  requireOwner(parts, "extending deals");
  const { market, volumes } = parts;
  const { epochs = DEFAULT_EPOCHS, within = Number.POSITIVE_INFINITY, budget, dryRun = false, signal } = options;
  requireWithin("epochs", epochs, 1, market.parameters.maxDealEpochs - 1);
  const standing = await refreshDeals(parts, volume);
  const epoch = await market.epoch();
  const deals = volumes.serving(volume.id).flatMap((deal) => {
    const onChain = standing.get(deal.id);
    return onChain && onChain.state !== DealState.Notice ? [{ deal, onChain }] : [];
  });
  const last = Math.max(epoch + 1, ...deals.map(({ onChain }) => onChain.stopAt));
  const endEpoch = Math.min(last + epochs, epoch + market.parameters.maxDealEpochs - 1);
  const ending = deals.filter(({ onChain: { stopAt } }) => stopAt - epoch <= within && stopAt < endEpoch);
  const answers = await Promise.allSettled(
    ending.map(({ deal, onChain }) => offerOf(parts, deal, onChain, { epoch, endEpoch }, signal)),
  );
  signal?.throwIfAborted();
  const signed = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const offers = moderate(signed);
  const failed = answers.flatMap((one, index) =>
    one.status === "rejected" ? [failureOf(ending[index]!.deal.provider, one.reason)] : [],
  );
  for (const one of signed) if (!offers.includes(one)) failed.push(failureOf(one.provider, tooDear(one)));
  const cost = sum(offers);
  const report = { volume: volume.id, endEpoch };
  if (budget !== undefined && cost > budget) throw new SubletException({ code: "OverBudget", need: cost, budget });
  if (dryRun || offers.length === 0) return { ...report, cost, extended: offers.map(dealOf), failed };
  const pay = async (): Promise<Paid<Sent>> => {
    const result = await send(parts, offers);
    return { result, spent: sum(result.offers) };
  };
  const done = await (allowance ? allowance.spend(cost, pay) : pay().then(({ result }) => result));
  await refreshDeals(parts, volume);
  return { ...report, cost: sum(done.offers), extended: done.offers.map(dealOf), failed: [...failed, ...done.failed] };
}

/** One volume, or all; the budget is for all of them together. @throws SubletException NoVolume, and as extendVolume */
export async function extendAll(
  parts: Parts,
  { volume, ...options }: ExtendOptions & { readonly volume?: bigint },
): Promise<ExtensionReport[]> {
  const { volumes, home } = parts;
  const all = volume === undefined ? volumes.all() : [volumes.require(volume, home.path)];
  if (all.length === 0) throw new SubletException({ code: "NoVolume", home: home.path });
  const { budget, ...unlimited } = options;
  const plans: ExtensionReport[] = [];
  if (budget !== undefined || options.dryRun)
    for (const one of all) plans.push(await extendVolume(parts, one, { ...unlimited, dryRun: true }));
  const need = sum(plans);
  if (budget !== undefined && need > budget) throw new SubletException({ code: "OverBudget", need, budget });
  if (options.dryRun) return plans;
  const reports: ExtensionReport[] = [];
  for (const one of all) {
    const left = budget === undefined ? {} : { budget: budget - sum(reports) };
    reports.push(await extendVolume(parts, one, { ...unlimited, ...left }));
  }
  return reports;
}

/** What pays for all that a deal can hold, until a later end, beyond what is in its escrow; at `rate` from now on. */
export function missingFor(onChain: ChainDeal, rate: bigint, epoch: number, endEpoch: number): bigint {
  const sectors = BigInt(onChain.capacity);
  // The epoch under way may still be billed at the old rate.
  const dearer = onChain.rate > rate ? (onChain.rate - rate) * sectors : 0n;
  const missing = rate * sectors * BigInt(endEpoch - epoch) + dearer - escrowLeft(onChain, epoch);
  return missing > 0n ? baseUnits(missing) : 0n;
}

/** @throws what the provider or the way to it said; BadReply */
async function offerOf(
  { market, providers }: Parts,
  { id, provider, position, slot }: Deal,
  onChain: ChainDeal,
  { epoch, endEpoch }: { epoch: number; endEpoch: number },
  signal?: AbortSignal,
): Promise<Offer> {
  const { stopAt: from, capacity } = onChain;
  const options = { timeoutMs: ANSWER_MS, ...(signal && { signal }) };
  const { rate } = await providers.call(provider, (connection) => connection.ask({}, options));
  const draft = { deal: id, from, endEpoch, rate, capacity };
  const { series, validUntil, signature } = await providers.call(provider, (connection) =>
    connection.extend({ extension: draft }, options),
  );
  const extension = { ...draft, series, validUntil };
  const place = { chainId: market.chainId, address: market.address };
  const { signer } = await market.provider(provider);
  await requireSigner("extension", extensionDigest(place, extension), signature, signer);
  const cost = missingFor(onChain, rate, epoch, endEpoch);
  return { position, provider, deal: id, slot, from, endEpoch, rate, cost, extension, signature };
}

/** As when a volume is rented: nobody who asks over a quarter more than the middle one. */
function moderate(offers: readonly Offer[]): Offer[] {
  return affordable(offers.map((offer) => ({ ...offer, egressRate: 0n, offer }))).map(({ offer }) => offer);
}

function tooDear({ provider, rate }: Offer): SubletException {
  const reason = `${provider} asks ${rate}, over a quarter more than the middle one of the volume's providers`;
  return new SubletException({ code: "TermsRefused", field: "rate", reason });
}

/** All in as few transactions as fit; where the chain refuses one, each deal in its own, so that one holds up no other. */
async function send(parts: Parts, offers: readonly Offer[]): Promise<Sent> {
  const done: Offer[] = [];
  const failed: Failure[] = [];
  await parts.market.requireFunds(sum(offers), 0n);
  for (let at = 0; at < offers.length; at += AT_ONCE) {
    const some = offers.slice(at, at + AT_ONCE);
    try {
      await pay(parts, some);
      done.push(...some);
    } catch (error) {
      if (done.length > 0 && SubletException.is(error, "InsufficientFunds")) {
        failed.push(...offers.slice(at).map(({ provider }) => failureOf(provider, error)));
        break;
      }
      if (!SubletException.is(error, "ChainRejected")) throw error;
      for (const one of some) {
        try {
          await pay(parts, [one]);
          done.push(one);
        } catch (refused) {
          failed.push(failureOf(one.provider, refused));
        }
      }
    }
  }
  return { offers: done, failed };
}

async function pay({ market }: Parts, offers: readonly Offer[]): Promise<void> {
  const calls = offers.flatMap(({ provider, slot, deal: id, cost, extension, signature }) => {
    const ref = { provider, slot, id };
    const paid = cost > 0n ? [call("topUp", [ref, cost, 0n])] : [];
    return [...paid, call("extend", [ref, extension, compact(signature)])];
  });
  await market.pay(sum(offers), calls);
}

function sum(all: readonly { readonly cost: bigint }[]): bigint {
  return all.reduce((total, { cost }) => total + cost, 0n);
}

function dealOf({ position, provider, deal, from, endEpoch, rate, cost }: Offer): ExtendedDeal {
  return { position, provider, deal, from, endEpoch, rate, cost };
}
