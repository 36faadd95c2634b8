/** Looks at what an operator should know before it costs: the epoch's proof, the chain, stake, gas and disk. */
import { statfs } from "node:fs/promises";
import type { Address } from "viem";
import type { Head } from "../../chain/Blocks.ts";
import type { Market } from "../../chain/Market.ts";
import { LEDGER_ONE } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Alerts } from "./Alerts.ts";

type Chain = Pick<Market, "epochs" | "proven" | "provider" | "freeBalance" | "gasBalance" | "sender" | "requireFunds">;

/** What a look has found, one thing at a time. */
export interface Seen {
  /** Ledger units in the market that are not locked. */
  readonly freeStake?: bigint;
  /** Wei of the account that sends. */
  readonly gas?: bigint;
  /** Bytes free on the disk that a folder is on. */
  readonly disk?: { readonly folder: string; readonly free: number };
}

/** Below what something is low. */
export interface Limits {
  /** Token base units that are in the market and not locked. */
  readonly freeStake: bigint;
  /** Bytes free on the disk itself. */
  readonly diskBytes: number;
}

/** Nothing is low. */
export const NO_LIMITS: Limits = { freeStake: 0n, diskBytes: 0 };

export interface WatchOptions {
  readonly chain: Chain;
  readonly provider: Address;
  readonly alerts: Alerts;
  readonly limits: Limits;
  /** Folders that sectors are in. */
  readonly folders: readonly string[];
  /** On its way out nobody needs more stake. */
  readonly leaving: boolean;
  readonly onSeen: (seen: Seen) => void;
  /** Milliseconds between two looks at what changes slowly. */
  readonly lookMs?: number;
  /** Milliseconds without a block after which the chain is called silent. */
  readonly silentMs?: number;
}

const LOOK_MS = 60_000;
const SILENT_MS = 120_000;
/** The last of so many equal parts of the prove phase is late for a proof. */
const LATE_PART = 4n;
/** What some twenty proofs take. */
const RESERVE_PROOFS = 20n;
const PROOF_GAS = 400_000n;

export class Watch {
  readonly #options: WatchOptions;
  readonly #timer: NodeJS.Timeout;
  #epoch = 0;
  #headAt = performance.now();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { silentMs = SILENT_MS } = options;
    this.#timer = setInterval(() => this.#listen(silentMs), silentMs / 4).unref();
  }

  /** Looks at a new block. Call it again only when it has returned. */
  async step(head: Head): Promise<void> {
    const { chain, alerts, lookMs = LOOK_MS } = this.#options;
    this.#headAt = performance.now();
    alerts.clear("chain-silent");
    await this.#proofs(chain.epochs.at(head.number), head.number);
    if (performance.now() - this.#lookedAt < lookMs) return;
    await Promise.all([this.#stake(), this.#gas(), ...this.#options.folders.map((folder) => this.#disk(folder))]);
    this.#lookedAt = performance.now();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #proofs(epoch: number, block: bigint): Promise<void> {
    const { chain, provider, alerts } = this.#options;
    const { epochs } = chain;
    const before = this.#epoch;
    this.#epoch = epoch;
    if (before !== 0 && epoch > before) await this.#missed(before, epoch - 1);
    const left = epochs.end(epoch) - block;
    if (left > (epochs.end(epoch) - epochs.challengeBlock(epoch)) / LATE_PART) return;
    if ((await chain.proven(provider, epoch)) || (await chain.provider(provider)).sectors === 0) {
      alerts.clear("epoch-at-risk");
      return;
    }
    const message = `epoch ${epoch} is not proven and ends in ${left} blocks: a missed epoch pays nothing and costs stake`;
    alerts.raise("epoch-at-risk", message, { epoch, blocksLeft: Number(left) });
  }

  async #missed(first: number, last: number): Promise<void> {
    const { chain, provider, alerts } = this.#options;
    alerts.clear("epoch-at-risk");
    if ((await chain.provider(provider)).sectors === 0) return;
    const missed: number[] = [];
    for (let epoch = first; epoch <= last; epoch++) if (!(await chain.proven(provider, epoch))) missed.push(epoch);
    if (missed.length === 0) return alerts.clear("epoch-missed");
    const message = `missed ${missed.length === 1 ? "epoch" : "epochs"} ${missed.join(", ")}: see the log for the reason`;
    alerts.raise("epoch-missed", message, { epochs: missed });
  }

  async #stake(): Promise<void> {
    const { chain, provider, alerts, limits, leaving, onSeen } = this.#options;
    const freeStake = await chain.freeBalance(provider);
    onSeen({ freeStake });
    const free = freeStake / LEDGER_ONE;
    if (leaving || free >= limits.freeStake) return alerts.clear("low-stake");
    const message = `${free} base units of the stake are free, below ${limits.freeStake}: deposit more to take more deals`;
    alerts.raise("low-stake", message, { free, limit: limits.freeStake });
  }

  async #gas(): Promise<void> {
    const { chain, alerts, onSeen } = this.#options;
    onSeen({ gas: await chain.gasBalance(chain.sender) });
    try {
      await chain.requireFunds(0n, RESERVE_PROOFS * PROOF_GAS);
      alerts.clear("low-gas");
    } catch (error) {
      if (!SubletException.is(error, "InsufficientFunds")) throw error;
      const { account, have, missing } = error.error;
      const message = `the gas does not last for ${RESERVE_PROOFS} proofs: send ${account} ${missing} wei or more`;
      alerts.raise("low-gas", message, { account, have, missing });
    }
  }

  async #disk(folder: string): Promise<void> {
    const { alerts, limits, onSeen } = this.#options;
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    onSeen({ disk: { folder, free } });
    if (free >= limits.diskBytes) return alerts.clear("low-disk", folder);
    const message = `${free} bytes are free on the disk of ${folder}, below ${limits.diskBytes}: make room, or lower the quota`;
    alerts.raise("low-disk", message, { folder, free, limit: limits.diskBytes }, folder);
  }

  #listen(silentMs: number): void {
    const since = performance.now() - this.#headAt;
    if (since < silentMs) return;
    const seconds = Math.round(since / 1_000);
    const message = `no new block for ${seconds} seconds: nothing can be proved while the node is out of reach or stands still`;
    this.#options.alerts.raise("chain-silent", message, { seconds });
  }
}
