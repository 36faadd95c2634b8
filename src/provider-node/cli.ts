/** `sublet provider`: arguments, passwords and printing only. Failures are thrown as SubletExceptions. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { type Logger, pino } from "pino";
import { bytesToHex, formatUnits, type Hex, parseUnits } from "viem";
import { readKeystore } from "../chain/Keystore.ts";
import { Market } from "../chain/Market.ts";
import { DealState, LEDGER_ONE, MarketReader } from "../chain/MarketReader.ts";
import { readPassword } from "../chain/Password.ts";
import { SubletException } from "../protocol/Errors.ts";
import { toJson } from "../protocol/Json.ts";
import { leave } from "./Leaving.ts";
import type { ProviderConfig } from "./main.ts";
import { checkSettings, Folder, keepingOf, parseMarket, parseSize, policyOf, type Settings } from "./Settings.ts";
import { DEFAULTS, setUp } from "./Setup.ts";

interface Flags {
  readonly home?: string;
  readonly json?: boolean;
  readonly passwordFile?: string;
  readonly rpc?: string;
  readonly market?: string;
  readonly listen?: string[];
  readonly announce?: string[];
  readonly price?: string;
  readonly egressPrice?: string;
  readonly minSectors?: string;
  readonly quota?: string;
  readonly stake?: string;
  readonly operator?: string;
  readonly region?: string;
  readonly metricsPort?: string;
  readonly logLevel?: string;
}

export function providerCommand(): Command {
  const provider = new Command("provider").description("store other people's data for tokens");
  provider.addCommand(
    withPrices(withHome(new Command("init")))
      .description("make a key and settings in an empty folder")
      .requiredOption("--rpc <url>", "the chain's JSON-RPC address")
      .requiredOption("--market <address>", "the market's address")
      .action((_: unknown, command: Command) => init(command.optsWithGlobals<Flags>())),
  );
  provider.addCommand(
    withPrices(withHome(new Command("run")))
      .description("stake, announce, serve and prove until it is told to stop")
      .option("--rpc <url>", "the chain's JSON-RPC address, if another")
      .option("--market <address>", "the market's address, if another")
      .addOption(
        new Option("--log-level <level>", "what to log").choices(["debug", "info", "warn", "error"]).default("info"),
      )
      .action((_: unknown, command: Command) => run(command.optsWithGlobals<Flags>())),
  );
  provider.addCommand(
    withHome(new Command("status"))
      .description("what the chain knows of this provider")
      .action((_: unknown, command: Command) => status(command.optsWithGlobals<Flags>())),
  );
  provider.addCommand(
    withHome(new Command("exit"))
      .description(
        "give notice to all deals, close what has ended, take the money home; repeat it until nothing remains",
      )
      .action((_: unknown, command: Command) => exit(command.optsWithGlobals<Flags>())),
  );
  return provider;
}

function withHome(command: Command): Command {
  return command
    .option("--home <folder>", "where the provider lives (SUBLET_HOME/provider, ~/.sublet/provider)")
    .addOption(new Option("--data-dir <folder>", "the same").hideHelp())
    .on("option:data-dir", (folder: string) => command.setOptionValue("home", folder))
    .option("--password-file <file>", "the keystore's password; else SUBLET_PASSWORD, else it is asked for")
    .option("--json", "print one JSON document");
}

function withPrices(command: Command): Command {
  return command
    .option("--listen <multiaddr...>", `where to listen (${DEFAULTS.listen})`)
    .option("--announce <multiaddr...>", "what to tell others, if they reach it elsewhere")
    .option("--price <tokens>", `for 10^12 bytes and 30 epochs (${DEFAULTS.price})`)
    .option("--egress-price <tokens>", `for 10^12 bytes sent out (${DEFAULTS.egressPrice})`)
    .option("--min-sectors <count>", `billed even if empty (${DEFAULTS.minSectors})`)
    .option("--quota <size>", "how much disk to offer (10GiB)")
    .option("--stake <tokens>", `to have in the market (${DEFAULTS.stake})`)
    .option("--operator <name>", "who runs it (its address)")
    .option("--region <name>", `where it stands (${DEFAULTS.region})`)
    .option("--metrics-port <port>", "serve /metrics and /healthz on 127.0.0.1");
}

// ---------------------------------------------------------------- the commands

async function init(flags: Flags): Promise<void> {
  const home = folderOf(flags).path;
  const { address, rpcUrl, chainId, market, stake } = await setUp({
    ...{ home, rpcUrl: flags.rpc!, market: parseMarket(flags.market!), settings: said(flags) },
    password: () => readPassword(flags.passwordFile, true),
  });
  print(flags, { address, home, rpcUrl, chainId, market, stake }, () => [
    `A provider lives in ${home} now. Its address is ${address}.`,
    `Send it ${stake} tokens to stake and some gas, then: sublet provider run --home ${home}`,
  ]);
}

async function run(flags: Flags): Promise<void> {
  const folder = folderOf(flags);
  const settings = checkSettings({ ...(await folder.read()), ...said(flags) });
  const account = bytesToHex(await readKeystore(folder.keystoreFile, await readPassword(flags.passwordFile, false)));
  const log = pino({ level: flags.logLevel ?? "info" }, pino.destination({ dest: 2, sync: true }));
  if (settings.leaving) log.warn("on its way out: no new deals and no new stake (config.json: leaving)");
  const config = await configOf(folder, settings, account, log);
  // Only here: neither a refusal nor the other commands need the network, and they take half the time without it.
  const { ProviderNode } = await import("./main.ts");
  const node = await ProviderNode.start(config);
  const { address, peerId, multiaddrs, metricsUrl } = node;
  // Whoever reads that it serves may stop it at once.
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, resolve);
  });
  log.info({ address, multiaddrs, metricsUrl }, "serving");
  print(flags, { address, peerId, multiaddrs, metricsUrl, dataDir: folder.dataDir, pid: process.pid }, () => [
    `Provider ${address} serves at ${multiaddrs.join(" ")}. Stop it with Ctrl-C.`,
  ]);
  log.info({ signal: await stopped }, "stopping");
  await node.stop();
  log.info("stopped");
}

async function status(flags: Flags): Promise<void> {
  const settings = await folderOf(flags).read();
  const chain = await MarketReader.connect(settings);
  const provider = settings.address as Hex;
  const [standing, free, held, decimals, block] = await Promise.all([
    chain.provider(provider),
    chain.freeBalance(provider),
    chain.unclosedDeals(provider),
    chain.tokenDecimals(),
    chain.blockNumber(),
  ]);
  const epoch = chain.epochs.at(block);
  const tokens = (units: bigint): string => formatUnits(units / LEDGER_ONE, decimals);
  const locked = held.reduce((sum, { collateral }) => sum + collateral, 0n);
  const deals = held.map(({ id, slot, client, state, sectors, capacity, stopAt, misses }) => {
    return { id, slot, client, state: STATES[state]!, sectors, capacity, stopAt, misses };
  });
  const [provenBefore, provenNow] = [
    epoch > 1 && (await chain.proven(provider, epoch - 1)),
    await chain.proven(provider, epoch),
  ];
  const registered = standing.penaltyRate > 0n;
  const document = {
    ...{ address: provider, registered, epoch, provenBefore, provenNow, sectors: standing.sectors },
    ...{ balance: tokens(free + locked), locked: tokens(locked), free: tokens(free), deals },
  };
  print(flags, document, () => [
    `Provider ${provider}${registered ? "" : ", not registered yet"}`,
    `epoch ${epoch}: ${provenNow ? "proven" : "not proven yet"}; the one before: ${provenBefore ? "proven" : "not proven"}`,
    `${document.balance} tokens in the market, ${document.locked} of them locked; ${standing.sectors} sectors committed`,
    ...deals.map(
      (deal) => `${deal.id} ${deal.state}, ${deal.sectors} of ${deal.capacity} sectors, until epoch ${deal.stopAt}`,
    ),
  ]);
}

async function exit(flags: Flags): Promise<void> {
  const folder = folderOf(flags);
  const settings = await folder.read();
  const account = bytesToHex(await readKeystore(folder.keystoreFile, await readPassword(flags.passwordFile, false)));
  const chain = await Market.connect({ ...settings, account });
  // Written first: a provider that is started again must not stake what is being taken home.
  await folder.write({ ...settings, leaving: true });
  const { resigned, pruned, closed, withdrawn, remaining } = await leave(chain);
  const taken = formatUnits(withdrawn, await chain.tokenDecimals());
  const last = Math.max(0, ...remaining.map(({ closesIn }) => closesIn));
  print(flags, { done: remaining.length === 0, resigned, pruned, closed, withdrawn: taken, remaining }, () => [
    `${resigned} deals were given notice, ${pruned} ended, ${closed} closed; ${taken} tokens came home.`,
    remaining.length === 0
      ? "Nothing remains: this provider may be switched off."
      : `${remaining.length} deals remain. Keep it running, and repeat this in epoch ${last}.`,
  ]);
}

// ---------------------------------------------------------------- what they share

const STATES = Object.fromEntries(Object.entries(DealState).map(([name, state]) => [state, name.toLowerCase()]));

function folderOf({ home }: Flags): Folder {
  return new Folder(resolve(home ?? join(process.env.SUBLET_HOME ?? join(homedir(), ".sublet"), "provider")));
}

/** The settings among the flags. @throws BadArgument */
function said(flags: Flags): Partial<Settings> {
  const { listen, announce, price, egressPrice, stake, operator, region } = flags;
  const texts = { listen, announce, price, egressPrice, stake, operator, region, rpcUrl: flags.rpc };
  return {
    ...Object.fromEntries(Object.entries(texts).filter(([, value]) => value !== undefined)),
    ...(flags.market !== undefined && { market: parseMarket(flags.market) }),
    ...(flags.quota !== undefined && { quotaBytes: parseSize(flags.quota) }),
    ...(flags.minSectors !== undefined && { minSectors: wholeNumber("--min-sectors", flags.minSectors, 2 ** 24) }),
    ...(flags.metricsPort !== undefined && { metricsPort: wholeNumber("--metrics-port", flags.metricsPort, 65_535) }),
  };
}

async function configOf(folder: Folder, settings: Settings, account: Hex, log: Logger): Promise<ProviderConfig> {
  const { rpcUrl, market, chainId, listen, announce, quotaBytes, stake, metricsPort, leaving } = settings;
  const chain = await MarketReader.connect({ rpcUrl, market, chainId });
  const decimals = await chain.tokenDecimals();
  const policy = policyOf(settings, chain.parameters, decimals);
  return {
    ...{ dataDir: folder.dataDir, rpcUrl, market, chainId, account, listen, policy, keeping: keepingOf(policy) },
    ...{ quotaBytes, stake: parseUnits(stake, decimals), log },
    ...(announce && { announce }),
    ...(metricsPort !== undefined && { metricsPort }),
    ...(leaving !== undefined && { leaving }),
  };
}

function wholeNumber(name: string, value: string, most: number): number {
  if (/^\d+$/.test(value) && Number(value) <= most) return Number(value);
  throw new SubletException({ code: "BadArgument", name, value, reason: `it is a whole number up to ${most}` });
}

function print(flags: Flags, document: object, lines: () => string[]): void {
  const text = flags.json ? toJson(document) : lines().join("\n");
  process.stdout.write(`${text}\n`);
}
