/** A storage market with an account to act for: one function a call of the contract. */
import {
  type Address,
  encodeFunctionData,
  type Hash,
  type Hex,
  isAddressEqual,
  type LocalAccount,
  parseAbi,
  type RpcLog,
  type TransactionReceipt,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { SubletException } from "../protocol/Errors.ts";
import type { Shortage } from "../protocol/LocalErrors.ts";
import type { ForwardedCall, RelayFacts } from "../protocol/Relay.ts";
import type { Extension } from "../protocol/TypedData.ts";
import { marketTokenAbi } from "./abi.ts";
import {
  type Call,
  type CommitItem,
  call,
  commitCall,
  compact,
  type DealItem,
  openCall,
  type ProofItem,
  type RedeemItem,
  redeemCall,
} from "./Calls.ts";
import { type Connection, type Facts, reach } from "./Connection.ts";
import { decode, type MarketEvent } from "./Events.ts";
import * as Forwarder from "./Forwarder.ts";
import { type DealRef, type Delegation, LEDGER_ONE, MarketReader } from "./MarketReader.ts";
import * as Permit from "./Permit.ts";
import { RelayedSender } from "./RelayedSender.ts";
import { type Purse, Sender, type SendOptions, type Transactor } from "./Sender.ts";

const multicallAbi = parseAbi(["function multicall(bytes[] data) returns (bytes[] results)"]);

/** A mined transaction and what the market said in it. */
export interface Sent {
  readonly hash: Hash;
  readonly block: bigint;
  readonly gasUsed: bigint;
  /** Wei: what the sender paid for it. */
  readonly fee: bigint;
  readonly events: readonly MarketEvent[];
}

export interface AccountConnection extends Connection {
  /** A private key, or an account that holds one; without it everything can be read and nothing sent. */
  readonly account?: LocalAccount | Hex;
  /** Whatever the node suggests is paid if left out. */
  readonly purse?: Purse;
  /** Sends and pays for the account's calls. */
  readonly relay?: { readonly url: string; readonly provider?: Address };
}

/** A transaction's own gas and its permit's; and what a byte of the market's calls comes to, a storage word for each few. */
const CALL_GAS = 150_000n;
const BYTE_GAS = 200n;

export class Market extends MarketReader {
  readonly #sender: Transactor | undefined;
  constructor(facts: Facts, sender?: Transactor) {
    super(facts);
    this.#sender = sender;
  }

  /** @throws SubletException ChainUnavailable, WrongChain, NotAMarket, RelayRefused */
  static override async connect(connection: AccountConnection): Promise<Market> {
    const { account, purse, relay } = connection;
    const facts = await reach(connection);
    if (!account) return new Market(facts);
    const key = typeof account === "string" ? privateKeyToAccount(account) : account;
    const own = Sender.of(key, facts.node, facts.url, facts.chainId, facts.pollMs, purse);
    return new Market(facts, relay ? await RelayedSender.connect({ facts, own, ...relay }) : own);
  }

  /** Whom its calls go through, if anybody. */
  get relay(): RelayFacts | undefined {
    return this.#sender instanceof RelayedSender ? this.#sender.relay : undefined;
  }

  /** Who sends. */
  get sender(): Address {
    return this.#ownSender().account.address;
  }

  // ---------------------------------------------------------------- accounts

  /** `penaltyRate`: ledger units per missed sector-epoch, even. */
  register(signer: Address, penaltyRate: bigint): Promise<Sent> {
    return this.send(call("register", [signer, penaltyRate]));
  }

  setSigner(signer: Address): Promise<Sent> {
    return this.send(call("setSigner", [signer]));
  }

  announce(data: Hex): Promise<Sent> {
    return this.send(call("announce", [data]));
  }

  setTip(relay: Address, tip: bigint): Promise<Sent> {
    return this.send(call("setTip", [relay, tip]));
  }

  /** Voids every offer and extension that the sender signed and nobody used. */
  cancelOffers(): Promise<Sent> {
    return this.send(call("cancelOffers", []));
  }

  /** Token base units, with a permit where the allowance is too small. */
  deposit(owner: Address, amount: bigint): Promise<Sent> {
    return this.pay(amount, [call("deposit", [owner, amount])]);
  }

  /** Token base units of the free balance. */
  withdraw(amount: bigint, to: Address): Promise<Sent> {
    return this.send(call("withdraw", [amount, to]));
  }

  authorize(delegate: Address, delegation: Delegation): Promise<Sent> {
    return this.send(call("authorize", [delegate, delegation]));
  }

  revoke(delegate: Address): Promise<Sent> {
    return this.send(call("revoke", [delegate]));
  }

  // ---------------------------------------------------------------- deals

  /**
   * Opens deals of one volume in one transaction, with a permit for what the free balance does not pay.
   * @throws SubletException InsufficientFunds of the token, BadArgument, before anything is sent
   */
  async openDeals(items: readonly DealItem[], minOpened: number): Promise<Sent> {
    const wanted = openCall(items, minOpened);
    const cost = items.reduce((sum, { escrow, egress }) => sum + escrow + egress, 0n);
    const { client } = items[0]!.terms;
    const free = (await this.freeBalance(client)) / LEDGER_ONE;
    return this.pay(cost > free ? cost - free : 0n, [wanted], client);
  }

  /** Revisions of any providers' deals, each with both signatures. */
  commit(items: readonly CommitItem[]): Promise<Sent> {
    const byProvider = Map.groupBy(items, ({ provider }) => provider);
    return this.sendAll([...byProvider].map(([provider, some]) => commitCall(provider, some, false)));
  }

  settle(deals: readonly DealRef[]): Promise<Sent> {
    return this.send(call("settle", [deals]));
  }

  extend(deal: DealRef, extension: Extension, signature: Hex): Promise<Sent> {
    return this.send(call("extend", [deal, extension, compact(signature)]));
  }

  refill(deal: DealRef): Promise<Sent> {
    return this.send(call("refill", [deal]));
  }

  /** Token base units, with a permit where the allowance is too small. */
  topUp(deal: DealRef, escrow: bigint, egress: bigint): Promise<Sent> {
    return this.pay(escrow + egress, [call("topUp", [deal, escrow, egress])]);
  }

  redeem(items: readonly RedeemItem[]): Promise<Sent> {
    return this.send(redeemCall(items));
  }

  // ---------------------------------------------------------------- proofs

  /** `header`: of the current epoch's challenge block, see {@link MarketReader.header}. */
  recordSeed(header: Hex): Promise<Sent> {
    return this.send(call("recordSeed", [header]));
  }

  /** `header`, if given, records the seed in the same transaction first. */
  prove(provider: Address, seed: Hex, proof: Hex, header?: Hex): Promise<Sent> {
    const proving = call("prove", [provider, seed, proof]);
    return header ? this.sendAll([call("recordSeed", [header]), proving]) : this.send(proving);
  }

  proveMany(seed: Hex, items: readonly ProofItem[], header?: Hex): Promise<Sent> {
    const proving = call("proveMany", [seed, items]);
    return header ? this.sendAll([call("recordSeed", [header]), proving]) : this.send(proving);
  }

  // ---------------------------------------------------------------- exits and challenges

  terminate(deal: DealRef): Promise<Sent> {
    return this.send(call("terminate", [deal]));
  }

  resign(deal: DealRef): Promise<Sent> {
    return this.send(call("resign", [deal]));
  }

  terminateMissed(deal: DealRef): Promise<Sent> {
    return this.send(call("terminateMissed", [deal]));
  }

  abandon(deal: DealRef): Promise<Sent> {
    return this.send(call("abandon", [deal]));
  }

  prune(deals: readonly DealRef[]): Promise<Sent> {
    return this.send(call("prune", [deals]));
  }

  close(deals: readonly DealRef[]): Promise<Sent> {
    return this.send(call("close", [deals]));
  }

  /** Pays the deal's answer bond, with a permit where the allowance is too small. */
  async challenge(deal: DealRef, chunk: bigint): Promise<Sent> {
    const { answerBond } = await this.deal(deal.provider, deal.slot);
    return this.pay(answerBond, [call("challenge", [deal, chunk])]);
  }

  answer(deal: DealRef, proof: Hex): Promise<Sent> {
    return this.send(call("answer", [deal, proof]));
  }

  convict(deal: DealRef): Promise<Sent> {
    return this.send(call("convict", [deal]));
  }

  // ---------------------------------------------------------------- sending

  /** @throws SubletException ChainRejected, InsufficientFunds, ChainUnavailable, TransactionPending */
  async send(wanted: Call, options?: SendOptions): Promise<Sent> {
    return this.#sent(
      await this.#ownSender().send({ call: wanted.name, to: this.address, data: wanted.data }, options),
    );
  }

  /** Several calls in one transaction: all of them or none. */
  sendAll(calls: readonly Call[], options?: SendOptions): Promise<Sent> {
    const [only] = calls;
    if (only && calls.length === 1) return this.send(only, options);
    const data = encodeFunctionData({ abi: multicallAbi, args: [calls.map((each) => each.data)] });
    return this.send({ name: calls.map((each) => each.name).join(" + "), data }, options);
  }

  /**
   * Sends calls that take `amount` token base units from the payer's wallet, in one transaction; with a permit where
   * the market may not take so much. The payer is the sender unless told.
   * @throws SubletException InsufficientFunds of the token, before anything is sent
   */
  async pay(amount: bigint, wanted: readonly Call[], payer: Address = this.sender): Promise<Sent> {
    if (amount === 0n) return this.sendAll(wanted);
    const [have, allowance] = await Promise.all([this.tokenBalance(payer), this.tokenAllowance(payer)]);
    if (have < amount) await this.requireFunds(amount, roughGas(wanted), payer);
    const { account } = this.#ownSender();
    if (allowance >= amount || !isAddressEqual(payer, account.address)) return this.sendAll(wanted);
    const permit = await this.asked("permit", () =>
      Permit.sign(this.node, this.token, this.chainId, account, this.address, amount),
    );
    if (permit) {
      const { owner, value, deadline, v, r, s } = permit;
      return this.sendAll([call("permit", [owner, value, deadline, v, r, s]), ...wanted]);
    }
    const data = encodeFunctionData({ abi: marketTokenAbi, functionName: "approve", args: [this.address, amount] });
    await this.#ownSender().send({ call: "token.approve", to: this.token, data });
    return this.sendAll(wanted);
  }

  /**
   * Before the first of several transactions: that the payer has the token base units, and the sender the gas.
   * @throws SubletException InsufficientFunds, naming both where both are missing
   */
  async requireFunds(need: bigint, gas: bigint, payer: Address = this.sender): Promise<void> {
    const [have, gasShortage] = await Promise.all([this.tokenBalance(payer), this.#ownSender().shortage(gas)]);
    const missing = need - have;
    const lacking: Shortage[] = missing > 0n ? [{ asset: "token", account: payer, have, need, missing }] : [];
    const [first, also] = gasShortage ? [...lacking, gasShortage] : lacking;
    if (first) throw new SubletException({ code: "InsufficientFunds", ...first, ...(also && { also }) });
  }

  /** Sends what somebody signed for the forwarder, and pays for it. */
  async forward(signed: ForwardedCall): Promise<Sent> {
    const reason = "this market names no forwarder, so nothing can be relayed";
    if (!this.forwarder)
      throw new SubletException({ code: "BadArgument", name: "market", value: this.address, reason });
    const data = Forwarder.execution(signed);
    return this.#sent(await this.#ownSender().send({ call: "forwarder.execute", to: this.forwarder, data }));
  }

  /** Tokens out of the sender's own wallet. */
  async transferToken(to: Address, amount: bigint): Promise<Sent> {
    const data = encodeFunctionData({ abi: marketTokenAbi, functionName: "transfer", args: [to, amount] });
    return this.#sent(await this.#ownSender().send({ call: "token.transfer", to: this.token, data }));
  }

  #ownSender(): Transactor {
    if (this.#sender) return this.#sender;
    throw new SubletException({
      code: "BadArgument",
      name: "account",
      value: "none",
      reason: "sending needs one: connect with a key",
    });
  }

  #sent(receipt: TransactionReceipt): Sent {
    const events: MarketEvent[] = [];
    for (const log of receipt.logs) {
      if (log.address.toLowerCase() !== this.address.toLowerCase()) continue;
      const event = decode(log as unknown as RpcLog);
      if (event) events.push(event);
    }
    const { transactionHash: hash, blockNumber: block, gasUsed, effectiveGasPrice } = receipt;
    return { hash, block, gasUsed, fee: gasUsed * effectiveGasPrice, events };
  }
}

/** For calls that cannot be simulated, since the tokens for them are missing: the right order of magnitude, no more. */
function roughGas(calls: readonly Call[]): bigint {
  return calls.reduce((sum, { data }) => sum + BigInt(data.length / 2) * BYTE_GAS, CALL_GAS);
}
