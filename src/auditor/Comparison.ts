/** What the market says it holds, against what its history makes of it. */
import { type Address, type Hash, zeroAddress } from "viem";
import { type MarketReader, DealState as States } from "../chain/MarketReader.ts";
import { told } from "./accounts.ts";
import type { Replay } from "./Replay.ts";
import type { Difference } from "./Report.ts";
import { type DealState, missCountThrough, missesOf, ONE, type ProviderState, sectorsOf, signerIn } from "./State.ts";

/** Views asked for at once. */
const ASKED_TOGETHER = 16;
const LEAVES_AT_ONCE = 512;
const EPOCHS_A_WORD = 256;

export class Comparison {
  readonly #reader: MarketReader;
  readonly #replay: Replay;
  readonly #block: bigint;
  readonly #epoch: number;
  readonly differences: Difference[] = [];
  /** Views read. */
  views = 0;

  constructor(reader: MarketReader, replay: Replay, block: bigint) {
    this.#reader = reader;
    this.#replay = replay;
    this.#block = block;
    this.#epoch = reader.epochs.at(block);
  }

  /** Compares everything as of one block. */
  async run(): Promise<void> {
    const { state } = this.#replay;
    const tasks: (() => Promise<void>)[] = [() => this.#whole()];
    for (const owner of state.accounts.keys()) tasks.push(() => this.#account(owner as Address));
    for (const provider of state.providers.values()) {
      if (!provider.signer) continue;
      tasks.push(
        () => this.#provider(provider),
        () => this.#record(provider),
        () => this.#leaves(provider),
      );
      for (const deal of provider.slots) if (deal) tasks.push(() => this.#deal(deal, provider));
    }
    for (const [client, blocks] of state.openings) {
      tasks.push(async () => {
        const last = await this.#reader.lastOpening(client as Address, this.#block);
        this.#same("block of a client's last opening", blocks.at(-1), last, { provider: client });
      });
    }
    for (const [key, paid] of state.redeemed) {
      const [deal, signer] = key.split(" ") as [Hash, Address];
      tasks.push(async () => {
        const actual = await this.#reader.redeemed(deal, signer, this.#block);
        this.#same("redeemed so far", paid, actual, { provider: signer, deal });
      });
    }
    for (const [key, expected] of state.delegations) {
      const [client, delegate] = key.split(" ") as [Address, Address];
      tasks.push(async () => {
        const actual = await this.#reader.delegation(client, delegate, this.#block);
        this.#same("a delegation", told(expected), told(actual), { provider: delegate });
      });
    }
    for (let first = 0; first < tasks.length; first += ASKED_TOGETHER) {
      await Promise.all(tasks.slice(first, first + ASKED_TOGETHER).map((task) => task()));
    }
  }

  async #whole(): Promise<void> {
    const { state } = this.#replay;
    const [burnt, held, seed] = await Promise.all([
      this.#reader.burnt(this.#block),
      this.#reader.tokenBalance(this.#reader.address, this.#block),
      this.#reader.seed(this.#block),
    ]);
    this.#same("burnt in all", state.burnt, burnt);
    this.#same("epoch of the last seed", state.seed?.epoch ?? 0, seed.epoch);
    if (state.seed) this.#same("last seed", state.seed.value.toLowerCase(), seed.seed);
    // Whoever sends tokens without a call gives them away, so there may be more, never less.
    const owed = state.total();
    if (held * ONE < owed) this.#differ("tokens the market holds, in ledger units", `>= ${owed}`, held * ONE, {});
  }

  async #account(owner: Address): Promise<void> {
    const actual = await this.#reader.freeBalance(owner, this.#block);
    this.#same("free balance of an account", this.#replay.state.free(owner), actual, { provider: owner });
  }

  async #provider(provider: ProviderState): Promise<void> {
    const place = { provider: provider.address };
    const actual = await this.#reader.provider(provider.address, this.#block);
    this.#same("a provider's signer", signerIn(provider, this.#epoch), actual.signer.toLowerCase(), place);
    this.#same("a provider's penalty rate", provider.penaltyRate, actual.penaltyRate, place);
    this.#same("a provider's unclosed deals", provider.unclosed, actual.deals, place);
    this.#same("slots a provider used", provider.slots.length, actual.slots, place);
    this.#same("sectors of a provider", sectorsOf(provider), actual.sectors, place);
    let capacity = 0;
    for (const deal of provider.slots) if (deal && !deal.closed) capacity += deal.capacity;
    this.#same("capacity of a provider's deals", capacity, actual.capacity, place);
    this.#same("misses of a provider", this.#missCount(provider), actual.missCount, place);
    this.#same("series of a provider's offers", provider.series, actual.series, place);
    this.#same("a provider's relay", provider.relay || zeroAddress, actual.relay.toLowerCase(), place);
    this.#same("a provider's tip", provider.tip, actual.tip, place);
  }

  /** Misses are counted when the set changes or is proven; the market tells them through the last epoch that is over. */
  #missCount(provider: ProviderState): number {
    return missCountThrough(provider, this.#epoch - 1);
  }

  async #record(provider: ProviderState): Promise<void> {
    for (let word = 0; word * EPOCHS_A_WORD <= this.#epoch; word++) {
      const bits = await this.#reader.provenWord(provider.address, word, this.#block);
      for (let bit = 0; bit < EPOCHS_A_WORD; bit++) {
        const epoch = word * EPOCHS_A_WORD + bit;
        const actual = ((bits >> BigInt(bit)) & 1n) === 1n;
        const expected = provider.proven.has(epoch);
        if (actual === expected) continue;
        const name = (proven: boolean) => (proven ? "proven" : "not proven");
        const place = { provider: provider.address, epoch };
        this.#differ("an epoch in a provider's record", name(expected), name(actual), place);
      }
    }
    this.views += Math.floor(this.#epoch / EPOCHS_A_WORD) + 1;
  }

  async #leaves(provider: ProviderState): Promise<void> {
    const { slots, address } = provider;
    for (let from = 0; from < slots.length; from += LEAVES_AT_ONCE) {
      const count = Math.min(LEAVES_AT_ONCE, slots.length - from);
      const leaves = await this.#reader.leaves(address, from, count, this.#block);
      this.views++;
      for (let i = 0; i < count; i++) {
        const deal = slots[from + i];
        const expected = deal?.inTree ? deal.sectors : 0;
        if (leaves[i] === expected) continue;
        this.#differ("a leaf of the sum tree", expected, leaves[i], { provider: address, deal: deal?.id });
      }
    }
  }

  async #deal(deal: DealState, provider: ProviderState): Promise<void> {
    const place = { provider: deal.provider, deal: deal.id };
    const actual = await this.#reader.deal(provider.address, deal.slot, this.#block);
    const { coverEpochs } = this.#reader.parameters;
    this.views++;
    const state = deal.closed
      ? States.Closed
      : deal.stopped
        ? States.Stopped
        : deal.reason !== 0
          ? States.Notice
          : deal.sectors > 0
            ? States.Active
            : States.Open;
    const expected = {
      id: deal.id,
      client: deal.client,
      clientSigner: deal.clientSigner,
      state,
      reason: deal.reason,
      rate: deal.rate,
      capacity: deal.capacity,
      minSectors: deal.minSectors,
      noticeEpochs: deal.noticeEpochs,
      activeSince: deal.stopped ? 0 : deal.activeSince,
      stopAt: deal.stopAt,
      settledThrough: deal.settledThrough,
      number: deal.number,
      sectors: deal.sectors,
      root: deal.root,
      // Beyond what its cover bears, the market counts no more.
      misses: deal.stopped ? 0 : Math.min(missesOf(deal, this.#missCount(provider)), coverEpochs),
      escrow: deal.escrow,
      egress: deal.egress,
      collateral: deal.collateral,
      answerBond: deal.answerBond,
      challengeDeadline: deal.challenge?.deadline ?? 0,
      challengedChunk: deal.challenge?.chunk ?? 0n,
      challenger: deal.challenge?.challenger ?? zeroAddress,
    } satisfies { [Field in keyof typeof actual]: unknown };
    for (const [field, value] of Object.entries(expected)) {
      const told = actual[field as keyof typeof actual];
      if (`${value}`.toLowerCase() !== `${told}`.toLowerCase()) this.#differ(`a deal's ${field}`, value, told, place);
    }
  }

  #same(what: string, expected: unknown, actual: unknown, place: { provider?: string; deal?: Hash } = {}): void {
    this.views++;
    if (`${expected}` !== `${actual}`) this.#differ(what, expected, actual, place);
  }

  #differ(
    what: string,
    expected: unknown,
    actual: unknown,
    { provider, deal, epoch = this.#epoch }: { provider?: string; deal?: Hash | undefined; epoch?: number },
  ): void {
    this.differences.push({
      epoch,
      block: `${this.#block}`,
      ...(provider && { provider }),
      ...(deal && { deal }),
      what,
      expected: `${expected}`,
      actual: `${actual}`,
    });
  }
}
