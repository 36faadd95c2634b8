/** An epoch's randomness, read out of its challenge block's header as it is hashed here. */
import { fromRlp, type Hash, type Hex, keccak256, slice } from "viem";
import type { MarketReader } from "../chain/MarketReader.ts";
import { SubletException } from "../protocol/Errors.ts";

/** The fields of a header in their order; forks append to them. */
const FIELDS = [
  ...["parentHash", "ommersHash", "beneficiary", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"],
  ...["difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "prevRandao", "nonce"],
  ...["baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash"],
];
const RANDAO_FIELD = FIELDS.indexOf("prevRandao");
const SEED_BYTES = 28;

export interface SeedOrigin {
  readonly block: bigint;
  /** RLP. */
  readonly header: Hex;
  readonly hash: Hash;
  readonly fields: readonly { readonly name: string; readonly value: Hex }[];
  /** The first 28 bytes of prevRandao. */
  readonly seed: Hex;
}

/** @throws SubletException TransactionFailed where the header is not that of the block's hash */
export async function readSeed(reader: MarketReader, block: bigint): Promise<SeedOrigin> {
  const { header, hash } = await reader.header(block);
  if (keccak256(header) !== hash) {
    const reason = `it does not hash to ${hash}`;
    throw new SubletException({ code: "TransactionFailed", call: `header of block ${block}`, reason });
  }
  const values = fromRlp(header) as readonly Hex[];
  const fields = values.map((value, i) => ({ name: FIELDS[i] ?? `field ${i}`, value }));
  return { block, header, hash, fields, seed: slice(values[RANDAO_FIELD]!, 0, SEED_BYTES) };
}
