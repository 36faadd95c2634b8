/** Openings, recomputed: terms, collateral, escrow, who pays. */
import type { EventOf } from "../chain/Events.ts";
import { pair } from "./accounts.ts";
import type { ArgsOf } from "./Calls.ts";
import type { Handlers, Place, Scene } from "./Scene.ts";
import { type DealState, fullCollateral, NO_ROOT, ONE, signerIn } from "./State.ts";

const REPAIR = 4;
const MAX_SLOTS = 4_096;
const NO_DEAL = `0x${"00".repeat(32)}`;
/** What an opening's two events repeat of what was asked for. */
const SHARED = [
  ...(["client", "clientSigner", "volume", "k", "n"] as const),
  ...(["capacity", "minSectors", "endEpoch", "noticeEpochs", "answerBond"] as const),
];
const OWN = ["provider", "slot", "position", "rate", "egressRate"] as const;

type Shared = EventOf<"VolumeOpened">["args"];
type VolumeTerms = ArgsOf<"openDeals">[0];
type Item = ArgsOf<"openDeals">[1][number];

export const openings: Handlers = {
  VolumeOpened(scene) {
    const { args } = scene.event;
    const { maxDealEpochs } = scene.rules.parameters;
    const place = { provider: args.client };
    const start = scene.phase === "commit" ? scene.epoch : scene.epoch + 1;
    scene.same("a new deal's first epoch", start, args.startEpoch, place);
    const span = args.endEpoch - start;
    scene.holds("a new deal's epochs", span > 0 && span <= maxDealEpochs, `1 to ${maxDealEpochs}`, span, place);
    const opens = scene.transaction.events.some(
      ({ name, logIndex }) => name === "DealOpened" && logIndex > scene.event.logIndex,
    );
    scene.holds("an opening of no deal", opens, "deals of the volume", "none", place);
    openingLink(scene);
  },

  async DealOpened(scene) {
    const { args } = scene.event;
    const place = { provider: args.provider, deal: args.id };
    const shared = sharedOf(scene);
    if (!shared) return scene.differ("a deal without its volume", "an opening that tells of it", "none", place);
    const { multiplier, coverEpochs, minCollateral } = scene.rules.parameters;
    const provider = scene.state.provider(args.provider);
    scene.holds("a deal id is used again", !scene.state.deals.has(args.id), "a fresh id", args.id, place);
    const collateral = fullCollateral(shared.capacity, provider.penaltyRate, coverEpochs, minCollateral);
    const free = scene.state.free(args.provider);
    // Who deals with itself pays the escrow when all deals are open: its balance after the transaction tells.
    const backed = free >= collateral || shared.client === args.provider;
    scene.holds("free balance for a deal's collateral", backed, `>= ${collateral}`, free, place);
    const floor = args.rate * BigInt(multiplier);
    scene.holds("penalty rate against rate", provider.penaltyRate >= floor, `>= ${floor}`, provider.penaltyRate, place);
    const escrow = BigInt(shared.minSectors) * args.rate * BigInt(shared.endEpoch - shared.startEpoch);
    scene.holds("a new deal's escrow", args.escrow >= escrow, `>= ${escrow}`, args.escrow, place);
    const vacant = args.slot < MAX_SLOTS && provider.slots[args.slot]?.closed !== false;
    scene.holds("a slot is taken", vacant, "one without a deal that is not closed", args.slot, place);
    await agreed(scene, shared, place);

    const deal = newDeal(args, shared, collateral);
    provider.slots[args.slot] = deal;
    provider.unclosed++;
    scene.state.deals.set(args.id, deal);
    scene.state.debit(args.provider, collateral);
    // What the client's balance lacks arrives as Deposited, later in the same transaction.
    scene.state.debit(shared.client, args.escrow);
  },
};

/** What a deal has in common with the others of its call: told by the last such event before it. */
function sharedOf({ event, transaction }: Scene<"DealOpened">): Shared | undefined {
  const before = transaction.events.filter(({ logIndex }) => logIndex < event.logIndex);
  const volume = before.findLast((one) => one.name === "VolumeOpened");
  return volume?.name === "VolumeOpened" ? volume.args : undefined;
}

/** What a deal opens with for reading: the next event tells, where there is any. */
function budgetOf({ event, transaction }: Scene<"DealOpened">): bigint {
  const next = transaction.events.find(({ logIndex }) => logIndex === event.logIndex + 1);
  return next?.name === "ToppedUp" && next.args.id === event.args.id ? next.args.egress : 0n;
}

/** The terms whose digest is the deal's id: signed by the provider, still valid, and what the events say they are. */
async function agreed(scene: Scene<"DealOpened">, shared: Shared, place: Place): Promise<void> {
  const { args } = scene.event;
  const { digests } = scene.rules;
  const expected = signerIn(scene.state.provider(args.provider), scene.epoch);
  const candidates = scene
    .asked("openDeals")
    .flatMap(({ args: [volume, items], caller }) => items.map((item) => ({ volume, item, caller })))
    .map((one) => ({ ...one, terms: termsOf(scene, one.volume, one.item) }))
    .filter(({ terms }) => digests.id(terms) === args.id);
  // A call may carry the same terms several times, wrongly signed or paid for: then those were skipped.
  let found = candidates[0];
  let signer: string | undefined;
  for (const candidate of candidates) {
    const { escrow, egress } = candidate.item;
    const recovered = await digests.signer("Terms", candidate.terms, candidate.item.signature);
    scene.tally.signatures++;
    if (candidate === found) signer = recovered;
    if (recovered !== expected || escrow * ONE !== args.escrow || egress !== budgetOf(scene)) continue;
    [found, signer] = [candidate, recovered];
    break;
  }
  if (!found) return scene.differ("a deal without terms", `openDeals with terms ${args.id}`, "no such", place);
  const { volume, item, caller } = found;
  scene.same("who signed a deal's terms", expected, signer ?? "nobody", place);
  for (const field of SHARED) scene.same(`a new deal's ${field}`, volume[field], shared[field], place);
  for (const field of OWN) scene.same(`a new deal's ${field}`, item[field], args[field], place);
  scene.same("escrow that a deal opens with", item.escrow * ONE, args.escrow, place);
  scene.same("egress budget that a deal opens with", item.egress, budgetOf(scene), place);
  const now = await scene.time();
  scene.holds("terms past their time", now <= item.validUntil, `by ${item.validUntil}`, now, place);
  if (caller !== volume.client.toLowerCase()) repairs(scene, volume.client, item, caller, place);
}

/** What a provider has signed for an item to open here and now: only the calldata's part of it can be chosen. */
function termsOf(scene: Scene<"DealOpened">, volume: VolumeTerms, item: Item): object {
  const { slots, series } = scene.state.provider(item.provider);
  return { ...volume, ...item, previous: slots[item.slot]?.id ?? NO_DEAL, series };
}

/** Somebody else than the client opens: within what the client allowed it. */
function repairs(scene: Scene<"DealOpened">, client: string, item: Item, caller: string, place: Place): void {
  const delegation = scene.state.delegations.get(pair(client, caller));
  const cost = item.escrow + item.egress;
  const may =
    delegation !== undefined &&
    (delegation.scopes & REPAIR) !== 0 &&
    scene.epoch < delegation.untilEpoch &&
    item.rate <= delegation.maxRate &&
    item.egressRate <= delegation.maxEgressRate &&
    cost <= delegation.repairBudget;
  scene.holds("who opens a deal", may, `${client}, or its repairing delegate within limits`, caller, place);
  if (delegation) delegation.repairBudget -= cost;
}

function newDeal(args: EventOf<"DealOpened">["args"], shared: Shared, collateral: bigint): DealState {
  return {
    id: args.id,
    provider: args.provider,
    slot: args.slot,
    client: shared.client,
    clientSigner: shared.clientSigner.toLowerCase(),
    minSectors: shared.minSectors,
    noticeEpochs: shared.noticeEpochs,
    answerBond: shared.answerBond,
    rate: args.rate,
    capacity: shared.capacity,
    stopAt: shared.endEpoch,
    settledThrough: shared.startEpoch - 1,
    activeSince: 0,
    number: 0n,
    sectors: 0,
    root: NO_ROOT,
    escrow: args.escrow,
    egress: 0n,
    collateral,
    missMark: 0,
    reason: 0,
    inTree: false,
    stopped: false,
    closed: false,
    challenge: undefined,
    voided: undefined,
    penalty: 0n,
  };
}

/** The back-linked list: every opening names the block of the client's last one in an earlier block. */
function openingLink(scene: Scene<"VolumeOpened">): void {
  const { args, block } = scene.event;
  const client = args.client.toLowerCase();
  const links = scene.state.openings.get(client) ?? [];
  scene.state.openings.set(client, links);
  const previous = links.findLast((each) => each < block) ?? 0n;
  scene.same("the block of the client's opening before", previous, args.previousBlock, { provider: args.client });
  if (links.at(-1) !== block) links.push(block);
}
