/**
 * Has a relay send one account's calls, and pay their gas. What the relay will not or cannot send, the account sends itself
 * if it has the gas, unless it may be on its way already. A relay may lie: what it answers is compared with the chain.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, concat, type Hash, isAddressEqual, type LocalAccount, type TransactionReceipt } from "viem";
import { SubletException } from "../protocol/Errors.ts";
import { toJson } from "../protocol/Json.ts";
import type { Shortage } from "../protocol/LocalErrors.ts";
import { bodyOf, parseAnswer, parseFacts, type RelayFacts, type RelayRequest } from "../protocol/Relay.ts";
import type { Facts } from "./Connection.ts";
import { chainFailure } from "./Failure.ts";
import * as Forwarder from "./Forwarder.ts";
import { limitOf, type Request, type Sender, type SendOptions, type Transactor } from "./Sender.ts";

/** Carried out twice, these do no more than once: they may go two ways. */
const PROOF_CALLS = ["recordSeed", "prove"];
/** Who has so much goes on without a relay. */
const OWN_GAS = 500_000n;
/** Until it is mined, on any chain with hopes. */
const ANSWER_MS = 300_000;
const ANSWER_BYTES = 16_384;
const GREETING_MS = 10_000;
/** So much later than the relay's own node has ours what is mined. */
const LAG_MS = 60_000;

export interface RelayedOptions {
  readonly url: string;
  readonly facts: Facts;
  /** Who sends where the relay does not. */
  readonly own: Sender;
  /** Whose tip pays; the account's own if left out. */
  readonly provider?: Address;
}

interface Prepared {
  readonly asked: RelayRequest;
  readonly transaction: Request;
  readonly gas: bigint;
}

export class RelayedSender implements Transactor {
  readonly account: LocalAccount;
  readonly #options: RelayedOptions;
  #relay: RelayFacts | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: RelayedOptions, relay: RelayFacts | undefined) {
    this.#options = options;
    this.account = options.own.account;
    this.#relay = relay;
  }

  /** @throws SubletException RelayRefused: of another market, or out of reach of who cannot do without */
  static async connect(options: RelayedOptions): Promise<RelayedSender> {
    const { url, facts, own } = options;
    if (!facts.forwarder) {
      throw new SubletException({ code: "RelayRefused", url, reason: "this market names no forwarder to go through" });
    }
    const relay = await greet(options).catch(async (error) => {
      if (!SubletException.is(error, "RelayRefused") || (await own.shortage(OWN_GAS))) throw error;
      return undefined;
    });
    return new RelayedSender(options, relay);
  }

  /** Whom the calls go through; undefined while it is out of reach. */
  get relay(): RelayFacts | undefined {
    return this.#relay;
  }

  /** One after the other, since each signed call counts on the one before. @throws as {@link Sender.send}, RelayRefused */
  send(request: Request, options: SendOptions = {}): Promise<TransactionReceipt> {
    const sending = this.#turn.then(() => this.#send(request, options));
    this.#turn = sending.catch(() => undefined);
    return sending;
  }

  /** The relay pays. */
  async shortage(): Promise<Shortage | undefined> {
    return undefined;
  }

  async #send(request: Request, options: SendOptions): Promise<TransactionReceipt> {
    const { own } = this.#options;
    const isProof = request.call.split(" + ").every((name) => PROOF_CALLS.includes(name));
    const { asked, transaction, gas } = await this.#prepare(request, isProof);
    try {
      this.#relay ??= await greet(this.#options);
      return await this.#receipt(transaction, await this.#post(asked), options);
    } catch (error) {
      const mayRepeat = isProof && SubletException.is(error, "ChainUnavailable", "TransactionPending");
      if (options.signal?.aborted || !(mayRepeat || SubletException.is(error, "RelayRefused"))) throw error;
      if (await own.shortage(gas)) throw error;
      return own.send(transaction, options);
    }
  }

  /**
   * What the relay is asked for, and the transaction that comes of it, whoever sends it. The forwarder makes a signed call once:
   * a relay that says that it did not send one, and does, has nothing done twice.
   * @throws ChainRejected: simulated first, so that nobody is asked for what the market refuses
   */
  async #prepare(request: Request, isProof: boolean): Promise<Prepared> {
    const { facts, provider = this.account.address } = this.#options;
    const { node, url, chainId } = facts;
    const { call, to, data } = request;
    const forwarder = facts.forwarder!;
    const from = this.account.address;
    const simulated = isProof
      ? { account: this.#relay?.relay ?? from, to, data }
      : { account: forwarder, to, data: concat([data, from]) };
    try {
      const gas = limitOf(await node.estimateGas({ ...simulated, blockTag: "pending" }));
      if (isProof) return { asked: { provider, proof: data }, transaction: request, gas };
      const signed = await Forwarder.sign(node, forwarder, chainId, this.account, { to, data, gas });
      const transaction = { call, to: forwarder, data: Forwarder.execution(signed) };
      return { asked: { provider, call: signed }, transaction, gas };
    } catch (thrown) {
      throw chainFailure(thrown, call, url);
    }
  }

  /** @throws RelayRefused: not sent; ChainUnavailable: nobody knows */
  async #post(asked: RelayRequest): Promise<Hash> {
    const { url } = this.#options;
    const refused = (reason: string) => new SubletException({ code: "RelayRefused", url, reason });
    let text: string;
    try {
      const response = await fetch(url, {
        ...{ method: "POST", body: toJson(asked), headers: { "content-type": "application/json" }, redirect: "error" },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      text = await answerOf(response);
    } catch (error) {
      const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
      const reason = cause?.message ?? message;
      // Nobody was there to take it.
      if (cause?.code === "ECONNREFUSED") throw refused(`it cannot be reached (${reason})`);
      throw this.#unclear(`did not say what came of it: ${reason}`);
    }
    const answer = parseAnswer(text);
    if (answer && "hash" in answer) return answer.hash;
    throw refused(answer?.error ?? "it does not answer as a relay");
  }

  #unclear(what: string): SubletException {
    const { url } = this.#options;
    return new SubletException({ code: "ChainUnavailable", url, reason: `the relay ${what}` });
  }

  /** @throws ChainUnavailable: what the relay named is another transaction; TransactionPending, TransactionFailed */
  async #receipt(
    { call, to, data }: Request,
    hash: Hash,
    { receiptMs = LAG_MS, signal }: SendOptions,
  ): Promise<TransactionReceipt> {
    const { node, pollMs } = this.#options.facts;
    for (const deadline = performance.now() + receiptMs; performance.now() < deadline && !signal?.aborted; ) {
      const mined = await Promise.all([node.getTransactionReceipt({ hash }), node.getTransaction({ hash })]).catch(
        () => undefined,
      );
      if (mined) {
        const [receipt, sent] = mined;
        if (!sent.to || !isAddressEqual(sent.to, to) || sent.input.toLowerCase() !== data.toLowerCase()) {
          throw this.#unclear(`named a transaction that does something else (${hash})`);
        }
        if (receipt.status === "success") return receipt;
        throw new SubletException({ code: "TransactionFailed", call, reason: `it reverted (${hash})` });
      }
      await sleep(pollMs);
    }
    throw new SubletException({ code: "TransactionPending", call, hash, limitMs: receiptMs });
  }
}

/** @throws SubletException RelayRefused: out of reach, or of another market */
async function greet({ url, facts }: RelayedOptions): Promise<RelayFacts> {
  const refuse = (reason: string): never => {
    throw new SubletException({ code: "RelayRefused", url, reason });
  };
  const text = await fetch(url, { signal: AbortSignal.timeout(GREETING_MS), redirect: "error" })
    .then(answerOf)
    .catch((error: Error) => refuse(`it cannot be reached (${error.message})`));
  const relay = parseFacts(text) ?? refuse("it does not answer as a relay");
  if (relay.chainId === facts.chainId && isAddressEqual(relay.market, facts.address)) return relay;
  return refuse(`it relays for market ${relay.market} on chain ${relay.chainId}`);
}

async function answerOf(response: Response): Promise<string> {
  const text = response.body && (await bodyOf(response.body, ANSWER_BYTES));
  if (text === undefined) throw new Error(`it answers more than ${ANSWER_BYTES} bytes`);
  return text ?? "";
}
