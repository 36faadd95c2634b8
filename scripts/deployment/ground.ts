/** Whether a chain is one that a market can stand on, and a token one that it can be over. */
import { type Address, type Hex, numberToHex, parseAbi, zeroHash } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import type { Node, Parameters } from "../../src/chain/Connection.ts";
import { chainFailure, isUnanswered } from "../../src/chain/Failure.ts";
import { rlp } from "../../src/chain/Header.ts";
import { SubletException } from "../../src/protocol/Errors.ts";

/** Development chains by their customary ids: tokens and money on them are worth nothing. */
export const LOCAL_CHAINS: readonly number[] = [31_337, 1_337];

/** The first account of Hardhat's node and others: everybody has its key. */
export const LOCAL_ACCOUNT = mnemonicToAccount("test test test test test test test test test test test junk");

/** Where EIP-2935 keeps block hashes; HeaderSeedSource looks there beyond what BLOCKHASH reaches. */
const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
const BLOCKHASH_WINDOW = 256;

const tokenAbi = parseAbi([
  "function decimals() view returns (uint8)",
  "function balanceOf(address) view returns (uint256)",
]);

/**
 * That HeaderSeedSource works on this chain for a market of such parameters: headers are Ethereum's, prevRandao is not the
 * same in each, and a hash can be had for as long as an epoch's proofs take.
 * @throws SubletException BadArgument of --seed-source, which is how another one is given
 */
export async function checkSeedSource(node: Node, parameters: Parameters): Promise<void> {
  const newest = await node.getBlockNumber({ cacheTime: 0 });
  const one = await headerOf(node, newest);
  const before = newest > 0n ? await headerOf(node, newest - 1n) : undefined;
  if (one.prevRandao === zeroHash || one.prevRandao === before?.prevRandao) {
    throw unfit(
      `this chain's prevRandao is ${one.prevRandao} in one block after the other, so seeds could be foreseen`,
    );
  }
  const { epochBlocks, commitBlocks, gapBlocks } = parameters;
  const proving = epochBlocks - commitBlocks - gapBlocks;
  if (proving <= BLOCKHASH_WINDOW) return;
  if (!(await keepsHistory(node, newest, before?.hash))) {
    const reach = `proofs of an epoch take ${proving} blocks, and BLOCKHASH reaches back ${BLOCKHASH_WINDOW}`;
    throw unfit(`this chain keeps no block hashes at ${HISTORY} (EIP-2935); ${reach}`);
  }
}

/** The contract of EIP-2935 gives the hash of a block that is known. */
async function keepsHistory(node: Node, newest: bigint, hashBefore: Hex | undefined): Promise<boolean> {
  if (hashBefore === undefined) return (await node.getCode({ address: HISTORY })) !== undefined;
  const data = numberToHex(newest - 1n, { size: 32 });
  const { data: answer } = await node.call({ to: HISTORY, data }).catch((thrown: unknown) => {
    if (isUnanswered(thrown)) throw thrown;
    return { data: undefined };
  });
  return answer === hashBefore;
}

async function headerOf(node: Node, number: bigint): Promise<{ hash: Hex; prevRandao: Hex }> {
  try {
    return await rlp(node, number);
  } catch (thrown) {
    if (!SubletException.is(thrown, "TransactionFailed")) throw thrown;
    throw unfit(`this chain's headers cannot be proved (${thrown.error.call}: ${thrown.error.reason})`);
  }
}

/** How many decimals a token has. @throws SubletException BadArgument where it is none, ChainUnavailable */
export async function tokenDecimals(node: Node, url: string, address: Address): Promise<number> {
  const token = { address, abi: tokenAbi } as const;
  try {
    await node.readContract({ ...token, functionName: "balanceOf", args: [address] });
    return await node.readContract({ ...token, functionName: "decimals" });
  } catch (thrown) {
    const failure = chainFailure(thrown, "decimals", url);
    if (SubletException.is(failure, "ChainUnavailable")) throw failure;
    const reason = "there is no ERC-20 token with decimals at it";
    throw new SubletException({ code: "BadArgument", name: "--token", value: address, reason }, { cause: thrown });
  }
}

/** @throws SubletException BadArgument where there is no contract */
export async function requireCode(node: Node, name: string, address: Address): Promise<void> {
  if (await node.getCode({ address })) return;
  throw new SubletException({ code: "BadArgument", name, value: address, reason: "there is no contract at it" });
}

function unfit(reason: string): SubletException {
  const advice = "give one that is made for it with --seed-source ADDRESS";
  const why = `${reason}; ${advice}`;
  return new SubletException({ code: "BadArgument", name: "seed source", value: "HeaderSeedSource", reason: why });
}
