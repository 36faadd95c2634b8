/** More money for the deals of a drive. */
import type { Address, Hash } from "viem";
import { call } from "../../chain/Calls.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { requireOwner } from "../home/Identity.ts";
import type { Parts } from "../Parts.ts";
import { refreshDeals } from "./Standing.ts";
import type { Deal } from "./Volume.ts";

/** Token base units that went to a deal. */
export interface TopUp {
  readonly deal: Hash;
  readonly provider: Address;
  readonly escrow: bigint;
  readonly egress: bigint;
}

/** What each deal in use gets of an amount. @throws SubletException NoVolume, BadArgument */
export async function sharesOf(
  parts: Parts,
  amount: bigint,
  egress: boolean,
): Promise<{ deal: Deal; amount: bigint }[]> {
  const { volumes, home } = parts;
  if (amount <= 0n) {
    const reason = "it must be more than nothing";
    throw new SubletException({ code: "BadArgument", name: "amount", value: `${amount}`, reason });
  }
  const deals: Deal[] = [];
  for (const volume of volumes.all()) {
    const standing = await refreshDeals(parts, volume);
    deals.push(...volumes.deals(volume.id).filter(({ id }) => standing.has(id)));
  }
  if (deals.length === 0) throw new SubletException({ code: "NoVolume", home: home.path });
  const shares = share(
    amount,
    deals.map((deal) => (egress ? deal.egressRate : deal.rate) * BigInt(deal.capacity)),
  );
  return deals.map((deal, index) => ({ deal, amount: shares[index]! }));
}

export async function topUp(parts: Parts, amount: bigint, egress: boolean): Promise<TopUp[]> {
  requireOwner(parts, "paying in for deals");
  const topUps = (await sharesOf(parts, amount, egress)).map(({ deal, amount: share }) => ({
    ...{ deal, escrow: egress ? 0n : share, egress: egress ? share : 0n },
  }));
  const calls = topUps.map(({ deal: { provider, slot, id }, escrow, egress }) =>
    call("topUp", [{ provider, slot, id }, escrow, egress]),
  );
  await parts.market.pay(amount, calls);
  return topUps.map(({ deal: { id: deal, provider }, escrow, egress }) => ({ deal, provider, escrow, egress }));
}

/** Shares out an amount by weight, to the last base unit. */
function share(amount: bigint, weights: readonly bigint[]): bigint[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  const even = total === 0n;
  const shares = weights.map((weight) => (even ? amount / BigInt(weights.length) : (amount * weight) / total));
  const rest = amount - shares.reduce((sum, one) => sum + one, 0n);
  return shares.map((one, index) => (index === 0 ? one + rest : one));
}
