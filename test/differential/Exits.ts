/** How deals end, and the challenge that may end one: PROTOCOL sections 4 and 5. */
import { SECTOR_CHUNKS } from "../../src/codec/index.ts";
import { type Deal, lesser, note, type Reason, total, UNIT } from "./Books.ts";
import { Ground, type Ref, Refusal, verify, wrongState } from "./Ground.ts";

export const SCOPES = { READ: 1, REPAIR: 4, AUDIT: 8 };
const FORFEITS: readonly Reason[] = ["Missed", "Abandoned", "Convicted", "Exhausted"];

export class Exits extends Ground {
  // ---------------------------------------------------------------- exits

  terminate(from: string, ref: Ref): void {
    const deal = this.demand(ref);
    sender(from, deal.client);
    this.#giveNotice(deal, "Terminated");
  }

  resign(from: string, ref: Ref): void {
    const deal = this.demand(ref);
    sender(from, deal.provider);
    this.#giveNotice(deal, "Resigned");
  }

  #giveNotice(deal: Deal, reason: Reason): void {
    const atOnce = reason === "Terminated" && deal.sectors === 0;
    const given = deal.reason === "Resigned" && atOnce ? "None" : deal.reason;
    if (deal.stopped || given !== "None" || this.epoch >= deal.stopAt) throw wrongState(deal);
    const notice = atOnce ? 0 : deal.noticeEpochs;
    Object.assign(deal, { reason, stopAt: Math.min(deal.stopAt, this.epoch + 1 + notice) });
    this.say("NoticeGiven", deal.id, reason, deal.stopAt);
  }

  terminateMissed(from: string, ref: Ref): void {
    const deal = this.demand(ref);
    sender(from, deal.client);
    const provider = this.provider(deal.provider);
    const { effective, open } = this.gate(provider);
    if (!open) throw new Refusal("Market_WrongPhase", effective, false);
    if (deal.stopped || deal.sectors === 0 || effective > deal.stopAt) throw wrongState(deal);
    const { missedEpochs } = this.rules;
    const proven = [...provider.proven].filter((epoch) => epoch >= effective - missedEpochs);
    const due = Math.max(deal.activeSince + missedEpochs, ...proven.map((epoch) => epoch + 1 + missedEpochs));
    if (effective < deal.activeSince + missedEpochs) {
      throw new Refusal("Market_NotDue", deal.activeSince + missedEpochs, effective);
    }
    if (effective < due) throw new Refusal("Market_NotDue", due, effective);
    this.#stop(deal, effective, "Missed");
  }

  abandon(from: string, ref: Ref): void {
    const deal = this.demand(ref);
    sender(from, deal.provider);
    this.#stop(deal, this.live(deal), "Abandoned");
  }

  prune(refs: readonly Ref[]): void {
    for (const [index, ref] of refs.entries()) {
      const { deal, problem } = this.find(ref);
      const found = problem ?? this.#prune(deal!);
      if (found) this.say("Skipped", index, found);
    }
  }

  #prune(deal: Deal): string | undefined {
    if (deal.stopped) return "Market_WrongState";
    const { effective, open } = this.gate(this.provider(deal.provider));
    if (!open) return "Market_WrongPhase";
    const ended = effective >= deal.stopAt;
    if (!ended && !this.usedUp(deal, effective - 1)) return "Market_NotDue";
    this.#stop(deal, effective, ended ? "Ended" : "Exhausted");
    return undefined;
  }

  #stop(deal: Deal, effective: number, why: Reason): void {
    this.settleOne(deal, effective - 1);
    deal.stopAt = Math.min(deal.stopAt, effective);
    if (!deal.stopped && deal.sectors > 0) {
      note(deal.held, effective, 0);
      deal.stopped = true;
      const provider = this.provider(deal.provider);
      note(provider.held, effective, total(provider));
    }
    deal.stopped = true;
    let forfeited = 0n;
    if (FORFEITS.includes(why)) {
      forfeited = deal.collateral;
      deal.collateral = 0n;
      this.credit(deal.client, forfeited);
      if (deal.challenge) this.#endChallenge(deal, deal.challenge.challenger, false);
      deal.reason = why;
    } else if (deal.reason === "None") {
      deal.reason = why;
    }
    this.say("Stopped", deal.id, deal.reason, deal.stopAt, forfeited);
  }

  close(refs: readonly Ref[]): void {
    for (const [index, ref] of refs.entries()) {
      const { deal, problem } = this.find(ref);
      const found = problem ?? this.#close(deal!);
      if (found) this.say("Skipped", index, found);
    }
  }

  #close(deal: Deal): string | undefined {
    if (!deal.stopped) return "Market_WrongState";
    if (deal.challenge) return "Market_ChallengeOpen";
    if (this.epoch <= deal.stopAt + this.rules.finalEpochs) return "Market_NotDue";
    const { penaltyRate } = this.provider(deal.provider);
    const exit = BigInt(this.rules.exitEpochs * deal.sectors) * penaltyRate;
    const fee = deal.reason === "Resigned" ? lesser(exit, deal.collateral) : 0n;
    const refund = deal.escrow + deal.egress;
    const unlocked = deal.collateral - fee;
    this.credit(deal.client, refund + fee);
    this.credit(deal.provider, unlocked);
    Object.assign(deal, { escrow: 0n, egress: 0n, collateral: 0n, closed: true });
    this.say("Closed", deal.id, refund, fee, unlocked);
    return undefined;
  }

  // ---------------------------------------------------------------- directed challenges

  challenge(from: string, ref: Ref, chunk: number): void {
    const deal = this.demand(ref);
    const delegate = this.delegation(deal.client, from);
    if (from !== deal.client && !(delegate && this.inForce(delegate, SCOPES.AUDIT))) {
      throw new Refusal("Market_Unauthorized", from);
    }
    if (deal.challenge) throw new Refusal("Market_ChallengeOpen", deal.id);
    const deadline = this.epoch + 1;
    if (deal.stopped || deadline >= deal.stopAt) throw wrongState(deal);
    const limit = deal.sectors * SECTOR_CHUNKS;
    if (chunk >= limit) throw new Refusal("Market_ChunkOutOfRange", limit, chunk);
    deal.challenge = { challenger: from, chunk, deadline };
    this.charge(from, deal.answerBond * UNIT);
    this.say("Challenged", deal.id, from, chunk, deadline);
  }

  answer(ref: Ref, proof: string): void {
    const deal = this.demand(ref);
    const { challenge } = deal;
    if (!challenge) throw new Refusal("Market_NoChallenge", deal.id);
    if (this.epoch > challenge.deadline) throw new Refusal("Market_Expired", challenge.deadline, this.epoch);
    const held = challenge.chunk < deal.sectors * SECTOR_CHUNKS;
    if (held) verify(deal, challenge.chunk, Buffer.from(proof.slice(2), "hex"));
    this.#endChallenge(deal, held ? deal.provider : challenge.challenger, held);
  }

  convict(ref: Ref): void {
    const deal = this.demand(ref);
    const { challenge } = deal;
    if (!challenge) throw new Refusal("Market_NoChallenge", deal.id);
    if (this.epoch <= challenge.deadline) throw new Refusal("Market_NotDue", challenge.deadline + 1, this.epoch);
    const { effective, open } = this.gate(this.provider(deal.provider));
    if (!open && !deal.stopped && deal.sectors > 0) throw new Refusal("Market_WrongPhase", effective, false);
    this.#stop(deal, effective, "Convicted");
  }

  #endChallenge(deal: Deal, to: string, shown: boolean): void {
    const bond = deal.answerBond * UNIT;
    deal.challenge = undefined;
    this.credit(to, bond);
    this.say("ChallengeClosed", deal.id, shown, bond);
  }
}

export function sender(actual: string, expected: string): void {
  if (actual !== expected) throw new Refusal("Market_Unauthorized", actual);
}
