/** Standing between the auditor and the chain: a market that tells something else than it should. */
import { type Interface, type LogDescription, type ParamType, solidityPackedKeccak256, toBeHex } from "ethers";
import type { EIP1193RequestFn } from "viem";
import type { World } from "../contracts/fixture.ts";

export interface Log {
  readonly address: string;
  readonly topics: string[];
  readonly data: string;
  readonly transactionHash: string;
}

type Request = { method: string; params?: unknown[] };

/** The world's provider, with every answer passed through `alter`. */
export function between(world: World, alter: (answer: unknown, request: Request) => unknown): EIP1193RequestFn {
  const { provider } = world.connection;
  return (async (request: Request) => alter(await provider.request(request), request)) as unknown as EIP1193RequestFn;
}

/** The world's provider, with the market's logs passed through `alter`. */
export function withLogs(world: World, market: string, alter: (logs: Log[]) => Log[]): EIP1193RequestFn {
  return between(world, (answer, { method }) => {
    const logs = answer as Log[];
    if (method !== "eth_getLogs" || logs.some(({ address }) => address !== market.toLowerCase())) return answer;
    return alter(logs);
  });
}

/** The market's logs as they are. */
export async function logsOf(world: World): Promise<Log[]> {
  const filter = { address: await world.market.getAddress(), fromBlock: "0x0", toBlock: "latest" };
  return (await world.connection.provider.request({ method: "eth_getLogs", params: [filter] })) as Log[];
}

/** A log that says another value in one field, of the same type and close by. */
export function altered(face: Interface, log: Log, field: number): Log {
  const event = face.parseLog(log) as LogDescription;
  const values = event.args.map((value, index) =>
    index === field ? another(event.fragment.inputs[index]!, value) : value,
  );
  const { topics, data } = face.encodeEventLog(event.fragment, values);
  return { ...log, topics: topics as string[], data };
}

function another(type: ParamType, value: unknown): unknown {
  if (type.isTuple())
    return (value as unknown[]).map((part, i) => (i === 1 ? another(type.components![i]!, part) : part));
  if (type.type === "bool") return !value;
  if (type.type.startsWith("uint")) return (value as bigint) === 0n ? 1n : (value as bigint) - 1n;
  const hex = value as string;
  if (type.type === "bytes") return `${hex}00`;
  const last = hex.endsWith("1") ? "2" : "1";
  return type.type === "address" ? `0x${"0".repeat(39)}${last}` : hex.slice(0, -1) + last;
}

/**
 * Where the market keeps a word of a mapping from addresses to structs, found by what is there now: storage layouts
 * change, values do not lie.
 */
export async function storageSlot(world: World, owner: string, now: bigint): Promise<string> {
  const market = await world.market.getAddress();
  for (let base = 0; base < 16; base++) {
    const first = BigInt(solidityPackedKeccak256(["uint256", "uint256"], [owner, base]));
    for (let word = 0n; word < 16n; word++) {
      const slot = toBeHex(first + word, 32);
      if (BigInt(await world.ethers.provider.getStorage(market, slot)) === now) return slot;
    }
  }
  throw new Error(`the market keeps ${now} of ${owner} nowhere among its first 16 variables`);
}

export async function setStorage(world: World, slot: string, value: bigint): Promise<void> {
  const params = [await world.market.getAddress(), slot, toBeHex(value, 32)];
  await world.connection.provider.request({ method: "hardhat_setStorageAt", params });
}

/** Has the market's record say that `host` proved an epoch, so that the next settlement pays for it. */
export async function recordAsProven(world: World, host: { address: string }, epoch: number): Promise<void> {
  const word = await world.market.provenWord(host.address, 0);
  await setStorage(world, await storageSlot(world, host.address, word), word | (1n << BigInt(epoch)));
}
