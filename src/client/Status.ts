/** How a drive stands: its money, files, volumes, and what ends soon. */
import type { Address } from "viem";
import type { Parts } from "./Parts.ts";
import { standingOf, type VolumeStatus } from "./volumes/Standing.ts";
import { type Warning, warningsOf } from "./volumes/Warnings.ts";

/** Amounts in base units: of the token, and wei. */
export interface Status {
  readonly account: Address;
  readonly tokens: bigint;
  /** Of the token: how many of its base units' digits stand behind the point. */
  readonly decimals: number;
  readonly gas: bigint;
  readonly epoch: number;
  readonly files: number;
  readonly bytes: number;
  /** What files were before and is kept: how many, and what they take at all providers together. */
  readonly earlier: { readonly versions: number; readonly stored: number };
  /** Changes that wait for providers, and what of them lies in the journal. */
  readonly unfinished: number;
  readonly journalBytes: number;
  readonly volumes: readonly VolumeStatus[];
  /** Of time or money that ends soon. */
  readonly warnings: readonly Warning[];
}

/** Asks every provider. @param warnWithin epochs in which what ends is told of */
export async function statusOf(parts: Parts, signal: AbortSignal | undefined, warnWithin: number): Promise<Status> {
  const { market, account, catalogue, volumes, segments, journal, versions } = parts;
  const [tokens, decimals, gas, block] = await Promise.all([
    market.tokenBalance(account.address),
    market.tokenDecimals(),
    market.gasBalance(account.address),
    market.blockNumber(),
  ]);
  let [files, bytes] = [0, 0];
  for (const entry of catalogue.list("")) {
    files++;
    bytes += entry.bytes;
  }
  const standings: VolumeStatus[] = [];
  const { health } = await parts.home.readConfig();
  for (const volume of volumes.all()) {
    const given = { slabs: catalogue.slabCount(volume.id), provedEpochs: health.epochs };
    standings.push(await standingOf(parts, volume, given, signal));
  }
  return {
    ...{ account: account.address, tokens, decimals, gas, epoch: market.epochs.at(block), files, bytes },
    earlier: versions.cost(),
    ...{ unfinished: segments.unfinished(), journalBytes: await journal.size(), volumes: standings },
    warnings: await warningsOf(parts, volumes.all(), warnWithin),
  };
}
