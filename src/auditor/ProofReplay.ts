/** One provider's proof of one epoch, replayed from the chain alone, with every step that the audit takes for it. */
import { type Address, bytesToHex, type Hash, type Hex, isAddressEqual, numberToHex } from "viem";
import type { Connection } from "../chain/Connection.ts";
import type { EventName, EventOf } from "../chain/Events.ts";
import { MarketReader } from "../chain/MarketReader.ts";
import { SubletException } from "../protocol/Errors.ts";
import { asOfOneBlock } from "./Calm.ts";
import { chunksOf, flaw, randomness, type Step, steps, stratum } from "./Challenges.ts";
import { outcomes } from "./Record.ts";
import { Replay } from "./Replay.ts";
import type { Difference } from "./Report.ts";
import type { SentProof } from "./Scene.ts";
import { readSeed, type SeedOrigin } from "./Seeds.ts";
import { lesser, type ProviderState } from "./State.ts";
import { CHUNK_BYTES, CHUNKS_A_SECTOR, NODE_BYTES, SECTOR_LEVELS } from "./Trees.ts";

/** Where something was said on chain. */
interface Said {
  readonly block: bigint;
  readonly transaction: Hash;
}

export interface SetMember {
  readonly slot: number;
  readonly deal: Hash;
  readonly sectors: number;
  readonly root: Hex;
  /** Its first chunk's place in the set. */
  readonly firstChunk: bigint;
  readonly barred?: string;
}

export interface LevelReport {
  readonly level: number;
  readonly side: "left" | "right";
  readonly sibling: Hex;
  /** What the pair hashes to: its first 24 bytes. */
  readonly node: Hex;
  /** The sector's own root, where the level is the topmost within the sector. */
  readonly sectorRoot: boolean;
}

export interface ChallengeReport {
  readonly challenge: number;
  /** The chunks of the set that it can fall on. */
  readonly stratum: { readonly first: bigint; readonly last: bigint };
  /** The 128 random bits. */
  readonly random: Hex;
  /** The chunk of the set that they choose. */
  readonly x: bigint;
  readonly slot: number;
  readonly deal: Hash;
  readonly sector: bigint;
  /** Which chunk of the sector. */
  readonly chunk: bigint;
  readonly content: Hex;
  /** From this level on its way is that of the challenge before it, in the same deal. */
  readonly met?: number;
  readonly levels: readonly LevelReport[];
  readonly root: Hex;
  readonly matches: boolean;
  readonly wrong?: string;
}

export interface ProofReport {
  /** Whether the epoch is proven, and the audit agrees. */
  readonly ok: boolean;
  readonly chainId: number;
  readonly market: Address;
  readonly epoch: number;
  readonly provider: Address;
  readonly firstBlock: bigint;
  readonly lastBlock: bigint;
  readonly sent: Said;
  /** Left out for an empty set, which needs none. */
  readonly seed?: SeedOrigin & { readonly recorded?: Said & { readonly seed: Hex }; readonly answered: Hex };
  /** T: chunks in the provider's set. */
  readonly chunks: bigint;
  readonly set: readonly SetMember[];
  readonly proofBytes: number;
  readonly challenges: readonly ChallengeReport[];
  /** What is wrong with the proof as a whole. */
  readonly wrong?: string;
  /** What the audit found wrong about this provider in this epoch. */
  readonly differences: readonly Difference[];
}

/** A proof as it was sent, and whose each slot was at that moment. */
interface Exhibit extends SentProof {
  readonly deals: readonly (Hash | undefined)[];
}

/**
 * Replays the market up to the end of `epoch`, and tells how it comes to be proven by `provider`.
 * @throws SubletException BadArgument (an epoch to come), NotProven, and those of `audit`
 */
export async function replayProof(options: Connection, epoch: number, provider: Address): Promise<ProofReport> {
  const reader = await MarketReader.connect(options);
  const { epochs, chainId, address: market } = reader;
  return asOfOneBlock(reader, async (newest) => {
    if (epoch > epochs.at(newest)) throw toCome(epoch, epochs.at(newest));
    const to = lesser(newest, epochs.end(epoch));
    const exhibits: Exhibit[] = [];
    const replay = new Replay(reader, (sent) => {
      if (sent.draw.epoch !== epoch || !isAddressEqual(sent.draw.provider, provider)) return;
      exhibits.push({ ...sent, deals: replay.state.provider(provider).slots.map((deal) => deal?.id) });
    });
    await replay.run(to);
    const claim = await said(reader, "Proven", provider, { epoch, to });
    if (!claim) {
      const reason = whyNot(replay.state.provider(provider), epoch, epochs.at(newest));
      throw new SubletException({ code: "NotProven", provider, epoch, reason });
    }
    // Of several that a transaction carries, one that holds is enough.
    const best = exhibits.find(({ draw, members, proof }) => !flaw(draw, members, proof)) ?? exhibits.at(-1);
    const differences = replay.found.filter(
      (found) => found.epoch === epoch && found.provider?.toLowerCase() === provider.toLowerCase(),
    );
    return {
      ok: differences.length === 0,
      ...{ chainId, market, epoch, provider },
      ...{ firstBlock: epochs.start(epoch), lastBlock: epochs.end(epoch) },
      sent: { block: claim.block, transaction: claim.transaction },
      ...(best ? await told(reader, best, to) : { chunks: 0n, set: [], proofBytes: 0, challenges: [] }),
      differences,
    };
  });
}

type Told = Pick<ProofReport, "seed" | "chunks" | "set" | "proofBytes" | "challenges" | "wrong">;

async function told(reader: MarketReader, exhibit: Exhibit, to: bigint): Promise<Told> {
  const { draw, members, deals, proof, answered } = exhibit;
  const origin = await readSeed(reader, reader.epochs.challengeBlock(draw.epoch));
  const recorded = await said(reader, "SeedRecorded", numberToHex(draw.epoch), { epoch: draw.epoch, to });
  const wrong = flaw(draw, members, proof);
  const set: SetMember[] = [];
  let firstChunk = 0n;
  for (const { slot, sectors, root, barred } of members) {
    set.push({ slot, deal: deals[slot]!, sectors, root, firstChunk, ...(barred && { barred }) });
    firstChunk += BigInt(sectors) * CHUNKS_A_SECTOR;
  }
  return {
    seed: {
      ...origin,
      ...(recorded && {
        recorded: { block: recorded.block, transaction: recorded.transaction, seed: recorded.args.seed },
      }),
      answered,
    },
    chunks: chunksOf(members),
    set,
    proofBytes: proof.length,
    challenges: [...steps(draw, members, proof)].map((step) => challenge(exhibit, step)),
    ...(wrong && { wrong }),
  };
}

function challenge({ draw, members, deals }: Exhibit, step: Step): ChallengeReport {
  const { i, x, member, index, answer, met, levels, shown, wrong } = step;
  const node = (bytes: Buffer, width: number) => bytesToHex(bytes.subarray(0, width));
  return {
    challenge: i,
    stratum: stratum(i, chunksOf(members)),
    random: numberToHex(randomness(draw, i), { size: 16 }),
    x,
    slot: member.slot,
    deal: deals[member.slot]!,
    sector: index / CHUNKS_A_SECTOR,
    chunk: index % CHUNKS_A_SECTOR,
    content: node(answer, CHUNK_BYTES),
    ...(met !== undefined && { met }),
    levels: levels.map(({ side, sibling, node: above }, below) => ({
      level: below + 1,
      side,
      sibling: node(sibling, below === 0 ? CHUNK_BYTES : NODE_BYTES),
      node: node(above, NODE_BYTES),
      sectorRoot: below + 1 === SECTOR_LEVELS,
    })),
    root: member.root,
    matches: shown,
    ...(wrong && { wrong }),
  };
}

/** The first event of that name in an epoch, up to block `to`, whose first field is `subject`. */
async function said<Name extends EventName>(
  reader: MarketReader,
  name: Name,
  subject: Hex,
  { epoch, to }: { epoch: number; to: bigint },
): Promise<EventOf<Name> | undefined> {
  const filter = { from: reader.epochs.start(epoch), to, names: [name], subject: [subject] };
  for await (const event of reader.events<Name>(filter)) return event;
  return undefined;
}

/** Why an epoch that nobody says is proven is not. */
function whyNot(provider: ProviderState, epoch: number, now: number): string {
  if (!provider.signer) return "no such provider has ever registered";
  const outcome = outcomes(provider, now).find((one) => one.epoch === epoch)?.outcome ?? "no sectors";
  if (outcome === "not yet") return "the epoch is still running";
  return outcome === "missed" ? "it missed the epoch" : "it had no sectors to prove then";
}

function toCome(epoch: number, newest: number): SubletException {
  const reason = `it has not begun: the newest epoch is ${newest}`;
  return new SubletException({ code: "BadArgument", name: "epoch", value: `${epoch}`, reason });
}
