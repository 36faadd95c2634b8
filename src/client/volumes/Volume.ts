/** Volumes and the deals that serve their positions, as this drive knows them. */
import type { Address, Hash } from "viem";
import { NODE_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Database } from "../home/Database.ts";

/** n positions, any k of which hold everything; `capacity`: sectors at each position. */
export interface Volume {
  readonly id: bigint;
  readonly k: number;
  readonly n: number;
  readonly capacity: number;
}

/** One deal: a provider's promise for one position. Rates in ledger units a sector-epoch and a byte. */
export interface Deal {
  readonly id: Hash;
  readonly volume: bigint;
  readonly position: number;
  readonly provider: Address;
  readonly slot: number;
  readonly rate: bigint;
  readonly egressRate: bigint;
  readonly capacity: number;
  readonly minSectors: number;
  readonly startEpoch: number;
  readonly endEpoch: number;
  readonly openedBlock: number;
}

interface VolumeRow {
  id: string;
  k: number;
  n: number;
  capacity: number;
}

interface DealRow {
  id: Hash;
  volume: string;
  position: number;
  provider: Address;
  slot: number;
  rate: string;
  egress_rate: string;
  capacity: number;
  min_sectors: number;
  start_epoch: number;
  end_epoch: number;
  opened_block: number;
}

/** Sectors of a volume that only the catalogue may use: so that removing a file is possible in a full one. */
export function reservedSectors(capacity: number): number {
  return Math.max(1, Math.floor(capacity / 64));
}

/** Countersignatures that make a change durable: any two such quorums share k providers. */
export function quorum({ k, n }: Volume): number {
  return Math.ceil((n + k) / 2);
}

export class Volumes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Oldest first. */
  all(): Volume[] {
    return this.#database.all<VolumeRow>("SELECT id, k, n, capacity FROM volume ORDER BY created, id").map(volumeOf);
  }

  /** The first epoch that no deal of a volume lasts for, as far as is known here. */
  endOf(id: bigint): number {
    const sql = "SELECT max(end_epoch) AS epoch FROM deal WHERE volume = ?";
    return this.#database.get<{ epoch: number | null }>(sql, `${id}`)?.epoch ?? 0;
  }

  find(id: bigint): Volume | undefined {
    const row = this.#database.get<VolumeRow>("SELECT id, k, n, capacity FROM volume WHERE id = ?", `${id}`);
    return row && volumeOf(row);
  }

  add({ id, k, n, capacity }: Volume, createdBlock: number): void {
    this.#database.run(
      "INSERT OR IGNORE INTO volume (id, k, n, capacity, created) VALUES (?, ?, ?, ?, ?)",
      `${id}`,
      k,
      n,
      capacity,
      createdBlock,
    );
  }

  addDeal(deal: Deal): void {
    this.#database.run(
      `INSERT OR IGNORE INTO deal (id, volume, position, provider, slot, rate, egress_rate, capacity, min_sectors,
       start_epoch, end_epoch, opened_block, root, head) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      deal.id,
      `${deal.volume}`,
      deal.position,
      deal.provider,
      deal.slot,
      `${deal.rate}`,
      `${deal.egressRate}`,
      deal.capacity,
      deal.minSectors,
      deal.startEpoch,
      deal.endEpoch,
      deal.openedBlock,
      new Uint8Array(NODE_BYTES),
      new Uint8Array(32),
    );
  }

  /** A volume (new or known) and deals that were opened for it. */
  record(volume: Volume, deals: readonly Deal[]): void {
    this.#database.transaction(() => {
      for (const deal of deals) {
        this.add(volume, deal.openedBlock);
        this.addDeal(deal);
      }
    });
  }

  /** The block of the client's newest opening when all of them were learned last; 0: never. Its own opening is not enough. */
  openingsLearned(): number {
    return this.#database.get<{ block: number }>("SELECT block FROM scanned WHERE what = 'openings'")?.block ?? 0;
  }

  learnedOpenings(block: number): void {
    this.#database.run("INSERT OR REPLACE INTO scanned (what, block) VALUES ('openings', ?)", block);
  }

  /** Whether a provider sent wrong bytes, or lost some, in any deal. */
  hasProblemWith(provider: Address): boolean {
    return this.#database.get("SELECT 1 FROM deal WHERE provider = ? AND problem IS NOT NULL", provider) !== undefined;
  }

  /** The deals in use of a volume: by position, the newest of a position first. */
  deals(volume: bigint): Deal[] {
    return this.#database
      .all<DealRow>(
        "SELECT * FROM deal WHERE volume = ? AND retired = 0 ORDER BY position, opened_block DESC",
        `${volume}`,
      )
      .map(dealOf);
  }

  /** The newest deal in use of each position. */
  serving(volume: bigint): Deal[] {
    const seen = new Set<number>();
    return this.deals(volume).filter(({ position }) => !seen.has(position) && seen.add(position));
  }

  /** Every deal of a volume, also those not used any more. */
  history(volume: bigint): Deal[] {
    return this.#database
      .all<DealRow>("SELECT * FROM deal WHERE volume = ? ORDER BY position, opened_block", `${volume}`)
      .map(dealOf);
  }

  /** The deal was extended: by this drive, or another device. */
  extended(deal: Hash, { rate, capacity, endEpoch }: Pick<Deal, "rate" | "capacity" | "endEpoch">): void {
    this.#database.run(
      "UPDATE deal SET rate = ?, capacity = ?, end_epoch = ? WHERE id = ?",
      `${rate}`,
      capacity,
      endEpoch,
      deal,
    );
  }

  /** The deal is over, or another one serves its position: nothing more is sent to it. */
  retire(deal: Hash): void {
    this.#database.transaction(() => {
      this.#database.run("UPDATE deal SET retired = 1 WHERE id = ?", deal);
      this.#database.run("DELETE FROM pending WHERE deal = ?", deal);
    });
  }

  /** Why a deal is not written to or read from first; undefined: nothing is known against it. */
  problem(deal: Hash): string | undefined {
    return (
      this.#database.get<{ problem: string | null }>("SELECT problem FROM deal WHERE id = ?", deal)?.problem ??
      undefined
    );
  }

  setProblem(deal: Hash, problem: string | null): void {
    this.#database.run("UPDATE deal SET problem = ? WHERE id = ?", problem, deal);
  }

  /** Ledger units that vouchers for reads of this deal add up to. */
  paid(deal: Hash): bigint {
    return BigInt(this.#database.get<{ paid: string }>("SELECT paid FROM deal WHERE id = ?", deal)?.paid ?? 0);
  }

  setPaid(deal: Hash, cumulative: bigint): void {
    this.#database.run("UPDATE deal SET paid = ? WHERE id = ?", `${cumulative}`, deal);
  }

  /** @throws SubletException NoVolume */
  require(id: bigint, home: string): Volume {
    const volume = this.find(id);
    if (!volume) throw new SubletException({ code: "NoVolume", home });
    return volume;
  }
}

function volumeOf({ id, k, n, capacity }: VolumeRow): Volume {
  return { id: BigInt(id), k, n, capacity };
}

function dealOf(row: DealRow): Deal {
  return {
    id: row.id,
    volume: BigInt(row.volume),
    position: row.position,
    provider: row.provider,
    slot: row.slot,
    rate: BigInt(row.rate),
    egressRate: BigInt(row.egress_rate),
    capacity: row.capacity,
    minSectors: row.min_sectors,
    startEpoch: row.start_epoch,
    endEpoch: row.end_epoch,
    openedBlock: row.opened_block,
  };
}
