/**
 * Gas of every call, beside the peers and the project's targets: `npm run bench:gas [-- --json | --update | --check]`. Real
 * transactions on Hardhat's EVM by Prague rules, within Ethereum's limits of code and a block of 16M gas, calldata included;
 * figures of batches are gas a deal. `--json` prints one flat object: every row, and the peers under `peer/...`.
 * `--update` writes gas/snapshot.json, so that a review sees what a change costs; `--check` fails where a row is not in it or
 * differs by more than zeros in random calldata make.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import hre from "hardhat";
import peers from "./gas/peers.json" with { type: "json" };
import { committing, opening, others, proving, type Row, settling } from "./gas/scenarios.ts";

/** What is compared over time, and the gas that each is to come down to. */
const BUDGETED = {
  "prove/1": 150_000,
  "prove/10": undefined,
  "prove/100": 160_000,
  "prove/1000": 172_000,
  "proveMany/marginal/1": 132_000,
  "proveMany/marginal/100": 142_000,
  "openDeals/30/fresh": 62_000,
  "openDeals/30/reused": 45_000,
  "commit/30/first": 45_000,
  "commit/30/steady": 27_000,
  "commit/30/scattered": 36_000,
  "settle/1x365": 48_000,
  "settle/30x365": 13_000,
  withdraw: 45_000,
} as const;
const TARGETS: Readonly<Record<string, number | undefined>> = BUDGETED;
const CALL_WIDTH = 34;
const SNAPSHOT = join(import.meta.dirname, "gas", "snapshot.json");
/** Bytes of ids and signatures that happen to be zero, and when a block was mined. */
const TOLERANCE = 0.005;

const flag = { type: "boolean", default: false } as const;
const { values } = parseArgs({ options: { json: flag, update: flag, check: flag } });

await hre.tasks.getTask("build").run({ quiet: true });
const measured = new Map<string, number>();
if (!values.json) console.log(`${"call".padEnd(CALL_WIDTH)} ${"gas".padStart(10)}`);
for (const scenario of [proving, opening, committing, settling, others]) {
  for await (const row of scenario()) {
    measured.set(...row);
    if (!values.json) print(row);
  }
}
if (values.json) {
  const beside = peers.figures.map(({ peer, gas }) => [`peer/${peer}`, gas]);
  console.log(JSON.stringify(Object.fromEntries([...measured, ...beside])));
} else {
  console.log(`\n${peers.source}`);
}
if (values.update) writeFileSync(SNAPSHOT, `${JSON.stringify(Object.fromEntries(measured), null, 2)}\n`);
if (values.check) check();
const missing = [...Object.keys(BUDGETED), ...(await calls())].filter((call) => !isMeasured(call));
if (missing.length > 0) throw new Error(`not measured: ${missing.join(", ")}`);

/** @throws Error naming each row that is not what the snapshot says. */
function check(): void {
  const known = new Map<string, number>(Object.entries(JSON.parse(readFileSync(SNAPSHOT, "utf8"))));
  const rows = [...new Set([...known.keys(), ...measured.keys()])];
  const changed = rows.filter((row) => {
    const [before = 0, now = 0] = [known.get(row), measured.get(row)];
    return Math.abs(now - before) > before * TOLERANCE;
  });
  if (changed.length === 0) return;
  const told = changed.map((row) => `${row}: ${known.get(row) ?? "none"} -> ${measured.get(row) ?? "none"}`);
  throw new Error(`gas/snapshot.json is not what was measured ("--update" writes it anew):\n${told.join("\n")}`);
}

/** Names of everything that can be sent to the market. */
async function calls(): Promise<string[]> {
  const { abi } = await hre.artifacts.readArtifact("StorageMarket");
  return abi
    .filter((entry) => entry.type === "function" && entry.stateMutability === "nonpayable")
    .map((entry) => ("name" in entry ? entry.name : ""));
}

function isMeasured(call: string): boolean {
  return [...measured.keys()].some((row) => row === call || row.startsWith(`${call}/`));
}

function print([call, gas]: Row): void {
  const target = TARGETS[call];
  const beside = target === undefined ? "" : `  ${times(gas / target)} of the target, ${figure(target)}`;
  console.log(`${call.padEnd(CALL_WIDTH)} ${figure(gas).padStart(10)}${beside}`);
  for (const peer of peers.figures.filter(({ beside }) => beside === call)) {
    console.log(`${"".padEnd(CALL_WIDTH)} ${figure(peer.gas).padStart(10)}  ${times(peer.gas / gas)} ${peer.peer}`);
  }
}

/** Wide enough for the largest, so that they stand below one another. */
function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`.padStart(6);
}

function figure(gas: number): string {
  return gas.toLocaleString("en-US");
}
