/** Writes src/chain/abi.ts from the contracts, so that viem knows every name and type. Run by `npm run generate`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import hre from "hardhat";

const CONTRACTS = {
  storageMarketAbi: "StorageMarket",
  seedSourceAbi: "HeaderSeedSource",
  marketTokenAbi: "MarketToken",
};
const TARGET = join(import.meta.dirname, "..", "src", "chain", "abi.ts");

await hre.tasks.getTask("build").run();
const parts = ["// Generated from the contracts by scripts/generate-abi.ts. Do not edit."];
for (const [name, contract] of Object.entries(CONTRACTS)) {
  const { abi } = await hre.artifacts.readArtifact(contract);
  parts.push(`export const ${name} = ${JSON.stringify(abi, null, 2)} as const;\n`);
}
writeFileSync(TARGET, parts.join("\n"));
