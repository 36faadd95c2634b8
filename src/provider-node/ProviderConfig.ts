/** What a provider is started with. */
import type { Logger } from "pino";
import type { Address, EIP1193RequestFn, Hex, LocalAccount } from "viem";
import type { NodeOptions } from "../network/Node.ts";
import type { AlertChannels } from "./alerts/Alerts.ts";
import type { Limits, WatchOptions } from "./alerts/Watch.ts";
import type { GasLimits } from "./Gas.ts";
import type { Bounds } from "./pricing/Following.ts";
import type { Policy } from "./pricing/Policy.ts";
import type { KeepingPolicy } from "./proving/Keeper.ts";
import type { FolderQuota } from "./storage/Folders.ts";

export interface ProviderConfig {
  /** Where everything is kept; used by one process at a time. */
  readonly dataDir: string;
  readonly rpcUrl: string;
  readonly market: Address;
  readonly chainId?: number;
  /** Answers in place of `rpcUrl`: a chain inside the same process. */
  readonly request?: EIP1193RequestFn;
  /** Milliseconds between two looks at the chain. */
  readonly pollMs?: number;
  /** Signs and pays the gas. */
  readonly account: LocalAccount | Hex;
  /** Whose stake it is, where that key is kept elsewhere; `account`'s own if left out. */
  readonly owner?: Address;
  /** Multiaddrs to listen on. */
  readonly listen: readonly string[];
  /** Multiaddrs to announce, if others than those it listens on; with relays, besides theirs. */
  readonly announce?: readonly string[];
  /** Through whom it is found where what it announced is out of date, each ending in /p2p/ and a peer id. */
  readonly bootnodes?: readonly string[];
  /** Relays that bring it callers where nobody can reach it, each ending in /p2p/ and a peer id. */
  readonly circuitRelays?: readonly string[];
  readonly policy: Policy;
  /** Its rate follows the market's within these; fixed if left out. */
  readonly follow?: Bounds;
  readonly keeping: KeepingPolicy;
  /** Bytes of sectors in `dataDir`. */
  readonly quotaBytes: number;
  /** More room, on other disks. */
  readonly folders?: readonly FolderQuota[];
  /** Token base units to have in the market. */
  readonly stake: bigint;
  /** Ledger units per missed sector-epoch; the least that the price allows if left out. */
  readonly penaltyRate?: bigint;
  /** Blocks after which nothing is taken back; {@link usualFinalBlocks} if left out. */
  readonly finalBlocks?: number;
  /** On 127.0.0.1; none if left out. */
  readonly metricsPort?: number;
  /** No new deals and no new stake: the provider is on its way out. */
  readonly leaving?: boolean;
  readonly alerts?: AlertsConfig;
  readonly gas?: GasLimits;
  /** Sends and pays for the account's calls, for a tip in ledger units for each epoch that is proved. */
  readonly relay?: { readonly url: string; readonly tip: bigint };
  readonly log: Logger;
  /** Ends it, as `stop` does; one that is still starting ends what it began, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Where alerts go besides the log, and from when on; see {@link WatchOptions}. */
export interface AlertsConfig extends AlertChannels, Pick<WatchOptions, "lookMs" | "silentMs"> {
  readonly limits?: Limits;
}

/** Where it is called, and how it is found. */
export function reachedBy(config: ProviderConfig): NodeOptions {
  const { listen, announce = [], bootnodes, circuitRelays: relays, log } = config;
  const answers = listen.length > 0 ? "when reachable" : "never";
  const onRelay = (relay: string, failure?: unknown): void => {
    if (failure === undefined) log.info({ relay }, "a relay brings callers");
    else log.warn({ relay, err: failure }, "a relay brings no callers; tried again");
  };
  return {
    ...{ listen, announce },
    ...(bootnodes && { discovery: { bootnodes, answers } as const }),
    ...(relays && { circuits: { relays, onRelay } }),
  };
}

const MOST_FINAL_BLOCKS = 64;

/** Beyond any reorganisation that a chain of such epochs is likely to see, and well within one epoch. */
export function usualFinalBlocks({ epochBlocks }: { readonly epochBlocks: bigint }): number {
  return Math.min(MOST_FINAL_BLOCKS, Number(epochBlocks / 8n));
}
