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
  const id = await hre.artifacts.getBuildInfoId(qualified("StorageMarket"));
  const file = id && (await hre.artifacts.getBuildInfoPath(id));
  if (!file) throw new Error("the build of the contracts is gone");
  const { input } = JSON.parse(await readFile(file, "utf8")) as { input: StandardInput };
  // Metadata alone takes the compiler a second: nothing is translated for it.
  const entries = Object.entries(contracts) as [ContractName, Built][];
  const { contracts: compiled } = compile(
    selecting(input, Object.fromEntries(entries.map(([name, { source }]) => [source, { [name]: ["metadata"] }]))),
  );
  const metadataOf = (name: ContractName): string => compiled[contracts[name].source]![name]!.metadata;
  const bundleOf = (name: ContractName): Bundle => {
    // The annex is compiled with the market, which has it within.
    const group: ContractName[] = name === "Annex" || name === "StorageMarket" ? ["StorageMarket", "Annex"] : [name];
    const { sources: own } = JSON.parse(metadataOf(group[0]!)) as { sources: object };
    const sources = Object.fromEntries(Object.keys(own).map((path) => [path, input.sources[path]!]));
    const selection = Object.fromEntries(group.map((one) => [contracts[one].source, { [one]: OUTPUTS }]));
    return {
      input: selecting({ ...input, sources }, { ...selection, "*": { "": ["ast"] } }),
      metadata: metadataOf(name),
    };
  };
  return Object.fromEntries(entries.map(([name]) => [name, bundleOf(name)])) as Record<ContractName, Bundle>;
}

function selecting(input: StandardInput, outputSelection: object): StandardInput {
  return { ...input, settings: { ...input.settings, outputSelection } };
}
