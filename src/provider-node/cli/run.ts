import { join } from "node:path";
import type { Command } from "commander";
import { type Logger, pino } from "pino";
import { type Hex, isAddressEqual, parseUnits } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { MarketReader } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { gasLimitsOf } from "../Gas.ts";
import type { Home } from "../Home.ts";
import type { ProviderConfig } from "../ProviderConfig.ts";
import { boundsOf, keepingOf, policyOf, relayOf } from "../pricing/Prices.ts";
import type { Settings } from "../Settings.ts";
import { STORE_FILE } from "../storage/Database.ts";
import { nodeDisk } from "../storage/Disk.ts";
import { foldersOf } from "../Values.ts";
import {
  command,
  type Flags,
  homeOf,
  keyOf,
  print,
  type Shell,
  settingsOf,
  withPassword,
  withSettings,
} from "./Shell.ts";

/** So much of the stake is free in a provider that takes deals, unless its operator thinks otherwise. */
const STAKE_PART = 10n;

export function runCommand(shell: Shell): Command {
  return withSettings(withPassword(command("run", "stake, announce, serve and prove until it is told to stop"))).action(
    (_: unknown, own: Command) => run(own.optsWithGlobals<Flags>(), shell),
  );
}

async function run(flags: Flags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const settings = await settingsOf(home, flags, shell);
  const account = await keyOf(home, flags);
  const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }));
  const config = await configOf(home, settings, account, log);
  const node = await shell.start(config);
  await home.remember({ begun: true });
  const { address, peerId, multiaddrs, metricsUrl } = node;
  // Whoever reads that it serves may stop it at once.
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, resolve);
  });
  log.info({ address, multiaddrs, metricsUrl }, "serving");
  print(flags, { address, peerId, multiaddrs, metricsUrl, dataDir: config.dataDir, pid: process.pid }, () => [
    `Provider ${address} serves at ${multiaddrs.join(" ")}. Stop it with Ctrl-C.`,
  ]);
  log.info({ signal: await stopped }, "stopping");
  await node.stop();
  log.info("stopped");
}

async function configOf(home: Home, settings: Settings, account: Hex, log: Logger): Promise<ProviderConfig> {
  const { rpcUrl, market, chainId, address, listen, announce, bootnodes, circuitRelays, quotaBytes } = settings;
  const { stake, metricsPort } = settings;
  if (listen.length === 0 && !circuitRelays) {
    const reason = "without circuit-relays it would be reached nowhere";
    throw new SubletException({ code: "BadArgument", name: "listen", value: "", reason });
  }
  const chain = await MarketReader.connect({ rpcUrl, market, chainId });
  const decimals = await chain.tokenDecimals();
  const policy = policyOf(settings, chain.parameters, decimals);
  const relay = relayOf(settings, decimals);
  const follow = boundsOf(settings, decimals);
  const { leaving, begun, old } = await home.state();
  const dataDir = await home.dataDir();
  const store = join(dataDir, STORE_FILE);
  if (begun && (await nodeDisk.size(store)) === undefined) {
    const reason = "it is not there, and this provider has stored before: is its disk mounted?";
    throw new SubletException({ code: "StateCorrupt", file: store, reason });
  }
  if (old !== null) log.warn({ folder: old }, "a move has left data behind: sublet provider move removes them");
  if (leaving) log.warn("on its way out: no new deals and no new stake (state.json: leaving)");
  return {
    ...{ dataDir, rpcUrl, market, chainId, account, listen, policy, keeping: keepingOf(policy) },
    ...{ quotaBytes, stake: parseUnits(stake, decimals), leaving, log },
    ...{ folders: foldersOf(settings.folders), alerts: alertsOf(settings, decimals), gas: gasLimitsOf(settings) },
    ...(announce && { announce }),
    ...(bootnodes && { bootnodes }),
    ...(circuitRelays && { circuitRelays }),
    ...(relay && { relay }),
    ...(!isAddressEqual(privateKeyToAddress(account), address) && { owner: address }),
    ...(follow && { follow }),
    ...(metricsPort !== undefined && { metricsPort }),
  };
}

function alertsOf({ alertCommand, alertWebhook, alertStake, alertDiskBytes, stake }: Settings, decimals: number) {
  const freeStake =
    alertStake === undefined ? parseUnits(stake, decimals) / STAKE_PART : parseUnits(alertStake, decimals);
  return {
    limits: { freeStake, diskBytes: alertDiskBytes },
    ...(alertCommand !== undefined && { command: alertCommand }),
    ...(alertWebhook !== undefined && { webhook: alertWebhook }),
  };
}
