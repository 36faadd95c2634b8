/** A market and the reference beside it, move by move: what each says of a call, and what they know after it. */
import { expect } from "chai";
import { type Interface, type Log, MaxUint256, toBeHex } from "ethers";
import { createWorld, type MarketParameters, PENALTY_RATE, plain, type World } from "../contracts/fixture.ts";
import { standingOf } from "../contracts/storage.ts";
import { type Books, owed, type Provider, REASONS, raise, UNIT } from "./Books.ts";
import { Dice } from "./Dice.ts";
import { type Event, Refusal } from "./Ground.ts";
import { type Move, Moves } from "./Moves.ts";
import { Reference } from "./Reference.ts";
import { dealView, lanes, providerView } from "./views.ts";

const RULES = {
  ...{ epochBlocks: 20, commitBlocks: 7, gapBlocks: 2, coverEpochs: 6, missedEpochs: 2, exitEpochs: 2 },
  ...{ finalEpochs: 1, rotateEpochs: 2, maxDealEpochs: 40 },
};
const STAKE = 20_000_000n;
/** Moves between two looks at everything: no divisor of an epoch, so that each block of one has its turn. */
const LOOK = 27;
/** Ample, so that nobody asks what is due. */
const FEES = { maxFeePerGas: toBeHex(10n ** 11n), maxPriorityFeePerGas: "0x1" };
const GAS = toBeHex(15_000_000n);
/** Where a provider's tree begins, counted from its first word: behind four words and the record. */
const TREE = 4n + (1n << 16n);

/** What is asked for at each point of an epoch; much else is refused there, and some of it is tried all the same. */
const ANY_TIME = {
  ...{ deposit: 2, withdraw: 2, authorize: 2, revoke: 1, setSigner: 1, setTip: 1, cancelOffers: 1, topUp: 4 },
  ...{ settle: 4, redeem: 4, terminate: 1, resign: 1, challenge: 4, answer: 5, close: 5, recordSeed: 1, prove: 1 },
  ...{
    proveMany: 1,
    openDeals: 4,
    commit: 2,
    extend: 1,
    refill: 1,
    prune: 1,
    abandon: 1,
    terminateMissed: 1,
    convict: 1,
  },
};
const COMMITTING = {
  ...ANY_TIME,
  commit: 30,
  extend: 4,
  refill: 4,
  prune: 8,
  terminateMissed: 4,
  convict: 6,
  abandon: 1,
};
const SEED_OUT = { ...ANY_TIME, recordSeed: 60 };
const PROVING = { ...ANY_TIME, prove: 14, proveMany: 14, commit: 8, prune: 8 };

interface Said {
  readonly events: readonly Event[];
  readonly refusal?: Refusal;
}

export class Game {
  readonly world: World;
  readonly reference: Reference;
  readonly seed: number;
  readonly #dice: Dice;
  readonly #moves: Moves;
  readonly #market: string;
  readonly #errors: readonly Interface[];
  /** Of each provider, where its words begin. */
  readonly #homes: ReadonlyMap<string, bigint>;
  /** Providers that prove nothing for now: until which epoch. */
  readonly #dark = new Map<string, number>();
  /** What happened: calls that were taken, calls that were refused, events, and errors. */
  readonly reached = { taken: new Set<string>(), refused: new Set<string>(), said: new Set<string>() };
  played = 0;

  private constructor(world: World, reference: Reference, seed: number, market: string, homes: Map<string, bigint>) {
    this.world = world;
    this.reference = reference;
    this.seed = seed;
    this.#dice = new Dice(seed);
    this.#moves = new Moves(world, reference, this.#dice);
    this.#market = market.toLowerCase();
    this.#errors = [world.market.interface, world.seedSource.interface];
    this.#homes = homes;
  }

  /** `misread`: rules that the reference takes for others than the market's. */
  static async begin(seed: number, misread: Partial<MarketParameters> = {}): Promise<Game> {
    const world = await createWorld({ parameters: RULES, stake: STAKE });
    const market = await world.market.getAddress();
    await world.token.mint(world.relay.account, 10_000_000_000n);
    await world.token.connect(world.relay.account).approve(market, MaxUint256);
    const { chainId } = await world.ethers.provider.getNetwork();
    const rules = { ...world.parameters, ...misread };
    const hosts = [world.bob, world.dave];
    const books: Books = {
      free: new Map(hosts.map(({ address }) => [address, STAKE * UNIT])),
      providers: new Map(hosts.map(({ address, key }) => [address, newcomer(address, key.address)])),
      ...{ delegations: new Map(), redeemed: new Map(), openings: new Map(), burnt: 0n },
      seed: { epoch: 0, value: `0x${"00".repeat(28)}` },
    };
    const place = { chainId, market: Buffer.from(market.slice(2), "hex") };
    const reference = new Reference(rules, Number(await world.market.genesis()), place, books);
    reference.block = await world.block();
    const homes = new Map<string, bigint>();
    for (const { address } of hosts) homes.set(address, BigInt((await standingOf(world, address)).storage));
    return new Game(world, reference, seed, market, homes);
  }

  /** @throws Error with the seed and the move, where market and reference differ */
  async play(moves: number): Promise<void> {
    for (let move = 0; move < moves; move++) {
      this.reference.block++;
      const chosen = await this.#choose();
      const { from, call, args } = chosen;
      const epoch = this.reference.epoch;
      try {
        const expected = this.#predicted(chosen);
        for (const provider of this.reference.books.providers.values()) raise(provider);
        const actual = await this.#sent(chosen);
        expect(actual).to.deep.equal(inWords(expected, actual));
        this.#note(call, expected);
        if (this.reference.block % LOOK === 0) await this.compare();
      } catch (thrown) {
        const what = `${call} by ${from.address}: ${JSON.stringify(args, (_, value) => (typeof value === "bigint" ? `${value}` : value))}`;
        const where = `seed ${this.seed}, move ${move}, block ${this.reference.block}, epoch ${epoch}`;
        if (thrown instanceof Error) thrown.message = `${where}, ${what}\n${thrown.message}`;
        throw thrown;
      }
      this.played++;
    }
    await this.compare();
  }

  async #choose(): Promise<Move> {
    for (;;) {
      const chosen = await this.#offered(this.#dice.weighted(this.#weights()));
      if (chosen) return chosen;
    }
  }

  #offered(name: keyof typeof ANY_TIME): Promise<Move | undefined> | Move | undefined {
    if (name !== "prove" && name !== "proveMany") return this.#moves[name]();
    const { epoch } = this.reference;
    const awake = this.#moves.hosts.filter(({ address }) => (this.#dark.get(address) ?? 0) < epoch);
    if (awake.length < 2 || name === "prove")
      return awake.length > 0 ? this.#moves.prove(this.#dice.of(awake)) : undefined;
    return this.#moves.proveMany();
  }

  #weights(): typeof ANY_TIME {
    const { reference } = this;
    if (reference.committing) return COMMITTING;
    if (reference.challengeBlock >= reference.block) return ANY_TIME;
    for (const { address } of this.#moves.hosts) {
      const until = this.#dark.get(address) ?? 0;
      if (until < reference.epoch && this.#dice.oneIn(150)) {
        this.#dark.set(address, reference.epoch + this.#dice.below(8));
      }
    }
    return reference.books.seed.epoch === reference.epoch ? PROVING : SEED_OUT;
  }

  #predicted({ predict }: Move): Said {
    try {
      return { events: this.reference.run(this.reference.block, () => predict(this.reference)) };
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      return { events: [], refusal: thrown };
    }
  }

  // ---------------------------------------------------------------- the market's side

  async #sent({ from, call, args }: Move): Promise<string[]> {
    const { interface: abi } = this.world.market;
    const { provider } = this.world.connection;
    const data = abi.encodeFunctionData(call as never, args as never);
    const transaction = { from: from.address, to: this.#market, data, gas: GAS, ...FEES };
    let hash: unknown;
    try {
      hash = await provider.request({ method: "eth_sendTransaction", params: [transaction] });
    } catch (thrown) {
      return [refusalOf(this.#errors, thrown)];
    }
    const receipt = (await provider.request({ method: "eth_getTransactionReceipt", params: [hash] })) as {
      blockNumber: string;
      logs: Log[];
    };
    expect(Number(receipt.blockNumber), "the block of a transaction").to.equal(this.reference.block);
    const logs = receipt.logs.filter(({ address }) => address.toLowerCase() === this.#market);
    return logs.map((log) => {
      const { name, args: values, fragment } = abi.parseLog(log)!;
      const words = fragment.inputs.map(({ name: field }, index) => said(abi, name, field, values[index]));
      return [name, ...words].join(" ");
    });
  }

  #note(call: string, { events, refusal }: Said): void {
    this.reached[refusal ? "refused" : "taken"].add(call);
    if (refusal) this.reached.said.add(refusal.message);
    for (const [name, , problem] of events) this.reached.said.add(name === "Skipped" ? String(problem) : name);
  }

  /** Everything that the market tells or stores of what the reference knows. */
  async compare(): Promise<void> {
    const { market, token } = this.world;
    const { books } = this.reference;
    const { alice, carol, bob, dave, stranger, relay } = this.world;
    const owners = [alice, carol, bob, dave, stranger, relay].map(({ address }) => address);
    const free = await Promise.all(owners.map((owner) => market.freeBalance(owner)));
    expect(free, "free balances").to.deep.equal(owners.map((owner) => this.reference.free(owner)));
    expect(await market.burnt(), "burnt").to.equal(books.burnt);
    expect((await token.balanceOf(market)) * UNIT, "tokens held").to.equal(owed(books));
    for (const provider of books.providers.values()) await this.#compareProvider(provider);
  }

  async #compareProvider(provider: Provider): Promise<void> {
    const { market, ethers } = this.world;
    const { address, deals } = provider;
    const told = plain(await market.providerOf(address));
    expect(told, `provider ${address}`).to.deep.equal(providerView(this.reference, provider));
    for (const [slot, deal] of deals) {
      const actual = plain(await market.deal(address, slot));
      expect(actual, `the deal in slot ${slot} of ${address}`).to.deep.equal(dealView(this.reference, deal));
    }
    for (const [node, sum] of lanes(provider)) {
      const at = toBeHex(this.#homes.get(address)! + TREE + BigInt(node), 32);
      const word = BigInt(await ethers.provider.getStorage(market, at));
      expect(word, `word ${node} of ${address}'s sum tree`).to.equal(sum);
    }
    const words = await market.provenWord(address, 0);
    const record = [...provider.proven].reduce((word, epoch) => word | (1n << BigInt(epoch)), 0n);
    expect(words, `the record of ${address}`).to.equal(record);
  }
}

function newcomer(address: string, signer: string): Provider {
  const none = { next: undefined, series: 0, relay: `0x${"00".repeat(20)}`, tip: 0n, tallest: 0 };
  return { address, penaltyRate: PENALTY_RATE, signer, ...none, proven: new Set(), held: [], deals: new Map() };
}

/** What is expected, in the words of what there is: where an error's arguments are not foretold, the name is enough. */
function inWords({ events, refusal }: Said, actual: readonly string[]): string[] {
  if (!refusal) return events.map((event) => event.map(printable).join(" "));
  const words = ["refused:", refusal.message, ...refusal.args.map(printable)].join(" ");
  return [refusal.args.length === 0 && actual[0]?.startsWith(`${words} `) ? actual[0] : words];
}

function refusalOf(errors: readonly Interface[], thrown: unknown): string {
  const { data } = thrown as { data?: string | { data?: string } };
  const bytes = typeof data === "string" ? data : data?.data;
  for (const abi of bytes === undefined ? [] : errors) {
    const error = abi.parseError(bytes!);
    if (error) return ["refused:", error.name, ...error.args.map(printable)].join(" ");
  }
  throw thrown;
}

/** A value of an event or error; numbers of a reason, and selectors, by their names. */
function said(abi: Interface, event: string, field: string, value: unknown): string {
  if (field === "reason") return REASONS[Number(value)]!;
  if (event === "Skipped" && field === "selector") return abi.getError(String(value))!.name;
  return printable(value);
}

function printable(value: unknown): string {
  return Array.isArray(value) ? `(${value.map(printable).join(" ")})` : String(value);
}
