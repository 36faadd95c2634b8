/** Being a provider of a market: registered with a penalty rate, with a stake, and announced. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { bytesToHex } from "viem";
import type { Market } from "../chain/Market.ts";
import { LEDGER_ONE } from "../chain/MarketReader.ts";
import { type Announcement, encodeAnnouncement } from "../protocol/Announcement.ts";
import { SubletException } from "../protocol/Errors.ts";

type Chain = Pick<
  Market,
  | "sender"
  | "address"
  | "parameters"
  | "provider"
  | "freeBalance"
  | "unclosedDeals"
  | "register"
  | "deposit"
  | "announce"
  | "requireFunds"
>;

/** Registering, depositing and announcing together take less. */
const FIRST_GAS = 500_000n;

/** The lowest even penalty rate that lets deals be offered at `rate`. */
export function leastPenaltyRate(rate: bigint, multiplier: number): bigint {
  const least = rate * BigInt(multiplier);
  return least + (least % 2n);
}

/**
 * Registers the account if it is not a provider yet, and stakes what is missing to `stake` (token base units).
 * Answers the penalty rate in force, in ledger units.
 * @throws SubletException InsufficientFunds (of tokens, gas or both: how much is missing), BadArgument
 */
export async function enroll(chain: Chain, rate: bigint, wanted: bigint, stake: bigint, log: Logger): Promise<bigint> {
  const { sender, parameters } = chain;
  const standing = await chain.provider(sender);
  const registered = standing.penaltyRate > 0n;
  let held = await chain.freeBalance(sender);
  for (const { collateral } of await chain.unclosedDeals(sender)) held += collateral;
  const missing = stake - held / LEDGER_ONE;
  if (!registered || missing > 0n) await chain.requireFunds(missing, FIRST_GAS);
  let { penaltyRate } = standing;
  if (!registered || (penaltyRate !== wanted && standing.deals === 0)) {
    await chain.register(sender, wanted);
    penaltyRate = wanted;
    log.info({ provider: sender, penaltyRate: `${wanted}` }, "registered");
  }
  if (rate * BigInt(parameters.multiplier) > penaltyRate) {
    const reason = `the penalty rate ${penaltyRate} stays until all deals are closed and stands for less; ask less`;
    throw new SubletException({ code: "BadArgument", name: "price", value: `${rate}`, reason });
  }
  if (missing > 0n) {
    await chain.deposit(sender, missing);
    log.info({ provider: sender, amount: `${missing}` }, "staked");
  }
  return penaltyRate;
}

/** Announces unless the same was announced from here before; `freeSectors` changes too often to count. */
export async function announce(
  chain: Chain,
  announcement: Announcement,
  directory: string,
  log: Logger,
): Promise<void> {
  const file = join(directory, "announced.json");
  const data = bytesToHex(encodeAnnouncement(announcement));
  const lasting = bytesToHex(encodeAnnouncement({ ...announcement, freeSectors: 0 }));
  const said = JSON.stringify({ market: chain.address, lasting });
  if ((await readFile(file, "utf8").catch(() => "")) === said) return;
  await chain.announce(data);
  await writeFile(`${file}.new`, said);
  await rename(`${file}.new`, file);
  log.info({ addrs: announcement.addrs }, "announced");
}
