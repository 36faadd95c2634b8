/** What the gas bench measures on: a market with long epochs, and deals opened and committed many at a time. */
import { type ContractTransactionResponse, id as keccakOf } from "ethers";
import { type Content, contentOf } from "../../test/contracts/Content.ts";
import {
  type Agreement,
  createWorld,
  PARAMETERS,
  type Party,
  type Terms,
  type World,
} from "../../test/contracts/fixture.ts";

/** Deals of one call; the market takes 64 at most. */
export const BATCH = 30;
const GIBIBYTE_SECTORS = 1024;
const CAPACITY_SECTORS = 1100;
const LONG_EPOCHS = { ...PARAMETERS, epochBlocks: 1_000, commitBlocks: 400 };
/** Token base units, of a provider: enough for 1,000 deals. */
const STAKE = 2_000_000_000n;

// Calldata is paid for by the byte and zeros are cheap, so amounts are of the size that real ones have: with a token of six
// decimals, $1.50 a TB-month for storing and $5 a TB for reading, in days. Ids and nonces are random, as hosts and clients
// draw them.
export const RATE = 215_443_469n;
export const PENALTY_RATE = 430_886_938n;
export const EGRESS_RATE = 21_544n;
/** Token base units: a gibibyte for a year. */
const ESCROW = 20_075n;
const LANE_TAG = 0x5ab1n;
const VALID_SECONDS = 86_400n;

const SKIPPED = keccakOf("Skipped(uint256,bytes4)");

export class Stage {
  readonly world: World;
  /** 1,024 different sectors. */
  readonly gibibyte: Content;
  #names = 0;

  private constructor(world: World) {
    this.world = world;
    this.gibibyte = this.content("a gibibyte", GIBIBYTE_SECTORS);
  }

  static async build(): Promise<Stage> {
    return new Stage(await createWorld({ parameters: LONG_EPOCHS, stake: 0n }));
  }

  async provider(): Promise<Party> {
    return this.world.newcomer(`provider ${this.#names++}`, { penaltyRate: PENALTY_RATE, stake: STAKE });
  }

  content(label: string, sectors: number): Content {
    return this.world.keep(contentOf(label, sectors));
  }

  /** Random as far as gas can tell, and the same in every run. */
  random(bits: 64 | 256): bigint {
    return BigInt.asUintN(bits, BigInt(keccakOf(`number ${this.#names++}`)));
  }

  async client(): Promise<Party> {
    return this.world.newcomer(`client ${this.#names++}`);
  }

  /** A provider with so many committed deals, all of the same content. */
  async withDeals(
    deals: number,
    content: Content,
    terms?: Partial<Terms>,
  ): Promise<{ host: Party; deals: Agreement[] }> {
    const host = await this.provider();
    const client = await this.client();
    const opened: Agreement[] = [];
    while (opened.length < deals) {
      const hosts = new Array<Party>(Math.min(BATCH, deals - opened.length)).fill(host);
      opened.push(...(await this.open(client, hosts, terms)).deals);
    }
    for (let from = 0; from < deals; from += BATCH) await gas(this.commit(opened.slice(from, from + BATCH), content));
    return { host, deals: opened };
  }

  /**
   * One deal of `client` at each of `hosts`, in one transaction that brings its own permit. `egress`: what each deal's
   * budget for reading is, token base units.
   */
  async open(client: Party, hosts: Party[], overrides: Partial<Terms> = {}, egress = 0n): Promise<Opened> {
    const { world } = this;
    const volume = this.random(64);
    const { timestamp } = (await world.ethers.provider.getBlock("latest"))!;
    const shared = { volume, k: 10, n: BATCH, rate: RATE, egressRate: EGRESS_RATE, capacity: CAPACITY_SECTORS };
    const validUntil = BigInt(timestamp) + VALID_SECONDS;
    const all = await Promise.all(
      hosts.map((host, position) => world.terms({ ...shared, position, validUntil, ...overrides }, client, host)),
    );
    const items = await Promise.all(all.map((terms, index) => world.item(terms, hosts[index]!.key, ESCROW, egress)));
    await world.token.connect(client.account).approve(world.market, 0n);
    const { owner, value, deadline, v, r, s } = await world.permit(client, (ESCROW + egress) * BigInt(items.length));
    const { interface: abi } = world.market;
    const transaction = await world
      .as(client)
      .multicall([
        abi.encodeFunctionData("permit", [owner, value, deadline, v, r, s]),
        abi.encodeFunctionData("openDeals", world.opening(items, items.length)),
      ]);
    const refs = await world.opened(transaction);
    const deals = refs.map((ref, index) => ({ ...ref, terms: all[index]!, client, host: hosts[index]! }));
    return { transaction, deals };
  }

  /**
   * The next revision of each deal of one provider, all to the same content, in one transaction of that provider's; of a
   * stranger's, with the provider's signatures, where `relayed`.
   */
  async commit(deals: Agreement[], { root, sectors }: Content, relayed = false): Promise<ContractTransactionResponse> {
    const { world } = this;
    const all = await Promise.all(
      deals.map(async (deal) => {
        const { number: last } = await world.deal(deal);
        const number = (last === 0n ? LANE_TAG : last) + 65_536n;
        const revision = { deal: deal.id, number, root, sectors, head: deal.id };
        return world.countersigned(deal, revision);
      }),
    );
    if (relayed) return world.commitAll(all);
    const { host, provider } = deals[0]!;
    return world.as(host).commit(
      provider,
      all.map(({ item }) => item),
      [],
    );
  }
}

export interface Opened {
  readonly transaction: ContractTransactionResponse;
  readonly deals: Agreement[];
}

/** Gas of a transaction, and what a number of items in it take each. */
export async function gas(transaction: Promise<ContractTransactionResponse> | ContractTransactionResponse, items = 1) {
  const receipt = await (await transaction).wait();
  if (receipt?.status !== 1) throw new Error("a measured transaction failed");
  if (receipt.logs.some(({ topics }) => topics[0] === SKIPPED)) throw new Error("a measured batch skipped an item");
  return Math.round(Number(receipt.gasUsed) / items);
}
