/** Following the chain over plain HTTP: by asking again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, GetBlockReturnType, Hash, PublicActions } from "viem";

export type Block = GetBlockReturnType;

export interface Head {
  readonly number: bigint;
  readonly hash: Hash;
  readonly parentHash: Hash;
  /** Unix seconds. */
  readonly timestamp: bigint;
  readonly prevRandao: Hash;
  /** Not built on the head before it: blocks that were seen may be gone. */
  readonly reorganised: boolean;
}

/**
 * The newest block whenever it is another one, beginning with the one of now. Blocks in between that went by unseen
 * are not repeated. Ends when `signal` aborts; a node that does not answer is asked again.
 */
export async function* heads(
  node: Client & PublicActions,
  pollMs: number,
  signal?: AbortSignal,
): AsyncGenerator<Head, void, void> {
  let last: Head | undefined;
  while (!signal?.aborted) {
    const block = await node.getBlock().catch(() => undefined);
    if (block && block.hash !== last?.hash) {
      const { number, hash, parentHash, timestamp, mixHash } = block;
      const reorganised = last !== undefined && !(await buildsOn(node, last, number, parentHash));
      last = { number, hash, parentHash, timestamp, prevRandao: mixHash, reorganised };
      if (signal?.aborted) return;
      yield last;
    }
    await sleep(pollMs, undefined, signal ? { signal } : undefined).catch(() => undefined);
  }
}

async function buildsOn(node: Client & PublicActions, last: Head, number: bigint, parentHash: Hash): Promise<boolean> {
  if (number === last.number + 1n) return parentHash === last.hash;
  if (number <= last.number) return false;
  const same = await node.getBlock({ blockNumber: last.number }).catch(() => undefined);
  return same?.hash === last.hash;
}
