/** Whether the market's ledger follows the token itself: what came in was credited, what went out was withdrawn. */
import type { Hash } from "viem";
import type { MarketEvent, Transfer } from "../chain/Events.ts";
import type { MarketReader } from "../chain/MarketReader.ts";
import type { Difference } from "./Report.ts";

/** Movements of tokens in or out that the market's events told of, not met by the token's own events yet. */
export class Tokens {
  readonly #reader: MarketReader;
  readonly #told = new Map<string, MarketEvent[]>();

  constructor(reader: MarketReader) {
    this.#reader = reader;
  }

  /** Takes note of a Deposited or Withdrawn; of nothing else. */
  note(event: MarketEvent): void {
    const market = this.#reader.address;
    if (event.name === "Deposited") this.#add(event, event.args.from, market, event.args.amount);
    else if (event.name === "Withdrawn") this.#add(event, market, event.args.to, event.args.amount);
  }

  /** What the market told of these blocks and the token did not do, and tokens that left without a word. */
  async compare(from: bigint, to: bigint): Promise<Difference[]> {
    const differences: Difference[] = [];
    const { address, epochs } = this.#reader;
    for await (const moved of this.#reader.tokenTransfers(from, to)) {
      const key = keyOf(moved.transaction, moved.from, moved.to, moved.amount);
      const told = this.#told.get(key);
      if (told?.pop()) {
        if (told.length === 0) this.#told.delete(key);
      } else if (moved.from.toLowerCase() === address.toLowerCase() && moved.amount > 0n) {
        differences.push(left(moved, epochs.at(moved.block)));
      }
    }
    for (const event of [...this.#told.values()].flat()) differences.push(invented(event, epochs.at(event.block)));
    this.#told.clear();
    return differences;
  }

  #add(event: MarketEvent, from: string, to: string, amount: bigint): void {
    const key = keyOf(event.transaction, from, to, amount);
    const told = this.#told.get(key) ?? [];
    told.push(event);
    this.#told.set(key, told);
  }
}

function keyOf(transaction: Hash, from: string, to: string, amount: bigint): string {
  return `${transaction} ${from} ${to} ${amount}`.toLowerCase();
}

function left({ from, to, amount, block, transaction }: Transfer, epoch: number): Difference {
  return {
    epoch,
    block: `${block}`,
    transaction,
    provider: to,
    what: "tokens leave the market without a withdrawal",
    expected: "0",
    actual: `${amount} from ${from}`,
  };
}

function invented(event: MarketEvent, epoch: number): Difference {
  const { account, amount } = event.args as { account: string; amount: bigint };
  return {
    epoch,
    block: `${event.block}`,
    transaction: event.transaction,
    provider: account,
    what: `tokens of a ${event.name} did not move`,
    expected: `${amount}`,
    actual: "0",
  };
}
