/** What a device may do yet, as the chain says: its owner's delegation of it. */
import type { Market } from "../../chain/Market.ts";
import { LEDGER_ONE, Scope } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Identity } from "../home/Identity.ts";
import type { Volumes } from "../volumes/Volume.ts";

type Device = Pick<Identity, "account" | "client"> & { readonly market: Market };

/** What every device may: without these it could neither be read from nor written to. */
export const DEVICE_SCOPES = Scope.Read | Scope.Write;

/** @throws SubletException DeviceOver when its owner took it back, or its time is over */
export async function requireInForce({ market, account, client }: Device): Promise<void> {
  const { address: device } = account;
  const [{ scopes, untilEpoch }, block] = await Promise.all([market.delegation(client, device), market.blockNumber()]);
  const epoch = market.epochs.at(block);
  if ((scopes & DEVICE_SCOPES) === DEVICE_SCOPES && epoch < untilEpoch) return;
  throw new SubletException({ code: "DeviceOver", device, owner: client, untilEpoch, epoch });
}

/** Ledger units that a device may promise for reads yet: its cap, less what it promised and nobody redeemed so far. */
export async function leftToRead({
  market,
  account: { address: device },
  client,
  volumes,
}: Device & { readonly volumes: Volumes }): Promise<bigint> {
  const deals = volumes.all().flatMap((volume) => volumes.history(volume.id));
  const promised = deals.map(async ({ id }) => {
    const paid = volumes.paid(id);
    return paid === 0n ? 0n : paid - (await market.redeemed(id, device));
  });
  const [{ egressCap }, open] = [await market.delegation(client, device), await Promise.all(promised)];
  return open.reduce((left, one) => left - one, egressCap);
}

/** Token base units that a device may open deals for yet: its budget, as far as its owner has money in the market. */
export async function leftToOpen({ market, account, client }: Device): Promise<bigint> {
  const [{ repairBudget }, free] = await Promise.all([
    market.delegation(client, account.address),
    market.freeBalance(client),
  ]);
  const have = free / LEDGER_ONE;
  if (repairBudget < have) return repairBudget;
  return have;
}

/** @throws SubletException OverBudget before anything is sent */
export async function requireBudget(device: Device, need: bigint): Promise<void> {
  const budget = await leftToOpen(device);
  if (need > budget) throw new SubletException({ code: "OverBudget", need, budget });
}
