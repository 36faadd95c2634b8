/** A block's header as the bytes whose hash the chain records. */
import { type Client, type Hex, keccak256, numberToHex, type RpcBlock, toRlp, trim } from "viem";
import { SubletException } from "../protocol/Errors.ts";

/** Headers are about 610 bytes; a node that sends more than this sends something else. */
const MAX_HEADER_HEX_CHARS = 2 * 4_096;

type RawBlock = RpcBlock & {
  withdrawalsRoot?: Hex;
  blobGasUsed?: Hex;
  excessBlobGas?: Hex;
  parentBeaconBlockRoot?: Hex;
  requestsHash?: Hex;
};

/** RLP knows no leading zeros in a number, and 0 is the empty string. */
const quantity = (value: Hex | null | undefined): Hex => {
  const trimmed = trim(value ?? "0x");
  return trimmed === "0x00" || trimmed === "0x0" ? "0x" : trimmed;
};

/** Fields in the order of the header; those of later forks follow, as far as the block has them. */
export function fields(block: RawBlock): Hex[] {
  const all: (Hex | undefined)[] = [
    block.parentHash,
    block.sha3Uncles,
    block.miner,
    block.stateRoot,
    block.transactionsRoot,
    block.receiptsRoot,
    block.logsBloom as Hex,
    quantity(block.difficulty),
    quantity(block.number),
    quantity(block.gasLimit),
    quantity(block.gasUsed),
    quantity(block.timestamp),
    block.extraData,
    block.mixHash,
    block.nonce as Hex,
    block.baseFeePerGas == null ? undefined : quantity(block.baseFeePerGas),
    block.withdrawalsRoot,
    block.blobGasUsed == null ? undefined : quantity(block.blobGasUsed),
    block.excessBlobGas == null ? undefined : quantity(block.excessBlobGas),
    block.parentBeaconBlockRoot,
    block.requestsHash,
  ];
  return all.filter((field) => field != null);
}

/**
 * RLP of the header of block `number`, and its hash.
 * @throws SubletException TransactionFailed where the node's fields do not hash to the node's own block hash: a fork this version does not know,
 * or a lying node; such a header would be refused on chain.
 */
export async function rlp(client: Client, number: bigint): Promise<{ header: Hex; hash: Hex; prevRandao: Hex }> {
  const block = (await client.request({
    method: "eth_getBlockByNumber" as never,
    params: [numberToHex(number), false] as never,
  })) as RawBlock | null;
  if (!block?.hash) throw unusable(number, "the node does not have it (yet)");
  const header = toRlp(fields(block));
  if (header.length > MAX_HEADER_HEX_CHARS) throw unusable(number, "it is too long to be one");
  const hash = keccak256(header);
  if (hash !== block.hash || BigInt(block.number ?? -1) !== number) {
    throw unusable(number, `it hashes to ${hash}, but the node calls it ${block.hash}`);
  }
  return { header, hash, prevRandao: block.mixHash };
}

function unusable(number: bigint, reason: string): Error {
  return new SubletException({
    code: "TransactionFailed",
    call: `header of block ${number}`,
    reason,
  }) as SubletException;
}
