/** The only place here that reads money: what people have, and what the market says it moved. In ledger units. */
import { LEDGER, type Party, type World } from "../contracts/fixture.ts";

/** What one deal moved in its whole life. */
export interface Moved {
  /** From the client, for proven epochs. */
  paid: bigint;
  /** From collateral, half of it burnt and half to the client. */
  penalty: bigint;
  /** From collateral to the client: what an exit forfeits, and the fee of a resignation. */
  exit: bigint;
}

export class Book {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Tokens in hand and in the market, locked or free. What lies in a deal's escrow counts when it comes back. */
  async wealth({ account, address }: Party): Promise<bigint> {
    const { balance } = await this.#world.ledger(address);
    return (await this.#world.token.balanceOf(account)) * LEDGER + balance;
  }

  /** By deal. */
  async moved(): Promise<Map<string, Moved>> {
    const { market } = this.#world;
    const deals = new Map<string, Moved>();
    const of = (id: string) => {
      const moved = deals.get(id) ?? { paid: 0n, penalty: 0n, exit: 0n };
      deals.set(id, moved);
      return moved;
    };
    for (const settling of [market.filters.Settled(), market.filters.Committed()]) {
      for (const { args } of await market.queryFilter(settling as ReturnType<typeof market.filters.Settled>)) {
        of(args.id).paid += args.paid;
      }
    }
    for (const { args } of await market.queryFilter(market.filters.Penalised())) of(args.id).penalty += args.penalty;
    for (const { args } of await market.queryFilter(market.filters.Stopped())) of(args.id).exit += args.forfeited;
    for (const { args } of await market.queryFilter(market.filters.Closed())) of(args.id).exit += args.exitFee;
    return deals;
  }
}
