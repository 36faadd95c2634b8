/** What a drive is made of, put together once; nothing here does anything by itself. */
import { mkdir } from "node:fs/promises";
import { type Address, type Hex, hexToBytes } from "viem";
import { readKeystore } from "../chain/Keystore.ts";
import { Market } from "../chain/Market.ts";
import { Keys } from "../codec/index.ts";
import { askingAt, createNode, type Node } from "../network/Node.ts";
import { SubletException } from "../protocol/Errors.ts";
import { newTrace, requireTrace, type TraceId } from "../protocol/TraceId.ts";
import { Catalogue } from "./catalogue/Catalogue.ts";
import { decodeHead, Lanes } from "./catalogue/Heads.ts";
import { Segments } from "./catalogue/Segments.ts";
import { Versions } from "./catalogue/Versions.ts";
import { leftToRead, requireInForce } from "./devices/Delegations.ts";
import { Database } from "./home/Database.ts";
import { type Config, Home } from "./home/Home.ts";
import { callerOf, type Identity, identityOf, isOwner, payerOf } from "./home/Identity.ts";
import { type DownloadSurroundings, rebuild } from "./retrieve/Download.ts";
import { type Incident, ShardReader } from "./retrieve/ShardReader.ts";
import { Vouchers } from "./retrieve/Vouchers.ts";
import { Journal } from "./upload/Journal.ts";
import { Shards } from "./upload/Shards.ts";
import { Uploads } from "./upload/Uploads.ts";
import { PATIENCE_MS } from "./upload/VolumeUpload.ts";
import { Providers } from "./volumes/Providers.ts";
import { Volumes } from "./volumes/Volume.ts";

/** Which drive to open, and how: its home, and what opens the key in it. */
export interface OpenOptions {
  /** The folder of the drive; ~/.sublet unless told. */
  readonly home?: string;
  /** Opens the home's keystore. */
  readonly password?: string;
  /** The master key itself (of a device: its secret), 32 bytes, in place of the password. */
  readonly key?: Uint8Array | Hex;
  /** In place of what the home's config.json says. */
  readonly rpcUrl?: string;
  readonly market?: Address;
  /** Whom to ask where a provider is that is not where it announced, each ending in /p2p/ and a peer id. */
  readonly bootnodes?: readonly string[];
  /** Ends everything that is under way; the drive is closed then. */
  readonly signal?: AbortSignal;
  /** Told of every provider that failed or sent wrong bytes while the work went on. */
  readonly onIncident?: (incident: Incident) => void;
  /** How long providers may be silent before an outcome counts as unknown; 20 s unless told. */
  readonly patienceMs?: number;
  /**
   * What providers' logs have of this drive's calls: 32 digits of hex, or a W3C traceparent whose trace they belong to; one
   * of its own unless told.
   */
  readonly trace?: string;
}

export interface Parts extends Identity {
  readonly home: Home;
  readonly config: Config;
  readonly market: Market;
  readonly node: Node;
  readonly trace: TraceId;
  readonly database: Database;
  readonly catalogue: Catalogue;
  readonly lanes: Lanes;
  readonly segments: Segments;
  readonly volumes: Volumes;
  readonly versions: Versions;
  readonly providers: Providers;
  readonly journal: Journal;
  readonly shards: Shards;
  readonly reader: ShardReader;
  readonly reading: DownloadSurroundings;
  readonly uploads: Uploads;
  /** Aborts when the drive closes. */
  readonly closing: AbortController;
}

/**
 * @throws SubletException NotInitialized, WrongPassword, StateCorrupt, ChainUnavailable, WrongChain, NotAMarket, DeviceOver
 */
export async function assemble(options: OpenOptions): Promise<Parts> {
  const trace = options.trace === undefined ? newTrace() : requireTrace("trace", options.trace);
  const home = new Home(options.home);
  const config = await home.readConfig();
  const identity = await identityOf(home, config, await secretOf(home, options));
  const { account } = identity;
  const market = await Market.connect({
    rpcUrl: options.rpcUrl ?? config.rpcUrl,
    market: options.market ?? config.market,
    chainId: config.chainId,
    account,
  });
  if (!isOwner(identity)) await requireInForce({ ...identity, market });
  await mkdir(home.path, { recursive: true, mode: 0o700 });
  const database = new Database(home.databaseFile);
  const asking = askingAt(options.bootnodes ?? config.bootnodes);
  const node = await createNode({ ...asking, trace }).catch((error: unknown) => {
    database.close();
    throw error;
  });
  return connectParts(options, { ...identity, home, config, market, database, node, trace });
}

type Foundations = Identity & Pick<Parts, "home" | "config" | "market" | "database" | "node" | "trace">;

function connectParts(options: OpenOptions, foundations: Foundations): Parts {
  const { home, config, account, client, drive, signer, market, database, node } = foundations;
  const closing = new AbortController();
  const catalogue = new Catalogue(database);
  const lanes = new Lanes(database);
  const segments = new Segments(database, catalogue, drive);
  const volumes = new Volumes(database);
  const versions = new Versions(database, catalogue, volumes, config.keep);
  const providers = new Providers(node, market, callerOf(foundations), database);
  const journal = new Journal(home.journalFolder);
  const shards = new Shards(journal, drive);
  const cap = isOwner(foundations) ? undefined : () => leftToRead({ ...foundations, volumes });
  const vouchers = new Vouchers(market, payerOf(foundations), volumes, cap);
  const report = options.onIncident ?? (() => {});
  const reader = new ShardReader({ database, providers, volumes, vouchers, report });
  const reading: DownloadSurroundings = {
    reader,
    contentKey: ({ id }) => Keys.objectKey(drive, id),
    place: (slab) => {
      const volume = volumes.require(catalogue.slab(slab)!.volume, home.path);
      return { volume, maskKeys: shards.maskKeys(volume, slab) };
    },
  };
  const uploads = new Uploads({
    ...{ database, catalogue, lanes, journal, shards, volumes, providers, market, account, client, signer },
    databaseFile: home.databaseFile,
    signal: closing.signal,
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    rebuild: (slab, position, from, to) => rebuild(reading, slab, position, from, to, closing.signal),
    learnHead: (bytes) => {
      for (const entry of decodeHead(drive, bytes)) lanes.learn(entry);
    },
  });
  return {
    ...foundations,
    ...{ catalogue, lanes, segments, volumes, versions, providers, journal, shards, reader, reading, uploads, closing },
  };
}

/** Stops everything and lets go of the home. `last`: work on the database that is under way. */
export async function dismantle(parts: Parts, last: Promise<unknown>): Promise<void> {
  parts.closing.abort();
  await last;
  await parts.uploads.close();
  await parts.providers.close();
  await parts.node.stop();
  parts.database.close();
}

async function secretOf(home: Home, { key, password }: OpenOptions): Promise<Uint8Array> {
  if (key !== undefined) {
    const bytes = typeof key === "string" ? hexToBytes(key) : key;
    if (bytes.length === Keys.KEY_BYTES) return bytes;
    const reason = `a key has ${Keys.KEY_BYTES} bytes`;
    throw new SubletException({ code: "BadArgument", name: "key", value: `${bytes.length} bytes`, reason });
  }
  if (password === undefined) {
    const reason = "the keystore needs one";
    throw new SubletException({ code: "BadArgument", name: "password", value: "", reason });
  }
  return readKeystore(home.keystoreFile, password);
}
