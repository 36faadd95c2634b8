/** What will go wrong unless its owner does something: deals that end soon, and money that runs out before they do. */
import type { Address, Hash } from "viem";
import { baseUnits } from "../../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../../codec/index.ts";
import { payerOf } from "../home/Identity.ts";
import type { Parts } from "../Parts.ts";
import { missingFor } from "./Extending.ts";
import { escrowLeft } from "./Prices.ts";
import { missingOfBudget } from "./Renewal.ts";
import { liveDeals } from "./Standing.ts";
import type { Deal, Volume } from "./Volume.ts";

interface Place {
  readonly volume: bigint;
  readonly position: number;
  readonly deal: Hash;
  readonly provider: Address;
}

/**
 * `ending`: in so many `epochs` it is over, and what it holds gone. `escrow`: pays for so many of the epochs that are left,
 * were the deal full. `egress`: does not pay for sending back once what the deal holds. `budget`: what the drive may spend on
 * extending does not pay for the deals that end soon. `missing`: token base units, of `budget` for all of them.
 */
export type Warning = Place &
  (
    | { readonly kind: "ending"; readonly epochs: number }
    | { readonly kind: "escrow"; readonly epochs: number; readonly missing: bigint }
    | { readonly kind: "egress"; readonly missing: bigint }
    | { readonly kind: "budget"; readonly epochs: number; readonly missing: bigint }
  );

/** Epochs before the end of time or money at which it is told of, unless told. */
export const WARN_EPOCHS = 7;

/** Of the deals in use; those that are over already are no news of this kind. */
export async function warningsOf(parts: Parts, volumes: readonly Volume[], within: number): Promise<Warning[]> {
  const { market } = parts;
  const epoch = await market.epoch();
  const warnings: Warning[] = [];
  const { renewal } = await parts.home.readConfig();
  for (const volume of volumes) {
    const renewed: { place: Place; epochs: number; cost: bigint }[] = [];
    const live = await liveDeals(parts, volume);
    const held = parts.catalogue.slabCount(volume.id);
    for (const deal of parts.volumes.serving(volume.id)) {
      const onChain = live.get(deal.id);
      if (!onChain) continue;
      const { id, position, provider, rate, capacity, egressRate } = deal;
      const place = { volume: volume.id, position, deal: id, provider };
      const left = onChain.stopAt - epoch;
      if (left <= within) warnings.push({ ...place, kind: "ending", epochs: left });
      if (renewal && left <= Math.max(within, renewal.within)) {
        const cost = missingFor(onChain, rate, epoch, onChain.stopAt + renewal.epochs);
        renewed.push({ place, epochs: left, cost });
      }

      const escrow = escrowLeft(onChain, epoch);
      const whole = rate * BigInt(capacity);
      const short = whole * BigInt(left) - escrow;
      if (short > 0n && escrow < whole * BigInt(within + 1)) {
        warnings.push({ ...place, kind: "escrow", epochs: Number(escrow / whole), missing: baseUnits(short) });
      }
      const lacking = egressRate * BigInt(held * SECTOR_BYTES) - (onChain.egress - (await promised(parts, deal)));
      if (lacking > 0n && held > 0) warnings.push({ ...place, kind: "egress", missing: baseUnits(lacking) });
    }
    const short = renewal
      ? missingOfBudget(
          renewal,
          renewed.map(({ cost }) => cost),
        )
      : 0n;
    if (short > 0n)
      for (const { place, epochs } of renewed) warnings.push({ ...place, kind: "budget", epochs, missing: short });
  }
  return warnings;
}

/** Ledger units of vouchers that its provider has not redeemed yet. */
async function promised(parts: Parts, { id }: Deal): Promise<bigint> {
  const open = parts.volumes.paid(id) - (await parts.market.redeemed(id, payerOf(parts).address));
  return open > 0n ? open : 0n;
}
