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
const LONG_EPOCHS = { ...PARAMETERS, epochBlocks: 1_000, commitBlocks: 400, minCollateral: 10_000n };
/** Of a provider: enough for 1,000 deals. */
const STAKE = 100_000_000n;
/** Small, so that MIN_COLLATERAL is what a deal locks. */
const PENALTY_RATE = 2n;

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

  /** One deal of `client` at each of `hosts`, in one transaction that brings its own permit. */
  async open(client: Party, hosts: Party[], overrides: Partial<Terms> = {}): Promise<Opened> {
    const { world } = this;
    const escrow = 10_000n;
    const all = await Promise.all(
      hosts.map((host, position) =>
        world.terms({ rate: 1n, capacity: CAPACITY_SECTORS, position, n: 255, ...overrides }, client, host),
      ),
    );
    const items = await Promise.all(all.map((terms, index) => world.item(terms, hosts[index]!.key, escrow)));
    await world.token.connect(client.account).approve(world.market, 0n);
    const { owner, value, deadline, v, r, s } = await world.permit(client, escrow * BigInt(items.length));
    const { interface: abi } = world.market;
    const transaction = await world
      .as(client)
      .multicall([
        abi.encodeFunctionData("permit", [owner, value, deadline, v, r, s]),
        abi.encodeFunctionData("openDeals", [items, items.length]),
      ]);
    const refs = await world.opened(transaction);
    const deals = refs.map((ref, index) => ({ ...ref, terms: all[index]!, client, host: hosts[index]! }));
    return { transaction, deals };
  }

  /** The next revision of each deal, all to the same content, in one transaction. */
  async commit(deals: Agreement[], { root, tree }: Content): Promise<ContractTransactionResponse> {
    const { world } = this;
    const items = await Promise.all(
      deals.map(async (deal) => {
        const { number } = await world.deal(deal);
        const revision = { deal: deal.id, number: number + 65_536n, root, sectors: tree.sectors, head: deal.id };
        return world.countersigned(deal, revision);
      }),
    );
    return world.market.commit(items);
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
