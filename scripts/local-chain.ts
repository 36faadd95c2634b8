/**
 * A local chain with the market on it: Hardhat's node over JSON-RPC with a block every half second unless told, the
 * contracts deployed by Ignition with the demo's parameters. Prints one JSON line {@link LocalChain} on stdout once it is
 * ready and runs until its standard input closes, so it never outlives the process that started it.
 *
 *     node scripts/local-chain.ts [--port 8545] [--block-milliseconds 500]
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import hre from "hardhat";
import SubletModule from "../ignition/modules/Sublet.ts";
import type { LocalChain } from "./local-network.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "block-milliseconds": { type: "string", default: "500" },
  },
});

const server = await hre.network.createServer("hardhat", "127.0.0.1", Number(values.port));
const { address, port } = await server.listen();
const rpcUrl = `http://${address}:${port}`;

const connection = await hre.network.create({ network: "localhost", override: { url: rpcUrl } });
// The chain is new each time, so what Ignition remembers of an earlier one must not be taken for it.
const deploymentId = `local-${process.pid}`;
const journal = join(hre.config.paths.ignition, "deployments", deploymentId);
const { market, token, forwarder } = await connection.ignition.deploy(SubletModule, {
  deploymentId,
  config: { requiredConfirmations: 1, blockPollingInterval: 100 },
});
await rm(journal, { recursive: true, force: true });

// Only now by the clock: a deployment into half-second blocks would take ten times as long.
await connection.provider.request({ method: "evm_setAutomine", params: [false] });
await connection.provider.request({ method: "evm_setIntervalMining", params: [Number(values["block-milliseconds"])] });

const ready: LocalChain = {
  rpcUrl,
  chainId: Number(await connection.provider.request({ method: "eth_chainId" })),
  market: (await market.getAddress()) as `0x${string}`,
  token: (await token.getAddress()) as `0x${string}`,
  forwarder: (await forwarder.getAddress()) as `0x${string}`,
};
process.stdout.write(`${JSON.stringify(ready)}\n`);

process.stdin.resume();
process.stdin.on("close", () => process.exit(0));
process.stdin.on("end", () => process.exit(0));
