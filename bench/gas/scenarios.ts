/** Each scenario has a market of its own and yields rows of the gas table: a call, and the gas it took (a deal). */
import type { ContractTransactionResponse } from "ethers";
import { type Agreement, compact, delegation, type Party, SCOPES } from "../../test/contracts/fixture.ts";
import { BATCH, EGRESS_RATE, gas, PENALTY_RATE, RATE, Stage } from "./Stage.ts";

export type Row = readonly [call: string, gas: number];

const PROOFS_MEASURED = 3;
const YEAR_EPOCHS = 365;
/** Token base units: a gibibyte read once. */
const EGRESS = 5_369n;
/** Ledger units: 64 MiB of it. */
const VOUCHER = 67_108_864n * EGRESS_RATE;

/** One provider-epoch, whatever the number of its deals, and what one more provider adds to a shared transaction. */
export async function* proving(): AsyncGenerator<Row> {
  for (const deals of [1, 10, 100, 1_000]) {
    const stage = await Stage.build();
    const { world } = stage;
    const { host } = await stage.withDeals(deals, stage.gibibyte);
    await world.live(host); // the first proof ever sets a fresh word of the record
    let total = 0;
    for (let proof = 0; proof < PROOFS_MEASURED; proof++) {
      total += await gas(world.prove(host));
      await world.start();
    }
    yield [`prove/${deals}`, Math.round(total / PROOFS_MEASURED)];
    if (deals === 1) yield ["multicall/seed and prove/1", await firstOfEpoch(stage, host)];
  }
  for (const [deals, providers] of [
    [1, 6],
    [100, 3],
  ] as const) {
    const stage = await Stage.build();
    const hosts: Party[] = [];
    for (let index = 0; index < providers; index++) hosts.push((await stage.withDeals(deals, stage.gibibyte)).host);
    for (const host of hosts) await stage.world.prove(host);
    await stage.world.start();
    const alone = await proveTogether(stage, hosts.slice(0, 1));
    await stage.world.start();
    const together = await proveTogether(stage, hosts);
    yield [`proveMany/marginal/${deals}`, Math.round((together - alone) / (providers - 1))];
  }
}

async function proveTogether({ world }: Stage, hosts: Party[]): Promise<number> {
  await world.to("prove");
  const seed = await world.recordSeed();
  const items = await Promise.all(
    hosts.map(async ({ address }) => ({ provider: address, proof: await world.proof(address) })),
  );
  return gas(world.market.proveMany(seed, items));
}

/** A volume of 30 deals at 30 providers that have had deals before, paid by one permit. */
export async function* opening(): AsyncGenerator<Row> {
  const stage = await Stage.build();
  const { world } = stage;
  const hosts: Party[] = [];
  for (let index = 0; index < BATCH; index++) hosts.push(await stage.provider());
  const client = await stage.client();
  const other = await stage.client();
  await stage.open(other, hosts);
  await stage.open(client, [hosts[0]!]);
  const fresh = await stage.open(client, hosts, { endEpoch: 5 });
  yield ["openDeals/30/fresh", await gas(fresh.transaction, BATCH)];
  const shortLived = stage.content("short-lived", 3);
  for (const deal of fresh.deals) await gas(stage.commit([deal], shortLived));
  await world.start(5);
  yield ["prune/30", await gas(world.market.prune(fresh.deals), BATCH)];
  await world.start(7);
  yield ["close/30", await gas(world.market.close(fresh.deals), BATCH)];
  yield ["openDeals/30/reused", await gas((await stage.open(client, hosts)).transaction, BATCH)];
  const withBudgets = await stage.open(client, hosts, {}, EGRESS);
  yield ["openDeals/30/fresh, with egress", await gas(withBudgets.transaction, BATCH)];
  yield ["openDeals/1", await gas((await stage.open(client, [hosts[0]!])).transaction)];
}

/** Revisions of 30 deals of one provider; each adds sectors, and settles the epoch before where there is one. */
export async function* committing(): AsyncGenerator<Row> {
  const stage = await Stage.build();
  const { world } = stage;
  const [first, next, after, last] = [3, 4, 5, 6].map((sectors) => stage.content("a deal", sectors));
  const host = await stage.provider();
  const client = await stage.client();
  const { deals } = await stage.open(client, new Array<Party>(BATCH).fill(host));
  yield ["commit/30/first", await gas(stage.commit(deals, first!), BATCH)];
  await world.live(host);
  yield ["commit/30/steady", await gas(stage.commit(deals, next!), BATCH)];
  await world.live(host);
  yield ["commit/1", await gas(stage.commit(deals.slice(0, 1), after!))];
  await world.live(host);
  yield ["commit/30/relayed", await gas(stage.commit(deals, last!, true), BATCH)];

  const large = await Stage.build();
  const thousand = await large.withDeals(1_000, large.gibibyte);
  await large.world.live(thousand.host);
  const scattered = Array.from({ length: BATCH }, (_, index) => thousand.deals[index * 33]!);
  const grown = large.content("a gibibyte", 1_025);
  yield ["commit/30/scattered", await gas(large.commit(scattered, grown), BATCH)];
}

/** A year of proven epochs, paid at once. */
export async function* settling(): AsyncGenerator<Row> {
  const stage = await Stage.build();
  const { world } = stage;
  const { host, deals } = await stage.withDeals(BATCH + 1, stage.content("a year", 1), { endEpoch: 2 * YEAR_EPOCHS });
  for (let epoch = 0; epoch < YEAR_EPOCHS; epoch++) {
    await world.prove(host);
    await world.start();
  }
  yield ["settle/1x365", await gas(world.market.settle(deals.slice(0, 1)))];
  yield ["settle/30x365", await gas(world.market.settle(deals.slice(1)), BATCH)];
  yield ["withdraw", await gas(world.as(host).withdraw(1_234_567n, host.account))];
}

/** Every call that no other scenario has, one item each. */
export async function* others(): AsyncGenerator<Row> {
  const stage = await Stage.build();
  const { world } = stage;
  const { market, stranger, alice, bob } = world;
  yield ["register", await gas(world.as(stranger).register(stranger.key, PENALTY_RATE))];
  const { owner, value, deadline, v, r, s } = await world.permit(stranger, 1_000_000n);
  yield ["permit", await gas(market.permit(owner, value, deadline, v, r, s))];
  yield ["deposit", await gas(world.as(stranger).deposit(stranger.account, 1_000_000n))];
  yield ["setSigner", await gas(world.as(stranger).setSigner(alice.key))];
  yield ["announce/300 bytes", await gas(world.as(stranger).announce(new Uint8Array(300).fill(0x41)))];
  yield ["setTip", await gas(world.as(stranger).setTip(alice.account, RATE))];
  yield ["cancelOffers", await gas(world.as(stranger).cancelOffers())];
  const limits = { repairBudget: EGRESS, maxRate: RATE, maxEgressRate: EGRESS_RATE, egressCap: 2n * VOUCHER };
  const grant = delegation(SCOPES.READ | SCOPES.REPAIR, 99, limits);
  yield ["authorize", await gas(world.as(alice).authorize(bob.account, grant))];
  yield ["revoke", await gas(world.as(alice).revoke(bob.account))];
  await world.to("gap");
  yield ["prove/empty set", await gas(market.prove(stranger.address, `0x${"00".repeat(28)}`, "0x"))];
  yield* seeds(stage);
  yield* deals(stage);
}

async function* seeds({ world }: Stage): AsyncGenerator<Row> {
  for (const row of ["recordSeed/first ever", "recordSeed/each epoch"]) {
    await world.start();
    await world.to("prove");
    const { challenge } = world.phases(await world.epoch());
    yield [row, await gas(world.market.recordSeed(await world.header(challenge)))];
  }
}

/** What the first provider of an epoch pays: the seed, and its own proof. */
async function firstOfEpoch({ world }: Stage, host: Party): Promise<number> {
  await world.to("prove");
  return gas(world.market.multicall(await world.seedAndProve(host)));
}

async function* deals(stage: Stage): AsyncGenerator<Row> {
  const { world } = stage;
  const { market } = world;
  await world.start();
  const content = stage.content("a deal", 3);
  const { host, deals } = await stage.withDeals(8, content);
  const [extended, redeemed, terminated, resigned, abandoned, answered, convicted, missed] = deals;
  const client = extended!.client;
  await world.token.connect(client.account).approve(market, 1n << 60n);
  const as = (party: Party) => world.as(party);
  await world.live(host);
  yield ["extend", await extend(stage, extended!)];
  yield ["topUp", await gas(as(client).topUp(redeemed!, EGRESS, EGRESS))];
  for (const [row, cumulative] of [
    ["redeem/first", VOUCHER],
    ["redeem", 2n * VOUCHER],
  ] as const) {
    const voucher = { deal: redeemed!.id, cumulative };
    const signature = await world.sign(client.key, "Voucher", voucher);
    const item = { provider: redeemed!.provider, slot: redeemed!.slot, voucher, signature: compact(signature) };
    yield [row, await gas(market.redeem([item]))];
  }
  yield ["terminate", await gas(as(client).terminate(terminated!))];
  yield ["resign", await gas(as(host).resign(resigned!))];
  yield ["abandon", await gas(as(host).abandon(abandoned!))];
  yield ["challenge", await gas(as(client).challenge(answered!, 5))];
  yield ["answer", await gas(market.answer(answered!, content.answer(5)))];
  await as(client).challenge(convicted!, 5);
  await world.miss(1);
  yield ["refill", await gas(as(host).refill(redeemed!))];
  await world.miss(2);
  yield ["convict", await gas(market.convict(convicted!))];
  yield ["terminateMissed", await gas(as(client).terminateMissed(missed!))];
  yield ["prune/1", await gas(market.prune([terminated!]))];
  await world.miss(3);
  yield ["close/1", await gas(market.close([terminated!]))];
}

async function extend(stage: Stage, deal: Agreement): Promise<number> {
  const { world } = stage;
  const changes = { endEpoch: deal.terms.endEpoch + 10 };
  const { extension, signature } = await world.extension(deal, changes);
  return gas(world.as(deal.client).extend(deal, extension, signature) as Promise<ContractTransactionResponse>);
}
