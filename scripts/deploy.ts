/**
 * Puts a market on a chain: `npm run deploy -- --help`. What is sent is on disk first, so the same command goes on where it
 * was interrupted. Arguments and printing only; scripts/deployment has the rest.
 */
import { join } from "node:path";
import { Command, Option } from "commander";
import { bytesToHex, formatEther, isHex, type LocalAccount, size } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { nodeAt } from "../src/chain/Connection.ts";
import { readKeystore } from "../src/chain/Keystore.ts";
import { addressOf } from "../src/chain/MarketAddress.ts";
import { readPassword } from "../src/chain/Password.ts";
import { tellFailure } from "../src/command-line/failure.ts";
import { SubletException } from "../src/protocol/Errors.ts";
import { toJson } from "../src/protocol/Json.ts";
import { LOCAL_ACCOUNT, LOCAL_CHAINS } from "./deployment/ground.ts";
import { deploy, type Order, type Rehearsal, rehearse } from "./deployment/index.ts";
import { PRESETS, type Preset } from "./deployment/parameters.ts";
import { DEPLOYMENTS, type DeploymentRecord, recordFile } from "./deployment/record.ts";

interface Flags {
  readonly rpc: string;
  readonly chainId?: string;
  readonly keystore?: string;
  readonly passwordFile?: string;
  readonly token?: string;
  readonly testToken?: boolean;
  readonly seedSource?: string;
  readonly preset?: Preset;
  readonly parameters?: string;
  readonly confirmations?: string;
  readonly folder?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const CONFIRMATIONS = 5;

function deployCommand(): Command {
  return new Command("deploy")
    .description("put a market on a chain; the same command goes on where it was interrupted")
    .requiredOption("--rpc <url>", "the chain's JSON-RPC address")
    .option("--chain-id <id>", "the chain's id: nothing is sent to another; needed but on a local chain")
    .option("--keystore <file>", "the account that pays, a V3 keystore; else SUBLET_DEPLOY_KEY has its key")
    .option("--password-file <file>", "the keystore's password; else SUBLET_PASSWORD, else it is asked for")
    .option("--token <address>", "the ERC-20 token to pay with")
    .addOption(new Option("--test-token", "deploy one that anybody may mint, as on a local chain").conflicts("token"))
    .addOption(
      new Option("--preset <name>", "the lengths to begin from (daily; demo on a local chain)").choices(
        Object.keys(PRESETS),
      ),
    )
    .option("--parameters <file>", "where the market differs from the preset, as TOML; see deployments/README.md")
    .option("--seed-source <address>", "a seed source that is there, for chains where HeaderSeedSource does not work")
    .option("--confirmations <count>", `blocks until it counts as done (${CONFIRMATIONS}; 1 on a local chain)`)
    .option("--folder <folder>", "where it is recorded (deployments/<chain id>)")
    .option("--dry-run", "say what it would do, where and at which cost, and send nothing")
    .option("--json", "print one JSON document")
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const asked = flags.chainId === undefined ? undefined : whole("--chain-id", flags.chainId);
  const { chainId } = await nodeAt({ rpcUrl: flags.rpc, ...(asked !== undefined && { chainId: asked }) });
  const local = LOCAL_CHAINS.includes(chainId);
  if (!local && asked === undefined && !flags.dryRun)
    throw bad("--chain-id", "", `the node is on chain ${chainId}; repeat it with the id of the chain that is meant`);
  if (!local && flags.token === undefined && !flags.testToken)
    throw bad("--token", "", "the address of the token to pay with is needed, or --test-token");
  const folder = flags.folder ?? join(DEPLOYMENTS, `${chainId}`);
  const order: Order = {
    rpcUrl: flags.rpc,
    chainId,
    account: await accountOf(flags, local),
    ...(flags.token !== undefined && { token: addressOf("--token", flags.token) }),
    ...(flags.seedSource !== undefined && { seedSource: addressOf("--seed-source", flags.seedSource) }),
    preset: flags.preset ?? (local ? "demo" : "daily"),
    ...(flags.parameters !== undefined && { parametersFile: flags.parameters }),
    confirmations: flags.confirmations ? whole("--confirmations", flags.confirmations) : local ? 1 : CONFIRMATIONS,
    folder,
    onMade: ({ name, address, receipt }) => note(`${name} ${address}, in block ${receipt.blockNumber}`),
  };
  const outcome = flags.dryRun ? await rehearse(order) : await deploy(order);
  if (flags.json) process.stdout.write(`${toJson(outcome)}\n`);
  else process.stdout.write(`${page(outcome, folder).join("\n")}\n`);
}

/** Never from the command line, where every process of the machine can read it. */
async function accountOf(flags: Flags, local: boolean): Promise<LocalAccount> {
  const { SUBLET_DEPLOY_KEY: key } = process.env;
  if (flags.keystore !== undefined) {
    const password = await readPassword(flags.passwordFile, false);
    return privateKeyToAccount(bytesToHex(await readKeystore(flags.keystore, password)));
  }
  if (key !== undefined) {
    if (isHex(key) && size(key) === 32) return privateKeyToAccount(key);
    throw bad("SUBLET_DEPLOY_KEY", "what it is", "a private key is 0x and 64 hex digits");
  }
  if (local) return LOCAL_ACCOUNT;
  throw bad("--keystore", "", "the keystore of the account that pays is needed");
}

function page(outcome: Rehearsal | DeploymentRecord, folder: string): string[] {
  if ("market" in outcome)
    return [
      `Market ${outcome.market} over token ${outcome.token} is on chain ${outcome.chainId}.`,
      `${recordFile(folder)} has the addresses; npm run verify -- ${folder} --rpc <url> compares them with the chain.`,
    ];
  const { deployer, chainId, parameters, steps, cost, needed } = outcome;
  return [
    `Account ${deployer} on chain ${chainId} would make a market with ${toJson(parameters)}:`,
    ...steps.map(({ name, address, gas }) => `  ${name.padEnd(16)} ${address}  ${gas} gas`),
    `It would pay ${formatEther(cost)} ether at today's price, and needs ${formatEther(needed)} to begin.`,
  ];
}

function whole(name: string, value: string): number {
  if (/^[1-9]\d{0,14}$/.test(value)) return Number(value);
  throw bad(name, value, "it is a whole number from 1 on");
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function bad(name: string, value: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value, reason });
}

try {
  await deployCommand().parseAsync(process.argv);
} catch (error) {
  tellFailure(error, process.argv.includes("--json"));
}
