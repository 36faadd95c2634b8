/** The contracts as Hardhat built them, and what of their sources and settings others need to build the same. */
import { readFile } from "node:fs/promises";
import hre from "hardhat";
import { type Abi, type Hex, keccak256, stringToHex } from "viem";
import { compile, type StandardInput } from "./compiler.ts";

/** Every contract of a deployment, in the order they are made. The market makes its annex itself. */
export const SOURCES = {
  MarketToken: "contracts/MarketToken.sol",
  ERC2771Forwarder: "@openzeppelin/contracts/metatx/ERC2771Forwarder.sol",
  HeaderSeedSource: "contracts/HeaderSeedSource.sol",
  StorageMarket: "contracts/StorageMarket.sol",
  Annex: "contracts/market/Annex.sol",
} as const;
export type ContractName = keyof typeof SOURCES;

export interface Built {
  readonly abi: Abi;
  /** Creation code, without the constructor's arguments. */
  readonly bytecode: Hex;
  /** What the compiler calls its file. */
  readonly source: string;
}

/** What whoever wants to check a contract compiles: its own sources only, as its metadata names them. */
export interface Bundle {
  readonly input: StandardInput;
  readonly metadata: string;
}

export interface Build {
  readonly contracts: Readonly<Record<ContractName, Built>>;
  /** One for each state of the contracts. */
  readonly id: Hex;
  bundles(): Promise<Record<ContractName, Bundle>>;
}

/** What a verification needs of the compiler. */
const OUTPUTS = [
  ...["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"],
  "evm.deployedBytecode.immutableReferences",
];

/** Compiles where something changed. */
export async function build(): Promise<Build> {
  await hre.tasks.getTask("build").run({ quiet: true });
  const names = Object.keys(SOURCES) as ContractName[];
  const contracts = Object.fromEntries(
    await Promise.all(
      names.map(async (name) => {
        const { abi, bytecode, inputSourceName: source } = await hre.artifacts.readArtifact(qualified(name));
        return [name, { abi, bytecode, source }];
      }),
    ),
  ) as Build["contracts"];
  const id = keccak256(stringToHex(JSON.stringify(names.map((name) => contracts[name].bytecode))));
  return { contracts, id, bundles: () => bundlesOf(contracts) };
}

function qualified(name: ContractName): string {
  return `${SOURCES[name]}:${name}`;
}

async function bundlesOf(contracts: Build["contracts"]): Promise<Record<ContractName, Bundle>> {
  const names = Object.keys(contracts) as ContractName[];
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, bundleOf(contracts, name, await inputOf(name))])),
  ) as Record<ContractName, Bundle>;
}

/** Of the run that compiled it last: one that found little changed had few of the others. */
async function inputOf(name: ContractName): Promise<StandardInput> {
  const id = await hre.artifacts.getBuildInfoId(qualified(groupOf(name)[0]!));
  const file = id && (await hre.artifacts.getBuildInfoPath(id));
  if (!file) throw new Error("the build of the contracts is gone");
  return (JSON.parse(await readFile(file, "utf8")) as { input: StandardInput }).input;
}

function bundleOf(contracts: Build["contracts"], name: ContractName, input: StandardInput): Bundle {
  const group = groupOf(name);
  const select = (outputs: readonly string[]) =>
    Object.fromEntries(group.map((one) => [contracts[one].source, { [one]: outputs }]));
  // Metadata alone takes the compiler a second: nothing is translated for it.
  const { contracts: compiled } = compile(selecting(input, select(["metadata"])));
  const metadataOf = (one: ContractName): string => compiled[contracts[one].source]![one]!.metadata;
  const { sources: own } = JSON.parse(metadataOf(group[0]!)) as { sources: object };
  const sources = Object.fromEntries(Object.keys(own).map((path) => [path, input.sources[path]!]));
  return {
    input: selecting({ ...input, sources }, { ...select(OUTPUTS), "*": { "": ["ast"] } }),
    metadata: metadataOf(name),
  };
}

/** The annex is compiled with the market, which has it within. */
function groupOf(name: ContractName): readonly ContractName[] {
  return name === "Annex" || name === "StorageMarket" ? ["StorageMarket", "Annex"] : [name];
}

function selecting(input: StandardInput, outputSelection: object): StandardInput {
  return { ...input, settings: { ...input.settings, outputSelection } };
}
