/** Events of accounts and providers, judged. */
import type { ArgsOf } from "./Calls.ts";
import type { Handlers } from "./Scene.ts";
import { type DelegationState, lesser, ONE, signerIn } from "./State.ts";

/** Epochs before a revocation counts: vouchers given before are still honoured. */
const REVOKE_EPOCHS = 2;
const MAX_ANNOUNCEMENT_HEX_CHARS = 2 + 2 * 1024;

export const accounts: Handlers = {
  Registered(scene) {
    const { provider: address, signer, penaltyRate } = scene.event.args;
    const provider = scene.state.provider(address);
    const place = { provider: address };
    scene.holds("an odd penalty rate is registered", penaltyRate % 2n === 0n, "even", penaltyRate, place);
    scene.same("a provider with unclosed deals registers anew: its deals", 0, provider.unclosed, place);
    if (provider.signer) scene.same("a second registration's signer", signerIn(provider, scene.epoch), signer, place);
    else provider.signer = signer.toLowerCase();
    provider.penaltyRate = penaltyRate;
    scene.askedBy(address, "register", ([key, rate]) => key === signer && rate === penaltyRate, place);
  },

  SignerAnnounced(scene) {
    const { provider: address, signer, fromEpoch } = scene.event.args;
    const provider = scene.state.provider(address);
    const place = { provider: address };
    scene.same("epoch a new signer counts from", scene.epoch + scene.rules.parameters.rotateEpochs, fromEpoch, place);
    provider.signer = signerIn(provider, scene.epoch);
    provider.nextSigner = { signer: signer.toLowerCase(), from: fromEpoch };
    scene.askedBy(address, "setSigner", ([key]) => key === signer, place);
  },

  Announced(scene) {
    const { provider, data } = scene.event.args;
    const fits = data.length <= MAX_ANNOUNCEMENT_HEX_CHARS;
    scene.holds("an announcement's length", fits, "at most 1024 bytes", (data.length - 2) / 2, { provider });
    scene.askedBy(provider, "announce", ([bytes]) => bytes === data, { provider });
  },

  TipSet(scene) {
    const { provider: address, relay, tip } = scene.event.args;
    const provider = scene.state.provider(address);
    provider.relay = relay.toLowerCase();
    provider.tip = tip;
    scene.askedBy(address, "setTip", ([to, amount]) => to === relay && amount === tip, { provider: address });
  },

  TipPaid(scene) {
    const { provider: address, relay, amount } = scene.event.args;
    const provider = scene.state.provider(address);
    const place = { provider: address };
    const free = scene.state.free(address);
    scene.same("whom a tip is paid to", provider.relay, relay, place);
    scene.same("a tip's amount", lesser(provider.tip, free), amount, place);
    scene.state.debit(address, amount);
    scene.state.credit(relay, amount);
    // Whoever copies a proof is paid nothing: the relay itself sent it.
    const proves = [...scene.asked("prove"), ...scene.asked("proveMany")].some(
      ({ caller }) => caller === relay.toLowerCase(),
    );
    scene.holds("who is tipped", proves, "the sender of the proof", relay, place);
  },

  OffersCancelled(scene) {
    const { provider: address, series } = scene.event.args;
    const provider = scene.state.provider(address);
    const place = { provider: address };
    scene.same("series after offers are cancelled", provider.series + 1, series, place);
    provider.series = series;
    scene.askedBy(address, "cancelOffers", () => true, place);
  },

  Deposited(scene) {
    const { account, amount } = scene.event.args;
    scene.state.credit(account, amount * ONE);
  },

  Withdrawn(scene) {
    const { account, to, amount } = scene.event.args;
    const free = scene.state.free(account);
    scene.holds("more is withdrawn than is free", amount * ONE <= free, `at most ${free}`, amount * ONE, {
      provider: account,
    });
    scene.state.debit(account, amount * ONE);
    const asked = ([units, payee]: ArgsOf<"withdraw">) => units === amount && payee === to;
    scene.askedBy(account, "withdraw", asked, { provider: account });
  },

  Authorized(scene) {
    const { client, delegate, delegation } = scene.event.args;
    scene.state.delegations.set(pair(client, delegate), { ...delegation });
    const asked = ([to, given]: ArgsOf<"authorize">) => to === delegate && told(given) === told(delegation);
    scene.askedBy(client, "authorize", asked, { provider: client });
  },

  Revoked(scene) {
    const { client, delegate, fromEpoch } = scene.event.args;
    const delegation = scene.state.delegations.get(pair(client, delegate));
    const soonest = scene.epoch + REVOKE_EPOCHS;
    const expected = Math.min(delegation?.untilEpoch ?? 0, soonest);
    scene.same("epoch a revocation counts from", expected, fromEpoch, { provider: delegate });
    if (delegation) delegation.untilEpoch = fromEpoch;
    scene.askedBy(client, "revoke", ([to]) => to === delegate, { provider: client });
  },
};

/** A delegation in words, to be compared. */
export function told(delegation: DelegationState): string {
  const { scopes, untilEpoch, repairBudget, maxRate, maxEgressRate, egressCap } = delegation;
  return `scopes ${scopes} until ${untilEpoch}, ${repairBudget} at ${maxRate} and ${maxEgressRate}, cap ${egressCap}`;
}

export function pair(one: string, other: string): string {
  return `${one.toLowerCase()} ${other.toLowerCase()}`;
}
