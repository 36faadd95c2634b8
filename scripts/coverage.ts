/**
 * How much of the contracts' lines and statements their Mocha tests run, as Hardhat counts them: `npm run test:coverage`.
 * Fails below 98 % of either. What is counted is larger and dearer than what is deployed, so the two tests of Ethereum's
 * limits are left out. See docs/decisions/mutation.md for what stands in for branches, which Hardhat does not count.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const LEAST_PERCENT = 98;
const ROOT = join(import.meta.dirname, "..");
const HARDHAT = join(ROOT, "node_modules", "hardhat", "dist", "src", "cli.js");

const child = spawn(process.execPath, [HARDHAT, "test", "mocha", "--coverage", "--grep-exclude", "Ethereum's limits"], {
  cwd: ROOT,
  stdio: ["ignore", "pipe", "inherit"],
});
let output = "";
child.stdout.on("data", (bytes) => {
  process.stdout.write(bytes);
  output += bytes;
});
const [code] = (await once(child, "close")) as [number | null];

const [, lines, statements] = /Total\D+([\d.]+)\D+([\d.]+)/.exec(stripVTControlCharacters(output)) ?? [];
const enough = [lines, statements].every((percent) => Number(percent) >= LEAST_PERCENT);
console.log(`${lines} % of lines and ${statements} % of statements, where ${LEAST_PERCENT} % are needed of each`);
process.exitCode = code === 0 && enough ? 0 : 1;
