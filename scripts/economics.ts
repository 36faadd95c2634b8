/**
 * Plays every strategy of test/economics against the contracts and writes what came of it into docs/ECONOMICS.md and its
 * plot: `npm run economics`. The page's prose stays as it is; the tests of test/economics say when it has to be run again.
 */
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import hre from "hardhat";
import { measure } from "../test/economics/measure.ts";
import { documents } from "../test/economics/page.ts";

await hre.tasks.getTask("build").run({ quiet: true });
for (const [path, text] of documents(await measure())) {
  writeFileSync(path, text);
  console.log(`written: ${relative(process.cwd(), path)}`);
}
