/** Opening deals: finds providers, has them sign their terms, and opens all of it in one transaction. */
import { type Address, isAddressEqual } from "viem";
import type { DealItem } from "../../chain/Calls.ts";
import { type Opened, OpeningJoin } from "../../chain/Events.ts";
import { requireBudget } from "../devices/Delegations.ts";
import { isOwner } from "../home/Identity.ts";
import type { Allowance, Paid } from "./Allowance.ts";
import { Search, type SearchSurroundings, type Wish } from "./Search.ts";
import { tooFewProviders } from "./tooFew.ts";
import type { Deal, Volume } from "./Volume.ts";

/** Openings that are tried again for positions whose provider's money was gone in between. */
const ROUNDS = 3;

/**
 * Opens deals for the positions and records them.
 * @param allowance what pays for it; whatever the account has unless told
 * @throws SubletException TooFewProviders, InsufficientFunds (of what, and how much is missing), OverBudget, and what the
 * chain says
 */
export async function openDeals(
  around: SearchSurroundings,
  wish: Wish,
  signal?: AbortSignal,
  allowance?: Allowance,
): Promise<Deal[]> {
  const opened: Deal[] = [];
  const refused = new Set<Address>();
  for (let round = 0; round < ROUNDS && opened.length < wish.positions.length; round++) {
    const positions = wish.positions.filter((position) => !opened.some((deal) => deal.position === position));
    const taken = [...wish.taken, ...opened.map(({ provider }) => provider)];
    const need = Math.max(1, wish.least - opened.length);
    const search = await Search.begin(around, { ...wish, positions, taken }, refused, signal);
    const offers = await search.offers();
    if (offers.length < need) {
      if (opened.length >= wish.least) break;
      throw tooFewProviders(opened.length + offers.length, wish.least, search.refusals);
    }
    const pay = () => send(around, wish.volume, offers, round === ROUNDS - 1 ? need : 1);
    const deals = await (allowance ? allowance.spend(costOf(offers), pay) : pay().then(({ result }) => result));
    opened.push(...deals);
    for (const { terms } of offers) {
      const { provider } = terms;
      if (!deals.some((deal) => isAddressEqual(deal.provider, provider))) refused.add(provider);
    }
  }
  return opened;
}

async function send(
  around: SearchSurroundings,
  volume: Volume,
  offers: readonly DealItem[],
  least: number,
): Promise<Paid<Deal[]>> {
  const { market, volumes } = around;
  if (!isOwner(around)) await requireBudget(around, costOf(offers));
  const { events } = await market.openDeals(offers, least);
  const join = new OpeningJoin();
  const deals = events.flatMap((event) => join.see(event) ?? []).map(dealOf);
  volumes.record(volume, deals);
  const paid = offers.filter(({ terms }) => deals.some(({ provider }) => isAddressEqual(provider, terms.provider)));
  return { result: deals, spent: costOf(paid) };
}

function costOf(offers: readonly DealItem[]): bigint {
  return offers.reduce((sum, { escrow, egress }) => sum + escrow + egress, 0n);
}

function dealOf({ args, block }: Opened): Deal {
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
 * Follows the back links from the newest, so it reads no more than is new. Those under another signer are none of this
 * drive's: a delegate that may open deals could have made them, to stand where nobody can write.
 * @param signer of the drive; undefined: whoever it is, for a reader that does not know
 * @returns how many were left alone
 */
export async function learnOpenings(
  { market, client, volumes }: Pick<SearchSurroundings, "market" | "client" | "volumes">,
  signer: Address | undefined,
): Promise<number> {
  const known = volumes.openingsLearned();
  const found: Opened[] = [];
  const last = Number(await market.lastOpening(client));
  if (last <= known) return 0;
  for await (const event of market.openings(client)) {
    if (Number(event.block) < known) break;
    found.push(event);
  }
  const own = found.filter(({ args }) => signer === undefined || isAddressEqual(args.clientSigner, signer));
  for (const event of own.reverse()) {
    const { volume: id, k, n, capacity } = event.args;
    volumes.record({ id, k, n, capacity }, [dealOf(event)]);
  }
  volumes.learnedOpenings(last);
  return found.length - own.length;
}
