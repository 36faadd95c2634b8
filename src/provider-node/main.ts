/**
 * Where a provider is put together, and its environment read: `await ProviderNode.start(config)` serves and proves in one's
 * own process until `stop()`; {@link providerCommand} is the same on the command line.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { Address, Hex } from "viem";
import { Market, type Sent } from "../chain/Market.ts";
import type { Purse } from "../chain/Sender.ts";
import type { Node } from "../network/Node.ts";
import { signerAddress } from "../protocol/TypedData.ts";
import { Alerts } from "./alerts/Alerts.ts";
import { NO_LIMITS, Watch } from "./alerts/Watch.ts";
import { commands } from "./cli/index.ts";
import { Access } from "./deals/Access.ts";
import { DealBook } from "./deals/DealBook.ts";
import { Egress } from "./deals/Egress.ts";
import { handlersOf } from "./deals/handlers.ts";
import { Offers } from "./deals/Offers.ts";
import { Reads } from "./deals/Reads.ts";
import { Revisions } from "./deals/Revisions.ts";
import { Gas } from "./Gas.ts";
import { INCOME_FILE, Income } from "./Income.ts";
import { announce, enroll, leastPenaltyRate, tipFor, unlessItCanWait } from "./Membership.ts";
import { Metrics } from "./Metrics.ts";
import { type ProviderConfig, reachedBy, usualFinalBlocks } from "./ProviderConfig.ts";
import { Following } from "./pricing/Following.ts";
import { Keeper } from "./proving/Keeper.ts";
import { Proofs } from "./proving/Proofs.ts";
import { Prover } from "./proving/Prover.ts";
import { Samples } from "./proving/Samples.ts";
import { logFault, logSessions } from "./RequestLog.ts";
import { everyFew, follow, type Work } from "./Rounds.ts";
import { DiskStore } from "./storage/DiskStore.ts";
import type { Store } from "./storage/Store.ts";

export type { AlertsConfig, ProviderConfig } from "./ProviderConfig.ts";

/** `sublet provider`. */
export function providerCommand(): Command {
  return commands({ environment: process.env, start: (config) => ProviderNode.start(config) });
}

const STAGED_BYTES = 2 ** 30;
const STAGED_BYTES_PER_DEAL = 2 ** 26;
const STAGED_MS = 3_600_000;
const EXPIRE_EVERY_MS = 60_000;

export class ProviderNode {
  readonly address: Address;
  readonly multiaddrs: readonly string[];
  readonly peerId: string;
  readonly metricsUrl: string | undefined;
  readonly #parts: Parts;
  #stopped: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.address = parts.address;
    this.multiaddrs = parts.node.getMultiaddrs().map(String);
    this.peerId = parts.node.peerId.toString();
    this.metricsUrl = parts.metricsServer?.url;
  }

  /**
   * @throws SubletException ChainUnavailable, WrongChain, NotAMarket, InsufficientFunds, BadArgument, HomeBusy,
   * StateCorrupt
   */
  static async start(config: ProviderConfig): Promise<ProviderNode> {
    const { signal, log } = config;
    const endings: (() => Promise<unknown>)[] = [];
    try {
      const node = new ProviderNode(await assemble(config, endings));
      signal?.throwIfAborted();
      const stop = (): void => void node.stop().catch((error) => log.error({ err: error }, "it did not end well"));
      signal?.addEventListener("abort", stop, { once: true });
      return node;
    } catch (error) {
      for (const end of endings.reverse()) await end().catch(() => {});
      throw error;
    }
  }

  /** The store, for looking at. */
  get store(): Store {
    return this.#parts.store;
  }

  get book(): DealBook {
    return this.#parts.book;
  }

  /** Lets what is under way finish, keeps everything, and ends. */
  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      for (const end of this.#parts.endings.splice(0).reverse()) await end();
    })();
    return this.#stopped;
  }
}

type Endings = (() => Promise<unknown>)[];

interface Parts {
  readonly address: Address;
  readonly node: Node;
  readonly store: Store;
  readonly book: DealBook;
  readonly metricsServer: { readonly url: string } | undefined;
  readonly endings: Endings;
}

async function assemble(config: ProviderConfig, endings: Endings): Promise<Parts> {
  config.signal?.throwIfAborted();
  const ground = await layGround(config, endings);
  config.signal?.throwIfAborted();
  const { provider, store, metrics } = ground;
  const deals = await openDeals(config, ground, endings);
  const { book } = deals;
  const { node, server } = await serveDeals(config, ground, deals, endings);
  const { chain, decimals } = ground;
  metrics.watch({ store, book, epochs: chain.epochs, decimals, sessions: () => server.sessions });
  const metricsServer = config.metricsPort === undefined ? undefined : await metrics.serve(config.metricsPort);
  if (metricsServer) endings.push(() => metricsServer.close());
  const tell = (): Promise<void> => announced(config, ground, deals, node);
  const work: Work = {};
  if (!config.leaving) {
    const { unclosed, policy } = ground;
    let told = await unlessItCanWait(unclosed, config.log, "nothing could be announced", tell);
    work.announcing = everyFew(ground.chain, async () => {
      if (!told) await tell();
      told = true;
    });
    const { follow: bounds, log } = config;
    const following = bounds && new Following({ ...ground, bounds, policy, log, onChanged: tell });
    if (following) work.pricing = (head) => following.step(head);
  }
  keepHouse(config, ground, deals, work, endings);
  return { address: provider, node, store, book, metricsServer, endings };
}

type Ground = Awaited<ReturnType<typeof layGround>>;
type Deals = Awaited<ReturnType<typeof openDeals>>;

/** Chain, disk, and being a provider at all. */
async function layGround(config: ProviderConfig, endings: Endings) {
  const provider = config.owner ?? signerAddress(config.account);
  const metrics = new Metrics();
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  const onRaised = (kind: string): void => metrics.alerted(kind);
  const alerts = new Alerts({ provider, log: config.log, onRaised, ...config.alerts });
  endings.push(() => alerts.close());
  const income = new Income(join(config.dataDir, INCOME_FILE), provider);
  endings.push(async () => income.close());
  const onHeld = (call: string, reason: string): void => alerts.raise("gas-held", `${call} waits: ${reason}`, {}, call);
  const chain = await connect(config, provider, new Gas(config.gas ?? {}, income, onHeld));
  const finalBlocks = config.finalBlocks ?? usualFinalBlocks(chain.epochs);
  const store = await DiskStore.open({
    ...{ directory: config.dataDir, folders: config.folders ?? [] },
    limits: { quotaBytes: config.quotaBytes, stagedBytes: STAGED_BYTES, stagedBytesPerDeal: STAGED_BYTES_PER_DEAL },
  });
  endings.push(() => store.close());

  const before = await chain.provider(provider);
  const penaltyRate = await enrolled(config, chain, provider);
  // Whoever has just registered has no deals in the past to look for.
  if (before.penaltyRate === 0n) {
    const now = await chain.blockNumber();
    await store.saveCursor(now);
    income.begin(now);
  }
  const market = { chainId: chain.chainId, address: chain.address };
  // Its rate may change while it runs.
  const policy = { ...config.policy };
  const unclosed = before.deals;
  const decimals = await chain.tokenDecimals();
  return {
    ...{ chain, decimals, provider, market, finalBlocks, store, penaltyRate, unclosed },
    ...{ income, policy, alerts, metrics },
  };
}

async function openDeals(config: ProviderConfig, ground: Ground, endings: Endings) {
  const { chain, provider, market, finalBlocks, store, penaltyRate, policy } = ground;
  const { log, account: signer } = config;
  const book = await DealBook.open({ chain, store, provider, log, finalBlocks });
  endings.push(() => book.close());
  const access = new Access(chain, () => book.epoch);
  const onFailure = (error: unknown): void => log.error({ err: error }, "vouchers could not be saved; tried again");
  const egress = await Egress.open({ market, chain, store, book, access, policy, onFailure });
  endings.push(() => egress.close());
  const proofs = new Proofs(store);
  const samples = new Samples({ market, chain, provider, proofs });
  const offers = new Offers({ market, chain, store, book, provider, signer, policy, penaltyRate });
  offers.closed = config.leaving ?? false;
  const revisions = new Revisions(market, signer, store, book);
  const reads = new Reads(store, book, access, egress);
  return { book, access, egress, proofs, samples, offers, revisions, reads };
}

async function serveDeals(config: ProviderConfig, ground: Ground, deals: Deals, endings: Endings) {
  const { provider, market, store, metrics } = ground;
  const { log, account: signer } = config;
  const network = await loadNetwork();
  const privateKey = await network.loadPeerKey(join(config.dataDir, "peer.key"));
  const node = await network.createNode({ privateKey, ...reachedBy(config) });
  endings.push(async () => node.stop());
  const server = await network.serve(node, {
    ...{ market, handlers: handlersOf({ store, ...deals, log, onLost: () => metrics.lost() }), provider, signer },
    witness: logSessions(log, metrics.witness),
    onFault: (fault) => {
      metrics.fault();
      logFault(log, fault);
    },
  });
  endings.push(() => server.close());
  return { node, server };
}

async function announced(config: ProviderConfig, ground: Ground, { offers }: Deals, node: Node): Promise<void> {
  const { chain, provider, policy } = ground;
  const { rate, egressRate, minSectors, region, operator } = policy;
  const addrs = node.getMultiaddrs().map(String);
  const freeSectors = await offers.freeSectors();
  const said = { rate, egressRate, minSectors, region, operator, addrs, freeSectors };
  await announce(chain, provider, { v: 1, peerId: node.peerId.toString(), ...said }, config.dataDir, config.log);
}

/** What is done at each new block, and by the clock. */
function keepHouse(config: ProviderConfig, ground: Ground, deals: Deals, more: Work, endings: Endings): void {
  const { chain, provider, finalBlocks, store, income, alerts, metrics } = ground;
  const { book, egress, proofs, samples } = deals;
  const { log } = config;
  const stop = new AbortController();
  const { signal } = stop;
  const prover = new Prover({
    ...{ chain, provider, book, samples, finalBlocks, log, signal },
    onProven: (sent) => {
      metrics.proven();
      metrics.sent("prove", sent);
    },
    onSeenProven: (epoch) => metrics.seenProven(epoch),
    onMissed: () => metrics.missed(),
  });
  const onSent = (name: string, sent: Sent): void => metrics.sent(name, sent);
  const keeper = new Keeper({
    ...{ chain, provider, book, store, egress, proofs, policy: { ...config.keeping }, log, signal, onSent },
    ...(config.owner && { onUnfilled: (deals: readonly Hex[]) => tellUnfilled(alerts, deals) }),
  });
  const watch = watchOver(config, ground);
  const work: Work = {
    proving: (head) => prover.step(head),
    keeping: (head) => keeper.step(head),
    watching: (head) => watch.step(head),
    writing: everyFew(chain, ({ number }) => income.follow(chain, number - BigInt(finalBlocks))),
    ...more,
  };
  const ended = follow({ chain, book, work, log, signal, onHead: () => metrics.head() });
  const expiring = setInterval(() => {
    store
      .expire(Date.now() - STAGED_MS)
      .catch((error) => log.error({ err: error }, "staged bytes could not be dropped"));
  }, EXPIRE_EVERY_MS);
  endings.push(async () => {
    clearInterval(expiring);
    stop.abort();
    await ended;
    watch.close();
  });
}

function tellUnfilled(alerts: Alerts, deals: readonly Hex[]): void {
  for (const deal of deals) {
    const message = `misses have used half of the cover of deal ${deal}: refill it with the owner's key (sublet provider enroll)`;
    alerts.raise("low-cover", message, { deal }, deal);
  }
}

function watchOver({ alerts: told, dataDir, folders = [], leaving = false }: ProviderConfig, ground: Ground): Watch {
  const { chain, provider, alerts, metrics } = ground;
  const { limits = NO_LIMITS, lookMs, silentMs } = told ?? {};
  return new Watch({
    ...{ chain, provider, leaving, limits, alerts, folders: [dataDir, ...folders.map(({ path }) => path)] },
    onSeen: (seen) => metrics.seen(seen),
    ...(lookMs !== undefined && { lookMs }),
    ...(silentMs !== undefined && { silentMs }),
  });
}

/** Only for who serves: all other commands take half the time without it. */
async function loadNetwork() {
  const [{ createNode }, { loadPeerKey }, { serve }] = await Promise.all([
    import("../network/Node.ts"),
    import("../network/PeerKey.ts"),
    import("../network/Server.ts"),
  ]);
  return { createNode, loadPeerKey, serve };
}

function connect(config: ProviderConfig, provider: Address, purse: Purse): Promise<Market> {
  const { rpcUrl, market, account, chainId, pollMs, request, relay } = config;
  const given = {
    ...(chainId !== undefined && { chainId }),
    ...(pollMs !== undefined && { pollMs }),
    ...(request && { request }),
    ...(relay && { relay: { url: relay.url, provider } }),
  };
  return Market.connect({ rpcUrl, market, account, purse, ...given });
}

async function enrolled(config: ProviderConfig, chain: Market, provider: Address): Promise<bigint> {
  if (config.leaving) return (await chain.provider(provider)).penaltyRate;
  // Every price that may be asked later, too.
  const rate = config.follow?.mostRate ?? config.policy.rate;
  const penaltyRate = config.penaltyRate ?? leastPenaltyRate(rate, chain.parameters.multiplier);
  const tip = tipFor(chain, config.relay?.tip);
  const { stake } = config;
  const member = { provider, signer: chain.sender };
  return enroll(chain, member, { rate, penaltyRate, stake, ...(tip && { tip }) }, config.log);
}
