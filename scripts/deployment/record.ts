/**
 * What is known of a deployment, in a folder: `market.json`, and for each contract what its compiler was given
 * (`standard-input.json`) and what it said about that (`metadata.json`, in the form that Sourcify takes).
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Address, getAddress, getContractAddress, type Hex, keccak256 } from "viem";
import { z } from "zod";
import type { Node } from "../../src/chain/Connection.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import { readText, replaceFile } from "../../src/provider-node/Durable.ts";
import type { Bundle, ContractName } from "./build.ts";
import type { Made, Wish } from "./Deployment.ts";
import { addressField, hexField, parseJson, readDocument } from "./fields.ts";
import { PRESETS } from "./parameters.ts";

const contractSchema = z.strictObject({
  address: addressField,
  /** The transaction that made it; the annex was made in the market's. */
  transaction: hexField,
  block: z.int().nonnegative(),
  blockHash: hexField,
  /** ABI-encoded, as they stand behind the creation code. */
  constructorArguments: hexField,
  /** Keccak-256 of the code that is on the chain. */
  codeHash: hexField,
});
const lengths = Object.fromEntries(Object.keys(PRESETS.daily).map((name) => [name, z.int()])) as Record<
  keyof typeof PRESETS.daily,
  z.ZodInt
>;
const schema = z.strictObject({
  chainId: z.int().positive(),
  market: addressField,
  token: addressField,
  seedSource: addressField,
  forwarder: addressField,
  deployer: addressField,
  compiler: z.string(),
  parameters: z.strictObject({ ...lengths, minCollateral: z.string().regex(/^\d{1,39}$/) }),
  /** Token and seed source only where they were made for this market. */
  contracts: z.strictObject({
    MarketToken: contractSchema.optional(),
    ERC2771Forwarder: contractSchema,
    HeaderSeedSource: contractSchema.optional(),
    StorageMarket: contractSchema,
    Annex: contractSchema,
  }),
});

export type RecordedContract = z.output<typeof contractSchema>;
export type DeploymentRecord = z.output<typeof schema>;

/** Where deployments are kept unless told, by chain id. */
export const DEPLOYMENTS = join(import.meta.dirname, "..", "..", "deployments");

export function recordFile(folder: string): string {
  return join(folder, "market.json");
}

/** Undefined where nothing was deployed. @throws SubletException StateCorrupt */
export async function readRecord(folder: string): Promise<DeploymentRecord | undefined> {
  return readDocument(recordFile(folder), schema);
}

/** The bundle of a contract. @throws SubletException StateCorrupt */
export async function readBundle(folder: string, name: ContractName): Promise<Bundle> {
  const file = join(folder, name, "standard-input.json");
  const input = parseJson((await readText(file)) ?? "");
  const metadata = await readText(join(folder, name, "metadata.json"));
  if (typeof input !== "object" || input === null || metadata === undefined) {
    const reason = "what its contract was compiled from is not there, or no JSON";
    throw new SubletException({ code: "StateCorrupt", file, reason });
  }
  return { input: input as Bundle["input"], metadata };
}

/** The record goes last: where it is, everything is. */
export async function write(
  folder: string,
  record: DeploymentRecord,
  bundles: Readonly<Record<ContractName, Bundle>>,
): Promise<void> {
  for (const name of Object.keys(record.contracts) as ContractName[]) {
    const { input, metadata } = bundles[name];
    await mkdir(join(folder, name), { recursive: true });
    await replaceFile(join(folder, name, "standard-input.json"), `${JSON.stringify(input)}\n`);
    // To the byte as the compiler wrote it: its hash stands at the end of the code.
    await replaceFile(join(folder, name, "metadata.json"), metadata);
  }
  await replaceFile(recordFile(folder), `${JSON.stringify(record, undefined, 2)}\n`);
}

/** Of what was made for a wish; reads from the chain what code is there now. */
export async function recordOf(
  node: Node,
  compiler: string,
  wish: Wish,
  made: readonly Made[],
): Promise<DeploymentRecord> {
  const one = (name: ContractName): Made => made.find((made) => made.name === name)!;
  const contracts: Partial<Record<ContractName, RecordedContract>> = {};
  for (const { name, ...rest } of made) contracts[name] = await contractOf(node, rest);
  const { address: market, receipt, constructorArguments } = one("StorageMarket");
  const annex = { address: annexOf(market), receipt, constructorArguments: annexArguments(constructorArguments) };
  contracts.Annex = await contractOf(node, annex);
  const { minCollateral, ...rest } = wish.parameters;
  return {
    ...{ chainId: await node.getChainId(), market },
    token: wish.token ?? one("MarketToken").address,
    seedSource: wish.seedSource ?? one("HeaderSeedSource").address,
    forwarder: one("ERC2771Forwarder").address,
    ...{ deployer: getAddress(receipt.from), compiler },
    parameters: { ...rest, minCollateral: `${minCollateral}` },
    contracts: contracts as DeploymentRecord["contracts"],
  };
}

async function contractOf(
  node: Node,
  { address, receipt, constructorArguments }: Pick<Made, "address" | "receipt" | "constructorArguments">,
): Promise<RecordedContract> {
  const { transactionHash: transaction, blockNumber, blockHash } = receipt;
  const codeHash = keccak256((await node.getCode({ address })) ?? "0x");
  return { address, transaction, block: Number(blockNumber), blockHash, constructorArguments, codeHash };
}

/** The first contract that a market made: a contract's own numbers begin with 1. */
export function annexOf(market: Address): Address {
  return getContractAddress({ from: market, nonce: 1n });
}

/** The market hands on its own but for the last but one, the seed source. */
export function annexArguments(marketArguments: Hex): Hex {
  return `${marketArguments.slice(0, -128)}${marketArguments.slice(-64)}` as Hex;
}
