/** New figures for a live deal, recomputed: its data, its term and price, its collateral. */
import type { Hash } from "viem";
import type { ArgsOf } from "./Calls.ts";
import { settle } from "./payments.ts";
import { type Handlers, type Judgement, placeOf, type Scene } from "./Scene.ts";
import { type DealState, fullCollateral, missesOf, noteSize, type ProviderState, signerIn } from "./State.ts";

export const revisions: Handlers = {
  async Committed(scene) {
    const { id, number, root, sectors, head, paid } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const place = placeOf(deal);
    const effective = scene.gate(provider, place);
    const before = effective - 1;
    if (before > deal.settledThrough) settle(scene, deal, provider, { throughEpoch: before, paid });
    else scene.same("moved by a commit that settles nothing", 0n, paid + deal.penalty, place);
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

  async Extended(scene) {
    const { id, endEpoch, rate, capacity, collateral } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const { parameters } = scene.rules;
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
    scene.holds("an extended end", endEpoch > deal.stopAt, `> ${deal.stopAt}`, endEpoch, place);
    scene.holds("an extended capacity", capacity >= deal.sectors, `>= ${deal.sectors}`, capacity, place);
    await extensionAgreed(scene, deal, provider);
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
    const effective = scene.gate(provider, placeOf(deal));
    scene.upToDate(deal, effective);
    const live = !deal.stopped && effective < deal.stopAt;
    scene.holds("a refill of a stopped deal", live, `before ${deal.stopAt}`, effective, placeOf(deal));
    scene.askedBy(deal.provider, "refill", ([ref]) => ref.id === id, placeOf(deal));
    refilled(scene, deal, provider, collateral);
  },
};

/** Both parties' word for exactly what was committed lies in the transaction; a provider's is its signature, or its call. */
async function assents(
  scene: Scene<"Committed">,
  deal: DealState,
  provider: ProviderState,
  revision: { deal: Hash; number: bigint; root: Hash; sectors: number; head: Hash },
): Promise<void> {
  const { digests } = scene.rules;
  const place = placeOf(deal);
  const digest = digests.of("Revision", revision);
  const found = scene
    .asked("commit")
    .filter(({ args: [address] }) => address.toLowerCase() === deal.provider.toLowerCase())
    .flatMap(({ args: [, items, words], caller }) => items.map((item, i) => ({ item, assent: words[i], caller })))
    .filter(({ item }) => item.slot === deal.slot && digests.of("Revision", { ...item, deal: deal.id }) === digest);
  const signer = signerIn(provider, scene.epoch);
  let told: { client: string; host: string } | undefined;
  // A call may carry the same revision several times, wrongly signed: then those were skipped.
  for (const { item, assent, caller } of found) {
    const client = (await digests.signer("Revision", revision, item.signature)) ?? "none";
    const sends = [provider.address.toLowerCase(), signer].includes(caller);
    const assented = sends ? signer : assent && (await digests.signer("Revision", revision, assent));
    scene.tally.signatures += sends ? 1 : 2;
    const one = { client, host: assented ?? "none" };
    told ??= one;
    if (client !== deal.clientSigner || one.host !== signer) continue;
    told = one;
    break;
  }
  scene.same("the client's signature of a revision", deal.clientSigner, told?.client ?? "none", place);
  scene.same("the provider's assent to a revision", signer, told?.host ?? "none", place);
}

/** The extension that the transaction carries: asked for by the client, signed by the provider, still valid. */
async function extensionAgreed(scene: Scene<"Extended">, deal: DealState, provider: ProviderState): Promise<void> {
  const { endEpoch, rate, capacity } = scene.event.args;
  const { digests } = scene.rules;
  const place = placeOf(deal);
  const same = ([ref, extension]: ArgsOf<"extend">) =>
    ref.id === deal.id &&
    extension.deal === deal.id &&
    extension.endEpoch === endEpoch &&
    extension.rate === rate &&
    extension.capacity === capacity;
  scene.askedBy(deal.client, "extend", same, place);
  const found = scene.asked("extend").find(({ args }) => same(args));
  if (!found) return;
  const [, extension, signature] = found.args;
  scene.tally.signatures++;
  const signer = await digests.signer("Extension", extension, signature);
  scene.same("who signed an extension", signerIn(provider, scene.epoch), signer ?? "nobody", place);
  const now = await scene.time();
  scene.holds("an extension past its time", now <= extension.validUntil, `by ${extension.validUntil}`, now, place);
  scene.same("the end that an extension changes", deal.stopAt, extension.from, place);
  scene.same("the series of an extension", provider.series, extension.series, place);
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
  scene.state.debit(deal.provider, collateral - deal.collateral);
  deal.collateral = collateral;
  deal.missMark = deal.sectors > 0 ? provider.missCount : 0;
}
