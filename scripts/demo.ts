/**
 * The main job from end to end on this machine, with real processes and a real chain: `npm start`.
 *
 *     --once   end by itself, exit 0 only if every check held
 *     --json   print one JSON document {ok, checks, table} on stdout
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, styleText } from "node:util";
import { readKeystore } from "../src/chain/Keystore.ts";
import { Market } from "../src/chain/Market.ts";
import { type DealRef, DealState } from "../src/chain/MarketReader.ts";
import { accountOf } from "../src/client/home/Keystore.ts";
import { type LedgerReport, ledgerReport } from "./ledger-report.ts";
import { LocalNetwork, type LocalProvider, until } from "./local-network.ts";

const FILE_BYTES = 64 * 2 ** 20;
const SMALL_FILES = 24;
const K = 4;
const N = 12;
const KILLED = N - K;
/** Far above a real market's, so that a few epochs of 20 s leave figures that one can read. */
const PRICES = ["--price", "100000", "--egress-price", "1000"];

const { values: options } = parseArgs({ options: { once: { type: "boolean" }, json: { type: "boolean" } } });
const checks: { name: string; ok: boolean; detail: string }[] = [];
const started = Date.now();

function say(text: string): void {
  const seconds = `${((Date.now() - started) / 1000).toFixed(0)} s`.padStart(6);
  process.stderr.write(`${styleText("dim", seconds)}  ${text}\n`);
}

function heading(text: string): void {
  process.stderr.write(`\n${styleText("bold", text)}\n`);
}

function check(name: string, ok: boolean, detail: string): void {
  checks.push({ name, ok, detail });
  say(`${ok ? styleText("green", "ok  ") : styleText("red", "FAIL")} ${name}: ${detail}`);
}

// ---------------------------------------------------------------- what the demo stores

interface Content {
  file: string;
  folder: string;
  hashes: Map<string, string>;
}

async function hashTree(folder: string): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    hashes.set(relative(folder, path), sha256(await readFile(path)));
  }
  return hashes;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function makeContent(directory: string): Promise<Content> {
  const folder = join(directory, "notes");
  await mkdir(join(folder, "letters"), { recursive: true });
  for (let index = 0; index < SMALL_FILES; index++) {
    const name = index % 2 ? `letters/${index}.txt` : `${index}.bin`;
    await writeFile(join(folder, name), randomBytes(1 + index * 1_777));
  }
  const file = join(directory, "film.bin");
  await writeFile(file, randomBytes(FILE_BYTES));
  return { file, folder, hashes: await hashTree(folder) };
}

/** Fetches everything into an empty folder and compares it by hash. */
async function readsBack(network: LocalNetwork, home: string, content: Content, name: string): Promise<void> {
  const target = await mkdtemp(join(network.directory, "fetched-"));
  const began = Date.now();
  const film = await network.sublet(["get", "/film.bin", join(target, "film.bin"), "--home", home]);
  const notes = await network.sublet(["get", "/notes", join(target, "notes"), "--home", home]);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const problems: string[] = [];
  if (film.code !== 0) problems.push(`get /film.bin: ${film.stderr.slice(-400)}`);
  else if (sha256(await readFile(join(target, "film.bin"))) !== sha256(await readFile(content.file)))
    problems.push("film.bin differs");
  if (notes.code !== 0) problems.push(`get /notes: ${notes.stderr.slice(-400)}`);
  else {
    const fetched = await hashTree(join(target, "notes"));
    for (const [path, hash] of content.hashes) if (fetched.get(path) !== hash) problems.push(`notes/${path} differs`);
  }
  check(
    name,
    problems.length === 0,
    problems.join("; ") || `64 MiB and ${SMALL_FILES} small files, equal by SHA-256, in ${seconds} s`,
  );
  await rm(target, { recursive: true });
}

// ---------------------------------------------------------------- what the demo asks the chain

interface Placed extends DealRef {
  position: number;
}

async function dealsOf(market: Market, client: `0x${string}`): Promise<Placed[]> {
  const deals: Placed[] = [];
  for await (const { args } of market.openings(client)) {
    deals.push({ provider: args.provider, slot: args.slot, id: args.id, position: args.position });
  }
  return deals.sort((left, right) => left.position - right.position);
}

async function epochNow(market: Market): Promise<number> {
  return market.epochs.at(await market.blockNumber());
}

async function sectorsOf(market: Market, deals: readonly DealRef[]): Promise<number[]> {
  return Promise.all(deals.map(async ({ provider, slot }) => (await market.deal(provider, slot)).sectors));
}

/** The first epoch in which all of `providers` proved a non-empty set, from `from` on. */
async function provenEpoch(market: Market, providers: readonly LocalProvider[], from: number): Promise<number> {
  let found = 0;
  await until("every provider has proved an epoch", 90_000, async () => {
    const now = await epochNow(market);
    for (let epoch = from; epoch <= now && !found; epoch++) {
      const proofs = await Promise.all(providers.map(({ address }) => market.proven(address, epoch)));
      if (proofs.every(Boolean)) found = epoch;
    }
    return found > 0;
  });
  return found;
}

// ---------------------------------------------------------------- the story

async function story(network: LocalNetwork): Promise<void> {
  heading("1. A chain, a market and twelve strangers with disk space");
  const { chain } = network;
  say(`local chain at ${chain.rpcUrl}, a block every 0.5 s, an epoch every 20 s; market ${chain.market}`);
  const content = await makeContent(network.directory);
  const names = Array.from({ length: N }, (_, index) => `provider-${String(index + 1).padStart(2, "0")}`);
  const [home] = await Promise.all([
    network.addClient("client"),
    ...names.map((name) => network.addProvider(name, PRICES)),
  ]);
  const master = await readKeystore(join(home, "keystore.json"), network.password);
  const client = accountOf(master);
  const market = await Market.connect({ rpcUrl: chain.rpcUrl, market: chain.market, account: client });
  await until("every provider is announced", 60_000, async () => (await market.announcements()).size >= N);
  check("providers", true, `${N} processes staked collateral and announced themselves on chain`);

  heading("2. A client rents space and stores files");
  const volume = await network.sublet([
    "volume",
    "create",
    "--k",
    `${K}`,
    "--n",
    `${N}`,
    "--size",
    "256MiB",
    "--epochs",
    "60",
    "--home",
    home,
  ]);
  const deals = await dealsOf(market, client.address);
  check(
    "volume",
    volume.code === 0 && deals.length === N,
    `${deals.length} deals of one volume, opened in one transaction${volume.code ? `: ${volume.stderr.slice(-600)}` : ""}`,
  );
  const film = await network.sublet(["put", content.file, "/film.bin", "--home", home]);
  const notes = await network.sublet(["put", content.folder, "/notes", "--home", home]);
  check(
    "put",
    film.code === 0 && notes.code === 0,
    film.code || notes.code
      ? `${film.stderr.slice(-600)} ${notes.stderr.slice(-600)}`
      : `64 MiB and ${SMALL_FILES} small files: encrypted, coded ${K} of ${N}, countersigned; state ${film.json.state}`,
  );

  heading("3. The first proofs");
  say("providers commit what they signed, then show five random chunks each");
  await until("every deal is committed", 60_000, async () =>
    (await sectorsOf(market, deals)).every((sectors) => sectors > 16),
  );
  const committedIn = await epochNow(market);
  const first = await provenEpoch(market, network.providers.slice(0, N), committedIn);
  check("proofs", true, `all ${N} providers proved epoch ${first} on chain`);

  heading(`4. ${KILLED} of ${N} providers die`);
  const victims = network.providers.slice(0, KILLED);
  const killedIn = await epochNow(market);
  await Promise.all(victims.map((provider) => network.kill(provider)));
  say(`killed with SIGKILL: ${victims.map(({ name }) => name).join(", ")}`);
  await readsBack(network, home, content, `read with ${K} of ${N} alive`);

  heading("5. They come back, but one lost its disk");
  const loser = victims[0]!;
  const lost = await loseSectors(loser);
  const [fresh] = await Promise.all([
    network.addProvider(`provider-${N + 1}`, PRICES),
    ...victims.map((provider) => network.run(provider)),
  ]);
  const backIn = await epochNow(market);
  say(`${KILLED} processes run again; ${loser.name} lost ${lost} sector files`);
  const broken = deals.find(({ provider }) => provider.toLowerCase() === loser.address.toLowerCase())!;
  await market.challenge(broken, 0n);
  const { challengeDeadline } = await market.deal(broken.provider, broken.slot);
  say(
    `the client names a chunk that ${loser.name} lost, with a bond: it has until the end of epoch ${challengeDeadline}`,
  );

  heading("6. Repair at a fresh provider");
  await until("the fresh provider is announced", 30_000, async () => (await market.announcements()).size > N);
  const repair = await network.sublet(["repair", "--home", home]);
  const repaired = (await dealsOf(market, client.address)).filter(({ position }) => position === broken.position);
  const atFresh = repaired.some(({ provider }) => provider.toLowerCase() === fresh.address.toLowerCase());
  check(
    "repair",
    repair.code === 0 && atFresh,
    repair.code
      ? repair.stderr.slice(-600)
      : `position ${broken.position} rebuilt at ${fresh.name} from ${K} others, without any content key`,
  );

  heading("7. The host that lost data pays");
  await until("the challenge's deadline has passed", 60_000, async () => (await epochNow(market)) > challengeDeadline);
  await market.convict(broken);
  const convicted = await market.deal(broken.provider, broken.slot);
  check(
    "conviction",
    convicted.state === DealState.Stopped && convicted.collateral === 0n,
    `${loser.name} could not answer; the rest of its collateral went to the client`,
  );
  const down = { providers: victims, from: killedIn, to: backIn };
  await onlyExpectedMisses(network.providers.slice(0, N), market, loser, down, first);
  await readsBack(network, home, content, "read after the repair");

  heading("8. The auditor, from the chain alone");
  const audit = await network.sublet(["audit", "--rpc", chain.rpcUrl, "--market", chain.market]);
  const differences = audit.json?.differences?.length;
  check(
    "audit",
    audit.code === 0,
    audit.code === 0
      ? `${differences} differences: every seed, position, proof, payment and penalty recomputed`
      : JSON.stringify(audit.json ?? audit.stderr).slice(0, 1_000),
  );
}

/** Deletes a stopped provider's sector files; its database stays. */
async function loseSectors(provider: LocalProvider): Promise<number> {
  const folder = join(provider.home, "data", "sectors");
  const count = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  ).length;
  await rm(folder, { recursive: true });
  await mkdir(folder);
  return count;
}

/** From the first proof on, nobody missed an epoch but those that were down, while they were, and the one without data. */
async function onlyExpectedMisses(
  providers: readonly LocalProvider[],
  market: Market,
  loser: LocalProvider,
  down: { providers: readonly LocalProvider[]; from: number; to: number },
  first: number,
): Promise<void> {
  const last = (await epochNow(market)) - 1;
  const unexpected: string[] = [];
  let missed = 0;
  for (const provider of providers) {
    for (let epoch = first; epoch <= last; epoch++) {
      if (await market.proven(provider.address, epoch)) continue;
      const wasDown = down.providers.includes(provider) && epoch >= down.from && epoch <= down.to;
      if (provider === loser && epoch > down.from) missed += 1;
      else if (!wasDown) unexpected.push(`${provider.name} missed epoch ${epoch}`);
    }
  }
  check(
    "penalties",
    unexpected.length === 0 && missed > 0,
    unexpected.join("; ") || `${loser.name} missed ${missed} epochs, and nobody else missed any while it was up`,
  );
}

// ---------------------------------------------------------------- the closing table

function printTable(table: LedgerReport, network: LocalNetwork): void {
  const name = (address: string) =>
    network.providers.find((one) => one.address.toLowerCase() === address.toLowerCase())?.name ?? address;
  heading("Who stored, earned and lost (tokens)");
  const rows = table.providers.map((row) => [
    name(row.provider),
    `${row.sectors} MiB`,
    `${row.epochsProven}`,
    row.earned.toFixed(6),
    row.lost.toFixed(6),
  ]);
  printRows([["provider", "stored", "epochs proven", "earned", "lost"], ...rows]);
  const { paid, compensated, refunded } = table.client;
  process.stderr.write(
    `\nThe client paid ${paid.toFixed(6)}, got ${compensated.toFixed(6)} in compensation and ${refunded.toFixed(6)} back; ${table.burnt.toFixed(6)} were burnt.\n`,
  );
  heading("Gas by kind of call (mean of a transaction)");
  printRows([
    ["call", "transactions", "gas"],
    ...table.gas.map(({ call, transactions, gas }) => [call, `${transactions}`, `${gas}`]),
  ]);
}

function printRows(rows: string[][]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows)
    process.stderr.write(
      `  ${row.map((cell, column) => (column ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join("  ")}\n`,
    );
}

// ---------------------------------------------------------------- staying up

async function stayUp(network: LocalNetwork): Promise<void> {
  const home = join(network.directory, "client");
  const providers = network.providers.map(({ address, process: child, port, home: dataDir }) => ({
    address,
    pid: child?.pid,
    multiaddr: `/ip4/127.0.0.1/tcp/${port}`,
    dataDir,
  }));
  const { rpcUrl, chainId, market, token } = network.chain;
  const document = {
    rpcUrl,
    chainId,
    market,
    token,
    providers,
    clientHome: home,
    clientKey: join(home, "keystore.json"),
    password: network.password,
  };
  const file = join(network.directory, "network.json");
  await writeFile(file, `${JSON.stringify(document, undefined, 2)}\n`, { mode: 0o600 });
  heading("The network stays up. Try, in another terminal:");
  process.stderr.write(`
  export SUBLET_HOME=${home} SUBLET_PASSWORD=${network.password}
  npx sublet ls
  npx sublet put README.md /readme.md
  npx sublet get /readme.md -
  npx sublet status
  npx sublet audit --rpc ${rpcUrl} --market ${market}

What runs where: ${file}. Ctrl-C ends it all.
`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
}

const root = fileURLToPath(new URL("..", import.meta.url));
const directory = options.once ? await mkdtemp(join(tmpdir(), "sublet-demo-")) : join(root, ".sublet", "local");
if (!options.once) await rm(directory, { recursive: true, force: true });
const network = await LocalNetwork.start(directory);
let ended = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    if (!ended) network.stop().finally(() => process.exit(130));
  });
}
try {
  await story(network).catch((error: Error) => check("the story ran to its end", false, error.stack ?? error.message));
  const ok = checks.every((one) => one.ok);
  const table = await ledgerReport(network.chain);
  printTable(table, network);
  heading(
    ok
      ? `All ${checks.length} checks held.`
      : `${checks.filter((one) => !one.ok).length} of ${checks.length} checks failed.`,
  );
  if (options.json) process.stdout.write(`${JSON.stringify({ ok, checks, table })}\n`);
  process.exitCode = ok ? 0 : 1;
  if (!options.once) await stayUp(network);
} finally {
  ended = true;
  await network.stop();
  if (options.once && process.exitCode === 0) await rm(directory, { recursive: true, force: true });
}
