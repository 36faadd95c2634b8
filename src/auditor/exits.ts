/** How deals ended, and the directed challenges, recomputed. */
import { hexToBytes } from "viem";
import { StopReason } from "../chain/MarketReader.ts";
import { pair } from "./accounts.ts";
import type { ArgsOf } from "./Calls.ts";
import { type Handlers, type Judgement, placeOf, type Scene } from "./Scene.ts";
import { type DealState, lesser, missesOf, noteSize, ONE, type ProviderState } from "./State.ts";
import { CHUNKS_A_SECTOR, showsChunk } from "./Trees.ts";

const AUDIT = 8;
const NOTICES: readonly number[] = [StopReason.Terminated, StopReason.Resigned];
const IMMEDIATE: readonly number[] = [
  StopReason.Missed,
  StopReason.Abandoned,
  StopReason.Convicted,
  StopReason.Exhausted,
];

export const exits: Handlers = {
  NoticeGiven(scene) {
    const { id, reason, stopAt } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const place = placeOf(deal);
    scene.holds("a notice's reason", NOTICES.includes(reason), NOTICES.join(" or "), reason, place);
    const waits = reason === StopReason.Resigned || deal.sectors > 0;
    const may = deal.reason === 0 || (deal.reason === StopReason.Resigned && !waits);
    const free = may && !deal.stopped && scene.epoch < deal.stopAt;
    scene.holds("notice is given", free, "a running deal without notice", `reason ${deal.reason}`, place);
    const expected = Math.min(deal.stopAt, scene.epoch + 1 + (waits ? deal.noticeEpochs : 0));
    scene.same("epoch a notice stops a deal at", expected, stopAt, place);
    if (reason === StopReason.Resigned) scene.askedBy(deal.provider, "resign", ([ref]) => ref.id === id, place);
    else scene.askedBy(deal.client, "terminate", ([ref]) => ref.id === id, place);
    deal.reason = reason;
    deal.stopAt = stopAt;
  },

  Stopped(scene) {
    const { id, reason, stopAt, forfeited } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const place = placeOf(deal);
    const immediate = IMMEDIATE.includes(reason);
    const effective = stopEpoch(scene, deal, provider);
    scene.upToDate(deal, effective);
    if (immediate) {
      causeOf(scene, deal, provider, effective);
      scene.same("epoch an immediate exit stops a deal at", Math.min(deal.stopAt, effective), stopAt, place);
      scene.same("collateral forfeited", deal.collateral, forfeited, place);
    } else {
      scene.holds(
        "a leaf is removed before its time",
        effective >= deal.stopAt,
        `from ${deal.stopAt}`,
        effective,
        place,
      );
      scene.same("why a deal stopped", deal.reason || StopReason.Ended, reason, place);
      scene.same("epoch a deal stops at", deal.stopAt, stopAt, place);
      scene.same("collateral forfeited", 0n, forfeited, place);
    }
    const wasIn = deal.inTree;
    deal.inTree = false;
    deal.stopped = true;
    deal.reason = reason;
    deal.stopAt = stopAt;
    if (wasIn) noteSize(provider, effective);
    lose(scene, deal, provider, forfeited);
  },

  Closed(scene) {
    const { id, refund, exitFee, unlocked } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const { finalEpochs, exitEpochs } = scene.rules.parameters;
    const place = placeOf(deal);
    scene.holds("a deal is closed", deal.stopped && !deal.challenge, "stopped, no challenge open", "not so", place);
    const after = deal.stopAt + finalEpochs;
    scene.holds("epoch a deal is closed in", scene.epoch > after, `after ${after}`, scene.epoch, place);
    const full = BigInt(exitEpochs) * BigInt(deal.sectors) * provider.penaltyRate;
    const fee = deal.reason !== StopReason.Resigned ? 0n : lesser(full, deal.collateral);
    scene.same("exit fee", fee, exitFee, place);
    scene.same("refund to the client", deal.escrow + deal.egress, refund, place);
    scene.same("collateral unlocked", deal.collateral - exitFee, unlocked, place);
    lose(scene, deal, provider, exitFee);
    scene.state.credit(deal.provider, unlocked);
    scene.state.credit(deal.client, refund);
    deal.collateral = 0n;
    deal.escrow = 0n;
    deal.egress = 0n;
    deal.closed = true;
    provider.unclosed--;
  },

  Challenged(scene) {
    const { id, challenger, chunk, deadlineEpoch } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const place = placeOf(deal);
    scene.same("a challenge's deadline", scene.epoch + 1, deadlineEpoch, place);
    const timely = !deal.stopped && scene.epoch + 1 < deal.stopAt;
    scene.holds("a challenge at a deal's end", timely, `before epoch ${deal.stopAt - 1}`, scene.epoch, place);
    const limit = BigInt(deal.sectors) * CHUNKS_A_SECTOR;
    scene.holds("a challenged chunk", chunk < limit, `below ${limit}`, chunk, place);
    scene.holds("a second challenge", deal.challenge === undefined, "one open at a time", "one more", place);
    const delegation = scene.state.delegations.get(pair(deal.client, challenger));
    const delegated = delegation && (delegation.scopes & AUDIT) !== 0 && scene.epoch < delegation.untilEpoch;
    const may = challenger.toLowerCase() === deal.client.toLowerCase() || delegated === true;
    scene.holds("who challenges", may, "the client or its auditing delegate", challenger, place);
    const asked = ([ref, named]: ArgsOf<"challenge">) => ref.id === id && named === chunk;
    scene.askedBy(challenger, "challenge", asked, place);
    deal.challenge = { challenger, chunk, deadline: deadlineEpoch };
    scene.state.bonds += deal.answerBond;
    scene.state.debit(challenger, deal.answerBond * ONE);
  },

  ChallengeClosed(scene) {
    const { id, proved, bond } = scene.event.args;
    const deal = scene.deal(id);
    const open = deal?.challenge;
    if (!deal || !open) {
      if (deal) scene.differ("a challenge ends", "an open one", "none was open", placeOf(deal));
      return;
    }
    const place = placeOf(deal);
    scene.same("a challenge's bond", deal.answerBond * ONE, bond, place);
    const present = open.chunk < BigInt(deal.sectors) * CHUNKS_A_SECTOR;
    if (proved) {
      scene.holds("an answer's epoch", scene.epoch <= open.deadline, `through ${open.deadline}`, scene.epoch, place);
      const shown = scene
        .asked("answer")
        .some(
          ({ args: [ref, proof] }) => ref.id === id && shows(scene, deal, open.chunk, Buffer.from(hexToBytes(proof))),
        );
      scene.holds("an answered challenge", shown, "a proof of the chunk", "none in the transaction", place);
    } else {
      const left = scene.transaction.events.some(
        (event) => event.name === "Stopped" && event.args.id === id && IMMEDIATE.includes(event.args.reason),
      );
      scene.holds("a challenge is void", !present || left, "the chunk trimmed or the deal left", "neither", place);
    }
    if (!proved) deal.voided = { deadline: open.deadline, transaction: scene.transaction.hash };
    deal.challenge = undefined;
    scene.state.bonds -= deal.answerBond;
    scene.state.credit(proved ? deal.provider : open.challenger, bond);
  },
};

function shows(scene: Judgement, deal: DealState, chunk: bigint, proof: Buffer): boolean {
  scene.tally.challenges++;
  return showsChunk(proof, chunk, deal.root, deal.sectors);
}

/** E of an exit. A conviction of a deal that is not in the tree needs no gate, and takes the first open epoch. */
function stopEpoch(scene: Scene<"Stopped">, deal: DealState, provider: ProviderState): number {
  if (scene.event.args.reason !== StopReason.Convicted || deal.inTree) return scene.gate(provider, placeOf(deal));
  return provider.claimed.has(scene.epoch) ? scene.epoch + 1 : scene.epoch;
}

/** Whether an immediate exit had its reason. */
function causeOf(scene: Scene<"Stopped">, deal: DealState, provider: ProviderState, effective: number): void {
  const { reason } = scene.event.args;
  const { missedEpochs, coverEpochs } = scene.rules.parameters;
  const place = placeOf(deal);
  if (reason === StopReason.Convicted) {
    const { deadline, transaction } = deal.voided ?? {};
    const due = transaction === scene.transaction.hash && deadline !== undefined && scene.epoch > deadline;
    scene.holds("a conviction", due, "a challenge past its deadline", `deadline ${deadline ?? "none"}`, place);
    return;
  }
  scene.holds("a second exit", !deal.stopped, "the first one counts", "another", place);
  if (reason === StopReason.Abandoned) scene.askedBy(deal.provider, "abandon", ([ref]) => ref.id === deal.id, place);
  if (reason === StopReason.Missed) scene.askedBy(deal.client, "terminateMissed", ([ref]) => ref.id === deal.id, place);
  if (reason === StopReason.Exhausted) {
    const used = missesOf(deal, provider.missCount);
    scene.holds("cover used up", used >= coverEpochs, `>= ${coverEpochs} misses`, used, place);
  } else if (reason === StopReason.Missed) {
    const from = effective - missedEpochs;
    let proven = 0;
    for (let epoch = from; epoch < effective; epoch++) if (provider.proven.has(epoch)) proven++;
    scene.same("epochs proven among those that let a client leave", 0, proven, place);
    const whole = deal.sectors > 0 && from >= deal.activeSince && effective <= deal.stopAt;
    scene.holds("missed epochs of the deal itself", whole, `since ${deal.activeSince}`, from, place);
  }
}

/** Collateral that goes to the client. */
function lose(scene: Judgement, deal: DealState, provider: ProviderState, amount: bigint): void {
  if (amount === 0n) return;
  deal.collateral -= amount;
  provider.forfeited += amount;
  scene.state.credit(deal.client, amount);
}
