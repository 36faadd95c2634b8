/** Lives that markets lead: every kind of event, and what each party did for it. */
import { concat, getBytes } from "ethers";
import type { Address, EIP1193RequestFn, Hex } from "viem";
import { type AuditOptions, audit } from "../../src/auditor/audit.ts";
import type { Report } from "../../src/auditor/Report.ts";
import { type Agreement, compact, LEDGER, type Party, RATE, type World } from "../contracts/fixture.ts";
import { FORWARD_REQUEST } from "../contracts/signing.ts";

export const SCOPES = { read: 1, write: 2, repair: 4, audit: 8 } as const;
const FAR = 10_000;

/** A world's market, read from inside its process. */
export async function inProcess(world: World): Promise<AuditOptions> {
  const { provider } = world.connection;
  const request = provider.request.bind(provider) as unknown as EIP1193RequestFn;
  return { rpcUrl: "in process", market: (await world.market.getAddress()) as Address, request };
}

/** Audits a world without spot checks. */
export async function audited(world: World, options: Partial<AuditOptions> = {}): Promise<Report> {
  return audit({ ...(await inProcess(world)), spotCheck: false, ...options });
}

export const ref = ({ provider, slot, id }: Agreement) => ({ provider, slot, id });

export function delegation(scopes: number, limits: object = {}) {
  const none = { repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n, egressCap: 0n };
  return { scopes, untilEpoch: FAR, ...none, ...limits };
}

export async function redeem(world: World, deal: Agreement, key: Party["key"], cumulative: bigint) {
  const voucher = { deal: deal.id, cumulative };
  const signature = compact(await world.sign(key, "Voucher", voucher));
  return world.market.redeem([{ provider: deal.provider, slot: deal.slot, voucher, signature }]);
}

export async function extend(world: World, deal: Agreement, changes: object = {}) {
  const { stopAt, rate, capacity } = await world.deal(deal);
  const now = { from: Number(stopAt), endEpoch: Number(stopAt) + 5, rate, capacity: Number(capacity) };
  const { extension, signature } = await world.extension(deal, { ...now, ...changes });
  return world.as(deal.client).extend(ref(deal), extension, signature);
}

/** The provider commits its deal's next revision itself: its sending is its assent. */
export async function commitOwn(world: World, deal: Agreement, sectors: number) {
  const { provider, item } = await world.countersigned(deal, await world.revision(deal, sectors));
  return world.as(deal.host).commit(provider, [item], []);
}

/** The answer to a challenge of `chunk`, from what the deal's provider holds. */
export async function answer(world: World, deal: Agreement, chunk: number) {
  const { sectors } = await world.deal(deal);
  return world.market.answer(ref(deal), world.content(deal, Number(sectors)).answer(chunk));
}

/** `from` calls the market with `data` through the forwarder; `relay` pays the gas. */
export async function forward(world: World, from: Party, data: string) {
  const { forwarder } = world;
  const [, name, version, chainId, verifyingContract] = await forwarder.getFunction("eip712Domain")();
  const message = {
    from: from.address,
    to: await world.market.getAddress(),
    value: 0n,
    gas: 1_000_000n,
    nonce: await forwarder.getFunction("nonces")(from.address),
    deadline: 1n << 40n,
    data,
  };
  const domain = { name, version, chainId, verifyingContract };
  const signature = await from.account.signTypedData(domain, FORWARD_REQUEST, message);
  return forwarder.connect(world.relay.account).getFunction("execute")({ ...message, signature });
}

/** Proves both hosts in one call by `relay`, the second one twice. */
export async function proveBoth(world: World): Promise<void> {
  const { bob, dave, relay } = world;
  await world.to("prove");
  await world.recordSeed();
  const { value } = await world.market.seed();
  const items: { provider: string; proof: string }[] = [];
  for (const { address } of [bob, dave, dave]) items.push({ provider: address, proof: await world.proof(address) });
  await world.as(relay).proveMany(value, items);
}

/**
 * A market's life with every kind of event in it; ends in an epoch's commit phase with deals still running. All that
 * happens is by the rules.
 */
export async function everything(world: World): Promise<{ running: Agreement }> {
  const { market, alice, bob, carol, dave, stranger, relay } = world;

  // Parties set themselves up, one through a forwarder, one with several calls at once.
  await world.as(bob).announce("0x7b7d");
  await forward(world, dave, market.interface.encodeFunctionData("announce", ["0x01"]));
  await world.as(bob).setTip(relay.address, 50n * LEDGER);
  await world.as(dave).setSigner(dave.key.address);
  await world.as(bob).cancelOffers();
  const deposit = market.interface.encodeFunctionData("deposit", [alice.address, 5_000n]);
  await world.as(alice).multicall([deposit, deposit]);
  await world.as(alice).authorize(stranger.key.address, delegation(SCOPES.read, { egressCap: 400n * LEDGER }));
  const limits = { repairBudget: 50_000_000n, maxRate: RATE, maxEgressRate: 5n };
  await world.as(alice).authorize(stranger.address, delegation(SCOPES.repair | SCOPES.audit, limits));

  // Deals of two clients at two hosts; one opened by a delegate, one that stays empty but reserved.
  const first = await world.active(3);
  const second = await world.active(5, { minSectors: 2, egressRate: 5n }, { egress: 1_000n });
  const third = await world.active(2, {}, { client: carol, host: dave });
  const reserved = await world.open({ minSectors: 1 }, { host: dave });
  const terms = await world.terms({ position: 3 }, alice, bob);
  const opening = await world.openDeals(stranger, [await world.item(terms, bob.key)], 1);
  const repaired = { ...(await world.opened(opening))[0]!, terms, client: alice, host: bob };
  await commitOwn(world, repaired, 1);
  await proveBoth(world);

  // A missed epoch; vouchers of the client and of a reader, one over its cap.
  await world.start();
  await world.miss();
  await redeem(world, second, alice.key, 300n * LEDGER);
  await redeem(world, second, stranger.key, 900n * LEDGER);
  await world.as(alice).revoke(stranger.key.address);
  await market.settle([ref(first), ref(second), ref(third), ref(reserved)]);
  await world.as(bob).refill(ref(first));
  await extend(world, second, { capacity: 9 });
  await world.as(carol).topUp(ref(second), 1_000n, 20n);

  // Challenges: one answered, one of a chunk that is trimmed, one never answered.
  await world.as(alice).challenge(ref(first), 40_000n);
  await answer(world, first, 40_000);
  await world.as(stranger).challenge(ref(second), 4n * 32_768n);
  await world.commit(second, 4);
  await market.answer(ref(second), "0x");
  await world.as(carol).challenge(ref(third), 7n);
  await proveBoth(world);
  await world.start();
  await proveBoth(world);
  await world.start();
  await market.convict(ref(third));

  // Ends: by notice of either side, at once by the host, after missed epochs, and with the cover used up.
  const abandoned = await world.active(1, { position: 5 });
  const left = await world.active(1, { position: 6 }, { host: dave });
  const exhausted = await world.active(1, { position: 7 }, { host: dave });
  await world.as(alice).terminate(ref(first));
  await world.as(bob).resign(ref(repaired));
  await world.as(bob).abandon(ref(abandoned));
  await world.prove(bob);
  await world.start();
  await world.live(bob, 1);
  await world.prove(bob);
  await market.prune([ref(first), ref(repaired), ref(second)]);
  await world.start();
  await world.as(alice).terminateMissed(ref(left));
  for (let epoch = 0; epoch < 5; epoch++) await world.live(bob);
  await market.prune([ref(exhausted)]);
  await market.close([ref(first), ref(repaired), ref(third), ref(left), ref(exhausted), ref(abandoned)]);

  // A slot is used again, an empty set is proven, and somebody takes money out.
  const running = await world.active(2, { position: 8, k: 1, n: 9 });
  await world.to("prove");
  await market.prove(dave.address, `0x${"00".repeat(28)}`, "0x");
  await world.prove(bob);
  await world.as(bob).withdraw(1_000n, bob.address);
  await world.start();
  await market.settle([ref(reserved), ref(second), ref(running)]);
  return { running };
}

/** Everything but the proof in a call of prove, which becomes zeros. */
export function withoutProof(input: Hex): Hex {
  const bytes = getBytes(input);
  const head = bytes.slice(0, 4 + 32 * 4);
  return concat([head, new Uint8Array(bytes.length - head.length)]) as Hex;
}
