/**
 * Sends one account's transactions: one nonce after another, each signed once. When the connection drops, what is sent
 * again are the same signed bytes, so that nothing is ever carried out twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  BaseError,
  type Hash,
  type Hex,
  keccak256,
  type LocalAccount,
  type TransactionReceipt,
} from "viem";
import { SubletException } from "../protocol/Errors.ts";
import type { Shortage } from "../protocol/LocalErrors.ts";
import type { Node } from "./Connection.ts";
import { chainFailure, isUnanswered } from "./Failure.ts";

/** Makes a contract. */
export interface Creation {
  /** Says in errors what was being done. */
  readonly call: string;
  readonly data: Hex;
}

export interface Request extends Creation {
  readonly to: Address;
}

/** May be sent any number of times and is carried out once at most. */
export interface Signed {
  readonly bytes: Hex;
  readonly hash: Hash;
  readonly nonce: number;
}

export interface SendOptions {
  /** Told before the bytes leave this process, and waited for. */
  readonly onSigned?: (signed: Signed) => Promise<void>;
  /** How long to wait for the receipt; TransactionPending after that. */
  readonly receiptMs?: number;
  readonly signal?: AbortSignal;
}

/** What sends one account's calls, and sees to their gas. */
export interface Transactor {
  readonly account: LocalAccount;
  send(request: Request, options?: SendOptions): Promise<TransactionReceipt>;
  /** What is lacking to pay for so much gas at today's price, if anything. */
  shortage(gas: bigint): Promise<Shortage | undefined>;
}

/** Wei for each unit of gas. */
export interface Fees {
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
}

/** Decides what is spent on gas, and hears what was. */
export interface Purse {
  /** What to offer for a call that takes at most so much gas, where the node suggests `fees`. @throws to hold it back */
  offer(call: string, gas: bigint, fees: Fees): Fees;
  /** A call was mined; `fee` in wei. */
  paid(call: string, gasUsed: bigint, fee: bigint): void;
}

type Wanted = Creation | Request;

const RECEIPT_MS = 300_000;
const BROADCAST_ATTEMPTS = 5;
const BROADCAST_PAUSE_MS = 300;
/** What those attempts take where each fails at once: pauses of 1, 2, 3 and 4 times the first. */
const BROADCAST_MS = (BROADCAST_PAUSE_MS * BROADCAST_ATTEMPTS * (BROADCAST_ATTEMPTS - 1)) / 2;
/** Beyond the estimate: what a call meets may have grown when it is mined. */
const GAS_MARGIN_PERCENT = 30n;
const GAS_MARGIN = 30_000n;

/** The gas to allow for a call that was estimated to take `gas`. */
export function limitOf(gas: bigint): bigint {
  return gas + (gas * GAS_MARGIN_PERCENT) / 100n + GAS_MARGIN;
}

export class Sender implements Transactor {
  readonly account: LocalAccount;
  readonly #node: Node;
  readonly #url: string;
  readonly #chainId: number;
  readonly #pollMs: number;
  #purse: Purse | undefined;
  /** Signed and not seen mined: a later nonce must not be given out as if they did not exist. */
  readonly #outstanding = new Map<number, Signed>();
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(account: LocalAccount, node: Node, url: string, chainId: number, pollMs: number) {
    this.account = account;
    this.#node = node;
    this.#url = url;
    this.#chainId = chainId;
    this.#pollMs = pollMs;
  }

  static readonly #all = new Map<string, Sender>();

  /** The one sender of this account on this node in this process: two would use one nonce twice. */
  static of(account: LocalAccount, node: Node, url: string, chainId: number, pollMs: number, purse?: Purse): Sender {
    const key = `${url} ${chainId} ${account.address}`;
    const sender = Sender.#all.get(key) ?? new Sender(account, node, url, chainId, pollMs);
    sender.#purse = purse;
    Sender.#all.set(key, sender);
    return sender;
  }

  /**
   * Sends a transaction and waits until it is mined.
   * @throws SubletException ChainRejected (simulated first, so nothing was spent), InsufficientFunds of gas,
   * ChainUnavailable (nothing was signed yet), TransactionPending (sent, and its outcome is not known), and what the
   * purse throws
   */
  async send(request: Wanted, options: SendOptions = {}): Promise<TransactionReceipt> {
    return this.#carryOut(request, options, () => this.#submit(request, options));
  }

  /** The same for what was signed by {@link send} in another process, which may have sent it already. */
  async sendAgain(request: Wanted, signed: Signed, options: SendOptions = {}): Promise<TransactionReceipt> {
    return this.#carryOut(request, options, async () => {
      this.#outstanding.set(signed.nonce, signed);
      await this.#broadcast(signed);
      return signed;
    });
  }

  async #carryOut(request: Wanted, options: SendOptions, submit: () => Promise<Signed>): Promise<TransactionReceipt> {
    const turn = this.#turn.then(submit);
    this.#turn = turn.catch(() => undefined);
    try {
      const signed = await turn;
      const receipt = await this.#receipt(request, signed, options);
      const { gasUsed, effectiveGasPrice } = receipt;
      this.#purse?.paid(request.call, gasUsed, gasUsed * effectiveGasPrice);
      if (receipt.status === "reverted") throw await this.#whyReverted(request, receipt);
      return receipt;
    } catch (thrown) {
      throw chainFailure(thrown, request.call, this.#url);
    }
  }

  /** What the account lacks to pay for so much gas at today's price, if anything. */
  async shortage(gas: bigint): Promise<Shortage | undefined> {
    try {
      return await this.#shortage(gas * (await this.fees()).maxFeePerGas);
    } catch (thrown) {
      throw chainFailure(thrown, "eth_getBalance", this.#url);
    }
  }

  async #shortage(need: bigint): Promise<Shortage | undefined> {
    const account = this.account.address;
    const have = await this.#node.getBalance({ address: account });
    return have < need ? { asset: "gas", account, have, need, missing: need - have } : undefined;
  }

  async #submit(request: Wanted, { onSigned }: SendOptions): Promise<Signed> {
    const account = this.account.address;
    const { call, ...asked } = request;
    // In the block to come, which may be in another phase than the newest one.
    const limit = limitOf(await this.#node.estimateGas({ account, ...asked, blockTag: "pending" }));
    const suggested = await this.fees();
    const fees = this.#purse?.offer(call, limit, suggested) ?? suggested;
    const shortage = await this.#shortage(limit * fees.maxFeePerGas);
    if (shortage) throw new SubletException({ code: "InsufficientFunds", ...shortage });
    for (let attempt = 1; ; attempt++) {
      const nonce = await this.#nextNonce();
      const bytes = await this.account.signTransaction({
        type: "eip1559",
        chainId: this.#chainId,
        nonce,
        ...asked,
        gas: limit,
        ...fees,
      });
      const signed = { bytes, hash: keccak256(bytes), nonce };
      await onSigned?.(signed);
      this.#outstanding.set(nonce, signed);
      try {
        await this.#broadcast(signed);
        return signed;
      } catch (thrown) {
        // Unanswered: it may be out there, so its nonce stays taken, and it goes out again before any other.
        if (isUnanswered(thrown)) throw pending(request, signed, BROADCAST_MS);
        this.#outstanding.delete(nonce);
        // Someone else used this nonce: these bytes can never be mined, so others are no repetition.
        if (attempt >= 3 || !/nonce/i.test(words(thrown))) throw thrown;
      }
    }
  }

  /** What the node suggests now; enough for as long as the price does not double. */
  async fees(): Promise<Fees> {
    const [block, maxPriorityFeePerGas] = await Promise.all([
      this.#node.getBlock(),
      this.#node.estimateMaxPriorityFeePerGas(),
    ]);
    return { maxFeePerGas: 2n * (block.baseFeePerGas ?? 0n) + maxPriorityFeePerGas, maxPriorityFeePerGas };
  }

  async #nextNonce(): Promise<number> {
    const address = this.account.address;
    const mined = await this.#node.getTransactionCount({ address, blockTag: "latest" });
    for (const nonce of this.#outstanding.keys()) if (nonce < mined) this.#outstanding.delete(nonce);
    const pooled = await this.#node.getTransactionCount({ address, blockTag: "pending" });
    // What got no answer, or fell out of the node's pool, goes out again before anything later does.
    for (const signed of [...this.#outstanding.values()].sort((a, b) => a.nonce - b.nonce)) {
      if (signed.nonce < pooled) continue;
      try {
        await this.#broadcast(signed);
      } catch (thrown) {
        // Refused for good, so it never was and never will be: its nonce is free again.
        if (isUnanswered(thrown)) throw thrown;
        this.#outstanding.delete(signed.nonce);
      }
    }
    let next = pooled;
    while (this.#outstanding.has(next)) next++;
    return next;
  }

  /** Until the node has it; repeated as it is while no answer comes. */
  async #broadcast(signed: Signed): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#node.sendRawTransaction({ serializedTransaction: signed.bytes });
        return;
      } catch (thrown) {
        if (isUnanswered(thrown)) {
          if (attempt >= BROADCAST_ATTEMPTS) throw thrown;
          await sleep(BROADCAST_PAUSE_MS * attempt);
          // The answer may have been lost, not the question.
        } else if (!(await this.#isKnown(signed.hash))) throw thrown;
        else return;
      }
    }
  }

  async #isKnown(hash: Hash): Promise<boolean> {
    try {
      await this.#node.getTransaction({ hash });
      return true;
    } catch (thrown) {
      if ((thrown as Error).name === "TransactionNotFoundError") return false;
      throw thrown;
    }
  }

  async #receipt(request: Wanted, signed: Signed, options: SendOptions): Promise<TransactionReceipt> {
    const limitMs = options.receiptMs ?? RECEIPT_MS;
    const deadline = performance.now() + limitMs;
    for (let look = 1; ; look++) {
      const receipt = await this.#node.getTransactionReceipt({ hash: signed.hash }).catch((thrown: Error) => {
        if (thrown.name === "TransactionReceiptNotFoundError" || isUnanswered(thrown)) return undefined;
        throw thrown;
      });
      if (receipt) {
        this.#outstanding.delete(signed.nonce);
        return receipt;
      }
      if (performance.now() > deadline || options.signal?.aborted) {
        throw pending(request, signed, limitMs);
      }
      await sleep(this.#pollMs, undefined, options.signal ? { signal: options.signal } : undefined).catch(
        () => undefined,
      );
      // A restarted node forgets its pool.
      if (look % 20 === 0) await this.#broadcast(signed).catch(() => undefined);
    }
  }

  /** The simulation passed and the block did not: its state was another one. */
  async #whyReverted(request: Wanted, receipt: TransactionReceipt): Promise<Error> {
    const { call, ...asked } = request;
    for (const blockNumber of [receipt.blockNumber, receipt.blockNumber - 1n]) {
      try {
        await this.#node.call({ account: this.account.address, ...asked, blockNumber });
      } catch (thrown) {
        const failure = chainFailure(thrown, call, this.#url);
        if (SubletException.is(failure, "ChainRejected")) return failure;
      }
    }
    const reason = `it reverted in block ${receipt.blockNumber} (${receipt.transactionHash})`;
    return new SubletException({ code: "TransactionFailed", call, reason });
  }
}

function pending({ call }: Creation, { hash }: Signed, limitMs: number): Error {
  return new SubletException({ code: "TransactionPending", call, hash, limitMs });
}

function words(thrown: unknown): string {
  return thrown instanceof BaseError ? `${thrown.message} ${thrown.details}` : String(thrown);
}
