/** The market's events, typed, read by block range. */
import {
  type Address,
  type Client,
  type ContractEventName,
  decodeEventLog,
  encodeEventTopics,
  type GetEventArgs,
  type Hash,
  type Hex,
  numberToHex,
  type RpcLog,
} from "viem";
import { storageMarketAbi } from "./abi.ts";
import { isTooMuch } from "./Failure.ts";

export type EventName = ContractEventName<typeof storageMarketAbi>;

export interface Place {
  readonly block: bigint;
  readonly blockHash: Hash;
  readonly transaction: Hash;
  readonly transactionIndex: number;
  readonly logIndex: number;
}

export type EventOf<Name extends EventName> = Place & {
  readonly name: Name;
  readonly args: GetEventArgs<
    typeof storageMarketAbi,
    Name,
    { EnableUnion: false; IndexedOnly: false; Required: true }
  >;
};
export type MarketEvent = { [Name in EventName]: EventOf<Name> }[EventName];

const NAMES = storageMarketAbi.filter((item) => item.type === "event").map((item) => item.name) as EventName[];
const TOPIC = new Map<EventName, Hex>(
  NAMES.map((eventName) => [eventName, encodeEventTopics({ abi: storageMarketAbi, eventName })[0]]),
);

/** A log of the market, decoded; undefined for one that its interface does not name. */
export function decode(log: RpcLog): MarketEvent | undefined {
  const [topic] = log.topics;
  const name = NAMES.find((known) => TOPIC.get(known) === topic);
  if (!name || log.blockNumber === null || log.blockHash === null || log.transactionHash === null) return undefined;
  const { args } = decodeEventLog({
    abi: storageMarketAbi,
    eventName: name,
    data: log.data,
    topics: log.topics as [Hex, ...Hex[]],
    strict: true,
  });
  return {
    name,
    args,
    block: BigInt(log.blockNumber),
    blockHash: log.blockHash,
    transaction: log.transactionHash,
    transactionIndex: Number(log.transactionIndex),
    logIndex: Number(log.logIndex),
  } as MarketEvent;
}

export interface EventFilter<Name extends EventName> {
  readonly from: bigint;
  readonly to: bigint;
  /** Only these; all if left out. */
  readonly names?: readonly Name[];
  /** Only those whose first indexed field is one of these (an address or an id). */
  readonly subject?: readonly Hex[];
}

/** Blocks asked for at once; a node that refuses is asked for half, and so on down to one. */
const RANGE_BLOCKS = 5_000n;

/** Events of `market` in chain order, from block to block, both included. */
export async function* read<Name extends EventName = EventName>(
  client: Client,
  market: Address,
  { from, to, names, subject }: EventFilter<Name>,
): AsyncGenerator<EventOf<Name>> {
  const topics: (Hex[] | null)[] = [(names ?? NAMES).map((name) => TOPIC.get(name)!)];
  if (subject) topics.push(subject.map((word) => `0x${word.slice(2).toLowerCase().padStart(64, "0")}` as Hex));
  let range = RANGE_BLOCKS;
  for (let first = from; first <= to; ) {
    const last = first + range - 1n < to ? first + range - 1n : to;
    let logs: RpcLog[];
    try {
      logs = (await client.request({
        method: "eth_getLogs" as never,
        params: [{ address: market, fromBlock: numberToHex(first), toBlock: numberToHex(last), topics }] as never,
      })) as RpcLog[];
    } catch (thrown) {
      if (range === 1n || !isTooMuch(thrown)) throw thrown;
      range /= 2n;
      continue;
    }
    for (const log of logs) {
      const event = decode(log);
      if (event) yield event as unknown as EventOf<Name>;
    }
    first = last + 1n;
  }
}
