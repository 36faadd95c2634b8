/** Openings, recomputed: terms, collateral, escrow, who pays. */
import { pair, useNonce } from "./accounts.ts";
import type { ArgsOf } from "./Calls.ts";
import type { Handlers, Place, Scene } from "./Scene.ts";
import { type DealState, fullCollateral, NO_ROOT, ONE, signerIn } from "./State.ts";

const REPAIR = 4;
/** What an opening's event repeats of its terms. */
const TERMS = [
  ...(["client", "provider", "volume", "position", "k", "n"] as const),
  ...(["rate", "egressRate", "capacity", "minSectors", "endEpoch"] as const),
];

export const openings: Handlers = {
  async DealOpened(scene) {
    const { args } = scene.event;
    const { parameters } = scene.rules;
    const provider = scene.state.provider(args.provider);
    const place = { provider: args.provider, deal: args.id };
    const start = scene.phase === "commit" ? scene.epoch : scene.epoch + 1;
    scene.same("a new deal's first epoch", start, args.startEpoch, place);
    scene.holds("a deal id is used again", !scene.state.deals.has(args.id), "a fresh id", args.id, place);
    const full = fullCollateral(args.capacity, provider.penaltyRate, parameters.coverEpochs, parameters.minCollateral);
    scene.same("a new deal's collateral", full, args.collateral, place);
    const floor = args.rate * BigInt(parameters.multiplier);
    scene.holds("penalty rate against rate", provider.penaltyRate >= floor, `>= ${floor}`, provider.penaltyRate, place);
    const escrow = BigInt(args.minSectors) * args.rate * BigInt(args.endEpoch - start);
    scene.holds("a new deal's escrow", args.escrow >= escrow, `>= ${escrow}`, args.escrow, place);
    const free = scene.state.free(args.provider);
    scene.holds("free balance for a deal's collateral", free >= args.collateral, `>= ${args.collateral}`, free, place);
    const span = args.endEpoch - start;
    const allowed = span > 0 && span <= parameters.maxDealEpochs;
    scene.holds("a new deal's epochs", allowed, `1 to ${parameters.maxDealEpochs}`, span, place);
    const before = provider.slots[args.slot];
    const vacant = before ? before.closed : args.slot === provider.slots.length;
    scene.holds("a slot is taken", vacant, "a closed deal's slot, or the next one", args.slot, place);
    openingLink(scene);

    const deal = newDeal(scene, await agreed(scene));
    provider.slots[args.slot] = deal;
    provider.unclosed++;
    scene.state.deals.set(args.id, deal);
    scene.state.account(args.provider).locked += args.collateral;
    // What the client's balance lacks arrives as Deposited, later in the same transaction.
    scene.state.account(args.client).balance -= args.escrow + args.egress;
  },
};

type Item = ArgsOf<"openDeals">[0][number];

/** The terms whose digest is the deal's id: signed by the provider, still valid, and what the event says they are. */
async function agreed(scene: Scene<"DealOpened">): Promise<Item | undefined> {
  const { args } = scene.event;
  const { digests } = scene.rules;
  const place = { provider: args.provider, deal: args.id };
  const provider = scene.state.provider(args.provider);
  const found = scene
    .asked("openDeals")
    .flatMap(({ args: [items], caller }) => items.map((item) => ({ item, caller })))
    .find(({ item }) => digests.of("Terms", item.terms) === args.id);
  if (!found) {
    scene.differ("a deal without terms", `openDeals with terms ${args.id}`, "none in the transaction", place);
    return undefined;
  }
  const { item, caller } = found;
  const { terms, signature, escrow, egress } = item;
  scene.tally.signatures++;
  const signer = await digests.signer("Terms", terms, signature);
  scene.same("who signed a deal's terms", signerIn(provider, scene.epoch), signer ?? "nobody", place);
  for (const field of TERMS) scene.same(`a new deal's ${field}`, terms[field], args[field], place);
  scene.same("escrow that a deal opens with", escrow * ONE, args.escrow, place);
  scene.same("egress budget that a deal opens with", egress * ONE, args.egress, place);
  const now = await scene.time();
  scene.holds("terms past their time", now <= terms.validUntil, `by ${terms.validUntil}`, now, place);
  useNonce(scene, provider, terms.nonce, place);
  if (caller !== args.client.toLowerCase()) repairs(scene, item, caller, place);
  return item;
}

/** Somebody else than the client opens: within what the client allowed it. */
function repairs(scene: Scene<"DealOpened">, { terms, escrow, egress }: Item, caller: string, place: Place): void {
  const delegation = scene.state.delegations.get(pair(terms.client, caller));
  const cost = escrow + egress;
  const may =
    delegation !== undefined &&
    (delegation.scopes & REPAIR) !== 0 &&
    scene.epoch < delegation.untilEpoch &&
    terms.rate <= delegation.maxRate &&
    terms.egressRate <= delegation.maxEgressRate &&
    cost <= delegation.repairBudget;
  scene.holds("who opens a deal", may, `${terms.client}, or its repairing delegate within limits`, caller, place);
  if (delegation) delegation.repairBudget -= cost;
}

function newDeal(scene: Scene<"DealOpened">, item: Item | undefined): DealState {
  const { args } = scene.event;
  return {
    id: args.id,
    provider: args.provider,
    slot: args.slot,
    client: args.client,
    clientSigner: item?.terms.clientSigner.toLowerCase() ?? "",
    volume: args.volume,
    position: args.position,
    k: args.k,
    n: args.n,
    minSectors: args.minSectors,
    noticeEpochs: item?.terms.noticeEpochs ?? 0,
    answerBond: item?.terms.answerBond ?? 0n,
    startEpoch: args.startEpoch,
    rate: args.rate,
    capacity: args.capacity,
    stopAt: args.endEpoch,
    settledThrough: args.startEpoch - 1,
    activeSince: 0,
    number: 0n,
    sectors: 0,
    root: NO_ROOT,
    escrow: args.escrow,
    egress: args.egress,
    collateral: args.collateral,
    missMark: 0,
    reason: 0,
    inTree: false,
    stopped: false,
    closed: false,
    challenge: undefined,
    voided: undefined,
  };
}

/** The back-linked list: every opening names the block of the client's last one in an earlier block. */
function openingLink(scene: Scene<"DealOpened">): void {
  const { args, block } = scene.event;
  const client = args.client.toLowerCase();
  const links = scene.state.openings.get(client) ?? [];
  scene.state.openings.set(client, links);
  const previous = links.findLast((each) => each < block) ?? 0n;
  scene.same("the block of the client's opening before", previous, args.previousBlock, {
    provider: args.provider,
    deal: args.id,
  });
  if (links.at(-1) !== block) links.push(block);
}
