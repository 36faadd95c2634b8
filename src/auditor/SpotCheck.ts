/** Asking providers over the wire to show chunks they cannot have chosen, and checking those against the chain. */
import { type Address, hexToBytes, slice } from "viem";
import type { MarketReader } from "../chain/MarketReader.ts";
import { connect } from "../network/Client.ts";
import { createNode, type Node } from "../network/Node.ts";
import { type Announcement, decodeAnnouncement } from "../protocol/Announcement.ts";
import { CHALLENGES, type Draw, locate, type Member, position } from "./Challenges.ts";
import type { SpotCheck } from "./Report.ts";
import { CHUNKS_A_SECTOR, showsChunk } from "./Trees.ts";

/** A provider and the set it has to hold, as committed on chain at the block asked for. */
export interface Subject {
  readonly provider: Address;
  readonly members: readonly Member[];
}

/** Providers asked at once. */
const ASKED_TOGETHER = 8;
const ANSWER_MS = 20_000;

/** Asks every subject for the chunks that block `block` draws, and says of each whether it showed them. */
export async function spotCheck(
  reader: MarketReader,
  block: bigint,
  subjects: readonly Subject[],
  signal?: AbortSignal,
): Promise<SpotCheck[]> {
  if (subjects.length === 0) return [];
  const { hash } = await reader.block(block);
  const announced = await reader.announcements();
  const addresses = new Map([...announced].map(([provider, { data }]) => [provider.toLowerCase(), data]));
  const node = await createNode();
  try {
    const results: SpotCheck[] = [];
    for (let first = 0; first < subjects.length; first += ASKED_TOGETHER) {
      const together = subjects.slice(first, first + ASKED_TOGETHER).map(async ({ provider, members }) => {
        const seed = slice(hash, 0, 28);
        const { chainId, address: market, epochs } = reader;
        const draw = { seed, chainId, market, epoch: epochs.at(block), provider };
        const data = addresses.get(provider.toLowerCase());
        const reason = data
          ? await checkOne(node, draw, members, block, hexToBytes(data), signal).catch(
              (thrown: Error) => thrown.message,
            )
          : "it never announced an address";
        return { provider, ok: reason === "", block: `${block}`, chunks: CHALLENGES, reason };
      });
      results.push(...(await Promise.all(together)));
    }
    return results;
  } finally {
    await node.stop();
  }
}

/** What is wrong with a provider's answer; empty: nothing. */
async function checkOne(
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
    const total = members.reduce((sum, { sectors }) => sum + BigInt(sectors), 0n) * CHUNKS_A_SECTOR;
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
