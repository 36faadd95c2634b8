/** A deployment from what was asked for to its record. */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Address, isAddressEqual, type LocalAccount } from "viem";
import { type Node, nodeAt, type Parameters } from "../../src/chain/Connection.ts";
import { chainFailure } from "../../src/chain/Failure.ts";
import { limitOf, Sender } from "../../src/chain/Sender.ts";
import { WriterLock } from "../../src/client/home/WriterLock.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { toJson } from "../../src/protocol/Json.ts";
import { type Build, build } from "./build.ts";
import { compilerVersion } from "./compiler.ts";
import { Deployment, type Made, type Rehearsed, type Wish } from "./Deployment.ts";
import { checkSeedSource, requireCode, tokenDecimals } from "./ground.ts";
import { Journal } from "./Journal.ts";
import { type Preset, parametersOf, readParameters } from "./parameters.ts";
import { type DeploymentRecord, readRecord, recordOf, write } from "./record.ts";

export interface Order {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly account: LocalAccount;
  /** A token of its own if left out. */
  readonly token?: Address;
  readonly seedSource?: Address;
  readonly preset: Preset;
  readonly parametersFile?: string;
  readonly confirmations: number;
  /** Where it is recorded; nowhere if left out, for a chain that ends with this process. */
  readonly folder?: string;
  readonly pollMs?: number;
  readonly onMade?: (made: Made) => void;
}

/** What would be done. */
export interface Rehearsal {
  readonly chainId: number;
  readonly deployer: Address;
  readonly parameters: Parameters;
  readonly steps: readonly Omit<Rehearsed, "code">[];
  /** Wei: for the gas as it is estimated, at today's price. */
  readonly cost: bigint;
  /** Wei: what the account must have, since more gas is allowed for and at a higher price. */
  readonly needed: bigint;
}

/** Decimals of MarketToken. */
const TEST_TOKEN_DECIMALS = 6;

/** Everything that is known before anything is sent. */
interface Prepared {
  readonly node: Node;
  readonly wish: Wish;
  readonly built: Build;
  readonly sender: Sender;
  readonly journal: Journal;
  readonly deployment: Deployment;
  readonly steps: readonly Rehearsed[];
  /** Gas, at most. */
  readonly most: bigint;
}

/**
 * Says what would be made, and at which cost, also to an account that cannot pay it. Nothing is sent.
 * @throws SubletException as {@link deploy}
 */
export async function rehearse(order: Order): Promise<Rehearsal | DeploymentRecord> {
  return onChain(order, async () => rehearsalOf(order, await prepare(order)));
}

async function rehearsalOf(order: Order, prepared: Prepared | DeploymentRecord): Promise<Rehearsal | DeploymentRecord> {
  if ("market" in prepared) return prepared;
  const { node, wish, sender, steps, most } = prepared;
  const [{ maxFeePerGas }, gasPrice] = await Promise.all([sender.fees(), node.getGasPrice()]);
  return {
    ...{ chainId: order.chainId, deployer: order.account.address, parameters: wish.parameters },
    steps: steps.map(({ code: _, ...step }) => step),
    cost: steps.reduce((sum, { gas }) => sum + gas, 0n) * gasPrice,
    needed: most * maxFeePerGas,
  };
}

/**
 * Deploys, or goes on with what was begun in the same folder; what is recorded there already is not made again.
 * Everything is checked before anything is sent.
 * @throws SubletException BadArgument, StateCorrupt, ChainRejected, InsufficientFunds, ChainUnavailable, WrongChain,
 * TransactionFailed, TransactionPending, HomeBusy where another process deploys into the folder
 */
export async function deploy(order: Order): Promise<DeploymentRecord> {
  const { folder } = order;
  if (folder === undefined) return onChain(order, () => carryOut(order));
  await mkdir(folder, { recursive: true });
  const lockFile = join(folder, "writer.lock");
  const lock = new WriterLock({ path: folder, lockFile });
  try {
    const record = await onChain(order, () => carryOut(order));
    // Whoever comes from now on finds the record, lock or not.
    for (const file of [lockFile, `${lockFile}.pid`]) await rm(file, { force: true });
    return record;
  } finally {
    lock.release();
  }
}

/** What the chain says on the way, as one of the errors that have a code. */
async function onChain<Result>({ rpcUrl }: Order, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    throw chainFailure(thrown, "the deployment", rpcUrl);
  }
}

async function carryOut(order: Order): Promise<DeploymentRecord> {
  const prepared = await prepare(order);
  if ("market" in prepared) return prepared;
  const { node, wish, built, sender, journal, deployment, most } = prepared;
  const shortage = await sender.shortage(most);
  if (shortage) throw new SubletException({ code: "InsufficientFunds", ...shortage });
  const made = await deployment.carryOut(order.onMade);
  const record = await recordOf(node, compilerVersion(), wish, made);
  if (order.folder !== undefined) {
    await write(order.folder, record, await built.bundles());
    await journal.remove();
  }
  return record;
}

async function prepare(order: Order): Promise<Prepared | DeploymentRecord> {
  const { rpcUrl: url, chainId, account, folder, confirmations } = order;
  const { node } = await nodeAt(order);
  const wish = await wishOf(order, node);
  const there = folder === undefined ? undefined : await found(folder, node, wish);
  if (there) return there;
  const built = await build();
  const journal = await Journal.open(folder, {
    ...{ chainId, deployer: account.address, build: built.id, wish: toJson(wish) },
  });
  const sender = Sender.of(account, node, url, chainId, node.pollingInterval);
  const deployment = new Deployment(built, wish, { node, sender }, journal, confirmations);
  const steps = await deployment.rehearse();
  const most = steps.reduce((sum, { gas }) => sum + limitOf(gas), 0n);
  return { node, wish, built, sender, journal, deployment, steps, most };
}

async function wishOf(order: Order, node: Node): Promise<Wish> {
  const { rpcUrl, token, seedSource, preset, parametersFile } = order;
  const written = parametersFile === undefined ? {} : await readParameters(parametersFile);
  const decimals = token ? await tokenDecimals(node, rpcUrl, token) : TEST_TOKEN_DECIMALS;
  const parameters = parametersOf(preset, written, decimals);
  if (seedSource) await requireCode(node, "--seed-source", seedSource);
  else await checkSeedSource(node, parameters);
  return { parameters, ...(token && { token }), ...(seedSource && { seedSource }) };
}

/** The market that was recorded, if it is on this chain and is the one asked for. */
async function found(folder: string, node: Node, wish: Wish): Promise<DeploymentRecord | undefined> {
  const record = await readRecord(folder);
  if (!record) return undefined;
  const { minCollateral, ...lengths } = wish.parameters;
  const same =
    (await node.getCode({ address: record.market })) !== undefined &&
    record.chainId === (await node.getChainId()) &&
    (!wish.token || isAddressEqual(wish.token, record.token)) &&
    (!wish.seedSource || isAddressEqual(wish.seedSource, record.seedSource)) &&
    toJson(record.parameters) === toJson({ ...lengths, minCollateral });
  if (same) return record;
  const reason =
    "another market is recorded there, or one of another chain; choose another folder, or move that one away";
  throw new SubletException({ code: "BadArgument", name: "--folder", value: folder, reason });
}
