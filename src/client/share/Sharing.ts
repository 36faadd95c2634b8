/**
 * Share links, by their owner. What a link leads to is a list of what is shared, kept in the drive like a file under
 * `.shares/<delegate>/<what is shared>`: so a drive that was brought back knows its links too. What they may cost, until
 * when and what is left of it is told by the chain.
 */
import { basename } from "node:path/posix";
import { type Address, bytesToHex, getAddress, hexToBytes, isAddress } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { call } from "../../chain/Calls.ts";
import { baseUnits, type Delegation, LEDGER_ONE, Scope } from "../../chain/MarketReader.ts";
import { Keys } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { DEVICES, type Entry, SHARES, type StoredObject, slabName } from "../catalogue/Catalogue.ts";
import { normalizeFolder } from "../catalogue/Path.ts";
import { requireOwner } from "../home/Identity.ts";
import type { Parts } from "../Parts.ts";
import { rpcHint } from "../Pasted.ts";
import { remove } from "../upload/Naming.ts";
import { put } from "../upload/Put.ts";
import type { Writable } from "../upload/Writable.ts";
import { encodeLink } from "./Link.ts";
import { encodeTree, isPlain, MAX_TREE_BYTES, type SharedSlab, type Tree } from "./Tree.ts";

/** For how long a link holds, and what it may cost. */
export interface ShareOptions {
  /** For how long: epochs, this one among them, or seconds, from which whole epochs are made. A week unless told. */
  readonly until?: { readonly epochs: number } | { readonly seconds: number };
  /** Token base units that all who use the link may make the deals pay for reading; ten times all of it unless told. */
  readonly budget?: bigint;
  /** Where the link says that the chain may be reached: what this home uses, unless told; empty: nowhere. */
  readonly rpcUrl?: string;
  readonly signal?: AbortSignal;
}

/** What a link would be; `budget`: token base units; `gas`, `fee`: of its one transaction, the fee in wei. */
export interface SharePlan {
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  readonly untilEpoch: number;
  readonly budget: bigint;
  readonly gas: bigint;
  readonly fee: bigint;
}

/** What is kept of a link: everything but the link itself. Amounts in token base units; `used`: paid out for it so far. */
export interface ShareStatus {
  readonly id: Address;
  readonly path: string;
  readonly state: "live" | "over";
  readonly epoch: number;
  readonly untilEpoch: number;
  readonly budget: bigint;
  readonly used: bigint;
}

/** A link that was made. `link` is its only copy, and opens what it leads to; `id`, the address of its key, takes it back. */
export interface NewShare extends Omit<SharePlan, "gas" | "fee"> {
  readonly id: Address;
  readonly link: string;
}

const MAKING = "making a share link";
const USUAL_SECONDS = 7 * 86_400;
const USUAL_READS = 10n;
/** Small files are read in whole chunks, of several providers. */
const LEAST_READ_BYTES = 1_048_576;
/** Less of an id is too easily another's. */
const ID_BEGINNING = /^0x[0-9a-f]{4,40}$/i;
const MAX_EPOCH = 0xffff_ffff;
const MAX_CAP = 2n ** 128n - 1n;
/** Blocks over which the time of one is measured. */
const MEASURED_BLOCKS = 1_000n;

/** @throws SubletException NoSuchPath, BadArgument, OwnerOnly */
export async function planShare(parts: Parts, path: string, options: ShareOptions = {}): Promise<SharePlan> {
  requireOwner(parts, MAKING);
  const { market, account } = parts;
  const { files, bytes, delegation } = await intend(parts, path, options);
  const name = normalizeFolder(path);
  // Of a key that nothing will be done with: any other costs the same.
  const { address } = privateKeyToAccount(generatePrivateKey());
  const cost = await market.costOf(account.address, call("authorize", [address, delegation]));
  const { untilEpoch, egressCap } = delegation;
  return { path: name, files, bytes, untilEpoch, budget: baseUnits(egressCap), ...cost };
}

/** @throws SubletException NoSuchPath, BadArgument, VolumeFull, NotDurable, InsufficientFunds, HomeBusy */
export async function createShare(drive: Writable, path: string, options: ShareOptions = {}): Promise<NewShare> {
  const { parts } = drive;
  requireOwner(parts, MAKING);
  const { market, client, catalogue, config } = parts;
  const { files, bytes, tree, delegation } = await intend(parts, path, options);
  const name = normalizeFolder(path);
  const key = generatePrivateKey();
  const id = privateKeyToAccount(key).address;
  const list = [SHARES, id, ...(name === "" ? [] : [name])].join("/");
  await put(drive, list, tree, options.signal ? { signal: options.signal } : {});
  try {
    const object = catalogue.object(catalogue.find(list)!.object!)!;
    const { untilEpoch, egressCap } = delegation;
    const link = encodeLink({
      ...{ chainId: market.chainId, market: market.address, rpcUrl: rpcHint(options.rpcUrl ?? config.rpcUrl) },
      ...{ client, delegateKey: hexToBytes(key), untilEpoch },
      list: treeOf(parts, [{ path: "list", object }], false),
    });
    options.signal?.throwIfAborted();
    await market.authorize(id, delegation);
    return { id, link, path: name, files, bytes, untilEpoch, budget: baseUnits(egressCap) };
  } catch (error) {
    // Nobody has its link.
    await remove(drive, list, { forget: true }).catch(() => undefined);
    throw error;
  }
}

/** Those that were not taken back, the oldest first. */
export async function listShares({ market, client, volumes, catalogue }: Parts): Promise<ShareStatus[]> {
  const epoch = await market.epoch();
  const deals = volumes.all().flatMap((volume) => volumes.history(volume.id));
  const lists = [...catalogue.list(SHARES)].sort((a, b) => a.stamp - b.stamp);
  const shares: ShareStatus[] = [];
  for (const { id, path } of lists.flatMap(sharedBy)) {
    const { scopes, untilEpoch, egressCap } = await market.delegation(client, id);
    const paid = await Promise.all(deals.map((deal) => market.redeemed(deal.id, id)));
    const used = paid.reduce((sum, one) => sum + one, 0n);
    const live = (scopes & Scope.Read) !== 0 && epoch < untilEpoch;
    const amounts = { budget: baseUnits(used + egressCap), used: baseUnits(used) };
    shares.push({ id, path, state: live ? "live" : "over", epoch, untilEpoch, ...amounts });
  }
  return shares;
}

/**
 * Takes a link back: the list that it leads to is removed at once, and providers stop serving its key two epochs later.
 * @param id its address, or as much of the beginning as no other one has, four digits at least
 * @throws SubletException BadArgument, NotDurable, InsufficientFunds, HomeBusy
 */
export async function revokeShare(drive: Writable, id: string): Promise<{ id: Address; path?: string }> {
  requireOwner(drive.parts, "taking a share link back");
  const { market, client, catalogue } = drive.parts;
  const wanted = id.toLowerCase();
  const known = [...catalogue.list(SHARES)].flatMap((entry) => sharedBy(entry).map((one) => ({ ...one, entry })));
  const found = ID_BEGINNING.test(id) ? known.filter((one) => one.id.toLowerCase().startsWith(wanted)) : [];
  const [share] = found;
  if (found.length > 1 || (!share && !isAddress(id, { strict: false }))) {
    const reason = share ? `${found.length} links begin so` : "no link has it; share list shows those there are";
    throw new SubletException({ code: "BadArgument", name: "id", value: id, reason });
  }
  const delegate = share?.id ?? getAddress(id);
  const epoch = await market.epoch();
  const { scopes, untilEpoch } = await market.delegation(client, delegate);
  if (!share && !(scopes & Scope.Read)) {
    throw new SubletException({ code: "BadArgument", name: "id", value: id, reason: "it may read nothing here" });
  }
  if (epoch < untilEpoch) await market.revoke(delegate);
  if (share) await remove(drive, share.entry.path, { forget: true });
  return { id: delegate, ...(share && { path: share.path }) };
}

function sharedBy({ path }: Entry): { id: Address; path: string }[] {
  const [, id, ...rest] = path.split("/");
  return id !== undefined && isAddress(id) ? [{ id, path: rest.join("/") }] : [];
}

interface Intent {
  readonly files: number;
  readonly bytes: number;
  /** Encoded. */
  readonly tree: Uint8Array;
  readonly delegation: Delegation;
}

async function intend(parts: Parts, path: string, options: ShareOptions): Promise<Intent> {
  const { catalogue, volumes } = parts;
  const folder = normalizeFolder(path);
  const kind = catalogue.kind(folder);
  const entries = [...catalogue.list(folder)].filter(({ path }) => ![SHARES, DEVICES].includes(path.split("/", 1)[0]!));
  if (!kind || entries.length === 0) throw new SubletException({ code: "NoSuchPath", path: folder });
  const own = basename(folder) || "drive";
  const files = entries.map((entry) => {
    const below = `${own}${folder === "" ? "/" : ""}${entry.path.slice(folder.length)}`;
    if (!isPlain(below)) throw bad("path", entry.path, "it has characters that a terminal takes for commands");
    return { path: below, object: catalogue.contentAt(entry.path, entry.stamp)! };
  });
  const shared = treeOf(parts, files, true);
  const tree = encodeTree(shared);
  if (tree.length > MAX_TREE_BYTES)
    throw bad("path", folder, "it holds too many files for one link; share parts of it");
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  const read = Math.max(
    LEAST_READ_BYTES,
    shared.objects.reduce((sum, { length }) => sum + length, tree.length),
  );
  let dearest = 0n;
  for (const volume of new Set(shared.slabs.map((slab) => slab.volume)))
    for (const { egressRate } of volumes.serving(volume)) if (egressRate > dearest) dearest = egressRate;
  const egressCap = options.budget === undefined ? BigInt(read) * dearest * USUAL_READS : options.budget * LEDGER_ONE;
  if (egressCap < 0n || egressCap > MAX_CAP)
    throw bad("budget", `${options.budget}`, "it is beyond what a link can cost");
  const untilEpoch = await untilOf(parts, options.until ?? { seconds: USUAL_SECONDS });
  const none = { repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n };
  return { files: entries.length, bytes, tree, delegation: { scopes: Scope.Read, untilEpoch, ...none, egressCap } };
}

/** The epoch in which it is over: the wanted time is whole before, so it holds a little longer. */
async function untilOf({ market }: Parts, until: NonNullable<ShareOptions["until"]>): Promise<number> {
  const newest = await market.blockNumber();
  const epoch = market.epochs.at(newest);
  const wanted = "epochs" in until ? until.epochs : until.seconds;
  const last = "epochs" in until ? epoch + until.epochs : await epochIn(market, newest, until.seconds);
  if (wanted > 0 && Number.isSafeInteger(last) && last <= MAX_EPOCH) return last;
  throw bad("until", `${wanted}`, "it is a time to come, and not as far as epochs are counted");
}

/** The first epoch that begins so many seconds from now or later, as fast as blocks came lately. */
async function epochIn(market: Parts["market"], newest: bigint, seconds: number): Promise<number> {
  const { epochs } = market;
  const earlier = newest - MEASURED_BLOCKS > epochs.genesis ? newest - MEASURED_BLOCKS : epochs.genesis;
  const [now, then] = await Promise.all([market.block(newest), market.block(earlier)]);
  const took = Math.max(1, Number(now.timestamp - then.timestamp));
  const blocks = Math.ceil((seconds * Number(newest - earlier || 1n)) / took);
  return Number.isSafeInteger(blocks) ? epochs.at(newest + BigInt(blocks)) + 1 : Infinity;
}

function treeOf(
  { catalogue, drive }: Parts,
  files: readonly { readonly path: string; readonly object: StoredObject }[],
  named: boolean,
): Tree {
  const objects = new Map(files.map(({ object }) => [bytesToHex(object.id), object]));
  const slabs = new Map<string, SharedSlab>();
  for (const { extents } of objects.values()) {
    for (const { slab } of extents) {
      const name = slabName(slab);
      if (slabs.has(name)) continue;
      const record = catalogue.slab(slab)!;
      slabs.set(name, { ...record, maskKey: Keys.slabMaskKey(Keys.maskRoot(drive, record.volume), slab) });
    }
  }
  return {
    names: named ? files.map(({ path, object }) => ({ path, object: object.id })) : [],
    objects: [...objects.values()].map((object) => ({ ...object, key: Keys.objectKey(drive, object.id) })),
    slabs: [...slabs.values()],
  };
}

function bad(name: string, value: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value: value.slice(0, 256), reason });
}
