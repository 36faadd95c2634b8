/**
 * What the market paid this provider and took from it, event by event, in a database of its own that can be read while
 * the provider runs. Only what is final is written, so nothing is ever taken back. Beside it, what its own calls cost in gas.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Address, bytesToHex, getAddress, type Hex, hexToBytes, isAddressEqual } from "viem";
import { type MarketEvent, OpeningJoin } from "../chain/Events.ts";
import type { MarketReader } from "../chain/MarketReader.ts";

/** Its name in a data folder. */
export const INCOME_FILE = "income.sqlite";

const schema = `
CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY CHECK (one = 1), block INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS deal (id BLOB PRIMARY KEY, client BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS entry (
  block INTEGER NOT NULL, log INTEGER NOT NULL, kind TEXT NOT NULL, deal BLOB, day TEXT NOT NULL, amount BLOB NOT NULL,
  PRIMARY KEY (block, log, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_by_day ON entry (day, deal);
CREATE TABLE IF NOT EXISTS gas (
  day TEXT NOT NULL, call TEXT NOT NULL, transactions INTEGER NOT NULL, gas INTEGER NOT NULL, fee BLOB NOT NULL,
  PRIMARY KEY (day, call)
) STRICT, WITHOUT ROWID;
`;

/** Another process that writes the same holds the database for no longer. */
const BUSY_MS = 10_000;
/** Read and written at once. */
const PART_BLOCKS = 5_000n;

/** Ledger units. `lost`: penalties, forfeits and exit fees; `tips`: to the relay, for no deal in particular. */
export interface Amounts {
  readonly storage: bigint;
  readonly egress: bigint;
  readonly bonds: bigint;
  readonly lost: bigint;
  readonly tips: bigint;
}

/** A deal's day (UTC, YYYY-MM-DD); without a deal: what is the provider's as a whole. */
export interface Earned extends Amounts {
  readonly day: string;
  readonly deal: Hex | undefined;
  readonly client: Address | undefined;
}

/** What one kind of call cost on a day (UTC); `fee` in wei. */
export interface GasSpent {
  readonly day: string;
  readonly call: string;
  readonly transactions: number;
  readonly gas: bigint;
  readonly fee: bigint;
}

type Kind = keyof Amounts;
type Chain = Pick<MarketReader, "events" | "block" | "epochs">;

interface Entry {
  readonly block: bigint;
  readonly log: number;
  readonly kind: Kind;
  readonly deal: Hex | undefined;
  readonly day: string;
  readonly amount: bigint;
}

export class Income {
  readonly #database: DatabaseSync;
  readonly #provider: Address;

  constructor(file: string, provider: Address) {
    this.#provider = provider;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    this.#database = new DatabaseSync(file, { timeout: BUSY_MS });
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${schema}`);
  }

  /** The last block that is written. */
  get through(): bigint {
    return BigInt(Number(this.#database.prepare("SELECT block FROM cursor").get()?.block ?? 0));
  }

  /** Nothing before a block is this provider's. */
  begin(block: bigint): void {
    if (this.through === 0n) this.#write([], new Map(), 0n, block);
  }

  /** Writes what the chain says up to a block that is final. @throws SubletException ChainUnavailable */
  async follow(chain: Chain, final: bigint): Promise<void> {
    for (let from = this.#next(chain); from <= final; from = this.#next(chain)) {
      const before = this.through;
      const to = from + PART_BLOCKS - 1n < final ? from + PART_BLOCKS - 1n : final;
      const deals = this.#deals();
      const entries: Entry[] = [];
      const openings = new OpeningJoin();
      const days = new Days(chain);
      for await (const read of chain.events({ from, to, names: [...EVENTS] })) {
        const event = read as Watched;
        const opened = openings.see(event);
        if (opened && isAddressEqual(opened.args.provider, this.#provider)) {
          deals.set(opened.args.id, opened.args.client);
        }
        if (!isMoving(event) || !this.#concerns(event, deals)) continue;
        const deal = event.name === "TipPaid" ? undefined : event.args.id;
        const day = await days.of(event.block);
        for (const [kind, amount] of amountsOf(event)) {
          if (amount > 0n) entries.push({ block: event.block, log: event.logIndex, kind, deal, day, amount });
        }
      }
      this.#write(entries, deals, before, to);
    }
  }

  /** By day and deal, ascending; `since` and `until` are days, both included. */
  earned(since = "", until = "9"): Earned[] {
    const rows = this.#database
      .prepare(
        "SELECT day, deal, kind, amount, deal.client AS client FROM entry LEFT JOIN deal ON deal.id = entry.deal" +
          " WHERE day >= ? AND day <= ? ORDER BY day, deal",
      )
      .iterate(since, until);
    const byKey = new Map<string, Earned>();
    for (const { day, deal, kind, amount, client } of rows) {
      const key = `${day} ${deal ? bytesToHex(deal as Uint8Array) : ""}`;
      const so = byKey.get(key) ?? {
        ...{ day: String(day), deal: deal ? bytesToHex(deal as Uint8Array) : undefined },
        ...{ client: client ? getAddress(bytesToHex(client as Uint8Array)) : undefined, ...NOTHING },
      };
      byKey.set(key, { ...so, [kind as Kind]: so[kind as Kind] + BigInt(bytesToHex(amount as Uint8Array)) });
    }
    return [...byKey.values()];
  }

  /** A call was mined. */
  addGas(call: string, gas: bigint, fee: bigint): void {
    const day = utcDay(Date.now());
    this.#transaction(() => {
      const before = this.spent(day, day).find((one) => one.call === call) ?? { transactions: 0, gas: 0n, fee: 0n };
      this.#database
        .prepare("INSERT OR REPLACE INTO gas VALUES (?, ?, ?, ?, ?)")
        .run(day, call, before.transactions + 1, before.gas + gas, amountBytes(before.fee + fee));
    });
  }

  /** By day and call, ascending. */
  spent(since = "", until = "9"): GasSpent[] {
    const rows = this.#database.prepare("SELECT * FROM gas WHERE day >= ? AND day <= ? ORDER BY day, call");
    return rows.all(since, until).map(({ day, call, transactions, gas, fee }) => ({
      ...{ day: String(day), call: String(call), transactions: Number(transactions) },
      ...{ gas: BigInt(gas as number), fee: BigInt(bytesToHex(fee as Uint8Array)) },
    }));
  }

  close(): void {
    this.#database.close();
  }

  #concerns(event: Moving, deals: ReadonlyMap<Hex, Address>): boolean {
    return event.name === "TipPaid" ? isAddressEqual(event.args.provider, this.#provider) : deals.has(event.args.id);
  }

  #next(chain: Chain): bigint {
    const { through } = this;
    return through < chain.epochs.genesis ? chain.epochs.genesis : through + 1n;
  }

  #deals(): Map<Hex, Address> {
    const rows = this.#database.prepare("SELECT id, client FROM deal").all();
    return new Map(rows.map(({ id, client }) => [bytesToHex(id as Uint8Array), bytesToHex(client as Uint8Array)]));
  }

  /** All or nothing, and nothing where another process has written the same meanwhile. */
  #write(entries: readonly Entry[], deals: ReadonlyMap<Hex, Address>, before: bigint, through: bigint): void {
    const database = this.#database;
    this.#transaction(() => {
      if (this.through !== before) return;
      const addDeal = database.prepare("INSERT INTO deal VALUES (?, ?) ON CONFLICT DO NOTHING");
      for (const [id, client] of deals) addDeal.run(hexToBytes(id), hexToBytes(client));
      const add = database.prepare("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)");
      for (const { block, log, kind, deal, day, amount } of entries) {
        add.run(block, log, kind, deal ? hexToBytes(deal) : null, day, amountBytes(amount));
      }
      database.prepare("INSERT OR REPLACE INTO cursor VALUES (1, ?)").run(through);
    });
  }

  #transaction(write: () => void): void {
    const database = this.#database;
    database.exec("BEGIN IMMEDIATE");
    try {
      write();
      database.exec("COMMIT");
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }
}

export const NOTHING: Amounts = { storage: 0n, egress: 0n, bonds: 0n, lost: 0n, tips: 0n };

/** What is left of all. */
export function net({ storage, egress, bonds, lost, tips }: Amounts): bigint {
  return storage + egress + bonds - lost - tips;
}

export function sum(all: readonly Amounts[]): Amounts {
  return all.reduce(
    (so, one) => ({
      storage: so.storage + one.storage,
      egress: so.egress + one.egress,
      bonds: so.bonds + one.bonds,
      lost: so.lost + one.lost,
      tips: so.tips + one.tips,
    }),
    NOTHING,
  );
}

const EVENTS = [
  "VolumeOpened",
  "DealOpened",
  "Committed",
  "Settled",
  "Penalised",
  "Redeemed",
  "Stopped",
  "Closed",
  "ChallengeClosed",
  "TipPaid",
] as const;

type Watched = Extract<MarketEvent, { name: (typeof EVENTS)[number] }>;
type Moving = Exclude<Watched, { name: "VolumeOpened" | "DealOpened" }>;

function isMoving(event: Watched): event is Moving {
  return event.name !== "VolumeOpened" && event.name !== "DealOpened";
}

function amountsOf(event: Moving): [Kind, bigint][] {
  switch (event.name) {
    case "Committed":
    case "Settled":
      return [["storage", event.args.paid]];
    case "Penalised":
      return [["lost", event.args.penalty]];
    case "Redeemed":
      return [["egress", event.args.paid]];
    case "Stopped":
      return [["lost", event.args.forfeited]];
    case "Closed":
      return [["lost", event.args.exitFee]];
    case "ChallengeClosed":
      return [["bonds", event.args.proved ? event.args.bond : 0n]];
    case "TipPaid":
      return [["tips", event.args.amount]];
  }
}

/** The UTC day that a block was made in, each asked for once. */
class Days {
  readonly #chain: Pick<MarketReader, "block">;
  readonly #known = new Map<bigint, string>();

  constructor(chain: Pick<MarketReader, "block">) {
    this.#chain = chain;
  }

  async of(block: bigint): Promise<string> {
    const known = this.#known.get(block);
    if (known) return known;
    const { timestamp } = await this.#chain.block(block);
    const day = utcDay(Number(timestamp) * 1_000);
    this.#known.set(block, day);
    return day;
  }
}

export function utcDay(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 10);
}

function amountBytes(amount: bigint): Uint8Array {
  return hexToBytes(`0x${amount.toString(16).padStart(32, "0")}`);
}
