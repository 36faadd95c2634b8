/**
 * Gas of every call, beside the peers: `npm run bench:gas [-- --json]`. Real transactions on Hardhat's EVM by Prague
 * rules, calldata included; figures of batches are gas a deal. `--json` prints the figures that budgets are kept for.
 */
import { parseArgs } from "node:util";
import hre from "hardhat";
import peers from "./gas/peers.json" with { type: "json" };
import { committing, opening, others, proving, type Row, settling } from "./gas/scenarios.ts";

const BUDGETED = [
  "prove/1",
  "prove/10",
  "prove/100",
  "prove/1000",
  "proveMany/marginal/1",
  "proveMany/marginal/100",
  "openDeals/30/fresh",
  "openDeals/30/reused",
  "commit/30/first",
  "commit/30/steady",
  "commit/30/scattered",
  "settle/1x365",
  "settle/30x365",
  "withdraw",
];

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });

await hre.tasks.getTask("build").run({ quiet: true });
const measured = new Map<string, number>();
for (const scenario of [proving, opening, committing, settling, others]) {
  for await (const row of scenario()) {
    measured.set(...row);
    if (!values.json) print(row);
  }
}
if (values.json) {
  console.log(JSON.stringify(Object.fromEntries(BUDGETED.map((call) => [call, measured.get(call)]))));
} else {
  console.log(`\n${peers.source}`);
}
const missing = BUDGETED.filter((call) => !measured.has(call));
if (missing.length > 0) throw new Error(`not measured: ${missing.join(", ")}`);

function print([call, gas]: Row): void {
  console.log(`${call.padEnd(28)} ${figure(gas).padStart(10)}`);
  for (const peer of peers.figures.filter(({ beside }) => beside === call)) {
    const ratio = `${(peer.gas / gas).toFixed(1)}x`.padStart(8);
    console.log(`${" ".repeat(28)} ${figure(peer.gas).padStart(10)} ${ratio}  ${peer.peer}`);
  }
}

function figure(gas: number): string {
  return gas.toLocaleString("en-US");
}
