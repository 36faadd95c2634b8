/** `sublet relay`: arguments, passwords and printing only. Failures are thrown as SubletExceptions. */
import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { pino } from "pino";
import { bytesToHex, formatUnits, type Hex, parseUnits } from "viem";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { encryptKeystore, readKeystore } from "../chain/Keystore.ts";
import { Market } from "../chain/Market.ts";
import { marketAddress } from "../chain/MarketAddress.ts";
import { LEDGER_ONE } from "../chain/MarketReader.ts";
import { readPassword } from "../chain/Password.ts";
import { SubletException } from "../protocol/Errors.ts";
import { toJson } from "../protocol/Json.ts";
import { ledgerUnits, Relay } from "./Relay.ts";
import { listen } from "./Service.ts";

interface Flags {
  readonly home?: string;
  readonly json?: boolean;
  readonly passwordFile?: string;
  readonly rpc: string;
  readonly market: string;
  readonly listen: string;
  readonly tip: string;
  readonly gasPerTip: string;
  readonly newcomers: string;
  readonly logLevel: string;
}

export function relayCommand(): Command {
  const relay = new Command("relay").description("send calls for hosts without gas, for their tips");
  relay
    .addCommand(command("init", "make a key, which pays the gas and gets the tips").action(init))
    .addCommand(
      onMarket(command("run", "serve hosts until it is told to stop"))
        .option("--listen <host:port>", "where to serve, over plain HTTP", "127.0.0.1:4100")
        .option("--tip <tokens>", "for each epoch that a host proves", "0.01")
        .option("--gas-per-tip <gas>", "spent for a host between two of its tips, at most", "6000000")
        .option("--newcomers <count>", "hosts taken in an epoch that are not registered yet", "16")
        .addOption(
          new Option("--log-level <level>", "what to log")
            .choices(["debug", "info", "warn", "error"])
            .env("SUBLET_RELAY_LOG_LEVEL")
            .default("info"),
        )
        .action(run),
    )
    .addCommand(onMarket(command("collect", "take the tips home")).action(collect));
  return relay;
}

function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--home <folder>", "where its keystore.json lies (SUBLET_HOME/relay, ~/.sublet/relay)")
    .option("--password-file <file>", "the keystore's password; else SUBLET_PASSWORD, else it is asked for")
    .option("--json", "print one JSON document");
}

function onMarket(to: Command): Command {
  return to
    .requiredOption("--rpc <url>", "the chain's JSON-RPC address")
    .requiredOption("--market <address>", "the market's address, or deployment file");
}

async function init(flags: Flags): Promise<void> {
  const file = keystoreOf(flags);
  const privateKey = generatePrivateKey();
  const address = privateKeyToAddress(privateKey);
  const keystore = await encryptKeystore({ address, privateKey }, await readPassword(flags.passwordFile, true));
  await mkdir(resolve(file, ".."), { recursive: true, mode: 0o700 });
  await writeFile(file, `${keystore}\n`, { flag: "wx", mode: 0o600, flush: true }).catch((cause) => {
    throw new SubletException(
      { code: "BadArgument", name: "--home", value: file, reason: `${cause.message}` },
      { cause },
    );
  });
  print(
    flags,
    { address, keystore: file },
    () => `The relay's address is ${address}: send it gas, then sublet relay run.`,
  );
}

async function run(flags: Flags): Promise<void> {
  const [, host = "", port = ""] = /^(.+):(\d{1,5})$/.exec(flags.listen) ?? [];
  if (host === "" || Number(port) > 65_535) throw bad("--listen", flags.listen, "write it as host:port");
  const [gasPerTip, newcomers] = [whole("--gas-per-tip", flags.gasPerTip), whole("--newcomers", flags.newcomers)];
  if (!/^\d{1,30}(\.\d{1,30})?$/.test(flags.tip)) throw bad("--tip", flags.tip, "it is a decimal number, such as 0.01");
  const market = await marketOf(flags);
  if (!market.forwarder) throw bad("--market", flags.market, "it names no forwarder, so nothing can be relayed");
  const leastTip = ledgerUnits(parseUnits(flags.tip, await market.tokenDecimals()));
  const log = pino({ level: flags.logLevel }, pino.destination({ dest: 2, sync: true }));
  const terms = { leastTip, gasPerTip: BigInt(gasPerTip), newcomersPerEpoch: newcomers };
  const relay = new Relay(market, terms, log);
  const service = await listen(relay, host.replace(/^\[(.*)\]$/, "$1"), Number(port), log);
  const stopped = new Promise<NodeJS.Signals>((done) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, done);
  });
  print(flags, { ...relay.facts, url: service.url, pid: process.pid }, () => {
    return `Relay ${market.sender} serves at ${service.url} for ${flags.tip} tokens an epoch. Stop it with Ctrl-C.`;
  });
  log.info({ signal: await stopped }, "stopping");
  await service.close();
}

async function collect(flags: Flags): Promise<void> {
  const market = await marketOf(flags);
  const amount = (await market.freeBalance(market.sender)) / LEDGER_ONE;
  if (amount > 0n) await market.withdraw(amount, market.sender);
  const tokens = formatUnits(amount, await market.tokenDecimals());
  print(flags, { address: market.sender, tokens }, () => `${tokens} tokens came home to ${market.sender}.`);
}

async function marketOf(flags: Flags): Promise<Market> {
  const market = marketAddress("--market", flags.market);
  const account: Hex = bytesToHex(await readKeystore(keystoreOf(flags), await readPassword(flags.passwordFile, false)));
  return Market.connect({ rpcUrl: flags.rpc, market, account });
}

function keystoreOf({ home }: Flags): string {
  const parent = process.env.SUBLET_HOME ?? join(homedir(), ".sublet");
  return join(resolve(home ?? join(parent, "relay")), "keystore.json");
}

function whole(name: string, value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw bad(name, value, "it is a whole number");
}

function bad(name: string, value: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value, reason });
}

function print(flags: Flags, document: object, line: () => string): void {
  process.stdout.write(`${flags.json ? toJson(document) : line()}\n`);
}
