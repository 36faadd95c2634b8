/** Calls of the market, most of them good, some of them not: who sends what, and what the reference makes of it. */
import { id, keccak256, toBeHex, Wallet } from "ethers";
import type { Client } from "viem";
import { rlp } from "../../src/chain/Header.ts";
import { ChallengeProof, SECTOR_CHUNKS } from "../../src/codec/index.ts";
import { contentOf, contentOfBytes, type Held, hex } from "../contracts/Content.ts";
import { type Compact, compact, NO_HEAD, type Party, PENALTY_RATE, RATE, type World } from "../contracts/fixture.ts";
import { billed, type Deal, type Provider, signerIn, total, UNIT } from "./Books.ts";
import type { Commit, Extension, Offer, Signed, Volume, Voucher } from "./Calls.ts";
import type { Dice } from "./Dice.ts";
import { NO_ROOT, type Ref } from "./Ground.ts";
import type { Reference } from "./Reference.ts";

export interface Move {
  readonly from: Party;
  readonly call: string;
  readonly args: readonly unknown[];
  predict(reference: Reference): void;
}

const NEVER = 1n << 60n;
const FULL_CHUNK = 32;
const NO_ID = `0x${"00".repeat(32)}`;
const SLOTS = [0, 1, 2, 3, 4, 7, 8, 9, 70, 600];
const MOST_SECTORS = 20;

type Signing = readonly [type: Parameters<World["sign"]>[1], message: object];

export class Moves {
  readonly #world: World;
  readonly #reference: Reference;
  readonly #dice: Dice;
  readonly #keys = new Map<string, Wallet>();
  readonly #contents = new Map<number, Held[]>();
  readonly #byRoot = new Map<string, Held>();

  constructor(world: World, reference: Reference, dice: Dice) {
    this.#world = world;
    this.#reference = reference;
    this.#dice = dice;
    const spare = ["bob's second", "dave's second"].map((name) => new Wallet(id(name)));
    const { alice, carol, bob, dave, stranger, relay } = world;
    for (const { key } of [alice, carol, bob, dave, stranger, relay, ...spare.map((key) => ({ key }))]) {
      this.#keys.set(key.address, key);
    }
    for (let sectors = 1; sectors <= MOST_SECTORS; sectors++) {
      this.#keep(contentOf("whole", sectors, 3));
      if (sectors <= 3) this.#keep(contentOfBytes(...[1, 70_000, 0].slice(0, sectors).map(partly)));
    }
  }

  get #clients(): Party[] {
    const { alice, carol, bob } = this.#world;
    return [alice, carol, bob];
  }

  get hosts(): Party[] {
    return [this.#world.bob, this.#world.dave];
  }

  #keep(content: Held): void {
    const { sectors } = content;
    this.#contents.set(sectors, [...(this.#contents.get(sectors) ?? []), content]);
    this.#byRoot.set(content.root, content);
  }

  // ---------------------------------------------------------------- choices

  #party(address: string): Party {
    const { alice, carol, bob, dave, stranger, relay } = this.#world;
    return [alice, carol, bob, dave, stranger, relay].find((party) => party.address === address)!;
  }

  #anybody(): Party {
    const { alice, carol, bob, dave, stranger, relay } = this.#world;
    return this.#dice.of([alice, carol, bob, dave, stranger, relay]);
  }

  /** Mostly who may. */
  #sender(address: string): Party {
    return this.#dice.oneIn(10) ? this.#anybody() : this.#party(address);
  }

  #provider(): Provider {
    return this.#reference.provider(this.#dice.of(this.hosts).address);
  }

  /** Of those that are not closed, if there are any. */
  #deal(like: (deal: Deal) => boolean = () => true): Deal | undefined {
    const deals = this.hosts.flatMap(({ address }) => [...this.#reference.provider(address).deals.values()]);
    const living = deals.filter((deal) => !deal.closed);
    const liked = living.filter(like);
    if (this.#dice.oneIn(12) || living.length === 0) return deals.length > 0 ? this.#dice.of(deals) : undefined;
    return this.#dice.of(liked.length > 0 ? liked : living);
  }

  #ref({ provider, slot, id: dealId }: Deal): Ref {
    const wrong = this.#dice.oneIn(25);
    return { provider, slot, id: wrong ? toBeHex(this.#dice.below(1_000), 32) : dealId };
  }

  #refs(like?: (deal: Deal) => boolean): Ref[] {
    const deals = Array.from({ length: this.#dice.between(1, 4) }, () => this.#deal(like));
    return deals.flatMap((deal) => (deal ? [this.#ref(deal)] : []));
  }

  /** Signed by `expected`, or wrongly. */
  async #signed(expected: string, [type, message]: Signing): Promise<{ signature: Compact; by: string }> {
    const key = this.#dice.oneIn(25) ? this.#dice.of([...this.#keys.values()]) : this.#keys.get(expected)!;
    const signed = await this.#world.sign(key, type, message);
    if (!this.#dice.oneIn(40)) return { signature: compact(signed), by: key.address };
    return { signature: { r: NO_ID, vs: compact(signed).vs }, by: "nobody" };
  }

  // ---------------------------------------------------------------- accounts and providers

  deposit(): Move {
    const [from, to] = [this.#anybody(), this.#anybody()];
    const amount = BigInt(this.#dice.below(3_000_000));
    return this.#move(from, "deposit", [to.address, amount], (r) => r.deposit(from.address, to.address, amount));
  }

  withdraw(): Move {
    const from = this.#anybody();
    const free = this.#reference.free(from.address) / UNIT;
    const amount = this.#dice.of([0n, free / 10n, free + 1n]);
    const to = this.#anybody().address;
    return this.#move(from, "withdraw", [amount, to], (r) => r.withdraw(from.address, amount, to));
  }

  authorize(): Move {
    const client = this.#dice.of(this.#clients);
    const { stranger } = this.#world;
    const delegate = this.#dice.of([stranger.address, stranger.key.address]);
    const delegation = {
      scopes: this.#dice.below(16),
      untilEpoch: this.#reference.epoch + this.#dice.below(12),
      repairBudget: BigInt(this.#dice.below(4_000_000)),
      maxRate: this.#dice.of([RATE / 2n, RATE, PENALTY_RATE]),
      maxEgressRate: BigInt(this.#dice.below(3)),
      egressCap: BigInt(this.#dice.below(2_000)) * UNIT,
    };
    return this.#move(client, "authorize", [delegate, delegation], (r) =>
      r.authorize(client.address, delegate, delegation),
    );
  }

  revoke(): Move {
    const client = this.#dice.of(this.#clients);
    const delegate = this.#dice.of([this.#world.stranger.address, this.#world.stranger.key.address]);
    return this.#move(client, "revoke", [delegate], (r) => r.revoke(client.address, delegate));
  }

  setSigner(): Move {
    const host = this.#dice.of(this.hosts);
    const spare = new Wallet(id(host === this.#world.bob ? "bob's second" : "dave's second"));
    const signer = this.#dice.of([host.key.address, spare.address]);
    return this.#move(host, "setSigner", [signer], (r) => r.setSigner(host.address, signer));
  }

  setTip(): Move {
    const host = this.#dice.of(this.hosts);
    const tip = BigInt(this.#dice.below(3)) * 77n * UNIT;
    const relay = this.#dice.of([this.#world.relay, this.#world.relay, host]).address;
    return this.#move(host, "setTip", [relay, tip], (r) => r.setTip(host.address, relay, tip));
  }

  cancelOffers(): Move {
    const host = this.#dice.of(this.hosts);
    return this.#move(host, "cancelOffers", [], (r) => r.cancelOffers(host.address));
  }

  // ---------------------------------------------------------------- terms

  async openDeals(): Promise<Move> {
    const dice = this.#dice;
    const client = dice.of(this.#clients);
    const from = dice.oneIn(5) ? dice.of([this.#world.stranger, this.#world.stranger, this.#anybody()]) : client;
    const capacity = dice.between(1, MOST_SECTORS);
    const volume: Volume = {
      client: client.address,
      clientSigner: dice.oneIn(8) ? this.#world.relay.key.address : client.key.address,
      volume: BigInt(dice.below(5)),
      ...{ k: 1, n: 3, capacity },
      minSectors: dice.oneIn(3) ? Math.min(dice.below(4), capacity + (dice.oneIn(30) ? 4 : 0)) : 0,
      endEpoch: this.#reference.epoch + dice.between(dice.oneIn(20) ? 0 : 3, 40),
      noticeEpochs: dice.between(1, 4),
      answerBond: dice.of([0n, 1_000n, 250_000n]),
    };
    const items: { offer: Signed<Offer>; item: object }[] = [];
    for (let count = dice.between(1, 3); count > 0; count--) {
      const next = await this.#offer(volume);
      // The auditor takes the first of several items with the same terms for the one that opened.
      if (items.every(({ offer }) => offer.id !== next.offer.id)) items.push(next);
    }
    const minOpened = dice.below(items.length + 1);
    const shared = volume;
    return this.#move(from, "openDeals", [shared, items.map(({ item }) => item), minOpened], (r) =>
      r.openDeals(
        from.address,
        volume,
        items.map(({ offer }) => offer),
        minOpened,
      ),
    );
  }

  async #offer(volume: Volume): Promise<{ offer: Signed<Offer>; item: object }> {
    const dice = this.#dice;
    const provider = this.#provider();
    const vacant = SLOTS.filter((slot) => provider.deals.get(slot)?.closed ?? true);
    const slot = dice.oneIn(15) || vacant.length === 0 ? dice.of(SLOTS) : dice.of(vacant);
    const rate = dice.of([RATE, RATE, RATE + 12_345n, 1n, PENALTY_RATE, PENALTY_RATE + BigInt(dice.below(2))]);
    const egressRate = BigInt(dice.below(3));
    const expired = dice.oneIn(40);
    const validUntil = expired ? 1n : NEVER;
    const epochs = BigInt(volume.endEpoch - this.#reference.epoch);
    const enough = (BigInt(volume.capacity) * rate * epochs) / UNIT + 1n;
    const [escrow, egress] = [dice.of([enough, enough, enough / 2n, 0n]), BigInt(dice.below(900))];
    const own = { provider: provider.address, slot, position: dice.oneIn(40) ? 3 : dice.below(3), rate, egressRate };
    const previous = provider.deals.get(slot)?.id ?? NO_ID;
    const terms = { ...volume, ...own, previous, series: provider.series, validUntil };
    const wrong = dice.oneIn(30)
      ? dice.of([{ series: provider.series + 1 }, { rate: rate + 1n }, { previous: id("x") }])
      : {};
    const { signature, by } = await this.#signed(signerIn(provider, this.#reference.epoch), [
      "Terms",
      { ...terms, ...wrong },
    ]);
    const signer = Object.keys(wrong).length > 0 ? "nobody" : by;
    const dealId = this.#world.dealId(terms);
    return {
      offer: { ...own, id: dealId, expired, escrow, egress, by: signer },
      item: { ...own, validUntil, escrow, egress, signature },
    };
  }

  async extend(): Promise<Move | undefined> {
    const dice = this.#dice;
    const deal = this.#deal((each) => !each.stopped && each.reason === "None");
    if (!deal) return undefined;
    const provider = this.#reference.provider(deal.provider);
    const expired = dice.oneIn(30);
    const extension = {
      deal: deal.id,
      from: deal.stopAt - (dice.oneIn(20) ? 1 : 0),
      endEpoch: deal.stopAt + dice.between(dice.oneIn(20) ? 0 : 1, 9),
      rate: dice.of([deal.rate, RATE, 1n, PENALTY_RATE + 2n * BigInt(dice.below(2))]),
      capacity: Math.max(1, deal.sectors + dice.between(dice.oneIn(10) ? -1 : 0, 6)),
      series: provider.series + (dice.oneIn(30) ? 1 : 0),
    };
    const sent = { ...extension, validUntil: expired ? 1n : NEVER };
    const { signature, by } = await this.#signed(signerIn(provider, this.#reference.epoch), ["Extension", sent]);
    const [from, ref] = [this.#sender(deal.client), this.#ref(deal)];
    const agreed: Signed<Extension> = { ...extension, expired, by };
    return this.#move(from, "extend", [ref, sent, signature], (r) => r.extend(from.address, ref, agreed));
  }

  refill(): Move | undefined {
    const deal = this.#deal((each) => !each.stopped && each.sectors > 0);
    if (!deal) return undefined;
    const [from, ref] = [this.#sender(deal.provider), this.#ref(deal)];
    return this.#move(from, "refill", [ref], (r) => r.refill(from.address, ref));
  }

  topUp(): Move | undefined {
    const deal = this.#deal();
    if (!deal) return undefined;
    const [from, ref] = [this.#anybody(), this.#ref(deal)];
    const need = (billed(deal.sectors + 1, deal) * deal.rate * 10n) / UNIT;
    const [escrow, egress] = [this.#dice.of([need, 1n, 0n]), BigInt(this.#dice.below(500))];
    return this.#move(from, "topUp", [ref, escrow, egress], (r) => r.topUp(from.address, ref, escrow, egress));
  }

  // ---------------------------------------------------------------- data and pay

  async commit(): Promise<Move | undefined> {
    const dice = this.#dice;
    const provider = this.#provider();
    const deals = [...provider.deals.values()].filter(({ stopped }) => !stopped || dice.oneIn(15));
    if (deals.length === 0) return undefined;
    const items: { item: Signed<Commit>; sent: object; assent: Compact }[] = [];
    for (let count = dice.between(1, 3); count > 0; count--) items.push(await this.#revision(provider, dice.of(deals)));
    const from = dice.of([this.#party(provider.address), this.#world.relay, this.#anybody()]);
    const all = items.map(({ assent }) => assent);
    const assents = from.address === provider.address || dice.oneIn(25) ? all.slice(1) : all;
    const sent = items.map((each) => each.sent);
    return this.#move(from, "commit", [provider.address, sent, assents], (r) =>
      r.commit(
        from.address,
        provider.address,
        items.map(({ item }) => item),
        assents.length,
      ),
    );
  }

  async #revision(provider: Provider, deal: Deal) {
    const dice = this.#dice;
    const likely = dice.between(0, Math.min(deal.capacity + (dice.oneIn(20) ? 1 : 0), MOST_SECTORS));
    const sectors = dice.oneIn(6) ? 0 : likely;
    const root = sectors === 0 ? NO_ROOT : dice.of(this.#contents.get(sectors)!).root;
    const number = dice.oneIn(60) ? 1n << 48n : deal.number + BigInt(dice.oneIn(20) ? 0 : dice.between(1, 65_536));
    const own = { number, root, sectors, head: NO_HEAD };
    const signing: Signing = ["Revision", { deal: deal.id, ...own }];
    const { signature, by } = await this.#signed(deal.clientSigner, signing);
    const assent = await this.#signed(signerIn(provider, this.#reference.epoch), signing);
    const item: Signed<Commit> = { slot: deal.slot, ...own, by, assentBy: assent.by };
    return { item, sent: { slot: deal.slot, ...own, signature }, assent: assent.signature };
  }

  settle(): Move {
    const refs = this.#refs();
    return this.#move(this.#anybody(), "settle", [refs], (r) => r.settle(refs));
  }

  async redeem(): Promise<Move | undefined> {
    const vouchers: { voucher: Signed<Voucher>; sent: object }[] = [];
    for (let count = this.#dice.between(1, 2); count > 0; count--) {
      const deal = this.#deal();
      if (!deal) return undefined;
      const ref = this.#ref(deal);
      const cumulative = BigInt(this.#dice.below(1_200)) * UNIT + BigInt(this.#dice.below(3));
      const reader = this.#dice.oneIn(3) ? this.#world.stranger.key.address : deal.clientSigner;
      const voucher = { deal: ref.id, cumulative };
      const { signature, by } = await this.#signed(reader, ["Voucher", voucher]);
      const { provider, slot } = ref;
      vouchers.push({ voucher: { ...ref, cumulative, by }, sent: { provider, slot, voucher, signature } });
    }
    const sent = vouchers.map((each) => each.sent);
    return this.#move(this.#anybody(), "redeem", [sent], (r) => r.redeem(vouchers.map(({ voucher }) => voucher)));
  }

  // ---------------------------------------------------------------- proofs

  async recordSeed(): Promise<Move> {
    const { block, challengeBlock } = this.#reference;
    const asked = challengeBlock < block ? challengeBlock : block - 1;
    const right = await rlp(this.#world.connection.provider as unknown as Client, BigInt(asked));
    const sent = this.#dice.oneIn(25) ? hex(Buffer.from(right.header.slice(2, -2), "hex")) : right.header;
    const header = { hash: keccak256(sent), expected: right.hash, value: right.prevRandao.slice(0, 58) };
    return this.#move(this.#anybody(), "recordSeed", [sent], (r) => r.recordSeed(header));
  }

  /** `of` the provider, or of any. */
  prove(of?: Party): Move {
    const provider = of ? this.#reference.provider(of.address) : this.#provider();
    const from = this.#dice.of([this.#world.relay, this.#party(provider.address)]);
    const seed = this.#dice.oneIn(30) ? hex(new Uint8Array(28).fill(9)) : this.#reference.books.seed.value;
    const proof = this.#spoiled(this.#proof(provider));
    return this.#move(from, "prove", [provider.address, seed, proof], (r) =>
      r.prove(from.address, provider.address, seed, proof),
    );
  }

  proveMany(): Move {
    const from = this.#dice.of([this.#world.relay, this.#anybody()]);
    const { value } = this.#reference.books.seed;
    const addresses = this.hosts.map(({ address }) => address);
    const items = [...addresses, ...addresses.slice(this.#dice.below(3))].map((provider) => ({
      provider,
      proof: this.#spoiled(this.#proof(this.#reference.provider(provider))),
    }));
    return this.#move(from, "proveMany", [value, items], (r) => r.proveMany(from.address, value, items));
  }

  #proof(provider: Provider): string {
    const { seed } = this.#reference.books;
    if (total(provider) === 0 || seed.epoch === 0) return "0x";
    const challenged = this.#reference.challenged(provider);
    const answers = challenged.map(({ slot, chunkIndex }) => {
      return this.#byRoot.get(provider.deals.get(slot)!.root)!.answer(chunkIndex);
    });
    return hex(ChallengeProof.join(challenged, answers));
  }

  /** Now and then. */
  #spoiled(proof: string): string {
    if (!this.#dice.oneIn(12)) return proof;
    const bytes = Buffer.from(proof.slice(2), "hex");
    if (bytes.length === 0 || this.#dice.oneIn(3)) return `${proof}00`;
    if (this.#dice.oneIn(2)) return hex(bytes.subarray(0, this.#dice.below(bytes.length)));
    bytes[this.#dice.below(bytes.length)]! ^= 1 << this.#dice.below(8);
    return hex(bytes);
  }

  // ---------------------------------------------------------------- exits and challenges

  #leave(call: "terminate" | "resign" | "terminateMissed" | "abandon", like?: (deal: Deal) => boolean) {
    const deal = this.#deal(like ?? (({ stopped }) => !stopped));
    if (!deal) return undefined;
    const byHost = call === "resign" || call === "abandon";
    const [from, ref] = [this.#sender(byHost ? deal.provider : deal.client), this.#ref(deal)];
    return this.#move(from, call, [ref], (r) => r[call](from.address, ref));
  }

  terminate = () => this.#leave("terminate");
  resign = () => this.#leave("resign");
  abandon = () => this.#leave("abandon");
  terminateMissed = () => this.#leave("terminateMissed", ({ sectors, stopped }) => sectors > 0 && !stopped);

  prune(): Move {
    const { epoch } = this.#reference;
    const refs = this.#refs(
      (deal) => !deal.stopped && (deal.stopAt <= epoch + 1 || this.#reference.usedUp(deal, epoch)),
    );
    return this.#move(this.#anybody(), "prune", [refs], (r) => r.prune(refs));
  }

  close(): Move {
    const refs = this.#refs(({ stopped }) => stopped);
    return this.#move(this.#anybody(), "close", [refs], (r) => r.close(refs));
  }

  challenge(): Move | undefined {
    const deal = this.#deal(({ sectors, stopped, challenge }) => sectors > 0 && !stopped && !challenge);
    if (!deal) return undefined;
    const from = this.#dice.oneIn(5) ? this.#world.stranger : this.#sender(deal.client);
    const last = deal.sectors * SECTOR_CHUNKS - 1;
    const chunk = this.#dice.of([0, Math.max(last, 0), last + 1, this.#dice.below(last + 2)]);
    const ref = this.#ref(deal);
    return this.#move(from, "challenge", [ref, chunk], (r) => r.challenge(from.address, ref, chunk));
  }

  answer(): Move | undefined {
    const deal = this.#deal(({ challenge }) => challenge !== undefined);
    if (!deal) return undefined;
    const { challenge, root, sectors } = deal;
    const held = challenge && challenge.chunk < sectors * SECTOR_CHUNKS;
    const proof = this.#spoiled(held ? hex(this.#byRoot.get(root)!.answer(challenge.chunk)) : "0x");
    const ref = this.#ref(deal);
    return this.#move(this.#anybody(), "answer", [ref, proof], (r) => r.answer(ref, proof));
  }

  convict(): Move | undefined {
    const { epoch } = this.#reference;
    const deal = this.#deal(({ challenge }) => challenge !== undefined && challenge.deadline < epoch);
    if (!deal) return undefined;
    const ref = this.#ref(deal);
    return this.#move(this.#anybody(), "convict", [ref], (r) => r.convict(ref));
  }

  #move(from: Party, call: string, args: readonly unknown[], predict: (reference: Reference) => void): Move {
    return { from, call, args, predict };
  }
}

/** So many bytes, rounded up to chunks. */
function partly(bytes: number): Uint8Array {
  return new Uint8Array(Math.ceil(bytes / FULL_CHUNK) * FULL_CHUNK).map((_, index) => index % 251);
}
