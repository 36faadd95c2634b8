/**
 * The market once more, from PROTOCOL's words: what each call does, says and refuses. Each method is a call, and says the
 * events that it makes the market emit, or throws the {@link Refusal} that it meets.
 */
import { dataLength, encodeBytes32String } from "ethers";
import { ChallengeProof, Positions } from "../../src/codec/index.ts";
import {
  billed,
  type Deal,
  type Delegation,
  fullCollateral,
  lesser,
  outcome,
  type Provider,
  sectorsBySlot,
  signerIn,
  total,
  UNIT,
} from "./Books.ts";
import type { Commit, Extension, Offer, Signed, Volume, Voucher } from "./Calls.ts";
import { Exits, SCOPES, sender } from "./Exits.ts";
import { NO_ROOT, type Ref, Refusal, wrongState } from "./Ground.ts";
import { bytesOf, climb, nodeAt, partsOf } from "./joined.ts";

const MOST_RATE = (1n << 80n) - 1n;

export class Reference extends Exits {
  // ---------------------------------------------------------------- accounts

  deposit(from: string, account: string, amount: bigint): void {
    this.credit(account, amount * UNIT);
    this.say("Deposited", account, from, amount);
  }

  withdraw(from: string, amount: bigint, to: string): void {
    const units = amount * UNIT;
    if (units > this.free(from)) throw new Refusal("Market_InsufficientBalance", units, this.free(from));
    this.credit(from, -units);
    this.say("Withdrawn", from, to, amount);
  }

  authorize(client: string, delegate: string, next: Delegation): void {
    const earlier = this.delegation(client, delegate);
    const narrower =
      !(next.scopes & SCOPES.READ) ||
      next.untilEpoch < (earlier?.untilEpoch ?? 0) ||
      next.egressCap < (earlier?.egressCap ?? 0n);
    if (earlier && this.inForce(earlier, SCOPES.READ) && narrower) {
      throw new Refusal("Market_DelegationInForce", earlier.untilEpoch, earlier.egressCap);
    }
    this.books.delegations.set(`${client} ${delegate}`, { ...next });
    this.say("Authorized", client, delegate, Object.values(next));
  }

  revoke(client: string, delegate: string): void {
    const delegation = this.delegation(client, delegate);
    const from = Math.min(this.epoch + 2, delegation?.untilEpoch ?? 0);
    if (delegation) delegation.untilEpoch = from;
    this.say("Revoked", client, delegate, from);
  }

  // ---------------------------------------------------------------- providers

  setSigner(from: string, signer: string): void {
    const provider = this.provider(from);
    provider.signer = signerIn(provider, this.epoch);
    provider.next = { signer, from: this.epoch + this.rules.rotateEpochs };
    this.say("SignerAnnounced", from, signer, provider.next.from);
  }

  setTip(from: string, relay: string, tip: bigint): void {
    Object.assign(this.provider(from), { relay, tip });
    this.say("TipSet", from, relay, tip);
  }

  cancelOffers(from: string): void {
    const series = ++this.provider(from).series;
    this.say("OffersCancelled", from, series);
  }

  // ---------------------------------------------------------------- terms

  openDeals(from: string, volume: Volume, offers: readonly Signed<Offer>[], minOpened: number): void {
    const delegate = from === volume.client ? undefined : this.delegation(volume.client, from);
    if (from !== volume.client && !(delegate && this.inForce(delegate, SCOPES.REPAIR))) {
      throw new Refusal("Market_Unauthorized", from);
    }
    const start = this.committing ? this.epoch : this.epoch + 1;
    if (volume.minSectors > volume.capacity) throw bad("minSectors");
    if (volume.endEpoch <= start || volume.endEpoch - start > this.rules.maxDealEpochs) throw bad("endEpoch");
    let [opened, cost] = [0, 0n];
    for (const [index, offer] of offers.entries()) {
      const problem = this.#offerProblem(volume, offer, start, delegate);
      if (problem) {
        this.say("Skipped", index, problem);
        continue;
      }
      if (opened++ === 0) this.#volumeOpened(volume, start);
      this.#open(volume, offer, start);
      if (delegate) delegate.repairBudget -= offer.escrow + offer.egress;
      cost += offer.escrow + offer.egress;
    }
    if (opened < minOpened) throw new Refusal("Market_TooFewOpened", minOpened, opened);
    if (opened > 0) this.charge(volume.client, cost * UNIT);
  }

  #offerProblem(volume: Volume, offer: Signed<Offer>, start: number, delegate?: Delegation): string | undefined {
    const provider = this.provider(offer.provider);
    const { rate, egressRate, escrow, egress, slot } = offer;
    if (offer.position >= volume.n || rate > MOST_RATE) return "Market_BadTerms";
    if (delegate && (rate > delegate.maxRate || egressRate > delegate.maxEgressRate)) return "Market_Unauthorized";
    if (delegate && escrow + egress > delegate.repairBudget) return "Market_Unauthorized";
    if (rate * BigInt(this.rules.multiplier) > provider.penaltyRate) return "Market_PenaltyRateTooLow";
    if (offer.expired) return "Market_Expired";
    const need = BigInt(volume.minSectors) * rate * BigInt(volume.endEpoch - start);
    if (escrow * UNIT < need) return "Market_InsufficientEscrow";
    const collateral = fullCollateral(volume.capacity, provider.penaltyRate, this.rules);
    if (collateral > this.free(offer.provider)) return "Market_InsufficientCollateral";
    const before = provider.deals.get(slot);
    if (before && !before.closed) return "Market_SlotTaken";
    return offer.by === signerIn(provider, this.epoch) ? undefined : "Market_WrongSigner";
  }

  #volumeOpened(volume: Volume, start: number): void {
    const { client, clientSigner, k, n, capacity, minSectors, endEpoch, noticeEpochs, answerBond } = volume;
    const sizes = [k, n, capacity, minSectors, start, endEpoch, noticeEpochs, answerBond];
    this.say("VolumeOpened", client, volume.volume, clientSigner, ...sizes, this.books.openings.get(client) ?? 0);
    this.books.openings.set(client, this.block);
  }

  #open(volume: Volume, offer: Offer, start: number): void {
    const provider = this.provider(offer.provider);
    const { id, slot, rate } = offer;
    const { client, clientSigner, capacity, minSectors, noticeEpochs, answerBond } = volume;
    const collateral = fullCollateral(capacity, provider.penaltyRate, this.rules);
    this.credit(offer.provider, -collateral);
    const money = { escrow: offer.escrow * UNIT, egress: offer.egress * UNIT, collateral };
    provider.deals.set(slot, {
      ...{ id, provider: offer.provider, slot, client, clientSigner, minSectors, noticeEpochs, answerBond, capacity },
      ...{ rate, stopAt: volume.endEpoch, settledThrough: start - 1, number: 0n, sectors: 0, held: [], root: NO_ROOT },
      ...{ activeSince: 0, wholeSince: start, ...money, reason: "None", stopped: false, closed: false },
      challenge: undefined,
    });
    const { position, egressRate } = offer;
    this.say("DealOpened", offer.provider, id, slot, position, rate, egressRate, money.escrow);
    if (offer.egress > 0n) this.say("ToppedUp", id, client, 0n, offer.egress);
  }

  extend(from: string, ref: Ref, extension: Signed<Extension>): void {
    const deal = this.demand(ref);
    sender(from, deal.client);
    const effective = this.live(deal);
    if (deal.reason !== "None") throw wrongState(deal);
    const provider = this.provider(deal.provider);
    const { endEpoch, capacity, rate, series } = extension;
    if (extension.deal !== deal.id) throw new Refusal("Market_WrongDeal", deal.id, extension.deal);
    if (series !== provider.series) throw new Refusal("Market_WrongSeries", provider.series, series);
    if (extension.from !== deal.stopAt) throw bad("from");
    if (endEpoch <= extension.from || endEpoch - effective > this.rules.maxDealEpochs) throw bad("endEpoch");
    if (capacity === 0 || capacity < Math.max(deal.sectors, deal.minSectors)) throw bad("capacity");
    const atLeast = rate * BigInt(this.rules.multiplier);
    if (atLeast > provider.penaltyRate) {
      throw new Refusal("Market_PenaltyRateTooLow", atLeast, provider.penaltyRate);
    }
    if (extension.expired) throw new Refusal("Market_Expired");
    const signer = signerIn(provider, this.epoch);
    if (extension.by !== signer) throw new Refusal("Market_WrongSigner");
    this.settleOne(deal, effective - 1);
    this.#makeWhole(deal, capacity, effective);
    Object.assign(deal, { rate, capacity, stopAt: endEpoch });
    const need = billed(deal.sectors, deal) * rate * BigInt(endEpoch - effective);
    if (deal.escrow < need) throw new Refusal("Market_InsufficientEscrow", need, deal.escrow);
    this.say("Extended", deal.id, endEpoch, rate, capacity, deal.collateral);
  }

  refill(from: string, ref: Ref): void {
    const deal = this.demand(ref);
    sender(from, deal.provider);
    const effective = this.live(deal);
    this.settleOne(deal, effective - 1);
    this.#makeWhole(deal, deal.capacity, effective);
    this.say("Refilled", deal.id, deal.collateral);
  }

  #makeWhole(deal: Deal, capacity: number, effective: number): void {
    const full = fullCollateral(capacity, this.provider(deal.provider).penaltyRate, this.rules);
    const available = this.free(deal.provider) + deal.collateral;
    if (full > available) throw new Refusal("Market_InsufficientCollateral", full, available);
    this.credit(deal.provider, deal.collateral - full);
    Object.assign(deal, { collateral: full, wholeSince: effective });
  }

  topUp(from: string, ref: Ref, escrow: bigint, egress: bigint): void {
    const deal = this.demand(ref);
    deal.escrow += escrow * UNIT;
    deal.egress += egress * UNIT;
    this.charge(from, (escrow + egress) * UNIT);
    this.say("ToppedUp", deal.id, from, escrow, egress);
  }

  // ---------------------------------------------------------------- data and pay

  commit(from: string, address: string, items: readonly Signed<Commit>[], assents: number): void {
    const provider = this.provider(address);
    const signer = signerIn(provider, this.epoch);
    const assented = from === address || from === signer;
    if (!assented && assents !== items.length) throw bad("assents");
    for (const [index, item] of items.entries()) {
      const problem = this.#commit(provider, item, assented || item.assentBy === signer);
      if (problem) this.say("Skipped", index, problem);
    }
  }

  #commit(provider: Provider, item: Signed<Commit>, assented: boolean): string | undefined {
    const deal = provider.deals.get(item.slot);
    if (!deal) return "Market_WrongDeal";
    if (deal.stopped) return "Market_WrongState";
    if (item.number <= deal.number) return "Market_StaleRevision";
    if (item.number >= 1n << 48n) return "Market_BadTerms";
    if (item.sectors > deal.capacity) return "Market_CapacityExceeded";
    const { effective, open } = this.gate(provider);
    if (!open) return "Market_WrongPhase";
    if (effective >= deal.stopAt || this.usedUp(deal, effective - 1)) return "Market_WrongState";
    const { last, paid, penalty } = outcome(deal, provider, effective - 1);
    const need = billed(item.sectors, deal) * deal.rate * BigInt(deal.stopAt - effective);
    if (deal.escrow < paid + need) return "Market_InsufficientEscrow";
    if (item.by !== deal.clientSigner || !assented) return "Market_WrongSigner";
    if (last > deal.settledThrough) this.move(deal, last, paid, penalty);
    if (deal.sectors === 0 && item.sectors > 0) deal.activeSince = effective;
    Object.assign(deal, { number: item.number, root: item.root });
    if (item.sectors !== deal.sectors) this.resize(deal, item.sectors, effective);
    this.say("Committed", deal.id, item.number, item.root, item.sectors, item.head, paid);
    return undefined;
  }

  settle(refs: readonly Ref[]): void {
    for (const [index, ref] of refs.entries()) {
      const { deal, problem } = this.find(ref);
      if (problem || !deal) {
        this.say("Skipped", index, problem);
        continue;
      }
      const { proven } = this.provider(ref.provider);
      this.settleOne(deal, proven.has(this.epoch) ? this.epoch : this.epoch - 1);
    }
  }

  redeem(items: readonly Signed<Voucher>[]): void {
    for (const [index, item] of items.entries()) {
      const problem = this.#redeem(item);
      if (problem) this.say("Skipped", index, problem);
    }
  }

  #redeem({ by, cumulative, ...ref }: Signed<Voucher>): string | undefined {
    const { deal, problem } = this.find(ref);
    if (problem || !deal) return problem;
    const delegate = by === deal.clientSigner ? undefined : this.delegation(deal.client, by);
    if (by !== deal.clientSigner && !(delegate && this.inForce(delegate, SCOPES.READ))) return "Market_WrongSigner";
    const key = `${deal.id} ${by}`;
    const before = this.books.redeemed.get(key) ?? 0n;
    const asked = cumulative > before ? cumulative - before : 0n;
    const paid = lesser(lesser(asked, deal.egress), delegate ? delegate.egressCap : asked);
    if (paid === 0n) return "Market_NothingToRedeem";
    this.books.redeemed.set(key, before + paid);
    deal.egress -= paid;
    if (delegate) delegate.egressCap -= paid;
    this.credit(deal.provider, paid);
    this.say("Redeemed", deal.id, by, cumulative, paid);
    return undefined;
  }

  // ---------------------------------------------------------------- proofs

  /** `header`: what it hashes to, what the block to prove hashes to, and the seed in it. */
  recordSeed(header: { readonly hash: string; readonly expected: string; readonly value: string }): void {
    if (this.books.seed.epoch === this.epoch) return;
    const at = this.challengeBlock;
    if (at >= this.block) throw new Refusal("SeedSource_NotPast", at, this.block);
    if (header.hash !== header.expected) throw new Refusal("SeedSource_WrongHeader", header.expected, header.hash);
    this.books.seed = { epoch: this.epoch, value: header.value };
    this.say("SeedRecorded", this.epoch, at, header.value);
  }

  prove(from: string, address: string, seed: string, proof: string): void {
    const provider = this.provider(address);
    if (provider.proven.has(this.epoch)) throw new Refusal("Market_AlreadyProven", address, this.epoch);
    const sectors = total(provider);
    if (sectors === 0) {
      if (this.committing) throw new Refusal("Market_WrongPhase", this.epoch, false);
      if (proof !== "0x") throw new Refusal("Market_ProofLength", 0, dataLength(proof));
    } else {
      if (this.books.seed.epoch !== this.epoch) throw new Refusal("Market_SeedUnknown", this.epoch);
      if (this.books.seed.value !== seed) throw new Refusal("Market_WrongSeed", this.books.seed.value, seed);
      this.#verify(provider, Buffer.from(proof.slice(2), "hex"));
    }
    provider.proven.add(this.epoch);
    this.say("Proven", address, this.epoch, sectors);
    const tip = lesser(provider.tip, this.free(address));
    if (sectors === 0 || tip === 0n || provider.relay !== from) return;
    this.credit(address, -tip);
    this.credit(from, tip);
    this.say("TipPaid", address, from, tip);
  }

  proveMany(from: string, seed: string, items: readonly { provider: string; proof: string }[]): void {
    for (const [index, { provider, proof }] of items.entries()) {
      try {
        this.prove(from, provider, seed, proof);
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        this.say("Skipped", index, thrown.message);
      }
    }
  }

  /** The chunks that the recorded seed challenges of a provider's set as it is, by deal. */
  challenged(provider: Provider): Positions.Position[] {
    const from = {
      ...this.place,
      seed: Buffer.from(this.books.seed.value.slice(2), "hex"),
      epoch: this.books.seed.epoch,
      provider: Buffer.from(provider.address.slice(2), "hex"),
    };
    const slots = sectorsBySlot(provider);
    return Positions.draw(from, total(provider)).map((position) => Positions.locate(position, slots));
  }

  #verify(provider: Provider, proof: Buffer): void {
    const challenged = this.challenged(provider).map(({ slot, chunkIndex }) => {
      const deal = provider.deals.get(slot)!;
      return { deal, slot, chunkIndex, height: ChallengeProof.proofHeight(deal.sectors) };
    });
    const parts = partsOf(challenged);
    const { offset, levels } = parts.at(-1)!;
    const expected = offset + bytesOf(levels);
    for (const [i, part] of parts.entries()) {
      const { deal, chunkIndex } = challenged[i]!;
      const goesToRoot = part.junction === undefined;
      if (goesToRoot && (this.epoch >= deal.stopAt || this.usedUp(deal, this.epoch - 1))) {
        throw new Refusal("Market_DealNotProvable", deal.slot);
      }
      if (part.levels === 0 || part.offset + bytesOf(part.levels) > proof.length) continue;
      const goal = goesToRoot ? deal.root : nodeAt(proof, part.junction);
      const node = climb(proof, part, chunkIndex);
      if (node !== goal) throw new Refusal("Market_ProofRoot", goal, node);
    }
    if (expected !== proof.length) throw new Refusal("Market_ProofLength", expected, proof.length);
  }
}

function bad(field: string): Refusal {
  return new Refusal("Market_BadTerms", encodeBytes32String(field));
}
