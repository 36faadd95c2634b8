/**
 * Sends calls of hosts that have no gas, and is paid by their tips. It pays for nothing that the market would refuse, for
 * nobody whose standing tip it would not get, and for each host only so much between two tips.
 */
import type { Logger } from "pino";
import { type Address, type Hash, type Hex, isAddressEqual } from "viem";
import { type AskedCall, callsIn } from "../chain/Calls.ts";
import type { Market, Sent } from "../chain/Market.ts";
import { LEDGER_ONE, type Provider } from "../chain/MarketReader.ts";
import type { ForwardedCall, RelayFacts, RelayRequest } from "../protocol/Relay.ts";

/** For what it works. */
export interface RelayTerms {
  /** Ledger units for each epoch that a host proves. */
  readonly leastTip: bigint;
  /** Gas for a host between two of its tips. */
  readonly gasPerTip: bigint;
  /** Hosts taken in an epoch that are not registered yet. */
  readonly newcomersPerEpoch: number;
}

type Chain = Pick<
  Market,
  | "sender"
  | "chainId"
  | "address"
  | "epochs"
  | "parameters"
  | "provider"
  | "freeBalance"
  | "blockNumber"
  | "send"
  | "forward"
>;

/** Gas spent for a host since its last tip. */
interface Debt {
  readonly sinceEpoch: number;
  readonly gas: bigint;
}

/** After so long a host that pays no tip is served again: it may only have had no deal. */
const FORGIVEN_EPOCHS = 30;
/** A proof of the largest set there can be takes less. */
const PROOF_GAS = 500_000n;

export class Relay {
  readonly facts: RelayFacts;
  readonly #chain: Chain;
  readonly #terms: RelayTerms;
  readonly #log: Logger;
  readonly #debts = new Map<Address, Debt>();
  #newcomers = { epoch: 0, count: 0 };

  constructor(chain: Chain, terms: RelayTerms, log: Logger) {
    this.#chain = chain;
    this.#terms = terms;
    this.#log = log;
    const { sender: relay, chainId, address: market } = chain;
    this.facts = { relay, chainId, market, leastTip: terms.leastTip };
  }

  /** The transaction, once it is mined. @throws Refusal; SubletException where the market, the chain or the wallet refuses */
  async take({ provider, proof, call }: RelayRequest): Promise<Hash> {
    if (proof && !call) return this.#prove(provider, proof);
    if (call && !proof) return this.#forward(provider, call);
    throw new Refusal("it is asked either for a proof or for another call");
  }

  /** The one thing that the relay sends as itself: whatever else went this way would be done with its own money. */
  async #prove(provider: Address, data: Hex): Promise<Hash> {
    const calls = callsIn(data) ?? [];
    const proving = calls.at(-1);
    const first = calls.length === 2 ? calls[0] : undefined;
    if (calls.length > 2 || proving?.functionName !== "prove" || (first && first.functionName !== "recordSeed")) {
      throw new Refusal("that is no proof");
    }
    if (!isAddressEqual(proving.args[0], provider)) throw new Refusal("that is another provider's proof");
    await this.#requireTip(provider, await this.#chain.provider(provider));
    const name = calls.map((one) => one.functionName).join(" + ");
    return this.#charging(provider, PROOF_GAS, name, () => this.#chain.send({ name, data }));
  }

  async #forward(provider: Address, call: ForwardedCall): Promise<Hash> {
    const { from, to, value, gas, data } = call;
    if (!isAddressEqual(to, this.#chain.address)) throw new Refusal("that is a call of another contract");
    if (value !== 0n) throw new Refusal("that is a call that sends money along");
    const calls = callsIn(data);
    if (!calls) throw new Refusal("that is no call of the market");
    const standing = await this.#chain.provider(provider);
    if (standing.penaltyRate === 0n) await this.#requirePromising(provider, from, calls);
    else {
      if (![provider, standing.signer].some((one) => isAddressEqual(one, from))) {
        throw new Refusal(`${from} does not speak for ${provider}`);
      }
      await this.#requireTip(provider, standing);
    }
    const name = calls.map((one) => one.functionName).join(" + ");
    return this.#charging(provider, gas, name, () => this.#chain.forward(call));
  }

  /** A host that is not registered yet does all of it at once: with a stake, and with the tip. */
  async #requirePromising(provider: Address, from: Address, calls: readonly AskedCall[]): Promise<void> {
    const { leastTip, newcomersPerEpoch } = this.#terms;
    const { minCollateral } = this.#chain.parameters;
    const promises = [
      isAddressEqual(provider, from),
      calls.some(({ functionName }) => functionName === "register"),
      calls.some(
        (one) =>
          one.functionName === "deposit" && isAddressEqual(one.args[0], provider) && one.args[1] >= minCollateral,
      ),
      calls.some(
        (one) =>
          one.functionName === "setTip" && isAddressEqual(one.args[0], this.facts.relay) && one.args[1] >= leastTip,
      ),
    ];
    if (promises.includes(false)) {
      const least = `a stake of ${minCollateral} base units and a tip of ${leastTip} ledger units an epoch to ${this.facts.relay}`;
      throw new Refusal(`a host that is new registers in one call, with ${least}`);
    }
    const epoch = await this.#epoch();
    if (epoch !== this.#newcomers.epoch) this.#newcomers = { epoch, count: 0 };
    if (this.#newcomers.count >= newcomersPerEpoch) throw new Refusal("it takes no more new hosts in this epoch");
    this.#newcomers.count++;
  }

  /** That the next proof pays. */
  async #requireTip(provider: Address, { relay, tip }: Provider): Promise<void> {
    const { leastTip } = this.#terms;
    if (!isAddressEqual(relay, this.facts.relay) || tip < leastTip) {
      throw new Refusal(`${provider} has no standing tip of ${leastTip} ledger units an epoch to ${this.facts.relay}`);
    }
    const free = await this.#chain.freeBalance(provider);
    if (free < tip) throw new Refusal(`${provider} has less in the market, free, than its tip: ${free}`);
  }

  /** Sends within what the host may still cost, and lets a tip settle it. */
  async #charging(provider: Address, gas: bigint, name: string, send: () => Promise<Sent>): Promise<Hash> {
    const epoch = await this.#epoch();
    const known = this.#debts.get(provider);
    const debt = known && epoch - known.sinceEpoch < FORGIVEN_EPOCHS ? known : { sinceEpoch: epoch, gas: 0n };
    if (debt.gas + gas > this.#terms.gasPerTip) {
      throw new Refusal(`${debt.gas} gas were spent for ${provider} since its last tip, and this may take ${gas}`);
    }
    // At once, for calls that come side by side.
    this.#debts.set(provider, { ...debt, gas: debt.gas + gas });
    let spent = 0n;
    let tipped = 0n;
    try {
      const { hash, gasUsed, fee, events } = await send();
      spent = gasUsed;
      for (const event of events) if (event.name === "TipPaid") tipped += event.args.amount;
      this.#log.info(
        { provider, call: name, transaction: hash, gasUsed: `${gasUsed}`, fee: `${fee}`, tip: `${tipped}` },
        "sent",
      );
      return hash;
    } finally {
      const now = this.#debts.get(provider)!;
      if (tipped > 0n) this.#debts.delete(provider);
      else this.#debts.set(provider, { ...now, gas: now.gas - gas + spent });
    }
  }

  async #epoch(): Promise<number> {
    return this.#chain.epochs.at(await this.#chain.blockNumber());
  }
}

/** It sends something else, or for somebody else. */
export class Refusal extends Error {
  readonly code = "REFUSED";

  constructor(reason: string) {
    super(reason);
    this.name = "Refusal";
  }
}

/** Tokens in base units, as the ledger counts them. */
export function ledgerUnits(baseUnits: bigint): bigint {
  return baseUnits * LEDGER_ONE;
}
