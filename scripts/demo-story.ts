/** The demo's story: a market of strangers on this machine, told step by step, each step checked. */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { isAddressEqual } from "viem";
import type { Market } from "../src/chain/Market.ts";
import { type DealRef, DealState } from "../src/chain/MarketReader.ts";
import { SECTOR_BYTES } from "../src/codec/index.ts";
import type { Telling } from "./demo-telling.ts";
import { dealsOf, epochNow, marketOf, type Placed, provenEpoch } from "./local-market.ts";
import { type CommandResult, type LocalNetwork, type LocalProvider, until } from "./local-network.ts";

const FILE_BYTES = 64 * 2 ** 20;
const SMALL_FILES = 24;
const K = 4;
const N = 12;
const KILLED = N - K;
/** Far above a real market's, so that a few epochs of 20 s leave figures that one can read. */
const PRICES = { price: "100000", egressPrice: "1000" };
/** Almost a day of epochs of 20 s: as long as anybody leaves the network up; and what that costs in tokens, and more. */
const VOLUME = ["--k", `${K}`, "--n", `${N}`, "--size", "256MiB", "--epochs", "4000"];
const CLIENT_TOKENS = 50_000;

/** What every step of the story needs. */
export interface Scene {
  readonly network: LocalNetwork;
  readonly told: Telling;
  readonly home: string;
  /** As the client. */
  readonly market: Market;
  /** In the order of their positions. */
  readonly deals: readonly Placed[];
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
async function readsBack({ network, home, told }: Scene, content: Content, name: string): Promise<void> {
  const target = await mkdtemp(join(network.directory, "fetched-"));
  const began = Date.now();
  const film = await network.sublet(["get", "/film.bin", join(target, "film.bin"), "--home", home]);
  const notes = await network.sublet(["get", "/notes", join(target, "notes"), "--home", home]);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  const problems: string[] = [];
  if (film.code !== 0) problems.push(`get /film.bin: ${why(film)}`);
  else if (sha256(await readFile(join(target, "film.bin"))) !== sha256(await readFile(content.file)))
    problems.push("film.bin differs");
  if (notes.code !== 0) problems.push(`get /notes: ${why(notes)}`);
  else {
    const fetched = await hashTree(join(target, "notes"));
    for (const [path, hash] of content.hashes) if (fetched.get(path) !== hash) problems.push(`notes/${path} differs`);
  }
  told.check(
    name,
    problems.length === 0,
    problems.join("; ") || `64 MiB and ${SMALL_FILES} small files, equal by SHA-256, in ${seconds} s`,
  );
  await rm(target, { recursive: true });
}

// ---------------------------------------------------------------- what the demo asks the chain

async function sectorsOf(market: Market, deals: readonly DealRef[]): Promise<number[]> {
  return Promise.all(deals.map(async ({ provider, slot }) => (await market.deal(provider, slot)).sectors));
}

// ---------------------------------------------------------------- the story

/** Twelve providers, and a client with a volume at all of them. */
export async function setUp(network: LocalNetwork, told: Telling): Promise<Scene> {
  told.heading("1. A chain, a market and twelve strangers with disk space");
  const { rpcUrl, market: address } = network.chain;
  told.say(`local chain at ${rpcUrl}, a block every 0.5 s, an epoch every 20 s; market ${address}`);
  const names = Array.from({ length: N }, (_, index) => `provider-${String(index + 1).padStart(2, "0")}`);
  const [home] = await Promise.all([
    network.addClient("client", CLIENT_TOKENS),
    ...names.map((name) => network.addProvider(name, PRICES)),
  ]);
  const market = await marketOf(network, home);
  const announced = (await market.announcements()).size;
  told.check(
    "providers",
    announced === N,
    `${announced} processes staked collateral and announced themselves on chain`,
  );

  told.heading("2. A client rents space");
  const volume = await network.sublet(["volume", "create", ...VOLUME, "--home", home]);
  const deals = await dealsOf(market);
  const opened = `${deals.length} deals of one volume, opened in one transaction`;
  told.check("volume", volume.code === 0 && deals.length === N, volume.code === 0 ? opened : why(volume));
  return { network, told, home, market, deals };
}

/** Stores, proves, loses, repairs, convicts and audits. */
export async function story(scene: Scene): Promise<void> {
  const { told, network, market } = scene;
  told.heading("3. It stores files");
  const content = await makeContent(network.directory);
  await storesFiles(scene, content);

  told.heading("4. The first proofs");
  const first = await firstProofs(scene);

  told.heading(`5. ${KILLED} of ${N} providers die`);
  const victims = network.providers.slice(0, KILLED);
  const from = await epochNow(market);
  await Promise.all(victims.map((provider) => network.kill(provider)));
  told.say(`killed with SIGKILL: ${victims.map(({ name }) => name).join(", ")}`);
  await readsBack(scene, content, `read with ${K} of ${N} alive`);

  told.heading("6. They come back, but one lost its disk");
  const loser = victims[0]!;
  const lost = await loseSectors(loser);
  const [fresh] = await Promise.all([
    network.addProvider(`provider-${N + 1}`, PRICES),
    ...victims.map((provider) => network.run(provider)),
  ]);
  const to = await epochNow(market);
  told.say(`${KILLED} processes run again; ${loser.name} lost ${lost} sector files`);
  const broken = scene.deals.find(({ provider }) => isAddressEqual(provider, loser.address))!;
  const deadline = await challengeIt(scene, broken, loser);

  told.heading("7. Repair at a fresh provider");
  await repairs(scene, broken, fresh);

  told.heading("8. The host that lost data pays");
  await convictIt(scene, broken, loser, deadline);
  await onlyExpectedMisses(scene, loser, { providers: victims, from, to }, first);
  await readsBack(scene, content, "read after the repair");

  told.heading("9. The auditor, from the chain alone");
  await isAudited(scene);
}

async function storesFiles({ network, told, home }: Scene, content: Content): Promise<void> {
  const film = await network.sublet(["put", content.file, "/film.bin", "--home", home]);
  const notes = await network.sublet(["put", content.folder, "/notes", "--home", home]);
  const ok = film.code === 0 && notes.code === 0;
  const stored = `64 MiB and ${SMALL_FILES} small files: encrypted, coded ${K} of ${N}, countersigned; state`;
  told.check("put", ok, ok ? `${stored} ${film.json.state}` : why(film.code === 0 ? notes : film));
}

/** @returns the first epoch in which every provider proved */
async function firstProofs({ network, told, market, deals }: Scene): Promise<number> {
  told.say("providers commit what they signed, then show five random chunks each");
  await until("every deal is committed", 60_000, async () =>
    (await sectorsOf(market, deals)).every((sectors) => sectors > FILE_BYTES / K / SECTOR_BYTES),
  );
  const addresses = network.providers.slice(0, N).map(({ address }) => address);
  const first = await provenEpoch(market, addresses, await epochNow(market), 90_000);
  told.check("proofs", true, `all ${N} providers proved epoch ${first} on chain`);
  return first;
}

/** Deletes a stopped provider's sector files; its database stays. @returns how many there were */
async function loseSectors(provider: LocalProvider): Promise<number> {
  const folder = join(provider.home, "data", "sectors");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  await rm(folder, { recursive: true });
  await mkdir(folder);
  return entries.filter((entry) => entry.isFile()).length;
}

/** @returns the last epoch in which it can be answered */
async function challengeIt({ told, market }: Scene, broken: DealRef, loser: LocalProvider): Promise<number> {
  await market.challenge(broken, 0n);
  const { challengeDeadline } = await market.deal(broken.provider, broken.slot);
  const until = `it has until the end of epoch ${challengeDeadline}`;
  told.say(`the client names a chunk that ${loser.name} lost, with a bond: ${until}`);
  return challengeDeadline;
}

async function repairs({ network, told, home, market }: Scene, broken: Placed, fresh: LocalProvider): Promise<void> {
  const repair = await network.sublet(["repair", "--home", home]);
  const deals = await dealsOf(market);
  const atFresh = deals.some(
    ({ position, provider }) => position === broken.position && isAddressEqual(provider, fresh.address),
  );
  const rebuilt = `position ${broken.position} rebuilt at ${fresh.name} from ${K} others, without any content key`;
  const ok = repair.code === 0 && atFresh;
  told.check("repair", ok, ok ? rebuilt : `${fresh.name} does not serve position ${broken.position}: ${why(repair)}`);
}

async function convictIt(
  { told, market }: Scene,
  broken: DealRef,
  loser: LocalProvider,
  deadline: number,
): Promise<void> {
  await until("the challenge's deadline has passed", 60_000, async () => (await epochNow(market)) > deadline);
  await market.convict(broken);
  const { state, collateral } = await market.deal(broken.provider, broken.slot);
  told.check(
    "conviction",
    state === DealState.Stopped && collateral === 0n,
    `${loser.name} could not answer; the rest of its collateral went to the client`,
  );
}

/** From the first proof on, nobody missed an epoch but those that were down, while they were, and the one without data. */
async function onlyExpectedMisses(
  { network, told, market }: Scene,
  loser: LocalProvider,
  down: { providers: readonly LocalProvider[]; from: number; to: number },
  first: number,
): Promise<void> {
  const last = (await epochNow(market)) - 1;
  const unexpected: string[] = [];
  let missed = 0;
  for (const provider of network.providers.slice(0, N)) {
    for (let epoch = first; epoch <= last; epoch++) {
      if (await market.proven(provider.address, epoch)) continue;
      const wasDown = down.providers.includes(provider) && epoch >= down.from && epoch <= down.to;
      if (provider === loser && epoch > down.from) missed += 1;
      else if (!wasDown) unexpected.push(`${provider.name} missed epoch ${epoch}`);
    }
  }
  told.check(
    "penalties",
    unexpected.length === 0 && missed > 0,
    unexpected.join("; ") || `${loser.name} missed ${missed} epochs, and nobody else missed any while it was up`,
  );
}

async function isAudited({ network, told }: Scene): Promise<void> {
  const { rpcUrl, market } = network.chain;
  const audit = await network.sublet(["audit", "--rpc", rpcUrl, "--market", market]);
  const recomputed = "0 differences: every seed, position, proof, payment and penalty recomputed";
  told.check("audit", audit.code === 0, audit.code === 0 ? recomputed : JSON.stringify(audit.json).slice(0, 1_000));
}

function why({ json, stderr }: CommandResult): string {
  return json.error?.message ?? `${JSON.stringify(json)} ${stderr}`.slice(0, 600);
}
