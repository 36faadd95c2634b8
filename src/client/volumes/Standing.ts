/** How a volume's deals stand: on chain, and by asking their providers to show what they hold. */
import type { Address, Hash } from "viem";
import type { Market } from "../../chain/Market.ts";
import { type Deal as ChainDeal, DealState, LEDGER_ONE, StopReason } from "../../chain/MarketReader.ts";
import { CHUNK_BYTES, Slab } from "../../codec/index.ts";
import type { Database } from "../home/Database.ts";
import { type Identity, isOwner } from "../home/Identity.ts";
import type { ShardReader } from "../retrieve/ShardReader.ts";
import { DealMirror } from "./DealMirror.ts";
import type { Providers } from "./Providers.ts";
import { type Deal, quorum, type Volume, type Volumes } from "./Volume.ts";

/** What is looked at here of a drive. */
export interface StandingSurroundings {
  readonly database: Database;
  readonly market: Market;
  readonly volumes: Volumes;
  readonly providers: Providers;
  readonly reader: ShardReader;
}

/**
 * `good`: it shows what it countersigned. `behind`: it does, but lacks newer sectors. `lost`: it answers and does not
 * have, or sends wrong, bytes. `silent`: no answer. `weak`: good or behind, but it proves less than the drive's config
 * asks for. `over`: stopped on chain, or nobody serves the position.
 */
export type Health = "good" | "behind" | "weak" | "lost" | "silent" | "over";

/** So many `epochs`, `of` those that it had to. */
export interface Proved {
  readonly epochs: number;
  readonly of: number;
}

/** Amounts in token base units; escrow as the chain last settled it. */
export interface PositionStatus {
  readonly position: number;
  readonly health: Health;
  readonly deal?: Hash;
  readonly provider?: Address;
  readonly state?: string;
  readonly sectors: number;
  readonly committedSectors: number;
  readonly number: bigint;
  readonly committedNumber: bigint;
  readonly escrow: bigint;
  readonly egress: bigint;
  readonly collateral: bigint;
  readonly epochsLeft: number;
  /** Of the last epochs that the config looks at (`volume health`); left out where it had nothing to prove yet. */
  readonly proved?: Proved;
  readonly problem?: string;
}

/** How a volume stands, as its providers show; `sectors` are those that hold something, of `capacity` at each position. */
export interface VolumeStatus {
  readonly volume: bigint;
  readonly k: number;
  readonly n: number;
  readonly capacity: number;
  readonly sectors: number;
  /** Of n; `need` of them bring everything back, and `durable` of them take changes. */
  readonly good: number;
  readonly need: number;
  readonly durable: number;
  readonly positions: readonly PositionStatus[];
}

/** Sectors that a provider is asked to show a chunk of. */
const PROBES = 8;

const ANSWER_MS = 10_000;
/** Of a provider's record that the chain tells at once. */
const WORD_EPOCHS = 256;

/** The deals of a volume that are not over, as they stand on chain. */
export async function liveDeals(
  { market, volumes }: Pick<StandingSurroundings, "market" | "volumes">,
  volume: Volume,
): Promise<Map<Hash, ChainDeal>> {
  const epoch = await market.epoch();
  const standing = new Map<Hash, ChainDeal>();
  await Promise.all(
    volumes.deals(volume.id).map(async (deal) => {
      const onChain = await market.deal(deal.provider, deal.slot);
      const live =
        onChain.state === DealState.Open || onChain.state === DealState.Active || onChain.state === DealState.Notice;
      if (onChain.id === deal.id && live && epoch < onChain.stopAt) standing.set(deal.id, onChain);
    }),
  );
  return standing;
}

/**
 * Ends what is paid to a provider that refuses bytes: a deal that holds nothing, neither on chain nor countersigned, is
 * given notice, which counts from the next epoch also where its provider has resigned, and its position is one to repair. Only the owner can; its
 * devices leave it to that. @returns whether it was
 */
export async function leaveIfEmpty(
  around: Pick<StandingSurroundings, "market" | "volumes"> & Pick<Identity, "account" | "client">,
  { deal, sectors }: DealMirror,
): Promise<boolean> {
  if (!isOwner(around)) return false;
  const { market, volumes } = around;
  const { provider, slot, id } = deal;
  const onChain = await market.deal(provider, slot);
  const resigned = onChain.state === DealState.Notice && onChain.reason === StopReason.Resigned;
  const leavable = onChain.state === DealState.Open || (resigned && onChain.sectors === 0);
  if (sectors > 0 || onChain.id !== id || !leavable) return false;
  // First: whatever becomes of the notice, this provider is not to be drawn for the position again.
  volumes.setProblem(id, "Refused");
  await market.terminate({ provider, slot, id });
  volumes.retire(id);
  return true;
}

/** Retires the deals that are over on chain, and learns which were extended. @returns how the others stand there */
export async function refreshDeals(
  around: Pick<StandingSurroundings, "market" | "volumes">,
  volume: Volume,
): Promise<Map<Hash, ChainDeal>> {
  const before = around.volumes.deals(volume.id);
  const standing = await liveDeals(around, volume);
  for (const { id, endEpoch } of before) {
    const onChain = standing.get(id);
    if (!onChain) around.volumes.retire(id);
    else if (onChain.stopAt > endEpoch) around.volumes.extended(id, { ...onChain, endEpoch: onChain.stopAt });
  }
  return standing;
}

/** How each position of a volume stands, asking every provider. */
export async function standingOf(
  around: StandingSurroundings,
  volume: Volume,
  { slabs, provedEpochs }: { readonly slabs: number; readonly provedEpochs: number },
  signal?: AbortSignal,
): Promise<VolumeStatus> {
  const standing = await refreshDeals(around, volume);
  const epoch = await around.market.epoch();
  const deals = around.volumes.deals(volume.id);
  const positions = await Promise.all(
    Array.from({ length: volume.n }, async (_, position): Promise<PositionStatus> => {
      const deal = deals.find((one) => one.position === position);
      const onChain = deal && standing.get(deal.id);
      if (!deal || !onChain) return nobody(position);
      const mirror = new DealMirror(around.database, deal);
      const [{ health, problem }, proved] = [
        await examine(around, mirror, signal),
        await provedOf(around.market, deal.provider, onChain, { epoch, most: provedEpochs }),
      ];
      return {
        ...{ position, health, deal: deal.id, provider: deal.provider, state: stateName(onChain.state) },
        ...{ sectors: mirror.sectors, committedSectors: onChain.sectors },
        ...{ number: mirror.number, committedNumber: onChain.number },
        ...{ escrow: onChain.escrow / LEDGER_ONE, egress: onChain.egress / LEDGER_ONE },
        ...{ collateral: onChain.collateral / LEDGER_ONE, epochsLeft: Math.max(0, onChain.stopAt - epoch) },
        ...(proved && { proved }),
        ...(problem !== undefined && { problem }),
      };
    }),
  );
  return {
    ...{ volume: volume.id, k: volume.k, n: volume.n, capacity: volume.capacity, sectors: slabs },
    ...{ good: positions.filter(({ health }) => health === "good").length, need: volume.k, durable: quorum(volume) },
    positions,
  };
}

/** What a deal's provider proved of the last `most` epochs before `epoch` that the deal was active in. */
export async function provedOf(
  market: Market,
  provider: Address,
  { activeSince, sectors }: ChainDeal,
  { epoch, most }: { readonly epoch: number; readonly most: number },
): Promise<Proved | undefined> {
  const from = Math.max(activeSince, epoch - most);
  if (sectors === 0 || from >= epoch) return undefined;
  const words = new Map<number, bigint>();
  let epochs = 0;
  for (let at = from; at < epoch; at++) {
    const index = Math.floor(at / WORD_EPOCHS);
    const word = words.get(index) ?? (await market.provenWord(provider, index));
    words.set(index, word);
    if ((word >> BigInt(at % WORD_EPOCHS)) & 1n) epochs++;
  }
  return { epochs, of: epoch - from };
}

/** Asks a provider to show a chunk of some of its sectors, drawn at random. */
export async function examine(
  { database, volumes, reader, providers }: Omit<StandingSurroundings, "market">,
  { deal }: DealMirror,
  signal?: AbortSignal,
): Promise<{ health: Health; problem?: string }> {
  const rows = database.all<{ slab: Uint8Array; length: number; root: Uint8Array }>(
    "SELECT slab, length, root FROM sector WHERE deal = ? ORDER BY random() LIMIT ?",
    deal.id,
    PROBES,
  );
  try {
    const options = { timeoutMs: ANSWER_MS, ...(signal && { signal }) };
    await providers.call(deal.provider, (connection) => connection.status({ deal: deal.id }, options));
    for (const { slab, length, root } of rows) {
      const chunk = Math.floor(Math.random() * (length / CHUNK_BYTES));
      const [from, to] = [chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES];
      await reader.read({ deal, length, root }, Slab.idFromBytes(slab), from, to, signal);
    }
  } catch (error) {
    signal?.throwIfAborted();
    const problem = error instanceof Error ? error.message : String(error);
    return { health: volumes.problem(deal.id) === undefined ? "silent" : "lost", problem };
  }
  const problem = volumes.problem(deal.id);
  // Wrong bytes are not forgotten; bytes that were missing may have come back.
  if (problem === "BadShard") return { health: "lost", problem };
  volumes.setProblem(deal.id, null);
  return { health: lacks(database, deal) ? "behind" : "good" };
}

/** Whether a deal lacks some of what its volume's slabs hold. */
function lacks(database: Database, deal: Deal): boolean {
  const sql = `SELECT 1 FROM slab WHERE volume = ? AND NOT EXISTS
    (SELECT 1 FROM sector WHERE sector.deal = ? AND sector.slab = slab.id AND sector.length >= slab.length) LIMIT 1`;
  return database.get(sql, `${deal.volume}`, deal.id) !== undefined;
}

function nobody(position: number): PositionStatus {
  return {
    ...{ position, health: "over", sectors: 0, committedSectors: 0, number: 0n, committedNumber: 0n },
    ...{ escrow: 0n, egress: 0n, collateral: 0n, epochsLeft: 0 },
  };
}

function stateName(state: number): string {
  return Object.entries(DealState).find(([, value]) => value === state)?.[0] ?? `${state}`;
}
