/**
 * The main job from end to end on this machine, with real processes and a real chain: `npm start`.
 *
 *     --once      end by itself, exit 0 only if every check held; otherwise the network stays up to be tried
 *     --network   only the network, without the story: a chain, twelve providers, a client with a volume
 *     --json      print one JSON document {ok, checks, table} on stdout
 */
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { setUp, story } from "./demo-story.ts";
import { Telling } from "./demo-telling.ts";
import { type LedgerReport, ledgerReport } from "./ledger-report.ts";
import { LocalNetwork } from "./local-network.ts";

const ROOT = join(import.meta.dirname, "..");
const INTERRUPTED = 130;
const interruption = new AbortController();

const { values: options } = parseArgs({
  options: { once: { type: "boolean" }, network: { type: "boolean" }, json: { type: "boolean" } },
});

/** Where everything lies: a folder of its own, or the one that the README names, which one network has at a time. */
async function claimFolder(told: Telling): Promise<string | undefined> {
  if (options.once) return mkdtemp(join(tmpdir(), "sublet-demo-"));
  const folder = join(ROOT, ".sublet", "local");
  const file = join(folder, "pid");
  const pid = Number(await readFile(file, "utf8").catch(() => "0"));
  if (isAlive(pid)) {
    const advice = `end that one first (kill -INT ${pid}), or see what runs where in ${join(folder, "network.json")}`;
    told.check("one network at a time", false, `process ${pid} has one in ${folder}: ${advice}`);
    return undefined;
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${process.pid}\n`);
  return folder;
}

function isAlive(pid: number): boolean {
  if (!pid) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function printTable(told: Telling, table: LedgerReport, network: LocalNetwork): void {
  told.heading("Who stored, earned and lost (tokens)");
  const rows = table.providers.map(({ provider, sectors, epochsProven, earned, lost }) => [
    network.providerAt(provider)?.name ?? provider,
    `${sectors} MiB`,
    `${epochsProven}`,
    earned.toFixed(6),
    lost.toFixed(6),
  ]);
  rows.sort(([left], [right]) => left!.localeCompare(right!));
  told.table([["provider", "stored", "epochs proven", "earned", "lost"], ...rows]);
  const { paid, compensated, refunded } = table.client;
  const [cost, back, rest, burnt] = [paid, compensated, refunded, table.burnt].map((sum) => sum.toFixed(6));
  told.plain(`\nThe client paid ${cost}, got ${back} in compensation and ${rest} back; ${burnt} were burnt.`);
  told.heading("Gas by kind of call (mean of a transaction)");
  told.table([
    ["call", "transactions", "gas"],
    ...table.gas.map(({ call, transactions, gas }) => [call, `${transactions}`, `${gas}`]),
  ]);
}

/** What programs need to know of the network. @returns the file */
async function describeNetwork({ directory, chain, password, providers }: LocalNetwork): Promise<string> {
  const { rpcUrl, chainId, market, token } = chain;
  const clientHome = join(directory, "client");
  const document = {
    ...{ rpcUrl, chainId, market, token },
    providers: providers.map(({ address, process: child, multiaddr, metricsUrl, home }) => {
      return { address, pid: child?.pid, multiaddr, metricsUrl, dataDir: home };
    }),
    ...{ clientHome, clientKey: join(clientHome, "keystore.json"), password },
  };
  const file = join(directory, "network.json");
  // In one step: whoever waits for it reads it whole.
  await writeFile(`${file}.new`, `${JSON.stringify(document, undefined, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return file;
}

function printCommands(told: Telling, { directory, chain, password }: LocalNetwork, file: string): void {
  told.heading("The network stays up. Try, in another terminal, in this folder:");
  told.plain(`
  export SUBLET_HOME=${quoted(join(directory, "client"))} SUBLET_PASSWORD=${password}
  npx sublet put README.md /readme.md
  npx sublet ls
  npx sublet get /readme.md -
  npx sublet status
  npx sublet audit --rpc ${chain.rpcUrl} --market ${chain.market}

What runs where: ${file}. Ctrl-C ends it all.`);
}

/** For a shell, where it needs that. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** What goes wrong becomes a check that failed, unless it is that everything has been ended. */
async function attempt<Result>(told: Telling, name: string, work: () => Promise<Result>): Promise<Result | null> {
  try {
    return await work();
  } catch (error) {
    if (interruption.signal.aborted) return null;
    told.check(name, false, (error as Error).stack ?? `${error}`);
    return null;
  }
}

async function tell(told: Telling, network: LocalNetwork): Promise<void> {
  await attempt(told, "the story ran to its end", async () => {
    const scene = await setUp(network, told);
    if (!options.network) await story(scene);
  });
  if (interruption.signal.aborted) return;
  const table = await attempt(told, "the ledger", () => ledgerReport(network.chain));
  if (table) printTable(told, table, network);
  conclude(told, table);
}

function conclude(told: Telling, table: LedgerReport | null): void {
  const { ok, checks } = told;
  const failed = checks.filter((one) => !one.ok).length;
  told.heading(ok ? `All ${checks.length} checks held.` : `${failed} of ${checks.length} checks failed.`);
  if (options.json) process.stdout.write(`${JSON.stringify({ ok, checks, table })}\n`);
}

/** @returns the exit code */
async function main(told: Telling): Promise<number> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interruption.abort());
  const interrupted = once(interruption.signal, "abort");
  const directory = await claimFolder(told);
  if (!directory) return unstarted(told);
  const network = await attempt(told, "the local chain", () => LocalNetwork.start(directory));
  if (!network && interruption.signal.aborted) await rm(directory, { recursive: true, force: true });
  if (!network) return unstarted(told);
  try {
    await Promise.race([tell(told, network), interrupted]);
    if (interruption.signal.aborted) return INTERRUPTED;
    if (!options.once) {
      printCommands(told, network, await describeNetwork(network));
      await interrupted;
    }
    return told.ok ? 0 : 1;
  } finally {
    await network.stop();
    if (!options.once) for (const name of ["network.json", "pid"]) await rm(join(directory, name), { force: true });
    else if (told.ok || interruption.signal.aborted) await rm(directory, { recursive: true, force: true });
    else told.plain(`What each process logged lies in ${directory}.`);
  }
}

function unstarted(told: Telling): number {
  if (interruption.signal.aborted) return INTERRUPTED;
  conclude(told, null);
  return 1;
}

// An interrupted story has steps left that wait for what has ended.
process.exit(await main(new Telling()));
