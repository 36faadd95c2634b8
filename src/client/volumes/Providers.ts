/** The providers as this drive meets them: what they announced, connections to them, and whose signature counts. */
import { type Address, type Hex, hexToBytes, isAddressEqual } from "viem";
import type { EventOf } from "../../chain/Events.ts";
import type { Market } from "../../chain/Market.ts";
import { type Connection, connect } from "../../network/Client.ts";
import type { Caller } from "../../network/Greeting.ts";
import type { Node } from "../../network/Node.ts";
import { type Announcement, AnnouncementError, decodeAnnouncement } from "../../protocol/Announcement.ts";
import { type ErrorCode, SubletException } from "../../protocol/Errors.ts";
import type { Database } from "../home/Database.ts";

export interface Announced {
  readonly provider: Address;
  readonly announcement: Announcement;
  /** The block it registered in. */
  readonly registeredBlock: number;
}

/** Failures of the way to a provider, whatever it would have answered. */
export const UNREACHED: readonly ErrorCode[] = ["DialFailed", "ConnectionLost", "RequestTimeout"];

export class Providers {
  readonly #node: Node;
  readonly #market: Market;
  readonly #caller: Caller;
  readonly #database: Database;
  readonly #connections = new Map<Address, Connection>();
  readonly #targets = new WeakMap<Connection, string>();
  readonly #signers = new Map<Address, Address>();
  #refreshed: Promise<void> | undefined;

  constructor(node: Node, market: Market, caller: Caller, database: Database) {
    this.#node = node;
    this.#market = market;
    this.#caller = caller;
    this.#database = database;
  }

  /** The newest announcement of each provider that anybody can use. */
  async announced(): Promise<Announced[]> {
    await this.refresh();
    return this.#database
      .all<{ provider: Address; registered: number; data: Uint8Array }>(
        "SELECT provider, registered, data FROM announcement WHERE data IS NOT NULL",
      )
      .flatMap(({ provider, registered, data }) => {
        const announcement = decoded(data);
        return announcement ? [{ provider, announcement, registeredBlock: registered }] : [];
      });
  }

  /** Reads what was announced since the last look. */
  refresh(): Promise<void> {
    this.#refreshed ??= this.#scan().finally(() => {
      this.#refreshed = undefined;
    });
    return this.#refreshed;
  }

  /**
   * A connection to a provider; nothing is dialled yet.
   * @throws SubletException DialFailed when it announced no address
   */
  async connection(provider: Address): Promise<Connection> {
    const held = this.#connections.get(provider);
    if (held) return held;
    const announcement =
      this.#announcement(provider) ?? (await this.refresh().then(() => this.#announcement(provider)));
    if (!announcement) {
      throw new SubletException({ code: "DialFailed", address: provider, reason: "it announced no address" });
    }
    const connection = connect(this.#node, targets(announcement), {
      market: { chainId: this.#market.chainId, address: this.#market.address },
      caller: this.#caller,
      provider,
    });
    this.#connections.set(provider, connection);
    this.#targets.set(connection, `${targets(announcement)}`);
    return connection;
  }

  /** Calls a provider; once more, if it cannot be reached and announced another address since. */
  async call<Result>(provider: Address, work: (connection: Connection) => Promise<Result>): Promise<Result> {
    const connection = await this.connection(provider);
    try {
      return await work(connection);
    } catch (error) {
      const unreached = SubletException.is(error, ...UNREACHED);
      if (unreached && (await this.moved(provider, connection))) return work(await this.connection(provider));
      throw error;
    }
  }

  /**
   * After a failure of `connection`: drops it and reads what was announced since. @returns whether the provider is to be
   * found elsewhere now, so that it can be asked again at once
   */
  async moved(provider: Address, connection: Connection): Promise<boolean> {
    if (this.#connections.get(provider) === connection) {
      this.#connections.delete(provider);
      await connection.close().catch(() => undefined);
    }
    await this.refresh().catch(() => undefined);
    const announcement = this.#announcement(provider);
    return announcement !== undefined && `${targets(announcement)}` !== this.#targets.get(connection);
  }

  /** Whether `signer` signs for `provider`, as the chain says now. */
  async signsFor(provider: Address, signer: Address): Promise<boolean> {
    const known = this.#signers.get(provider);
    if (known && isAddressEqual(known, signer)) return true;
    const { signer: inForce } = await this.#market.provider(provider);
    this.#signers.set(provider, inForce);
    return isAddressEqual(inForce, signer);
  }

  async close(): Promise<void> {
    const connections = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.allSettled(connections.map((connection) => connection.close()));
  }

  #announcement(provider: Address): Announcement | undefined {
    const row = this.#database.get<{ data: Uint8Array | null }>(
      "SELECT data FROM announcement WHERE provider = ?",
      provider,
    );
    return row?.data ? decoded(row.data) : undefined;
  }

  async #scan(): Promise<void> {
    const scanned = this.#database.get<{ block: number }>("SELECT block FROM scanned WHERE what = 'announcements'");
    const newest = Number(await this.#market.blockNumber());
    // Again from a little before, for what a reorganisation may have moved.
    const from = scanned ? BigInt(Math.max(Number(this.#market.epochs.genesis), scanned.block - 16)) : undefined;
    const names = ["Registered", "Announced"] as const;
    const events: EventOf<"Registered" | "Announced">[] = [];
    for await (const event of this.#market.events({ names, ...(from !== undefined && { from }) })) events.push(event);
    this.#database.transaction(() => {
      for (const { name, args, block } of events) {
        this.#database.run(
          `INSERT INTO announcement (provider, registered, data) VALUES (?, ?, ?)
           ON CONFLICT (provider) DO UPDATE SET data = coalesce(excluded.data, data)`,
          args.provider,
          Number(block),
          name === "Announced" ? hexToBytes((args as { data: Hex }).data) : null,
        );
      }
      this.#database.run("INSERT OR REPLACE INTO scanned (what, block) VALUES ('announcements', ?)", newest);
    });
  }
}

function targets({ addrs, peerId }: Announcement): string[] {
  return addrs.map((address) => (address.includes("/p2p/") ? address : `${address}/p2p/${peerId}`));
}

function decoded(data: Uint8Array): Announcement | undefined {
  try {
    return decodeAnnouncement(data);
  } catch (error) {
    if (error instanceof AnnouncementError) return undefined;
    throw error;
  }
}
