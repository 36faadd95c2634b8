/** The auditor: whether a market kept its rules, told from the chain alone, and whether its providers hold what they say. */
import { type Address, zeroAddress } from "viem";
import type { Connection } from "../chain/Connection.ts";
import { MarketReader } from "../chain/MarketReader.ts";
import { asOfOneBlock } from "./Calm.ts";
import { Comparison } from "./Comparison.ts";
import { recordOf, rowTimes } from "./Record.ts";
import { Replay } from "./Replay.ts";
import type { Report } from "./Report.ts";
import { type Asking, spotCheck } from "./SpotCheck.ts";
import { sectorsOf } from "./State.ts";

export interface AuditOptions extends Connection, Asking {
  /** Whether to ask providers over the wire; they are asked unless this is false. */
  readonly spotCheck?: boolean;
}

/**
 * Replays the market up to the newest block, compares its views with what comes out, and spot-checks every provider
 * that has sectors.
 * @throws SubletException ChainUnavailable, WrongChain, NotAMarket, TransactionFailed (the node lacks what is needed)
 */
export async function audit(options: AuditOptions): Promise<Report> {
  const reader = await MarketReader.connect(options);
  const { replay, comparison, block } = await asOfOneBlock(reader, async (block) => {
    const replay = new Replay(reader);
    await replay.run(block);
    const comparison = new Comparison(reader, replay, block);
    await comparison.run();
    return { replay, comparison, block };
  });
  const checks = options.spotCheck === false ? [] : await spotCheck(reader, holders(replay), options);
  return reportOf(reader, replay, comparison, block, checks);
}

/** Providers that have sectors to show. */
export function holders({ state }: Replay): Address[] {
  return [...state.providers.values()].filter((each) => sectorsOf(each) > 0).map(({ address }) => address);
}

/** What a replay and a comparison as of one block come to. */
export async function reportOf(
  reader: MarketReader,
  replay: Replay,
  comparison: Comparison,
  block: bigint,
  spotChecks: Report["spotChecks"],
): Promise<Report> {
  const epoch = reader.epochs.at(block);
  const differences = [...replay.found, ...comparison.differences];
  const registered = [...replay.state.providers.values()].filter(({ signer }) => signer && signer !== zeroAddress);
  return {
    ok: differences.length === 0 && spotChecks.every(({ ok }) => ok),
    chainId: reader.chainId,
    market: reader.address,
    block: `${block}`,
    epoch,
    began: await rowTimes(reader, epoch),
    checked: { ...replay.tally, views: comparison.views },
    burnt: `${replay.state.burnt}`,
    providers: registered.map((provider) => recordOf(provider, epoch)),
    differences,
    spotChecks,
  };
}
