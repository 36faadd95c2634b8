/** Asking providers over the wire to show chunks they cannot have chosen, and checking those against the chain. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, type Hex, hexToBytes, slice } from "viem";
import type { MarketReader } from "../chain/MarketReader.ts";
import { connect } from "../network/Client.ts";
import { askingAt, createNode, type Node } from "../network/Node.ts";
import { type Announcement, decodeAnnouncement } from "../protocol/Announcement.ts";
import { SubletException } from "../protocol/Errors.ts";
import type { TraceId } from "../protocol/TraceId.ts";
import { CHALLENGES, chunksOf, type Draw, locate, type Member, position } from "./Challenges.ts";
import type { SpotCheck } from "./Report.ts";
import { showsChunk } from "./Trees.ts";

/** Providers asked at once. */
const ASKED_TOGETHER = 8;
const ANSWER_MS = 20_000;
/** A provider whose node is a little behind does not know the newest block yet, and is asked about a newer one. */
const ATTEMPTS = 3;
const PAUSE_MS = 1_000;
const LEAVES_AT_ONCE = 512;

export interface Asking {
  readonly signal?: AbortSignal;
  /** What the providers' logs have of it. */
  readonly trace?: TraceId;
  /** Who is asked where a provider is that is not where it announced. */
  readonly bootnodes?: readonly string[];
}

/** Asks each provider for chunks that the newest block draws; one that holds nothing by now is left out. */
export async function spotCheck(
  reader: MarketReader,
  providers: readonly Address[],
  { signal, trace, bootnodes }: Asking,
): Promise<SpotCheck[]> {
  if (providers.length === 0) return [];
  const announced = await reader.announcements();
  const addresses = new Map([...announced].map(([provider, { data }]) => [provider.toLowerCase(), data]));
  const node = await createNode({ ...askingAt(bootnodes), ...(trace && { trace }) });
  try {
    const results: SpotCheck[] = [];
    for (let first = 0; first < providers.length; first += ASKED_TOGETHER) {
      const together = providers
        .slice(first, first + ASKED_TOGETHER)
        .map((provider) => checkOne(reader, node, provider, addresses.get(provider.toLowerCase()), signal));
      results.push(...(await Promise.all(together)).filter((check) => check !== undefined));
    }
    return results;
  } finally {
    await node.stop();
  }
}

async function checkOne(
  reader: MarketReader,
  node: Node,
  provider: Address,
  announcement: Hex | undefined,
  signal?: AbortSignal,
): Promise<SpotCheck | undefined> {
  for (let attempt = 1; ; attempt++) {
    const { number: block, hash } = await reader.block();
    const members = await committed(reader, provider, block);
    if (members.length === 0) return undefined;
    const { chainId, address: market, epochs } = reader;
    const draw = { seed: slice(hash, 0, 28), chainId, market, epoch: epochs.at(block), provider };
    const verdict = { provider, block: `${block}`, chunks: CHALLENGES };
    if (!announcement) return { ...verdict, ok: false, reason: "it never announced an address" };
    try {
      const reason = await ask(node, draw, members, block, hexToBytes(announcement), signal);
      return { ...verdict, ok: reason === "", reason };
    } catch (thrown) {
      if (!SubletException.is(thrown, "BlockUnknown") || attempt === ATTEMPTS) {
        return { ...verdict, ok: false, reason: thrown instanceof Error ? thrown.message : String(thrown) };
      }
      await sleep(PAUSE_MS);
    }
  }
}

/** A provider's set as the chain has it at a block. */
async function committed(reader: MarketReader, provider: Address, block: bigint): Promise<Member[]> {
  const { slots } = await reader.provider(provider, block);
  const members: Member[] = [];
  for (let from = 0; from < slots; from += LEAVES_AT_ONCE) {
    const leaves = await reader.leaves(provider, from, Math.min(LEAVES_AT_ONCE, slots - from), block);
    for (const [i, sectors] of leaves.entries()) {
      if (sectors === 0) continue;
      const { root } = await reader.deal(provider, from + i, block);
      members.push({ slot: from + i, sectors, root });
    }
  }
  return members;
}

/** What is wrong with a provider's answer; empty: nothing. */
async function ask(
  node: Node,
  draw: Draw,
  members: readonly Member[],
  block: bigint,
  announcement: Uint8Array,
  signal?: AbortSignal,
): Promise<string> {
  const market = { chainId: draw.chainId, address: draw.market };
  const connection = connect(node, targets(decodeAnnouncement(announcement)), { market, timeoutMs: ANSWER_MS });
  try {
    const { samples } = await connection.prove({ blockNumber: block }, signal ? { signal } : {});
    const total = chunksOf(members);
    for (let i = 0; i < CHALLENGES; i++) {
      const { member, index } = locate(members, position(draw, i, total));
      const sample = samples[i];
      if (!sample || sample.slot !== member.slot || BigInt(sample.chunk) !== index) {
        return `it did not show chunk ${index} of slot ${member.slot}, which block ${block} draws`;
      }
      if (!showsChunk(Buffer.from(sample.proof), index, member.root, member.sectors)) {
        return `what it shows as chunk ${index} of slot ${member.slot} does not match root ${member.root}`;
      }
    }
    return "";
  } finally {
    await connection.close();
  }
}

/** Announced addresses, each naming the peer that has to answer. */
function targets({ addrs, peerId }: Announcement): string[] {
  return addrs.map((address) => (/\/p2p\/[^/]+$/.test(address) ? address : `${address}/p2p/${peerId}`));
}
