/**
 * INV-13: whatever the limits permit can be proved, settled and closed within 16M gas, which is all that a block of
 * these worlds holds. Most deals, most sectors, longest terms, fullest batches, as little of it warm as can be.
 */
import { expect } from "chai";
import type { ContractTransactionResponse } from "ethers";
import { type Held, repeated } from "./Content.ts";
import {
  type Agreement,
  BLOCK_GAS,
  compact,
  createWorld,
  delegation,
  LEDGER,
  NO_HEAD,
  type Party,
  rollBack,
  SCOPES,
  type World,
  ZERO_ROOT,
} from "./fixture.ts";

const MOST_DEALS = 4096;
const MOST_SECTORS = 2 ** 31;
const LARGEST = 2 ** 24;
const LONGEST_EPOCHS = 4096;
const BATCH = 64;
const COVER = 8;
const PARAMETERS = { minCollateral: 10_000n, epochBlocks: 400, commitBlocks: 150, coverEpochs: COVER };
const PENALTY_RATE = 2n; // ledger units: MIN_COLLATERAL is what a deal locks
const PATIENCE_MS = 300_000;

const full = await createWorld({ parameters: PARAMETERS });
const many = await createWorld({ parameters: PARAMETERS });

const ofSectors = (doublings: number) => repeated("a sector", doublings);
const [small, medium, large] = [ofSectors(12), ofSectors(19), ofSectors(24)];
const EMPTY: Held = { root: ZERO_ROOT, sectors: 0, answer: () => new Uint8Array() };

/** Of a transaction that skips nothing. */
async function gas(world: World, call: Promise<ContractTransactionResponse>): Promise<bigint> {
  expect(await world.skipped(call)).to.deep.equal([]);
  return (await (await call).wait())!.gasUsed;
}

function batches<Each>(all: readonly Each[]): Each[][] {
  return Array.from({ length: Math.ceil(all.length / BATCH) }, (_, at) => all.slice(at * BATCH, (at + 1) * BATCH));
}

async function revision(world: World, deal: Agreement, { root, sectors }: Held, number = 65_536n) {
  return world.countersigned(deal, { deal: deal.id, number, root, sectors, head: NO_HEAD });
}

describe("a provider with 4,096 deals of 2^31 sectors, as many of them as large as can be", function () {
  this.timeout(PATIENCE_MS);
  const world = full;
  const { market, relay } = world;
  const deals: Agreement[] = [];
  let host: Party;
  let client: Party;

  /** 127 deals of 2^24 sectors, spread over the slots, one of 2^19, the rest of 2^12. */
  function contentAt(slot: number): Held {
    if (slot === 1) return medium;
    return slot % 32 === 0 && slot < 127 * 32 ? large : small;
  }

  before(async () => {
    for (const content of [small, medium, large]) world.keep(content);
    host = await world.newcomer("host", { penaltyRate: PENALTY_RATE, stake: 100_000_000n });
    client = await world.newcomer("client");
    const endEpoch = (await world.start()) + LONGEST_EPOCHS;
    const all = Array.from({ length: MOST_DEALS }, (_, slot) => slot);
    // The deals of one call share their capacity.
    for (const content of [small, medium, large]) {
      for (const slots of batches(all.filter((slot) => contentAt(slot) === content))) {
        const capacity = content.sectors;
        const terms = await Promise.all(
          slots.map((slot) => world.terms({ slot, rate: 1n, capacity, endEpoch }, client, host)),
        );
        const items = await Promise.all(terms.map((each) => world.item(each, host.key, 100n)));
        const opened = await world.opened(await world.openDeals(client, items, items.length));
        for (const [index, ref] of opened.entries()) {
          deals[ref.slot] = { ...ref, terms: terms[index]!, client, host };
        }
      }
    }
    for (const batch of batches(deals)) {
      const items = await Promise.all(batch.map((deal) => revision(world, deal, contentAt(deal.slot))));
      await gas(world, world.commitAll(items));
    }
    expect((await market.providerOf(host.address)).sectors).to.equal(MOST_SECTORS);
  });
  rollBack(world);

  it("is proved", async () => {
    await world.as(host).setTip(relay.account, 1n);
    await world.to("prove");
    const seed = await world.recordSeed();
    const proof = await world.proof(host.address);
    expect(await gas(world, world.as(relay).prove(host.address, seed, proof))).to.be.at.most(BLOCK_GAS / 40n);
  });

  it("answers for the last chunk of a deal of 2^24 sectors", async () => {
    const chunk = 2 ** 39 - 1;
    await world.as(client).challenge(deals[0]!, chunk);
    await expect(market.answer(deals[0]!, large.answer(chunk)))
      .to.emit(market, "ChallengeClosed")
      .withArgs(deals[0]!.id, true, 1_000n * LEDGER);
  });

  it("takes no sector more, nor, where there is room for sectors, a deal", async () => {
    const open = async (slot: number) => {
      const item = await world.item(await world.terms({ slot, capacity: 1, rate: 1n }, client, host), host.key);
      return world.skipped(world.openDeals(client, [item], 0));
    };
    expect(await open(MOST_DEALS - 1)).to.deep.equal([[0, "Market_CapacityExceeded"]]);
    await world.miss(1);
    const [deal] = deals;
    await gas(world, world.commitAll([await revision(world, deal!, EMPTY, 65_537n)]));
    const { extension, signature } = await world.extension(deal!, { endEpoch: deal!.terms.endEpoch + 1, capacity: 1 });
    await world.as(client).extend(deal!, extension, signature);
    expect(await open(MOST_DEALS - 1)).to.deep.equal([[0, "Market_SlotTaken"]]);
    expect(await open(MOST_DEALS)).to.deep.equal([[0, "Market_BadTerms"]]);
  });

  it("is settled, taken out and closed after the longest term, all of which it missed", async () => {
    const [settled, pruned] = [deals.slice(-BATCH), deals.slice(0, BATCH)];
    await world.miss(LONGEST_EPOCHS);
    await gas(world, market.settle(settled));
    await gas(world, market.prune(pruned));
    await world.miss(2);
    await gas(world, market.close(pruned));
    expect((await market.providerOf(host.address)).deals).to.equal(MOST_DEALS - BATCH);
  });

  it("is taken out with its cover used up and every deal challenged", async () => {
    const batch = deals.slice(-BATCH);
    for (const deal of batch) await world.as(client).challenge(deal, 1);
    await world.miss(COVER);
    await gas(world, market.prune(batch));
    expect((await world.deal(batch[0]!)).state).to.equal(4n);
  });
});

describe("64 providers with a deal of 2^24 sectors each", function () {
  this.timeout(PATIENCE_MS);
  const world = many;
  const { market, alice, relay, stranger } = world;
  const hosts: Party[] = [];
  const deals: Agreement[] = [];

  before(async () => {
    world.keep(large);
    for (let index = 0; index < BATCH; index++) {
      hosts.push(await world.newcomer(`host ${index}`, { penaltyRate: PENALTY_RATE, stake: 100_000n }));
    }
    const endEpoch = (await world.start()) + LONGEST_EPOCHS;
    const limits = { repairBudget: 1_000_000n, maxRate: 1n, maxEgressRate: 1n };
    await world.as(alice).authorize(stranger.account, delegation(SCOPES.REPAIR, endEpoch, limits));
    // Every provider and slot is a first one, its tree is as tall as can be, and a delegate pays.
    const slot = 512;
    const terms = await Promise.all(
      hosts.map((host) => world.terms({ slot, rate: 1n, capacity: LARGEST, endEpoch }, alice, host)),
    );
    const items = await Promise.all(terms.map((each, index) => world.item(each, hosts[index]!.key, 100n, 100n)));
    const transaction = world.openDeals(stranger, items, BATCH);
    await gas(world, transaction);
    const opened = await world.opened(await transaction);
    deals.push(...opened.map((ref, index) => ({ ...ref, terms: terms[index]!, client: alice, host: hosts[index]! })));
  });
  rollBack(world);

  /** Of each provider by itself: one call takes revisions of one. */
  async function commitAll(): Promise<void> {
    for (const deal of deals) await gas(world, world.commitAll([await revision(world, deal, large)]));
  }

  it("are proved in one call that pays every tip, and settled, taken out and closed after the longest term", async () => {
    await commitAll();
    for (const host of hosts) await world.as(host).setTip(relay.account, 1n);
    await world.to("prove");
    const seed = await world.recordSeed();
    const items = await Promise.all(
      hosts.map(async ({ address }) => ({ provider: address, proof: await world.proof(address) })),
    );
    await gas(world, world.as(relay).proveMany(seed, items));
    await world.miss(LONGEST_EPOCHS);
    const { restore } = await world.connection.networkHelpers.takeSnapshot();
    await gas(world, market.settle(deals));
    await restore();
    await gas(world, market.prune(deals));
    await world.miss(2);
    await gas(world, market.close(deals));
    expect((await world.deal(deals[0]!)).state).to.equal(5n);
  });

  it("are committed to in the last epoch of the longest term, after every signer has changed", async () => {
    for (const host of hosts) await world.as(host).setSigner(host.key);
    await world.miss(LONGEST_EPOCHS - 1);
    await commitAll();
  });

  it("are paid by vouchers of 64 delegates", async () => {
    const epoch = await world.epoch();
    const items = await Promise.all(
      deals.map(async ({ id, provider, slot }, index) => {
        const { key } = hosts[index]!;
        await world.as(alice).authorize(key.address, delegation(SCOPES.READ, epoch + 9, { egressCap: 10n }));
        const voucher = { deal: id, cumulative: 5n };
        return { provider, slot, voucher, signature: compact(await world.sign(key, "Voucher", voucher)) };
      }),
    );
    await gas(world, market.redeem(items));
  });
});

describe("a provider with 64 deals of 2^24 sectors, all of them empty through the longest term but for its last epoch", function () {
  this.timeout(PATIENCE_MS);
  const world = many;
  const { alice, stranger } = world;
  rollBack(world);

  it("has them all filled in one call, after its signer has changed", async () => {
    world.keep(large);
    const host = await world.newcomer("busy host", { penaltyRate: PENALTY_RATE, stake: 1_000_000n });
    const endEpoch = (await world.start()) + LONGEST_EPOCHS;
    const terms = await Promise.all(
      Array.from({ length: BATCH }, (_, index) =>
        world.terms({ slot: 64 * index, rate: 1n, capacity: LARGEST, minSectors: 1, endEpoch }, alice, host),
      ),
    );
    const items = await Promise.all(terms.map((each) => world.item(each, host.key, 100n)));
    const opened = await world.opened(await world.openDeals(alice, items, BATCH));
    await world.as(host).setSigner(stranger.key);
    await world.miss(LONGEST_EPOCHS - 1);
    const revisions = await Promise.all(
      opened.map((ref, index) => {
        const deal = { ...ref, terms: terms[index]!, client: alice, host: { ...host, key: stranger.key } };
        return revision(world, deal, large);
      }),
    );
    await gas(world, world.commitAll(revisions));
    expect((await world.market.providerOf(host.address)).sectors).to.equal(BATCH * LARGEST);
  });
});

describe("a client that waits for the most missed epochs that a market can ask for", function () {
  this.timeout(PATIENCE_MS);

  it("may then leave", async () => {
    const missedEpochs = 2047;
    const world = await createWorld({ parameters: { ...PARAMETERS, coverEpochs: 4096, missedEpochs, exitEpochs: 2 } });
    const deal = await world.active(1, { rate: 1n, endEpoch: (await world.epoch()) + LONGEST_EPOCHS });
    await world.miss(missedEpochs);
    await expect(world.as(world.alice).terminateMissed(deal)).to.emit(world.market, "Stopped");
  });
});
