/** Openings, revisions, settlements and payments, recomputed. */
import type { Hash } from "viem";
import { pair } from "./accounts.ts";
import { type Handlers, type Judgement, placeOf, type Scene } from "./Scene.ts";
import {
  type DealState,
  fullCollateral,
  lesser,
  missesOf,
  NO_ROOT,
  noteSize,
  ONE,
  type ProviderState,
  settlement,
  signerIn,
} from "./State.ts";

const READ = 1;

export const deals: Handlers = {
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
    openingLink(scene);

    const deal = await newDeal(scene);
    const before = provider.slots[args.slot];
    scene.holds("a slot is taken while in use", before === undefined || before.closed, "a free slot", args.slot, place);
    provider.slots[args.slot] = deal;
    provider.unclosed++;
    scene.state.deals.set(args.id, deal);
    scene.state.account(args.provider).locked += args.collateral;
    // What the client's balance lacks arrives as Deposited, later in the same transaction.
    scene.state.account(args.client).balance -= args.escrow + args.egress;
  },

  async Committed(scene) {
    const { id, number, root, sectors, head, effectiveEpoch } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const place = placeOf(deal);
    const effective = scene.gate(provider, place);
    scene.same("epoch a revision takes effect in", effective, effectiveEpoch, place);
    scene.upToDate(deal, effective);
    scene.holds(
      "a commit to a stopped deal",
      !deal.stopped && effective < deal.stopAt,
      `before ${deal.stopAt}`,
      effective,
      place,
    );
    scene.holds("a revision's number", number > deal.number, `above ${deal.number}`, number, place);
    scene.holds("a revision's sectors", sectors <= deal.capacity, `at most ${deal.capacity}`, sectors, place);
    const used = missesOf(deal, provider.missCount);
    const { coverEpochs } = scene.rules.parameters;
    scene.holds(
      "a commit to a deal without cover",
      used < coverEpochs,
      `fewer than ${coverEpochs} misses`,
      used,
      place,
    );
    funded(scene, deal, sectors, deal.rate, effective);
    await assents(scene, deal, provider, { deal: id, number, root, sectors, head });
    resize(deal, provider, sectors, effective);
    deal.number = number;
    deal.root = root;
  },

  Settled(scene) {
    const { id, throughEpoch, paid, penalty } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const place = placeOf(deal);
    scene.tally.settlements++;
    const known = provider.claimed.has(scene.epoch) ? scene.epoch : scene.epoch - 1;
    scene.same("epoch a settlement reaches", Math.min(known, deal.stopAt - 1), throughEpoch, place);
    scene.holds(
      "epochs are settled twice",
      throughEpoch > deal.settledThrough,
      `after ${deal.settledThrough}`,
      throughEpoch,
      place,
    );
    const expected = settlement(deal, provider, throughEpoch);
    scene.same("paid by a settlement", expected.paid, paid, place);
    scene.same("penalty of a settlement", expected.penalty, penalty, place);
    // From here on as the market has it: one wrong figure is one difference, not one in every later sum.
    deal.settledThrough = throughEpoch;
    deal.escrow -= paid;
    provider.earned += paid;
    scene.state.account(deal.provider).balance += paid;
    if (penalty > 0n) penalise(scene, deal, provider, penalty);
    scene.holds("escrow after a settlement", deal.escrow >= 0n, ">= 0", deal.escrow, place);
  },

  async Extended(scene) {
    const { id, endEpoch, rate, capacity, collateral } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const { parameters, digests } = scene.rules;
    const place = placeOf(deal);
    const effective = scene.gate(provider, place);
    scene.upToDate(deal, effective);
    const floor = rate * BigInt(parameters.multiplier);
    scene.holds(
      "penalty rate against an extended rate",
      provider.penaltyRate >= floor,
      `>= ${floor}`,
      provider.penaltyRate,
      place,
    );
    const span = endEpoch - effective;
    scene.holds(
      "an extended deal's epochs",
      span <= parameters.maxDealEpochs,
      `<= ${parameters.maxDealEpochs}`,
      span,
      place,
    );
    const live = !deal.stopped && deal.reason === 0 && effective < deal.stopAt;
    scene.holds("an extension of a deal that ends", live, "an open or active deal", `stops at ${deal.stopAt}`, place);
    scene.holds("an extended end", endEpoch >= deal.stopAt, `>= ${deal.stopAt}`, endEpoch, place);
    scene.holds("an extended capacity", capacity >= deal.sectors, `>= ${deal.sectors}`, capacity, place);
    const [found] = scene
      .asked("extend")
      .filter(([ref, extension]) => ref.id === id && extension.endEpoch === endEpoch && extension.rate === rate);
    const signer = found && found[1].deal === id && (await digests.signer("Extension", found[1], found[2]));
    scene.tally.signatures++;
    scene.same("who signed an extension", signerIn(provider, scene.epoch), signer || "nobody", place);
    deal.stopAt = endEpoch;
    deal.rate = rate;
    deal.capacity = capacity;
    funded(scene, deal, deal.sectors, rate, effective);
    refilled(scene, deal, provider, collateral);
  },

  Refilled(scene) {
    const { id, collateral } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    scene.upToDate(deal, scene.gate(provider, placeOf(deal)));
    refilled(scene, deal, provider, collateral);
  },

  ToppedUp(scene) {
    const { id, from, escrow, egress } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    deal.escrow += escrow * ONE;
    deal.egress += egress * ONE;
    scene.state.account(from).balance -= (escrow + egress) * ONE;
  },

  async Redeemed(scene) {
    const { id, signer, cumulative, paid } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const place = placeOf(deal);
    const key = pair(id, signer);
    const before = scene.state.redeemed.get(key) ?? 0n;
    const vouchers = scene.asked("redeem").flatMap(([items]) => items.filter((item) => item.voucher.deal === id));
    let signed = false;
    for (const { voucher, signature } of vouchers) {
      if (voucher.cumulative !== cumulative) continue;
      scene.tally.signatures++;
      if ((await scene.rules.digests.signer("Voucher", voucher, signature)) === signer.toLowerCase()) signed = true;
    }
    scene.holds("a voucher is paid", signed, `signed by ${signer}`, "no such signature in the transaction", place);
    const delegation = scene.state.delegations.get(pair(deal.client, signer));
    let most = deal.egress;
    if (signer.toLowerCase() !== deal.clientSigner) {
      const may = delegation !== undefined && (delegation.scopes & READ) !== 0 && scene.epoch < delegation.untilEpoch;
      scene.holds("who may sign vouchers", may, "the client's key or a reader in force", signer, place);
      if (delegation) most = lesser(most, delegation.egressCap);
      if (delegation) delegation.egressCap -= paid;
    }
    const owed = cumulative - before;
    scene.same("paid for a voucher", lesser(owed, most), paid, place);
    scene.state.redeemed.set(key, before + paid);
    deal.egress -= paid;
    scene.state.providerOf(deal).earned += paid;
    scene.state.account(deal.provider).balance += paid;
  },
};

/** The market's terms are those that a digest equal to the deal's id was signed over. */
async function newDeal(scene: Scene<"DealOpened">): Promise<DealState> {
  const { args } = scene.event;
  const { digests } = scene.rules;
  const place = { provider: args.provider, deal: args.id };
  const item = scene
    .asked("openDeals")
    .flatMap(([items]) => [...items])
    .find(({ terms }) => digests.of("Terms", terms) === args.id);
  scene.tally.signatures++;
  const provider = scene.state.provider(args.provider);
  const signer = item && (await digests.signer("Terms", item.terms, item.signature));
  scene.same("who signed a deal's terms", signerIn(provider, scene.epoch), signer ?? "nobody", place);
  if (item) {
    const { terms } = item;
    for (const field of ["client", "provider", "volume", "position", "k", "n", "rate", "egressRate"] as const) {
      scene.same(`a new deal's ${field}`, terms[field], args[field], place);
    }
    for (const field of ["capacity", "minSectors", "endEpoch"] as const) {
      scene.same(`a new deal's ${field}`, terms[field], args[field], place);
    }
    scene.same("escrow that a deal opens with", item.escrow * ONE, args.escrow, place);
    scene.same("egress budget that a deal opens with", item.egress * ONE, args.egress, place);
  }
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

/** Both parties' signatures, over exactly what was committed, lie in the transaction. */
async function assents(
  scene: Scene<"Committed">,
  deal: DealState,
  provider: ProviderState,
  revision: { deal: Hash; number: bigint; root: Hash; sectors: number; head: Hash },
): Promise<void> {
  const { digests } = scene.rules;
  const digest = digests.of("Revision", revision);
  const items = scene.asked("commit").flatMap(([all]) => [...all]);
  const item = items.find((each) => digests.of("Revision", each.revision) === digest);
  scene.tally.signatures += 2;
  const client = item && (await digests.signer("Revision", revision, item.clientSignature));
  const host = item && (await digests.signer("Revision", revision, item.providerSignature));
  scene.same("the client's signature of a revision", deal.clientSigner, client ?? "none", placeOf(deal));
  scene.same("the provider's signature of a revision", signerIn(provider, scene.epoch), host ?? "none", placeOf(deal));
}

function funded(scene: Judgement, deal: DealState, sectors: number, rate: bigint, effective: number): void {
  const billed = BigInt(Math.max(sectors, deal.minSectors));
  const need = billed * rate * BigInt(Math.max(deal.stopAt - effective, 0));
  scene.holds("escrow for a deal's sectors to its end", deal.escrow >= need, `>= ${need}`, deal.escrow, placeOf(deal));
}

function resize(deal: DealState, provider: ProviderState, sectors: number, effective: number): void {
  if (deal.sectors === 0 && sectors > 0) {
    deal.activeSince = effective;
    deal.missMark = provider.missCount - deal.missMark;
  } else if (deal.sectors > 0 && sectors === 0) {
    deal.missMark = provider.missCount - deal.missMark;
  }
  deal.sectors = sectors;
  deal.inTree = sectors > 0;
  noteSize(provider, effective);
}

function refilled(scene: Judgement, deal: DealState, provider: ProviderState, collateral: bigint): void {
  const { coverEpochs, minCollateral } = scene.rules.parameters;
  const full = fullCollateral(deal.capacity, provider.penaltyRate, coverEpochs, minCollateral);
  scene.same("a refilled deal's collateral", full, collateral, placeOf(deal));
  scene.state.account(deal.provider).locked += collateral - deal.collateral;
  deal.collateral = collateral;
  deal.missMark = deal.sectors > 0 ? provider.missCount : 0;
}

function penalise(scene: Judgement, deal: DealState, provider: ProviderState, penalty: bigint): void {
  const account = scene.state.account(deal.provider);
  account.balance -= penalty;
  account.locked -= penalty;
  deal.collateral -= penalty;
  provider.penalties += penalty;
  scene.state.burnt += penalty / 2n;
  scene.state.account(deal.client).balance += penalty / 2n;
}
