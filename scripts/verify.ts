/** Compares a market on a chain with what was recorded of it: `npm run verify -- --help`. */
import { join } from "node:path";
import { Command } from "commander";
import { tellFailure } from "../src/command-line/failure.ts";
import { DEPLOYMENTS } from "./deployment/record.ts";
import { type Verification, verify } from "./deployment/verify.ts";

interface Flags {
  readonly rpc: string;
  readonly json?: boolean;
}

const command = new Command("verify")
  .description("compile what was recorded of a deployment, and compare it with the code on the chain")
  .argument("<deployment>", "a chain id, for what is in deployments/, or a folder")
  .requiredOption("--rpc <url>", "the chain's JSON-RPC address")
  .option("--json", "print one JSON document")
  .exitOverride()
  .configureOutput({ outputError: () => {} })
  .action(async (deployment: string, { rpc, json }: Flags) => {
    const verification = await verify(/^\d+$/.test(deployment) ? join(DEPLOYMENTS, deployment) : deployment, rpc);
    process.stdout.write(`${json ? JSON.stringify(verification) : page(verification)}\n`);
    if (!verification.ok) process.exitCode = 1;
  });

function page({ ok, chainId, contracts, notJudged }: Verification): string {
  const lines = contracts.flatMap(({ name, address, differences }) => [
    `${name.padEnd(16)} ${address}  ${differences.length === 0 ? "is what was recorded" : "DIFFERS"}`,
    ...differences.map((difference) => `  ${difference}`),
  ]);
  const outcome = ok ? "all is what its sources compile to" : "not all is what its sources compile to";
  const before = notJudged.map((what) => `The ${what} was there before the market, and is not judged.`);
  return [...lines, ...before, `Chain ${chainId}: ${outcome}.`].join("\n");
}

try {
  await command.parseAsync(process.argv);
} catch (error) {
  tellFailure(error, process.argv.includes("--json"));
}
