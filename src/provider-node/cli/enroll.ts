import type { Command } from "commander";
import { pino } from "pino";
import { parseUnits } from "viem";
import { Market } from "../../chain/Market.ts";
import { announceFor, enroll, leastPenaltyRate, rotate } from "../Membership.ts";
import { boundsOf, policyOf } from "../pricing/Prices.ts";
import { refill } from "../Refilling.ts";
import { command, homeOf, type OwnerFlags, ownerKeyOf, print, type Shell, settingsOf, withOwner } from "./Shell.ts";

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
  const chain = await Market.connect({ ...settings, account });
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  const provider = chain.sender;
  const decimals = await chain.tokenDecimals();
  const rate = boundsOf(settings, decimals)?.mostRate ?? policyOf(settings, chain.parameters, decimals).rate;
  const wanted = leastPenaltyRate(rate, chain.parameters.multiplier);
  await enroll(chain, { provider, signer }, rate, wanted, parseUnits(settings.stake, decimals), log);
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
