/** Money that a drive may spend by itself, as its config says. */
import { SubletException } from "../../protocol/Errors.ts";

/** What a payment came to, and what of it was paid. */
export interface Paid<Result> {
  readonly result: Result;
  readonly spent: bigint;
}

/**
 * What may be spent leaves the budget on disk before it is; what was not spent comes back. A process that dies in between,
 * and an outcome that is unknown, leave less to spend, never more. Token base units.
 */
export class Allowance {
  readonly #save: (left: bigint) => Promise<void>;
  #left: bigint;

  constructor(left: bigint, save: (left: bigint) => Promise<void>) {
    this.#left = left;
    this.#save = save;
  }

  /**
   * @param pay one payment, of `most`: all of it, a part, or by its failure nothing
   * @throws SubletException OverBudget, before anything is paid
   */
  async spend<Result>(most: bigint, pay: () => Promise<Paid<Result>>): Promise<Result> {
    if (most > this.#left) throw new SubletException({ code: "OverBudget", need: most, budget: this.#left });
    await this.#leave(this.#left - most);
    try {
      const { result, spent } = await pay();
      if (spent < most) await this.#leave(this.#left + most - spent);
      return result;
    } catch (error) {
      if (SubletException.is(error, "InsufficientFunds", "ChainRejected")) await this.#leave(this.#left + most);
      throw error;
    }
  }

  async #leave(left: bigint): Promise<void> {
    this.#left = left;
    await this.#save(left);
  }
}
