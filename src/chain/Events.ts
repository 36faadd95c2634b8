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
  isAddressEqual,
  numberToHex,
  pad,
  type RpcLog,
} from "viem";
import { marketTokenAbi, storageMarketAbi } from "./abi.ts";
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

/** A deal's opening: its own event, and what it shares with the others of its call. */
export type Opened = Place & {
  readonly args: EventOf<"VolumeOpened">["args"] & EventOf<"DealOpened">["args"];
};

/** Puts openings together out of events in their order: what deals share is told once, before them. */
export class OpeningJoin {
  #shared: EventOf<"VolumeOpened"> | undefined;

  /** @returns the opening that the event completes */
  see(event: { readonly name: EventName }): Opened | undefined {
    if (event.name === "VolumeOpened") this.#shared = event as EventOf<"VolumeOpened">;
    if (event.name !== "DealOpened") return undefined;
    const { args, name: _, ...place } = event as EventOf<"DealOpened">;
    if (this.#shared?.transaction === place.transaction) return { ...place, args: { ...this.#shared.args, ...args } };
    throw new Error(`deal ${args.id} was opened without a word of its volume: the node lacks logs`);
  }
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
  const topics: Topics = [(names ?? NAMES).map((name) => TOPIC.get(name)!)];
  if (subject) topics.push(subject.map(word));
  for await (const log of logs(client, market, topics, from, to)) {
    const event = decode(log);
    if (event) yield event as unknown as EventOf<Name>;
  }
}

/** The market's token going from somebody to somebody. Amounts in base units. */
export interface Transfer {
  readonly from: Address;
  readonly to: Address;
  readonly amount: bigint;
  readonly block: bigint;
  readonly transaction: Hash;
}

const TRANSFER = encodeEventTopics({ abi: marketTokenAbi, eventName: "Transfer" })[0];

/** Transfers of `token` to `party`, then those from it to others. */
export async function* transfers(
  client: Client,
  token: Address,
  party: Address,
  from: bigint,
  to: bigint,
): AsyncGenerator<Transfer> {
  for (const topics of [
    [[TRANSFER], null, [word(party)]],
    [[TRANSFER], [word(party)]],
  ]) {
    for await (const log of logs(client, token, topics, from, to)) {
      const { args } = decodeEventLog({
        abi: marketTokenAbi,
        eventName: "Transfer",
        data: log.data,
        topics: log.topics as [Hex, ...Hex[]],
        strict: true,
      });
      const { blockNumber, transactionHash } = log;
      if (blockNumber === null || transactionHash === null) continue;
      const { from: payer, to: payee, value: amount } = args;
      // Of itself to itself: the first round told of it.
      if (topics[2] === undefined && isAddressEqual(payee, party)) continue;
      yield { from: payer, to: payee, amount, block: BigInt(blockNumber), transaction: transactionHash };
    }
  }
}

type Topics = (Hex[] | null)[];

const word = (value: Hex): Hex => pad(value, { size: 32 }).toLowerCase() as Hex;

/** Logs of one contract in chain order; a range that the node finds too large is halved. */
async function* logs(
  client: Client,
  address: Address,
  topics: Topics,
  from: bigint,
  to: bigint,
): AsyncGenerator<RpcLog> {
  let range = RANGE_BLOCKS;
  for (let first = from; first <= to; ) {
    const last = first + range - 1n < to ? first + range - 1n : to;
    let found: RpcLog[];
    try {
      found = (await client.request({
        method: "eth_getLogs" as never,
        params: [{ address, fromBlock: numberToHex(first), toBlock: numberToHex(last), topics }] as never,
      })) as RpcLog[];
    } catch (thrown) {
      if (range === 1n || !isTooMuch(thrown)) throw thrown;
      range /= 2n;
      continue;
    }
    yield* found;
    first = last + 1n;
  }
}
