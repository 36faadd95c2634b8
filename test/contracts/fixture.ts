/**
 * A market on a chain of its own inside the test's process, with people on it. What they hold is looked up on the
 * chain each time, so that a world may be rolled back to any snapshot.
 */
import type { HardhatEthersSigner } from "@nomicfoundation/hardhat-ethers/types";
import {
  type BigNumberish,
  type Contract,
  type ContractTransactionResponse,
  getBytes,
  id,
  MaxUint256,
  type Result,
  Signature,
  type TypedDataDomain,
  TypedDataEncoder,
  Wallet,
} from "ethers";
import hre from "hardhat";
import type { Client } from "viem";
import { rlp } from "../../src/chain/Header.ts";
import { ChallengeProof, Positions } from "../../src/codec/index.ts";
import { TYPES } from "../../src/protocol/TypedData.ts";
import type { HeaderSeedSource, MarketToken, StorageMarket } from "../../types/ethers-contracts/index.ts";
import { type Content, contentOf, type Held, hex } from "./Content.ts";
import { PERMIT } from "./signing.ts";

/** A ledger unit is a token base unit / 2^32. */
export const LEDGER = 1n << 32n;
export const ZERO_ROOT = `0x${"00".repeat(24)}`;
export const ZERO_SEED = `0x${"00".repeat(28)}`;
export const NO_HEAD = `0x${"00".repeat(32)}`;

/** What PROTOCOL section 4 lets a call need: a block of these worlds holds no more, so no transaction of a test does. */
export const BLOCK_GAS = 16_000_000n;
/** What code may use whose statements are counted: each one costs a call. */
const COUNTED_GAS = 1_000_000_000n;

const MOST_SLOTS = 4096;
/** Of the states, those in which a slot may be used. */
const CLOSED_OR_NONE = [0, 5];

/** Bits of a delegation's scopes. */
export const SCOPES = { READ: 1, WRITE: 2, REPAIR: 4, AUDIT: 8 } as const;

/** Small enough to walk through, and every relation of PROTOCOL section 4 holds. */
export const PARAMETERS = {
  epochBlocks: 100,
  commitBlocks: 40,
  gapBlocks: 3,
  multiplier: 1,
  coverEpochs: 8,
  missedEpochs: 3,
  exitEpochs: 2,
  finalEpochs: 1,
  rotateEpochs: 2,
  maxDealEpochs: 4096,
  minCollateral: 1_000_000n,
};
export type MarketParameters = typeof PARAMETERS;

export const RATE = 1_000n * LEDGER;
export const PENALTY_RATE = 20_000n * LEDGER;

/** Somebody with an account that sends and a key that signs. */
export interface Party {
  readonly account: HardhatEthersSigner;
  readonly address: string;
  readonly key: Wallet;
}

export interface Terms {
  client: string;
  clientSigner: string;
  provider: string;
  slot: number;
  previous: string;
  series: number;
  volume: bigint;
  position: number;
  k: number;
  n: number;
  rate: bigint;
  egressRate: bigint;
  capacity: number;
  minSectors: number;
  endEpoch: number;
  noticeEpochs: number;
  answerBond: bigint;
  validUntil: bigint;
}

/** Terms as their provider signed them, and the token base units that the client pays in. */
export interface Item {
  readonly terms: Terms;
  readonly signature: string;
  readonly escrow: bigint;
  readonly egress: bigint;
}

export interface DealRef {
  readonly provider: string;
  readonly slot: number;
  readonly id: string;
}

/** An opened deal and who signs for it. */
export interface Agreement extends DealRef {
  readonly terms: Terms;
  readonly client: Party;
  readonly host: Party;
}

export interface Extension {
  deal: string;
  from: number;
  endEpoch: number;
  rate: bigint;
  capacity: number;
  series: number;
  validUntil: bigint;
}

export interface Revision {
  deal: string;
  number: bigint;
  root: string;
  sectors: number;
  head: string;
}

/** A signature in 64 bytes: r, and s with v in its top bit. */
export interface Compact {
  readonly r: string;
  readonly vs: string;
}

/** A revision to commit, and both sides' word for it. */
export interface Countersigned {
  readonly provider: string;
  readonly item: Omit<Revision, "deal"> & { readonly slot: number; readonly signature: Compact };
  readonly assent: Compact;
}

/** Blocks of an epoch at which something begins or ends; the next transaction can be mined in any of them. */
export interface Phases {
  readonly first: number;
  readonly commitLast: number;
  readonly gap: number;
  readonly gapLast: number;
  readonly challenge: number;
  readonly prove: number;
  readonly last: number;
}

export interface WorldOptions {
  readonly parameters?: Partial<MarketParameters>;
  /** An artifact to stand in for the token, with the constructor of MarketToken. */
  readonly token?: string;
  /** Of each provider, in token base units; 1,000 tokens unless told. */
  readonly stake?: bigint;
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  // Each transaction may use it all, so none is run twice to find out how much it needs.
  const gas = hre.globalOptions.coverage ? COUNTED_GAS : BLOCK_GAS;
  const connection = await hre.network.create({ override: { blockGasLimit: gas, gas } });
  const { ethers } = connection;
  const parameters = { ...PARAMETERS, ...options.parameters };
  const deploy = async <Deployed>(name: string, args: unknown[] = []) =>
    (await ethers.deployContract(name, args)) as unknown as Deployed;
  const token = await deploy<MarketToken>(options.token ?? "MarketToken");
  const seedSource = await deploy<HeaderSeedSource>("HeaderSeedSource");
  const forwarder = await ethers.deployContract("ERC2771Forwarder", ["Sublet"]);
  const market = await deploy<StorageMarket>("StorageMarket", [parameters, token, seedSource, forwarder]);
  const accounts = await ethers.getSigners();
  const world = new World({ connection, parameters, token, seedSource, forwarder, market, accounts });
  await world.settleIn(options.stake ?? 1_000_000_000n);
  return world;
}

/** Of a digest, what names a deal. */
export function idOf(digest: string): string {
  return digest.slice(0, 40).padEnd(66, "0");
}

/** A signature as the market takes it. */
export function compact(signature: string): Compact {
  const { r, yParityAndS: vs } = Signature.from(signature);
  return { r, vs };
}

/** What a delegate may do, and how far: nothing costs anything unless told. */
export function delegation(
  scopes: number,
  untilEpoch: number,
  limits: Partial<Record<"repairBudget" | "maxRate" | "maxEgressRate" | "egressCap", bigint>> = {},
) {
  return { scopes, untilEpoch, repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n, egressCap: 0n, ...limits };
}

/** A struct that the chain returned, as a plain object. */
export function plain(struct: unknown): Record<string, unknown> {
  return (struct as Result).toObject();
}

type Connection = Awaited<ReturnType<typeof hre.network.create>>;

interface Parts {
  connection: Connection;
  parameters: MarketParameters;
  token: MarketToken;
  seedSource: HeaderSeedSource;
  forwarder: Contract;
  market: StorageMarket;
  accounts: HardhatEthersSigner[];
}

export class World {
  readonly connection: Connection;
  readonly ethers: Connection["ethers"];
  readonly parameters: MarketParameters;
  readonly token: MarketToken;
  readonly seedSource: HeaderSeedSource;
  readonly forwarder: Contract;
  readonly market: StorageMarket;
  readonly alice: Party;
  readonly carol: Party;
  readonly bob: Party;
  readonly dave: Party;
  readonly stranger: Party;
  readonly relay: Party;
  #genesis = 0;
  #domain: TypedDataDomain = {};
  /** By provider: how many slots terms were made for since its last block. */
  readonly #handed = new Map<string, { block: number; slots: number }>();
  readonly #contents = new Map<string, Held>();

  constructor(parts: Parts) {
    this.connection = parts.connection;
    this.ethers = parts.connection.ethers;
    this.parameters = parts.parameters;
    this.token = parts.token;
    this.seedSource = parts.seedSource;
    this.forwarder = parts.forwarder;
    this.market = parts.market;
    const party = (index: number, name: string): Party => {
      const account = parts.accounts[index]!;
      return { account, address: account.address, key: new Wallet(id(name)) };
    };
    this.alice = party(1, "alice");
    this.carol = party(2, "carol");
    this.bob = party(3, "bob");
    this.dave = party(4, "dave");
    this.stranger = party(5, "stranger");
    this.relay = party(6, "relay");
  }

  /** Gives everybody 10,000 tokens, and providers their stake. */
  async settleIn(stake: bigint): Promise<void> {
    this.#genesis = Number(await this.market.genesis());
    const { chainId } = await this.ethers.provider.getNetwork();
    this.#domain = { name: "Sublet", version: "1", chainId, verifyingContract: await this.market.getAddress() };
    for (const { account } of [this.alice, this.carol, this.bob, this.dave, this.stranger]) {
      await this.token.mint(account, 10_000_000_000n);
      await this.token.connect(account).approve(this.market, MaxUint256);
    }
    for (const host of [this.bob, this.dave]) {
      await this.as(host).register(host.key, PENALTY_RATE);
      if (stake > 0n) await this.as(host).deposit(host.account, stake);
    }
    await this.start(2);
  }

  /** One more person, with 1,000,000 tokens to spend; a provider where told its P and stake (token base units). */
  async newcomer(name: string, provider?: { penaltyRate: bigint; stake: bigint }): Promise<Party> {
    const key = new Wallet(id(name));
    const account = await this.ethers.getImpersonatedSigner(key.address);
    await this.connection.networkHelpers.setBalance(account.address, 10n ** 20n);
    await this.token.mint(account, 10n ** 12n);
    await this.token.connect(account).approve(this.market, MaxUint256);
    const party = { account, address: account.address, key };
    if (provider) {
      await this.as(party).register(key, provider.penaltyRate);
      await this.as(party).deposit(account, provider.stake);
    }
    return party;
  }

  get domain(): TypedDataDomain {
    return this.#domain;
  }

  as(party: { account: HardhatEthersSigner }): StorageMarket {
    return this.market.connect(party.account);
  }

  // ---------------------------------------------------------------- time

  async block(): Promise<number> {
    return this.ethers.provider.getBlockNumber();
  }

  /** The epoch the next transaction is mined in. */
  async epoch(): Promise<number> {
    return 1 + Math.floor(((await this.block()) + 1 - this.#genesis) / this.parameters.epochBlocks);
  }

  phases(epoch: number): Phases {
    const { epochBlocks, commitBlocks, gapBlocks } = this.parameters;
    const first = this.#genesis + (epoch - 1) * epochBlocks;
    const gap = first + commitBlocks;
    const challenge = gap + gapBlocks;
    const last = first + epochBlocks - 1;
    return { first, commitLast: gap - 1, gap, gapLast: challenge - 1, challenge, prove: challenge + 1, last };
  }

  /** Makes `block` the one in which the next transaction is mined. */
  async reach(block: number): Promise<void> {
    const latest = await this.block();
    if (block <= latest) throw new Error(`block ${block} is past: ${latest} is mined`);
    const epoch = 1 + Math.floor((block - 1 - this.#genesis) / this.parameters.epochBlocks);
    const { challenge } = this.phases(epoch);
    // A block in the midst of many mined at once has no randomness, so the challenge block is mined by itself.
    if (latest < challenge && challenge < block) {
      await this.#mine(challenge - 1 - latest);
      await this.#mine(1);
      await this.#mine(block - 1 - challenge);
    } else {
      await this.#mine(block - 1 - latest);
    }
  }

  async #mine(blocks: number): Promise<void> {
    if (blocks > 0) await this.connection.networkHelpers.mine(blocks);
  }

  /** To the first block of `phase`, in the epoch running now unless told. */
  async to(phase: keyof Phases, epoch?: number): Promise<void> {
    await this.reach(this.phases(epoch ?? (await this.epoch()))[phase]);
  }

  /** To the first block of `epoch`, or of the next one. */
  async start(epoch?: number): Promise<number> {
    const target = epoch ?? (await this.epoch()) + 1;
    await this.to("first", target);
    return target;
  }

  // ---------------------------------------------------------------- deals

  /** Terms between `alice` and `bob` that open, unless told otherwise; of several in one block, each has another slot. */
  async terms(overrides: Partial<Terms> = {}, client = this.alice, host = this.bob): Promise<Terms> {
    const slot = overrides.slot ?? (await this.#vacantSlot(host));
    const [{ id: previous }, { series }] = await Promise.all([
      this.market.deal(host.address, slot < MOST_SLOTS ? slot : 0),
      this.market.providerOf(host.address),
    ]);
    return {
      client: client.address,
      clientSigner: client.key.address,
      provider: host.address,
      slot,
      previous,
      series: Number(series),
      volume: 7n,
      position: 0,
      k: 4,
      n: 12,
      rate: RATE,
      egressRate: 0n,
      capacity: 8,
      minSectors: 0,
      endEpoch: (await this.epoch()) + 50,
      noticeEpochs: 2,
      answerBond: 1_000n,
      validUntil: 1n << 60n,
      ...overrides,
    };
  }

  /** A slot without an unclosed deal, the lowest but for those that terms were made for in this block. */
  async #vacantSlot({ address }: Party): Promise<number> {
    const { slots, deals } = await this.market.providerOf(address);
    const vacant: number[] = [];
    for (let slot = 0; deals < slots && slot < Number(slots); slot++) {
      if (CLOSED_OR_NONE.includes(Number((await this.market.deal(address, slot)).state))) vacant.push(slot);
    }
    const block = await this.block();
    const handed = this.#handed.get(address);
    const before = handed?.block === block ? handed.slots : 0;
    this.#handed.set(address, { block, slots: before + 1 });
    return vacant[before] ?? Number(slots) + before - vacant.length;
  }

  /** Terms made so far count no more: for worlds that were rolled back, to a block that they were made in. */
  forgetTerms(): void {
    this.#handed.clear();
  }

  dealId(terms: Terms): string {
    return idOf(TypedDataEncoder.hash(this.#domain, { Terms: [...TYPES.Terms] }, terms));
  }

  async item(terms: Terms, signer: Wallet, escrow: bigint = 10_000_000n, egress = 0n): Promise<Item> {
    return { terms, signature: await this.sign(signer, "Terms", terms), escrow, egress };
  }

  /** What `openDeals` takes: the first item's terms stand for all where they must be the same. */
  opening(items: readonly Item[], minOpened: number) {
    const { client, clientSigner, volume, k, n, capacity, minSectors } = items[0]!.terms;
    const { endEpoch, noticeEpochs, answerBond } = items[0]!.terms;
    const shared = {
      ...{ client, clientSigner, volume, k, n, capacity, minSectors, endEpoch, noticeEpochs, answerBond },
    };
    const deals = items.map(({ terms, signature, escrow, egress }) => {
      const { provider, slot, position, rate, egressRate, validUntil } = terms;
      const own = { provider, slot, position, rate, egressRate, validUntil };
      return { ...own, escrow, egress, signature: compact(signature) };
    });
    return [shared, deals, minOpened] as [typeof shared, typeof deals, number];
  }

  /** `openDeals` by `caller`. */
  openDeals(caller: { account: HardhatEthersSigner }, items: readonly Item[], minOpened: number) {
    return this.as(caller).openDeals(...this.opening(items, minOpened));
  }

  /** The provider's word for the terms that a deal has, five epochs longer, but for `changes`. */
  async extension({ id, terms, host }: Agreement, changes: Partial<Extension> = {}) {
    const { rate, capacity, validUntil, endEpoch: from } = terms;
    const series = Number((await this.market.providerOf(host.address)).series);
    const same = { deal: id, from, endEpoch: from + 5, rate, capacity, series, validUntil };
    const extension: Extension = { ...same, ...changes };
    return { extension, signature: compact(await this.sign(host.key, "Extension", extension)) };
  }

  /** Opens one deal. */
  async open(
    overrides: Partial<Terms> = {},
    { client = this.alice, host = this.bob, escrow = 10_000_000n, egress = 0n } = {},
  ): Promise<Agreement> {
    const terms = await this.terms(overrides, client, host);
    const transaction = await this.openDeals(client, [await this.item(terms, host.key, escrow, egress)], 1);
    return { ...(await this.opened(transaction))[0]!, terms, client, host };
  }

  /** The deals that a transaction opened. */
  async opened(transaction: ContractTransactionResponse): Promise<DealRef[]> {
    const receipt = (await transaction.wait())!;
    return receipt.logs
      .map((log) => this.market.interface.parseLog(log))
      .filter((event) => event?.name === "DealOpened")
      .map((event) => ({ provider: event!.args.provider, slot: Number(event!.args.slot), id: event!.args.id }));
  }

  /** What a batch call skipped: the item's index and the error's name. */
  async skipped(transaction: Promise<ContractTransactionResponse>): Promise<[number, string][]> {
    const receipt = (await (await transaction).wait())!;
    return receipt.logs
      .map((log) => this.market.interface.parseLog(log))
      .filter((event) => event?.name === "Skipped")
      .map((event) => [
        Number(event!.args.index),
        this.market.interface.getError(event!.args.selector)?.name ?? event!.args.selector,
      ]);
  }

  /** What the deal's provider holds once it has so many sectors. */
  content(deal: DealRef, sectors: number): Content {
    const content = contentOf(deal.id, sectors);
    this.#contents.set(content.root, content);
    return content;
  }

  /** Content that {@link proof} is to find by its root. */
  keep<Kept extends Held>(content: Kept): Kept {
    this.#contents.set(content.root, content);
    return content;
  }

  async revision(deal: DealRef, sectors: number, overrides: Partial<Revision> = {}): Promise<Revision> {
    const { number } = await this.market.deal(deal.provider, deal.slot);
    const { root } = this.content(deal, sectors);
    return { deal: deal.id, number: number + 65_536n, root, sectors, head: NO_HEAD, ...overrides };
  }

  /** `revision` as both parties sign it, for {@link commitAll}. */
  async countersigned(deal: Agreement, revision: Revision): Promise<Countersigned> {
    const { number, root, sectors, head } = revision;
    const signature = compact(await this.sign(deal.client.key, "Revision", revision));
    return {
      provider: deal.provider,
      item: { slot: deal.slot, number, root, sectors, head, signature },
      assent: compact(await this.sign(deal.host.key, "Revision", revision)),
    };
  }

  /** Revisions of one provider's deals, with both signatures of each, by anybody. */
  commitAll(revisions: readonly Countersigned[]): Promise<ContractTransactionResponse> {
    const items = revisions.map(({ item }) => item);
    const assents = revisions.map(({ assent }) => assent);
    return this.market.commit(revisions[0]!.provider, items, assents);
  }

  async commit(deal: Agreement, sectors: number): Promise<ContractTransactionResponse> {
    return this.commitAll([await this.countersigned(deal, await this.revision(deal, sectors))]);
  }

  /** A deal that holds `sectors`, committed in the commit phase of the epoch running now. */
  async active(
    sectors: number,
    overrides: Partial<Terms> = {},
    parties?: Parameters<World["open"]>[1],
  ): Promise<Agreement> {
    const deal = await this.open(overrides, parties);
    await this.commit(deal, sectors);
    return deal;
  }

  async deal(deal: DealRef) {
    return this.market.deal(deal.provider, deal.slot);
  }

  /** What an account may use, and what its unclosed deals lock, in ledger units. */
  async ledger(owner: string): Promise<{ balance: bigint; locked: bigint; free: bigint }> {
    const free = await this.market.freeBalance(owner);
    const { slots } = await this.market.providerOf(owner);
    let locked = 0n;
    for (let slot = 0; slot < Number(slots); slot++) locked += (await this.market.deal(owner, slot)).collateral;
    return { balance: free + locked, locked, free };
  }

  // ---------------------------------------------------------------- signatures

  async sign<Type extends keyof typeof TYPES>(signer: Wallet, type: Type, message: object): Promise<string> {
    // What signTypedData does, which takes three times as long to find that there are no names to resolve.
    const digest = TypedDataEncoder.hash(this.#domain, { [type]: [...TYPES[type]] }, message);
    return signer.signingKey.sign(digest).serialized;
  }

  /** The token's permit of `owner` for the market. */
  async permit(owner: Party, value: bigint, deadline: BigNumberish = MaxUint256) {
    const domain = {
      name: await this.token.name(),
      version: "1",
      chainId: this.#domain.chainId!,
      verifyingContract: await this.token.getAddress(),
    };
    const spender = await this.market.getAddress();
    const nonce = await this.token.nonces(owner.account);
    const message = { owner: owner.address, spender, value, nonce, deadline };
    // A newcomer's account is its key's own; Hardhat holds the others' account keys.
    const signer = owner.address === owner.key.address ? owner.key : owner.account;
    const { v, r, s } = Signature.from(await signer.signTypedData(domain, PERMIT, message));
    return { owner: owner.address, value, deadline, v, r, s };
  }

  // ---------------------------------------------------------------- proofs

  async header(block: number): Promise<string> {
    return (await rlp(this.connection.provider as unknown as Client, BigInt(block))).header;
  }

  /** Records the seed of the epoch running now, which must be in its prove phase. */
  async recordSeed(): Promise<string> {
    const { challenge } = this.phases(await this.epoch());
    await this.market.recordSeed(await this.header(challenge));
    return (await this.market.seed()).value;
  }

  /** The chunks that the recorded seed challenges, by deal. */
  async challenged(provider: string): Promise<Positions.Position[]> {
    const { epoch, value } = await this.market.seed();
    const { slots, sectors } = await this.market.providerOf(provider);
    const leaves = (await this.market.leaves(provider, 0, slots)).map(Number);
    const from = {
      seed: getBytes(value),
      chainId: BigInt(this.#domain.chainId!),
      market: getBytes(this.#domain.verifyingContract!),
      epoch: Number(epoch),
      provider: getBytes(provider),
    };
    return Positions.draw(from, Number(sectors)).map((x) => Positions.locate(x, leaves));
  }

  /** The proof of everything `provider` has committed, for the recorded seed. */
  async proof(provider: string): Promise<string> {
    const challenged = await this.challenged(provider);
    const answers: Uint8Array[] = [];
    for (const { slot, chunkIndex } of challenged) {
      const { root } = await this.market.deal(provider, slot);
      answers.push(this.#contents.get(root)!.answer(chunkIndex));
    }
    return hex(ChallengeProof.join(challenged, answers));
  }

  /** Proves `host` for the epoch running now, moving to the prove phase where it is not reached yet. */
  async prove(host: Party): Promise<ContractTransactionResponse> {
    const epoch = await this.epoch();
    const { prove } = this.phases(epoch);
    if ((await this.block()) + 1 < prove) await this.reach(prove);
    if (Number((await this.market.seed()).epoch) !== epoch) await this.recordSeed();
    const { value } = await this.market.seed();
    return this.market.prove(host.address, value, await this.proof(host.address));
  }

  /** What the first prover of an epoch sends, in its prove phase: calls for one multicall, the seed's and the proof's. */
  async seedAndProve(host: Party): Promise<string[]> {
    const { challenge } = this.phases(await this.epoch());
    const { restore } = await this.connection.networkHelpers.takeSnapshot();
    const seed = await this.recordSeed();
    const proof = await this.proof(host.address);
    await restore();
    const { interface: abi } = this.market;
    return [
      abi.encodeFunctionData("recordSeed", [await this.header(challenge)]),
      abi.encodeFunctionData("prove", [host.address, seed, proof]),
    ];
  }

  /** Through `epochs` epochs from the one running now, each proven; ends at the start of the next. */
  async live(host: Party, epochs = 1): Promise<void> {
    for (let lived = 0; lived < epochs; lived++) {
      await this.prove(host);
      await this.start();
    }
  }

  /** Through `epochs` epochs without a proof. */
  async miss(epochs = 1): Promise<void> {
    await this.start((await this.epoch()) + epochs);
  }
}

/** For the outermost `describe` of a file: every test starts from the world as it was created. */
export function rollBack(world: World): void {
  let restore: () => Promise<void>;
  beforeEach(async () => {
    world.forgetTerms();
    ({ restore } = await world.connection.networkHelpers.takeSnapshot());
  });
  afterEach(() => restore());
}
