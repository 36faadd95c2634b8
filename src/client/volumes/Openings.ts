/** Opening deals: finds providers, has them sign their terms, and opens all of it in one transaction. */
import { type Address, isAddressEqual, type LocalAccount } from "viem";
import type { EventOf } from "../../chain/Events.ts";
import type { DealItem, Market } from "../../chain/Market.ts";
import { LEDGER_ONE } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { TermsDraft } from "../../protocol/Messages.ts";
import { dealId, requireSigner } from "../../protocol/TypedData.ts";
import type { Announced, Providers } from "./Providers.ts";
import { type Candidate, draw, Spread } from "./Selection.ts";
import type { Deal, Volume, Volumes } from "./Volume.ts";

/** What is asked of each provider. `endEpoch` is exclusive. */
export interface Wish {
  readonly volume: Volume;
  readonly positions: readonly number[];
  readonly endEpoch: number;
  /** Providers and whoever else serves the volume already. */
  readonly taken: readonly Address[];
  /** Opens if at least so many positions get a provider. */
  readonly least: number;
}

export interface OpeningSurroundings {
  readonly market: Market;
  readonly account: LocalAccount;
  readonly providers: Providers;
  readonly volumes: Volumes;
  readonly localNetwork: boolean;
}

interface Offered {
  readonly item: DealItem;
  readonly position: number;
}

/** Providers looked at closely; of more, as many at random. */
const MAX_CANDIDATES = 256;
const ASK_TIMEOUT_MS = 10_000;
/** Openings that are tried again for positions whose provider's money was gone in between. */
const ROUNDS = 3;

/**
 * Opens deals for the positions and records them.
 * @throws SubletException TooFewProviders, InsufficientFunds (of what, and how much is missing), and what the chain says
 */
export async function openDeals(around: OpeningSurroundings, wish: Wish, signal?: AbortSignal): Promise<Deal[]> {
  const opened: Deal[] = [];
  const refused = new Set<Address>();
  for (let round = 0; round < ROUNDS && opened.length < wish.positions.length; round++) {
    const positions = wish.positions.filter((position) => !opened.some((deal) => deal.position === position));
    const taken = [...wish.taken, ...opened.map(({ provider }) => provider)];
    const need = Math.max(1, wish.least - opened.length);
    const { offers, refusals } = await collect(around, { ...wish, positions, taken }, refused, signal);
    if (offers.length < need) {
      if (opened.length >= wish.least) break;
      const have = opened.length + offers.length;
      const cause = new AggregateError(refusals, "what those that were asked said");
      throw new SubletException({ code: "TooFewProviders", have, need: wish.least }, { cause });
    }
    const deals = await send(around, wish.volume, offers, round === ROUNDS - 1 ? need : 1);
    opened.push(...deals);
    for (const { item } of offers) {
      const { provider } = item.terms;
      if (!deals.some((deal) => isAddressEqual(deal.provider, provider))) refused.add(provider);
    }
  }
  return opened;
}

/** One signed offer for each position that somebody takes, asking all positions at once and others where one refuses. */
async function collect(
  around: OpeningSurroundings,
  wish: Wish,
  refused: ReadonlySet<Address>,
  signal?: AbortSignal,
): Promise<{ offers: Offered[]; refusals: unknown[] }> {
  const spread = new Spread(around.localNetwork);
  const announced = await around.providers.announced();
  const all = await candidates(around, announced, wish);
  for (const candidate of all)
    if (wish.taken.some((one) => isAddressEqual(one, candidate.provider))) spread.take(candidate);
  const queue = draw(all.filter(({ provider }) => !refused.has(provider)));
  const offers: Offered[] = [];
  const refusals: unknown[] = [];
  await Promise.all(
    wish.positions.map(async (position) => {
      for (let next = takeNext(queue, spread); next; next = takeNext(queue, spread)) {
        signal?.throwIfAborted();
        try {
          offers.push({ position, item: await askFor(around, wish, next.provider, position, signal) });
          return;
        } catch (error) {
          spread.free(next);
          refusals.push(error);
        }
      }
    }),
  );
  return { offers, refusals };
}

function takeNext(queue: Candidate[], spread: Spread): Candidate | undefined {
  const index = queue.findIndex((candidate) => spread.take(candidate));
  return index < 0 ? undefined : queue.splice(index, 1)[0];
}

async function candidates(
  { market, volumes }: OpeningSurroundings,
  announced: readonly Announced[],
  { volume, endEpoch }: Wish,
): Promise<Candidate[]> {
  const fitting = announced.filter(
    ({ announcement: { freeSectors, maxEndEpoch, minSectors } }) =>
      freeSectors >= volume.capacity &&
      (maxEndEpoch === undefined || endEpoch <= maxEndEpoch) &&
      (minSectors ?? 0) <= volume.capacity,
  );
  const block = await market.blockNumber();
  const least = market.parameters.minCollateral * LEDGER_ONE;
  return Promise.all(
    sample(fitting, MAX_CANDIDATES).map(async ({ provider, announcement, registeredBlock }) => {
      const [{ locked }, { missCount }] = await Promise.all([market.account(provider), market.provider(provider)]);
      const ageEpochs = market.epochs.at(block) - market.epochs.at(BigInt(registeredBlock));
      const proved = 1 - Math.min(1, missCount / Math.max(1, ageEpochs));
      return {
        provider,
        addresses: announcement.addrs,
        operator: announcement.operator,
        rate: announcement.rate,
        egressRate: announcement.egressRate,
        // biome-ignore lint/complexity/useMathMinMax: they are bigints
        collateral: locked > least ? locked : least,
        ageEpochs,
        quality: volumes.hasProblemWith(provider) ? proved / 10 : proved,
      };
    }),
  );
}

/** A provider's signed terms, at its own price, with the money that goes with them. */
async function askFor(
  { market, account, providers }: OpeningSurroundings,
  { volume, endEpoch }: Wish,
  provider: Address,
  position: number,
  signal?: AbortSignal,
): Promise<DealItem> {
  const options = { timeoutMs: ASK_TIMEOUT_MS, ...(signal && { signal }) };
  const ask = await providers.call(provider, (connection) => connection.ask({}, options));
  const draft: TermsDraft = {
    client: account.address,
    clientSigner: account.address,
    provider,
    volume: volume.id,
    position,
    k: volume.k,
    n: volume.n,
    rate: ask.rate,
    egressRate: ask.egressRate,
    capacity: volume.capacity,
    minSectors: ask.minSectors,
    endEpoch,
    noticeEpochs: ask.noticeEpochs,
    answerBond: ask.answerBond,
  };
  const { terms, signature } = await providers.call(provider, (connection) =>
    connection.offer({ terms: draft }, options),
  );
  for (const [field, wanted] of Object.entries(draft)) {
    if (terms[field as keyof TermsDraft] === wanted) continue;
    const reason = `its terms have another ${field} than was asked for`;
    throw new SubletException({ code: "BadReply", provider, verb: "offer", reason });
  }
  const { signer } = await market.provider(provider);
  await requireSigner("offer", dealId({ chainId: market.chainId, address: market.address }, terms), signature, signer);
  const epochs = BigInt(endEpoch - market.epochs.at(await market.blockNumber()));
  const sectors = BigInt(Math.max(volume.capacity, terms.minSectors));
  return {
    terms,
    signature,
    escrow: roundUp(sectors * terms.rate * epochs),
    // Enough to have every byte sent back once.
    egress: roundUp(BigInt(volume.capacity * SECTOR_BYTES) * terms.egressRate),
  };
}

async function send(around: OpeningSurroundings, volume: Volume, offers: Offered[], least: number): Promise<Deal[]> {
  const { market } = around;
  const sent = await market.openDeals(
    offers.map(({ item }) => item),
    least,
  );
  const deals = sent.events
    .filter((event): event is EventOf<"DealOpened"> => event.name === "DealOpened")
    .filter(({ args }) => isAddressEqual(args.client, around.account.address) && args.volume === volume.id)
    .map(dealOf);
  around.volumes.record(volume, deals);
  return deals;
}

export function dealOf({ args, block }: EventOf<"DealOpened">): Deal {
  return {
    id: args.id,
    volume: args.volume,
    position: args.position,
    provider: args.provider,
    slot: args.slot,
    rate: args.rate,
    egressRate: args.egressRate,
    capacity: args.capacity,
    minSectors: args.minSectors,
    startEpoch: args.startEpoch,
    endEpoch: args.endEpoch,
    openedBlock: Number(block),
  };
}

/**
 * Learns of openings that this drive does not know yet: those of other devices, or its own, mined just before it died.
 * Follows the back links from the newest, so it reads no more than is new.
 */
export async function learnOpenings({
  market,
  account,
  volumes,
}: Omit<OpeningSurroundings, "providers" | "localNetwork">): Promise<void> {
  const known = volumes.newestOpening();
  const found: EventOf<"DealOpened">[] = [];
  if (Number(await market.lastOpening(account.address)) <= known) return;
  for await (const event of market.openings(account.address)) {
    if (Number(event.block) < known) break;
    found.push(event);
  }
  for (const event of found.reverse()) {
    const { volume: id, k, n, capacity } = event.args;
    volumes.record({ id, k, n, capacity }, [dealOf(event)]);
  }
}

function roundUp(ledger: bigint): bigint {
  return (ledger + LEDGER_ONE - 1n) / LEDGER_ONE;
}

function sample<Item>(items: readonly Item[], most: number): Item[] {
  if (items.length <= most) return [...items];
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .slice(0, most)
    .map(({ item }) => item);
}
