/**
 * Who may do what with a deal: its client, and delegates whose scope is read from the chain. Not its signer: every device of
 * the client has that key, and what one of them may is for its delegation to say.
 */
import { type Address, isAddressEqual } from "viem";
import { type Delegation, type MarketReader, Scope } from "../../chain/MarketReader.ts";
import type { KnownContext } from "../../network/Handlers.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Verb } from "../../protocol/Verbs.ts";
import type { DealRecord } from "../storage/Store.ts";

export const WRITERS = Scope.Write | Scope.Repair;
export const READERS = Scope.Read | Scope.Write | Scope.Repair;

/** How long an answer of the chain is believed: a refused delegate may ask as often as it likes. */
const BELIEVED_MS = 2_000;
const MAX_BELIEVED = 4_096;

interface Believed {
  readonly delegation: Promise<Delegation>;
  readonly until: number;
}

export class Access {
  readonly #chain: Pick<MarketReader, "delegation">;
  readonly #epoch: () => number;
  readonly #believed = new Map<string, Believed>();

  constructor(chain: Pick<MarketReader, "delegation">, epoch: () => number) {
    this.#chain = chain;
    this.#epoch = epoch;
  }

  /** @throws Unauthorized unless the caller owns the deal or is its owner's delegate with one of `scopes` */
  async require(verb: Verb, deal: DealRecord, { remote, actingFor }: KnownContext, scopes: number): Promise<void> {
    if (isOwner(deal, remote)) return;
    if (actingFor === undefined || isAddressEqual(actingFor, deal.client)) {
      if (((await this.delegation(deal.client, remote))?.scopes ?? 0) & scopes) return;
    }
    throw new SubletException({ code: "Unauthorized", verb, needs: "the client of the deal or its delegate's scope" });
  }

  /** What `client` lets `delegate` do now; undefined: nothing. */
  async delegation(client: Address, delegate: Address): Promise<Delegation | undefined> {
    const delegation = await this.#read(client, delegate);
    return this.#epoch() < delegation.untilEpoch ? delegation : undefined;
  }

  #read(client: Address, delegate: Address): Promise<Delegation> {
    const key = `${client} ${delegate}`;
    const now = performance.now();
    const known = this.#believed.get(key);
    if (known && now < known.until) return known.delegation;
    const delegation = this.#chain.delegation(client, delegate);
    this.#believed.delete(key);
    this.#believed.set(key, { delegation, until: now + BELIEVED_MS });
    delegation.catch(() => this.#believed.delete(key));
    for (const old of this.#believed.keys()) {
      if (this.#believed.size <= MAX_BELIEVED) break;
      this.#believed.delete(old);
    }
    return delegation;
  }
}

export function isOwner({ client }: DealRecord, caller: Address): boolean {
  return isAddressEqual(client, caller);
}
