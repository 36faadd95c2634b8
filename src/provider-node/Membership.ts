/** Being a provider of a market: registered with a penalty rate, with a stake, and announced. */
import { join } from "node:path";
import type { Logger } from "pino";
import { type Address, bytesToHex, type Hex, hexToBytes, isAddressEqual, isHex } from "viem";
import { call } from "../chain/Calls.ts";
import type { Market } from "../chain/Market.ts";
import { LEDGER_ONE, type Provider } from "../chain/MarketReader.ts";
import {
  type Announcement,
  AnnouncementError,
  decodeAnnouncement,
  encodeAnnouncement,
} from "../protocol/Announcement.ts";
import { SubletException } from "../protocol/Errors.ts";
import { readText, replaceFile } from "./Durable.ts";

type Chain = Pick<
  Market,
  | "sender"
  | "address"
  | "parameters"
  | "provider"
  | "freeBalance"
  | "unclosedDeals"
  | "register"
  | "setSigner"
  | "deposit"
  | "setTip"
  | "pay"
  | "announce"
  | "events"
  | "requireFunds"
>;

/** Whose stake it is, and whose key signs for it: one account, unless the owner's is kept elsewhere. */
export interface Member {
  readonly provider: Address;
  readonly signer: Address;
}

/** Registering, depositing and announcing together take less. */
const FIRST_GAS = 500_000n;

/** The lowest even penalty rate that lets deals be offered at `rate`. */
export function leastPenaltyRate(rate: bigint, multiplier: number): bigint {
  const least = rate * BigInt(multiplier);
  return least + (least % 2n);
}

/** What a provider is to have on chain. Ledger units, but for the stake: token base units. */
export interface Wanted {
  /** The highest price that it may ask. */
  readonly rate: bigint;
  readonly penaltyRate: bigint;
  readonly stake: bigint;
  /** Paid to a relay for each epoch that it proves. */
  readonly tip?: Tip;
}

export interface Tip {
  readonly relay: Address;
  readonly amount: bigint;
}

/**
 * Registers the provider if it is not one yet, which only its owner's key can, stakes what is missing, and sets the tip. A
 * new one does all of it in one transaction. Answers the penalty rate in force, in ledger units.
 * @throws SubletException InsufficientFunds (of tokens, gas or both: how much is missing), BadArgument
 */
export async function enroll(chain: Chain, member: Member, wanted: Wanted, log: Logger): Promise<bigint> {
  const { sender, parameters } = chain;
  const { provider, signer } = member;
  const standing = await chain.provider(provider);
  const owns = isAddressEqual(sender, provider);
  if (!owns) requireSigner(standing, member);
  let held = await chain.freeBalance(provider);
  for (const { collateral } of await chain.unclosedDeals(provider)) held += collateral;
  const missing = wanted.stake - held / LEDGER_ONE;
  if (standing.penaltyRate === 0n) {
    await chain.requireFunds(missing, FIRST_GAS);
    const calls = [call("register", [signer, wanted.penaltyRate])];
    if (missing > 0n) calls.push(call("deposit", [provider, missing]));
    if (wanted.tip) calls.push(call("setTip", [wanted.tip.relay, wanted.tip.amount]));
    await chain.pay(missing > 0n ? missing : 0n, calls);
    log.info({ provider, penaltyRate: `${wanted.penaltyRate}`, staked: `${missing}` }, "registered");
    return wanted.penaltyRate;
  }
  let { penaltyRate } = standing;
  if (owns && penaltyRate !== wanted.penaltyRate && standing.deals === 0) {
    await chain.register(standing.signer, wanted.penaltyRate);
    penaltyRate = wanted.penaltyRate;
    log.info({ provider, penaltyRate: `${penaltyRate}` }, "registered");
  }
  if (wanted.rate * BigInt(parameters.multiplier) > penaltyRate) {
    const reason = `the penalty rate ${penaltyRate} stays until all deals are closed and stands for less; ask less`;
    throw new SubletException({ code: "BadArgument", name: "price", value: `${wanted.rate}`, reason });
  }
  await setTip(chain, standing, owns, wanted.tip, log);
  if (missing > 0n) {
    // Without the owner's key there is nobody to ask for more.
    await unlessItCanWait(owns ? standing.deals : 1, log, "the stake could not be topped up", async () => {
      await chain.requireFunds(missing, FIRST_GAS);
      await chain.deposit(provider, missing);
      log.info({ provider, amount: `${missing}` }, "staked");
    });
  }
  return penaltyRate;
}

/** The tip to the relay that the chain is reached through, if it is. @throws BadArgument when that asks for more */
export function tipFor({ relay }: Pick<Market, "relay">, most: bigint | undefined): Tip | undefined {
  if (!relay || most === undefined) return undefined;
  if (relay.leastTip <= most) return { relay: relay.relay, amount: most };
  const reason = `the relay asks for ${relay.leastTip} ledger units an epoch`;
  throw new SubletException({ code: "BadArgument", name: "tip", value: `${most}`, reason });
}

async function setTip(
  chain: Chain,
  standing: Provider,
  owns: boolean,
  tip: Tip | undefined,
  log: Logger,
): Promise<void> {
  if (!tip || (isAddressEqual(standing.relay, tip.relay) && standing.tip === tip.amount)) return;
  const said = { relay: tip.relay, tip: `${tip.amount}` };
  if (!owns) log.warn(said, "the owner's key has to set this tip: sublet provider enroll");
  else {
    await chain.setTip(tip.relay, tip.amount);
    log.info(said, "tip set");
  }
}

/** Has another key sign, from the epoch that is answered; undefined: it signs already. For the owner's key. */
export async function rotate(chain: Chain, { provider, signer }: Member): Promise<number | undefined> {
  const before = await chain.provider(provider);
  if (isAddressEqual(before.signer, signer)) return undefined;
  if (!isAddressEqual(before.nextSigner, signer)) await chain.setSigner(signer);
  return (await chain.provider(provider)).nextSignerFrom;
}

/** @throws BadArgument unless the signer's signature counts now */
function requireSigner(standing: Provider, { provider, signer }: Member): void {
  if (isAddressEqual(standing.signer, signer)) return;
  const refuse = (reason: string): never => {
    throw new SubletException({ code: "BadArgument", name: "keystore", value: signer, reason });
  };
  if (isAddressEqual(standing.nextSigner, signer)) {
    refuse(`it signs for ${provider} from epoch ${standing.nextSignerFrom} on; until then run with the key before it`);
  }
  refuse(`${provider} has not made it its signer: sublet provider enroll does, with the owner's key`);
}

/**
 * Whether `work` was done. Without money for it, or its relay's goodwill, a provider that has deals goes on all the same: not proving them would cost
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
    if (deals === 0 || !SubletException.is(error, "InsufficientFunds", "GasHeld", "RelayRefused")) throw error;
    log.warn({ err: error }, `${undone}; the deals that there are go on`);
    return false;
  }
}

/**
 * Announces unless the same was announced from here before; `freeSectors` changes too often to count. Without the owner's
 * key it is laid down for {@link announceFor}.
 */
export async function announce(
  chain: Chain,
  provider: Address,
  announcement: Announcement,
  directory: string,
  log: Logger,
): Promise<void> {
  const data = bytesToHex(encodeAnnouncement(announcement));
  const lasting = lastingOf(announcement);
  if (!isAddressEqual(chain.sender, provider)) {
    if ((await announced(chain, provider)) === lasting) return;
    await replaceFile(join(directory, PENDING), data);
    log.warn({ addrs: announcement.addrs }, "the owner's key has to announce this: sublet provider enroll");
    return;
  }
  const file = join(directory, "announced.json");
  const said = JSON.stringify({ market: chain.address, lasting });
  if ((await readText(file)) === said) return;
  await chain.announce(data);
  await replaceFile(file, said);
  log.info({ addrs: announcement.addrs }, "announced");
}

/** Announces what a provider without its owner's key wants announced. Answers whether there was anything. */
export async function announceFor(chain: Chain, directory: string): Promise<boolean> {
  const data = await readText(join(directory, PENDING));
  if (data === undefined || !isHex(data)) return false;
  if ((await announced(chain, chain.sender)) === lastingOf(decodeAnnouncement(hexToBytes(data)))) return false;
  await chain.announce(data);
  return true;
}

const PENDING = "announcement.hex";

function lastingOf(announcement: Announcement): Hex {
  return bytesToHex(encodeAnnouncement({ ...announcement, freeSectors: 0 }));
}

/** What a provider announced last, but for what does not count; undefined: nothing that can be read. */
async function announced(chain: Chain, provider: Address): Promise<Hex | undefined> {
  let last: Hex | undefined;
  for await (const { args } of chain.events({ names: ["Announced"], subject: [provider] })) last = args.data;
  try {
    return last && lastingOf(decodeAnnouncement(hexToBytes(last)));
  } catch (error) {
    if (error instanceof AnnouncementError) return undefined;
    throw error;
  }
}
