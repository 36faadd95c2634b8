/**
 * Compares a chain with a deployment's record: compiles what was recorded, and looks whether the transactions and the code
 * on the chain are what comes of it, to the last byte of the metadata's hash.
 */
import { type Address, encodeAbiParameters, type Hex, isAddressEqual, keccak256, stringToHex } from "viem";
import { storageMarketAbi } from "../../src/chain/abi.ts";
import { type Node, nodeAt } from "../../src/chain/Connection.ts";
import { chainFailure } from "../../src/chain/Failure.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import type { Bundle, ContractName } from "./build.ts";
import { compareCode } from "./code.ts";
import { type CompiledContract, compile, compilerVersion, type Output } from "./compiler.ts";
import { expectedImmutables, immutablesOf } from "./immutables.ts";
import {
  annexArguments,
  annexOf,
  type DeploymentRecord,
  type RecordedContract,
  readBundle,
  readRecord,
} from "./record.ts";

/** One contract, and everything about it that is not as recorded. */
export interface Verified {
  readonly name: ContractName;
  readonly address: Address;
  readonly differences: readonly string[];
}

export interface Verification {
  readonly ok: boolean;
  readonly chainId: number;
  readonly contracts: readonly Verified[];
  /** What was there before the market, and has no sources here. */
  readonly notJudged: readonly ("token" | "seedSource")[];
}

/** @throws SubletException NoSuchPath, StateCorrupt, BadArgument (another compiler), WrongChain, ChainUnavailable */
export async function verify(folder: string, rpcUrl: string): Promise<Verification> {
  const record = await readRecord(folder);
  if (!record) throw new SubletException({ code: "NoSuchPath", path: folder });
  const { chainId, compiler } = record;
  if (compiler !== compilerVersion()) {
    const reason = `the compiler here is ${compilerVersion()}; check out the version of Sublet that it was deployed from`;
    throw new SubletException({ code: "BadArgument", name: "the compiler recorded", value: compiler, reason });
  }
  const { node } = await nodeAt({ rpcUrl, chainId });
  const contracts: Verified[] = [];
  for (const [name, recorded] of Object.entries(record.contracts) as [ContractName, RecordedContract][]) {
    const bundle = await readBundle(folder, name);
    try {
      const differences = [
        ...relations(record, name, recorded),
        ...(await differencesOf(node, record, name, recorded, bundle)),
      ];
      contracts.push({ name, address: recorded.address, differences });
    } catch (thrown) {
      throw chainFailure(thrown, `the verification of ${name}`, rpcUrl);
    }
  }
  const { MarketToken, HeaderSeedSource } = record.contracts;
  const notJudged = [
    ...(MarketToken ? [] : (["token"] as const)),
    ...(HeaderSeedSource ? [] : (["seedSource"] as const)),
  ];
  return { ok: contracts.every(({ differences }) => differences.length === 0), chainId, contracts, notJudged };
}

/** What the record says of one contract must follow from what it says of the market. */
function relations(record: DeploymentRecord, name: ContractName, recorded: RecordedContract): string[] {
  const { token, seedSource, forwarder, market, parameters } = record;
  const found: string[] = [];
  const same = (what: string, address: Address, other: Address | undefined): void => {
    if (other && !isAddressEqual(address, other)) found.push(`its address is ${address}, and ${other} as ${what}`);
  };
  const places = {
    MarketToken: token,
    ERC2771Forwarder: forwarder,
    HeaderSeedSource: seedSource,
    StorageMarket: market,
  };
  if (name === "Annex") same("the market's first contract", recorded.address, annexOf(market));
  else same("the market's record has it", recorded.address, places[name]);
  if (name === "MarketToken" || name === "HeaderSeedSource") return found;
  const { inputs } = storageMarketAbi.find((item) => item.type === "constructor")!;
  const whole = { ...parameters, minCollateral: BigInt(parameters.minCollateral) };
  const ofMarket = encodeAbiParameters(inputs, [whole, token, seedSource, forwarder]);
  const wanted = { StorageMarket: ofMarket, Annex: annexArguments(ofMarket), ERC2771Forwarder: undefined }[name];
  if (wanted !== undefined && wanted !== recorded.constructorArguments)
    found.push("its constructor's arguments are not those of the parameters and addresses recorded");
  return found;
}

async function differencesOf(
  node: Node,
  record: DeploymentRecord,
  name: ContractName,
  recorded: RecordedContract,
  bundle: Bundle,
): Promise<string[]> {
  const output = compiledOnce(bundle);
  const contract = Object.values(output.contracts).find((file) => file[name])?.[name];
  if (!contract) return [`what was recorded of its sources has no contract ${name}`];
  const { bytecode, deployedBytecode } = contract.evm;
  const onChain = (await node.getCode({ address: recorded.address })) ?? "0x";
  const immutables = immutablesOf(contract, output.sources, expectedImmutables(record, name, recorded));
  return [
    ...sourceDifferences(bundle, contract),
    // The market makes its annex: whose creation code is inside the market's own.
    ...(name === "Annex" ? [] : await creationDifferences(node, recorded, `0x${bytecode.object}`)),
    ...compareCode(onChain, `0x${deployedBytecode.object}`, immutables),
    ...(keccak256(onChain) === recorded.codeHash
      ? []
      : [`its code on the chain hashes to ${keccak256(onChain)}, and ${recorded.codeHash} was recorded`]),
  ];
}

function sourceDifferences({ input, metadata }: Bundle, contract: CompiledContract): string[] {
  const found: string[] = [];
  const named = (JSON.parse(metadata) as { sources: Record<string, { keccak256: Hex }> }).sources;
  for (const [path, { keccak256: hash }] of Object.entries(named)) {
    const content = input.sources[path]?.content;
    if (content === undefined) found.push(`its source ${path} is missing`);
    else if (keccak256(stringToHex(content)) !== hash)
      found.push(`its source ${path} is not the one that its metadata names`);
  }
  if (contract.metadata !== metadata) found.push("its sources compile to other metadata than was recorded");
  return found;
}

async function creationDifferences(node: Node, recorded: RecordedContract, bytecode: Hex): Promise<string[]> {
  const { transaction: hash, address, block, constructorArguments } = recorded;
  try {
    const [{ input }, { contractAddress, status, blockNumber }] = await Promise.all([
      node.getTransaction({ hash }),
      node.getTransactionReceipt({ hash }),
    ]);
    const found: string[] = [];
    if (status !== "success" || !contractAddress || !isAddressEqual(contractAddress, address))
      found.push(`transaction ${hash} did not make it`);
    if (Number(blockNumber) !== block)
      found.push(`transaction ${hash} is in block ${blockNumber}, and ${block} was recorded`);
    if (input !== `${bytecode}${constructorArguments.slice(2)}`)
      found.push(`transaction ${hash} did not carry its creation code with the arguments recorded`);
    return found;
  } catch (thrown) {
    if (!/NotFoundError$/.test((thrown as Error).name)) throw thrown;
    return [`transaction ${hash}, which made it, is not on the chain`];
  }
}

const outputs = new Map<string, Output>();

/** The market takes the compiler a quarter of a minute, and its annex comes with it. */
function compiledOnce({ input }: Bundle): Output {
  const key = JSON.stringify(input);
  const output = outputs.get(key) ?? compile(input);
  outputs.set(key, output);
  return output;
}
