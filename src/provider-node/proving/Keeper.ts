/**
 * What a provider does on chain besides proving: takes due deals out of its set before they spoil a proof, commits what
 * clients signed, answers challenges, collects what it is owed, and closes what has ended. Everything is decided from
 * what the chain says in each new block; a call that fails is decided on again.
 */
import type { Logger } from "pino";
import type { Address, Hex } from "viem";
import { bytesToHex } from "viem";
import type { Head } from "../../chain/Blocks.ts";
import { type Call, call, commitCall, redeemCall } from "../../chain/Calls.ts";
import type { Market, Sent } from "../../chain/Market.ts";
import { type DealRef, DealState } from "../../chain/MarketReader.ts";
import type { SignedRevision } from "../../protocol/Messages.ts";
import { type DealBook, isUnstopped, type KnownDeal } from "../deals/DealBook.ts";
import type { Egress } from "../deals/Egress.ts";
import type { ReadAccount, Store } from "../storage/Store.ts";
import type { Proofs } from "./Proofs.ts";

type Chain = Pick<Market, "epochs" | "parameters" | "proven" | "provider" | "redeemed" | "deal" | "sendAll">;

/** When it is worth paying gas. Ledger units; epochs. */
export interface KeepingPolicy {
  /** What is signed and not committed waits at most so long. */
  readonly commitAfterEpochs: number;
  /** Sooner when it would earn at least this more by the deal's end. */
  readonly commitGain: bigint;
  readonly settleEveryEpochs: number;
  readonly redeemEveryEpochs: number;
  /** Less than this is not worth a call, unless the deal is about to end. */
  readonly redeemLeast: bigint;
}

export interface KeeperOptions {
  readonly chain: Chain;
  readonly provider: Address;
  readonly book: DealBook;
  readonly store: Store;
  readonly egress: Egress;
  readonly proofs: Proofs;
  readonly policy: KeepingPolicy;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onSent: (call: string, sent: Sent) => void;
  /** Hears of deals to be refilled, which only the owner can: for who has not its key. */
  readonly onUnfilled?: (deals: readonly Hex[]) => void;
}

/** The contract's own limit of items a call. */
const BATCH = 64;
/** Of an epoch's blocks, so many go by before a call that failed is tried again. */
const RETRIES_PER_EPOCH = 20n;

interface Pending {
  readonly deal: KnownDeal;
  readonly receipt: SignedRevision;
}

export class Keeper {
  readonly #options: KeeperOptions;
  /** In which window each task was done, or the block from which it is tried again. */
  readonly #done = new Map<string, string>();
  readonly #retryAt = new Map<string, bigint>();
  readonly #pendingSince = new Map<string, number>();
  #missCount = -1;
  #block = 0n;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Looks at a new block. Call it again only when it has returned. */
  async step(head: Head): Promise<void> {
    const { chain, provider } = this.#options;
    const next = head.number + 1n;
    this.#block = next;
    const epoch = chain.epochs.at(next);
    const effective = chain.epochs.effective(next, await chain.proven(provider, epoch));
    const window = `${epoch} ${effective}`;
    await this.#answer(epoch);
    if (effective !== undefined) {
      await this.#once("prune", window, () => this.#prune(effective));
      await this.#once("refill", window, () => this.#refill(effective));
      if (effective > epoch || this.#isLate(next)) await this.#once("commit", window, () => this.#commit(effective));
    }
    await this.#once("redeem", `${Math.floor(epoch / this.#options.policy.redeemEveryEpochs)}`, () =>
      this.#redeem(epoch),
    );
    await this.#once("settle", `${Math.floor(epoch / this.#options.policy.settleEveryEpochs)}`, () =>
      this.#settle(epoch),
    );
    await this.#once("close", `${epoch}`, () => this.#close(epoch));
  }

  /** Commits everything that is signed, whatever it is worth, if the gate is open. */
  async commitAll(head: Head): Promise<void> {
    const { chain, provider } = this.#options;
    const next = head.number + 1n;
    const effective = chain.epochs.effective(next, await chain.proven(provider, chain.epochs.at(next)));
    if (effective !== undefined) await this.#sendCommits(await this.#pending(effective));
  }

  // ---------------------------------------------------------------- the gated ones

  /** Deals past their stop, and those whose collateral the misses have used up, make every proof that meets them fail. */
  async #prune(effective: number): Promise<void> {
    const { chain, provider, book, log } = this.#options;
    const standing = await chain.provider(provider);
    // Misses change what is left of a deal's cover without any event of the deal.
    if (standing.missCount !== this.#missCount) await book.update(true);
    this.#missCount = standing.missCount;
    // The chain counts an epoch once it is over, which it is in the block to come, not in the newest.
    const ending = standing.sectors > 0 && book.epoch < effective && !(await chain.proven(provider, effective - 1));
    const due = book.deals().filter(({ onChain }) => {
      if (!isUnstopped(onChain)) return false;
      const misses = onChain.misses + (ending && onChain.sectors > 0 ? 1 : 0);
      return effective >= onChain.stopAt || misses >= chain.parameters.coverEpochs;
    });
    if (due.length === 0) return;
    log.info({ deals: due.map(({ record }) => record.id) }, "taking ended deals out of the set");
    for (const refs of batches(due.map((deal) => this.#ref(deal)))) await this.#send(call("prune", [refs]));
    await book.update(true);
  }

  /** Half a cover gone is filled up again, before the misses of a long deal add up to its end: if it can be proved, that is. */
  async #refill(effective: number): Promise<void> {
    const { chain, provider, book, log, onUnfilled } = this.#options;
    const { coverEpochs } = chain.parameters;
    const low = book.deals().filter(({ onChain }) => {
      return isUnstopped(onChain) && effective < onChain.stopAt && 2 * onChain.misses >= coverEpochs;
    });
    if (low.length === 0 || !(await chain.proven(provider, effective - 1))) return;
    if (onUnfilled) return onUnfilled(low.map(({ record }) => record.id));
    for (const deal of low) await this.#send(call("refill", [this.#ref(deal)]));
    log.info({ deals: low.map(({ record }) => record.id) }, "collateral refilled");
    await book.update(true);
  }

  /** The later half of the commit phase: what clients sign in the first half goes into the same batch. */
  #isLate(block: bigint): boolean {
    const { epochs } = this.#options.chain;
    const epoch = epochs.at(block);
    return 2n * (block - epochs.start(epoch)) >= epochs.gapStart(epoch) - epochs.start(epoch);
  }

  async #commit(effective: number): Promise<void> {
    const { commitAfterEpochs, commitGain } = this.#options.policy;
    const pending = await this.#pending(effective);
    const due = pending.filter(({ deal, receipt }) => {
      const { id } = deal.record;
      const since = this.#pendingSince.get(id) ?? effective;
      this.#pendingSince.set(id, since);
      return effective - since >= commitAfterEpochs - 1 || gainOf(deal, receipt, effective) >= commitGain;
    });
    await this.#sendCommits(due);
  }

  async #pending(effective: number): Promise<Pending[]> {
    const { book, store } = this.#options;
    const pending: Pending[] = [];
    for (const deal of book.deals()) {
      const { onChain, record } = deal;
      if (!isUnstopped(onChain) || effective >= onChain.stopAt) continue;
      const receipt = await store.newest(record.id);
      if (receipt && receipt.revision.number > onChain.number) pending.push({ deal, receipt });
      else this.#pendingSince.delete(record.id);
    }
    return pending;
  }

  async #sendCommits(pending: readonly Pending[]): Promise<void> {
    const { provider, book, log } = this.#options;
    for (const batch of batches(pending)) {
      const items = batch.map(({ deal, receipt }) => ({ slot: deal.record.slot, ...receipt }));
      const { events } = await this.#send(commitCall(provider, items, true));
      const committed = events.filter(({ name }) => name === "Committed").length;
      log.info({ committed, deals: batch.map(({ deal }) => deal.record.id) }, "revisions committed");
      for (const { deal } of batch) this.#pendingSince.delete(deal.record.id);
    }
    if (pending.length > 0) await book.update();
  }

  // ---------------------------------------------------------------- at any time

  async #answer(epoch: number): Promise<void> {
    const { chain, provider, book, proofs, log } = this.#options;
    for (const { record, onChain } of book.deals()) {
      if (onChain.challengeDeadline === 0 || onChain.challengeDeadline < epoch) continue;
      await this.#once(`answer ${record.id}`, `${epoch} ${onChain.number}`, async () => {
        const deal = await chain.deal(provider, record.slot);
        if (deal.id !== record.id || deal.challengeDeadline === 0) return;
        const chunk = Number(deal.challengedChunk);
        // A chunk that was trimmed needs no proof: its bond goes back.
        const present = deal.sectors > 0 && chunk < deal.sectors * 2 ** 15;
        const proof = present ? bytesToHex(await proofs.answer(deal, chunk)) : "0x";
        await this.#send(call("answer", [this.#ref({ record, onChain }), proof]));
        log.info({ deal: record.id, chunk }, "challenge answered");
        await book.update(true);
      });
    }
  }

  async #redeem(epoch: number): Promise<void> {
    const { book, egress, provider, chain, policy } = this.#options;
    egress.forget();
    await egress.save();
    const due = egress.redeemable().filter((account) => {
      const deal = book.get(account.deal);
      if (!deal || deal.onChain.state === DealState.Closed || deal.onChain.egress === 0n) return false;
      const ending = !isUnstopped(deal.onChain) || deal.onChain.stopAt <= epoch + policy.redeemEveryEpochs;
      return ending || account.cumulative - account.redeemed >= policy.redeemLeast;
    });
    for (const batch of batches(due)) {
      const items = batch.map(({ deal, cumulative, voucher }: ReadAccount) => {
        return { provider, slot: book.get(deal)!.record.slot, voucher: { deal, cumulative }, signature: voucher };
      });
      await this.#send(redeemCall(items));
      for (const { deal, signer } of batch) egress.paid(deal, signer, await chain.redeemed(deal, signer));
    }
  }

  async #settle(epoch: number): Promise<void> {
    const due = this.#options.book.deals().filter(({ onChain }) => {
      return onChain.state !== DealState.Closed && onChain.settledThrough < Math.min(epoch, onChain.stopAt) - 1;
    });
    for (const refs of batches(due.map((deal) => this.#ref(deal)))) await this.#send(call("settle", [refs]));
  }

  async #close(epoch: number): Promise<void> {
    const { book, chain, log } = this.#options;
    const due = book.deals().filter(({ onChain }) => {
      const over = epoch > onChain.stopAt + chain.parameters.finalEpochs;
      return onChain.state === DealState.Stopped && over && onChain.challengeDeadline === 0;
    });
    if (due.length === 0) return;
    // Closing gives the egress budget back to the client: what is owed comes out first.
    await this.#redeem(epoch);
    for (const refs of batches(due.map((deal) => this.#ref(deal)))) await this.#send(call("close", [refs]));
    log.info({ deals: due.map(({ record }) => record.id) }, "deals closed");
    await book.update();
  }

  // ---------------------------------------------------------------- sending

  async #send(wanted: Call): Promise<Sent> {
    const { chain, log, signal, onSent } = this.#options;
    const sent = await chain.sendAll([wanted], { signal });
    onSent(wanted.name, sent);
    for (const { name, args } of sent.events) {
      if (name === "Skipped")
        log.warn({ call: wanted.name, ...args, index: `${args.index}` }, "the market skipped an item");
    }
    return sent;
  }

  /** Runs a task once a window. After a failure it is tried again some blocks later. */
  async #once(task: string, window: string, run: () => Promise<void>): Promise<void> {
    if (this.#done.get(task) === window || this.#block < (this.#retryAt.get(task) ?? 0n)) return;
    const { chain, log, signal } = this.#options;
    try {
      await run();
      this.#done.set(task, window);
      this.#retryAt.delete(task);
    } catch (error) {
      if (signal.aborted) return;
      this.#retryAt.set(task, this.#block + 1n + chain.epochs.epochBlocks / RETRIES_PER_EPOCH);
      log.error({ task, err: error }, "a call that is due failed; it is tried again");
    }
  }

  #ref({ record }: KnownDeal): DealRef {
    return { provider: this.#options.provider, slot: record.slot, id: record.id };
  }
}

/** Ledger units that a revision earns by the deal's end beyond what is committed. */
function gainOf({ onChain }: KnownDeal, { revision }: SignedRevision, effective: number): bigint {
  const billed = (sectors: number): bigint => BigInt(Math.max(sectors, onChain.minSectors));
  return (billed(revision.sectors) - billed(onChain.sectors)) * onChain.rate * BigInt(onChain.stopAt - effective);
}

function* batches<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let at = 0; at < items.length; at += BATCH) yield items.slice(at, at + BATCH);
}
