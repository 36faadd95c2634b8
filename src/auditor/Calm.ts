/** Work over many requests that must all have seen one and the same chain. */
import type { MarketReader } from "../chain/MarketReader.ts";
import { SubletException } from "../protocol/Errors.ts";

/** A reorganisation in the midst makes the work begin again, so often at most. */
const ATTEMPTS = 3;

/**
 * Does `work` as of the newest block, and again where that block was replaced meanwhile.
 * @throws SubletException TransactionFailed where it was replaced each time
 */
export async function asOfOneBlock<Result>(
  reader: MarketReader,
  work: (block: bigint) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const { number: block, hash } = await reader.block();
    const result = await work(block);
    if ((await reader.block(block)).hash === hash) return result;
    if (attempt === ATTEMPTS) {
      const reason = `block ${block} was replaced while it ran, ${ATTEMPTS} times; audit again when the chain is calm`;
      throw new SubletException({ code: "TransactionFailed", call: "audit", reason });
    }
  }
}
