/** Being a provider of a market: registered with a penalty rate, with a stake, and announced. */
import { join } from "node:path";
import type { Logger } from "pino";
import { bytesToHex } from "viem";
import type { Market } from "../chain/Market.ts";
import { LEDGER_ONE } from "../chain/MarketReader.ts";
import { type Announcement, encodeAnnouncement } from "../protocol/Announcement.ts";
import { SubletException } from "../protocol/Errors.ts";
import { readText, replaceFile } from "./Durable.ts";

type Chain = Pick<
  Market,
  "sender" | "address" | "parameters" | "provider" | "account" | "register" | "deposit" | "announce" | "requireFunds"
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
  const { balance } = await chain.account(sender);
  const missing = stake - balance / LEDGER_ONE;
  if (!registered) await chain.requireFunds(missing, FIRST_GAS);
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
    await unlessItCanWait(standing.deals, log, "the stake could not be topped up", async () => {
      await chain.requireFunds(missing, FIRST_GAS);
      await chain.deposit(sender, missing);
      log.info({ provider: sender, amount: `${missing}` }, "staked");
    });
  }
  return penaltyRate;
}

/**
 * Whether `work` was done. Without money for it a provider that has deals goes on all the same: not proving them would cost
 * more than what is left undone.
 */
export async function unlessItCanWait(
  deals: number,
  log: Logger,
  undone: string,
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (deals === 0 || !SubletException.is(error, "InsufficientFunds", "GasHeld")) throw error;
    log.warn({ err: error }, `${undone}; the deals that there are go on`);
    return false;
  }
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
  if ((await readText(file)) === said) return;
  await chain.announce(data);
  await replaceFile(file, said);
  log.info({ addrs: announcement.addrs }, "announced");
}
