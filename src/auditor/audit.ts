/** The auditor: whether a market kept its rules, told from the chain alone, and whether its providers hold what they say. */
import { type Address, type EIP1193RequestFn, zeroAddress } from "viem";
import { MarketReader } from "../chain/MarketReader.ts";
import { SubletException } from "../protocol/Errors.ts";
import { Comparison } from "./Comparison.ts";
import { recordOf } from "./Record.ts";
import { Replay } from "./Replay.ts";
import type { Report } from "./Report.ts";
import { spotCheck } from "./SpotCheck.ts";
import { sectorsOf } from "./State.ts";

export interface AuditOptions {
  readonly rpcUrl: string;
  readonly market: Address;
  /** What the node has to be on; any chain if left out. */
  readonly chainId?: number;
  /** Whether to ask providers over the wire; they are asked unless this is false. */
  readonly spotCheck?: boolean;
  readonly signal?: AbortSignal;
  /** See the chain room's Connection: a node inside the same process. */
  readonly request?: EIP1193RequestFn;
}

/** A reorganisation in the midst of an audit makes it begin again, so often at most. */
const ATTEMPTS = 3;

/**
 * Replays the market up to the newest block, compares its views with what comes out, and spot-checks every provider
 * that has sectors.
 * @throws SubletException ChainUnavailable, WrongChain, NotAMarket, TransactionFailed (the node lacks what is needed)
 */
export async function audit(options: AuditOptions): Promise<Report> {
  const { rpcUrl, market, chainId, request, signal } = options;
  const reader = await MarketReader.connect({
    rpcUrl,
    market,
    ...(chainId !== undefined && { chainId }),
    ...(request && { request }),
  });
  for (let attempt = 1; ; attempt++) {
    const { number: block, hash } = await reader.block();
    const replay = new Replay(reader);
    await replay.run(block);
    const comparison = new Comparison(reader, replay, block);
    await comparison.run();
    if ((await reader.block(block)).hash === hash) {
      const checks = options.spotCheck === false ? [] : await spotCheck(reader, holders(replay), signal);
      return report(reader, replay, comparison, block, checks);
    }
    if (attempt === ATTEMPTS) {
      const reason = `block ${block} was replaced while it ran, ${ATTEMPTS} times; audit again when the chain is calm`;
      throw new SubletException({ code: "TransactionFailed", call: "audit", reason });
    }
  }
}

/** Providers that have sectors to show. */
function holders({ state }: Replay): Address[] {
  return [...state.providers.values()].filter((each) => sectorsOf(each) > 0).map(({ address }) => address);
}

function report(
  reader: MarketReader,
  replay: Replay,
  comparison: Comparison,
  block: bigint,
  spotChecks: Report["spotChecks"],
): Report {
  const epoch = reader.epochs.at(block);
  const differences = [...replay.found, ...comparison.differences];
  const registered = [...replay.state.providers.values()].filter(({ signer }) => signer && signer !== zeroAddress);
  return {
    ok: differences.length === 0 && spotChecks.every(({ ok }) => ok),
    chainId: reader.chainId,
    market: reader.address,
    block: `${block}`,
    epoch,
    checked: { ...replay.tally, views: comparison.views },
    burnt: `${replay.state.burnt}`,
    providers: registered.map((provider) => recordOf(provider, epoch)),
    differences,
    spotChecks,
  };
}
