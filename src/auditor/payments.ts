/** Settlements, vouchers and top-ups, recomputed. */
import { pair } from "./accounts.ts";
import type { ArgsOf } from "./Calls.ts";
import { type Handlers, type Judgement, placeOf } from "./Scene.ts";
import { type DealState, lesser, ONE, type ProviderState, settlement } from "./State.ts";

const READ = 1;

export const payments: Handlers = {
  Settled(scene) {
    const { id, throughEpoch, paid } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const provider = scene.state.providerOf(deal);
    const known = provider.claimed.has(scene.epoch) ? scene.epoch : scene.epoch - 1;
    scene.same("epoch a settlement reaches", Math.min(known, deal.stopAt - 1), throughEpoch, placeOf(deal));
    settle(scene, deal, provider, { throughEpoch, paid });
  },

  Penalised(scene) {
    const { id, penalty } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const settles = scene.transaction.events.some(
      (next) =>
        (next.name === "Settled" || next.name === "Committed") &&
        next.args.id === id &&
        next.logIndex > scene.event.logIndex,
    );
    scene.holds("a penalty without a settlement", settles, "a settlement that counts misses", "none", placeOf(deal));
    deal.penalty = penalty;
  },

  ToppedUp(scene) {
    const { id, from, escrow, egress } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    deal.escrow += escrow * ONE;
    deal.egress += egress * ONE;
    scene.state.debit(from, (escrow + egress) * ONE);
    const before = scene.transaction.events.find(({ logIndex }) => logIndex === scene.event.logIndex - 1);
    if (before?.name === "DealOpened" && before.args.id === id) {
      scene.same("who pays for a new deal", deal.client, from, placeOf(deal));
      return;
    }
    const asked = ([ref, more, budget]: ArgsOf<"topUp">) => ref.id === id && more === escrow && budget === egress;
    scene.askedBy(from, "topUp", asked, placeOf(deal));
  },

  async Redeemed(scene) {
    const { id, signer, cumulative, paid } = scene.event.args;
    const deal = scene.deal(id);
    if (!deal) return;
    const place = placeOf(deal);
    const key = pair(id, signer);
    const before = scene.state.redeemed.get(key) ?? 0n;
    const vouchers = scene
      .asked("redeem")
      .flatMap(({ args: [items] }) => items.filter((item) => item.voucher.deal === id));
    let signed = false;
    for (const { voucher, signature } of vouchers) {
      if (voucher.cumulative !== cumulative) continue;
      scene.tally.signatures++;
      if ((await scene.rules.digests.signer("Voucher", voucher, signature)) === signer.toLowerCase()) signed = true;
    }
    scene.holds("a voucher is paid", signed, `signed by ${signer}`, "no such signature in the transaction", place);
    const delegation = scene.state.delegations.get(pair(deal.client, signer));
    let most = deal.egress;
    if (signer.toLowerCase() !== deal.clientSigner) {
      const may = delegation !== undefined && (delegation.scopes & READ) !== 0 && scene.epoch < delegation.untilEpoch;
      scene.holds("who may sign vouchers", may, "the client's key or a reader in force", signer, place);
      if (delegation) most = lesser(most, delegation.egressCap);
      if (delegation) delegation.egressCap -= paid;
    }
    const owed = cumulative - before;
    scene.same("paid for a voucher", lesser(owed, most), paid, place);
    scene.state.redeemed.set(key, before + paid);
    deal.egress -= paid;
    scene.state.providerOf(deal).earned += paid;
    scene.state.credit(deal.provider, paid);
  },
};

/** What was settled through an epoch, as an event tells it: moved as it says, and held against what it should have been. */
export function settle(
  scene: Judgement,
  deal: DealState,
  provider: ProviderState,
  { throughEpoch, paid }: { throughEpoch: number; paid: bigint },
): void {
  const place = placeOf(deal);
  const { penalty } = deal;
  deal.penalty = 0n;
  scene.tally.settlements++;
  scene.holds(
    "epochs are settled twice",
    throughEpoch > deal.settledThrough,
    `after ${deal.settledThrough}`,
    throughEpoch,
    place,
  );
  const expected = settlement(deal, provider, throughEpoch);
  scene.same("paid by a settlement", expected.paid, paid, place);
  scene.same("penalty of a settlement", expected.penalty, penalty, place);
  // From here on as the market has it: one wrong figure is one difference, not one in every later sum.
  deal.settledThrough = throughEpoch;
  deal.escrow -= paid;
  provider.earned += paid;
  scene.state.credit(deal.provider, paid);
  if (penalty > 0n) penalise(scene, deal, provider, penalty);
  scene.holds("escrow after a settlement", deal.escrow >= 0n, ">= 0", deal.escrow, place);
}

function penalise(scene: Judgement, deal: DealState, provider: ProviderState, penalty: bigint): void {
  deal.collateral -= penalty;
  provider.penalties += penalty;
  scene.state.burnt += penalty / 2n;
  scene.state.credit(deal.client, penalty / 2n);
}
