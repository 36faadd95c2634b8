/** What the constructors wrote into the code, by the name that each value has in the sources. */
import { encodeAbiParameters, type Hex, keccak256, pad, stringToHex, toHex } from "viem";
import type { ContractName } from "./build.ts";
import type { Immutable } from "./code.ts";
import type { CompiledContract, Output } from "./compiler.ts";
import type { DeploymentRecord, RecordedContract } from "./record.ts";

export function immutablesOf(
  { evm }: CompiledContract,
  sources: Output["sources"],
  expected: ReadonlyMap<string, Hex>,
): Immutable[] {
  const names = new Map<number, string>();
  for (const { ast } of Object.values(sources)) collect(ast, names);
  return Object.entries(evm.deployedBytecode.immutableReferences).map(([id, places]) => {
    const name = names.get(Number(id)) ?? `immutable ${id}`;
    return { name, places, expected: expected.get(name) };
  });
}

/** Declarations by their id. */
function collect(node: unknown, names: Map<number, string>): void {
  if (typeof node !== "object" || node === null) return;
  const { nodeType, id, name } = node as { nodeType?: string; id?: number; name?: string };
  if (nodeType === "VariableDeclaration" && id !== undefined && name !== undefined) names.set(id, name);
  for (const child of Object.values(node)) collect(child, names);
}

/** By the record alone: nothing of it is asked of the chain that is being judged. */
export function expectedImmutables(
  record: DeploymentRecord,
  name: ContractName,
  { address, block }: RecordedContract,
): ReadonlyMap<string, Hex> {
  if (name === "MarketToken") return domain("Sublet test token", record.chainId, address);
  if (name === "ERC2771Forwarder") return domain("Sublet", record.chainId, address);
  const { parameters: p } = record;
  const numbers = {
    ...{ GENESIS: block, EPOCH_BLOCKS: p.epochBlocks, COMMIT_BLOCKS: p.commitBlocks, GAP_BLOCKS: p.gapBlocks },
    ...{ MULTIPLIER: p.multiplier, COVER: p.coverEpochs, MISSED: p.missedEpochs, EXIT: p.exitEpochs },
    ...{ FINAL: p.finalEpochs, ROTATE: p.rotateEpochs, DEAL_EPOCHS: p.maxDealEpochs },
    MIN_COLLATERAL: BigInt(p.minCollateral),
  };
  const addresses = {
    ...{ TOKEN: record.token, SOURCE: record.seedSource, _trustedForwarder: record.forwarder },
    ...{ ANNEX: record.contracts.Annex.address, SELF: address },
  };
  return new Map([
    ...Object.entries(numbers).map(([key, value]): [string, Hex] => [key, toHex(value, { size: 32 })]),
    ...Object.entries(addresses).map(([key, value]): [string, Hex] => [key, pad(value).toLowerCase() as Hex]),
  ]);
}

const DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

/** OpenZeppelin's EIP712 keeps a domain of version 1 so. */
function domain(name: string, chainId: number, address: Hex): ReadonlyMap<string, Hex> {
  const [hashedName, hashedVersion] = [keccak256(stringToHex(name)), keccak256(stringToHex("1"))];
  const separator = keccak256(
    encodeAbiParameters(
      [{ type: "bytes32" }, { type: "bytes32" }, { type: "bytes32" }, { type: "uint256" }, { type: "address" }],
      [keccak256(stringToHex(DOMAIN)), hashedName, hashedVersion, BigInt(chainId), address],
    ),
  );
  return new Map<string, Hex>([
    ["_cachedDomainSeparator", separator],
    ["_cachedChainId", toHex(chainId, { size: 32 })],
    ["_cachedThis", pad(address).toLowerCase() as Hex],
    ["_hashedName", hashedName],
    ["_hashedVersion", hashedVersion],
    ["_name", shortString(name)],
    ["_version", shortString("1")],
  ]);
}

/** Text from the left, its length in the last byte. */
function shortString(text: string): Hex {
  return `${stringToHex(text, { size: 31 })}${toHex(text.length, { size: 1 }).slice(2)}`;
}
