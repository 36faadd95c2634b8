/**
 * A local chain with the market on it: Hardhat's node over JSON-RPC with a block every half second unless told, the
 * contracts deployed with the demo's parameters. Prints one JSON line {@link LocalChain} on stdout once it is
 * ready and runs until its standard input closes, so it never outlives the process that started it.
 *
 *     node scripts/local-chain.ts [--port 8545] [--block-milliseconds 500]
 */
import { parseArgs } from "node:util";
import hre from "hardhat";
import { LOCAL_ACCOUNT } from "./deployment/ground.ts";
import { deploy } from "./deployment/index.ts";
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
const chainId = Number(await connection.provider.request({ method: "eth_chainId" }));
const order = { rpcUrl, chainId, account: LOCAL_ACCOUNT, preset: "demo", confirmations: 1, pollMs: 20 } as const;
const { market, token, forwarder } = await deploy(order);

// Only now by the clock: a deployment into half-second blocks would take ten times as long.
await connection.provider.request({ method: "evm_setAutomine", params: [false] });
await connection.provider.request({ method: "evm_setIntervalMining", params: [Number(values["block-milliseconds"])] });

const ready: LocalChain = { rpcUrl, chainId, market, token, forwarder };
process.stdout.write(`${JSON.stringify(ready)}\n`);

process.stdin.resume();
process.stdin.on("close", () => process.exit(0));
process.stdin.on("end", () => process.exit(0));
