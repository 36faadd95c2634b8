import type { Command } from "commander";
import { pino } from "pino";
import { parseUnits } from "viem";
import { announceFor, enroll, leastPenaltyRate, rotate, tipFor } from "../Membership.ts";
import { boundsOf, policyOf, relayOf } from "../pricing/Prices.ts";
import { refill } from "../Refilling.ts";
import {
  command,
  homeOf,
  marketFor,
  type OwnerFlags,
  ownerKeyOf,
  print,
  type Shell,
  settingsOf,
  withOwner,
} from "./Shell.ts";

export function enrollCommand(shell: Shell): Command {
  const what = "do what only the owner's key may: register, stake, name the signer, announce, refill collateral";
  return withOwner(command("enroll", what)).action((_: unknown, own: Command) =>
    enrollProvider(own.optsWithGlobals<OwnerFlags>(), shell),
  );
}

async function enrollProvider(flags: OwnerFlags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const settings = await settingsOf(home, flags, shell);
  const signer = await home.signer();
  const account = await ownerKeyOf(home, settings, flags);
  const chain = await marketFor(settings, account);
  const decimals = await chain.tokenDecimals();
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  const provider = chain.sender;
  const tip = tipFor(chain, relayOf(settings, decimals)?.tip);
  const rate = boundsOf(settings, decimals)?.mostRate ?? policyOf(settings, chain.parameters, decimals).rate;
  const penaltyRate = leastPenaltyRate(rate, chain.parameters.multiplier);
  const stake = parseUnits(settings.stake, decimals);
  await enroll(chain, { provider, signer }, { rate, penaltyRate, stake, ...(tip && { tip }) }, log);
  const signsFrom = await rotate(chain, { provider, signer });
  const announced = await announceFor(chain, await home.dataDir());
  const refilled = await refill(chain);
  print(
    flags,
    { address: provider, signer, ...(signsFrom !== undefined && { signsFrom }), announced, refilled },
    () => [
      `${provider} is a provider; ${signer} signs for it${signsFrom === undefined ? "" : ` from epoch ${signsFrom} on, and the key before it until then`}.`,
      announced
        ? "It is announced where it listens."
        : "There was nothing new to announce; when it says so, repeat this.",
      ...(refilled.length > 0 ? [`The collateral of ${refilled.length} deals was refilled.`] : []),
    ],
  );
}
