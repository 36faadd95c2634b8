/**
 * Replays a market from its chain alone, and says what each provider did. Exit code 1 if anything is wrong.
 *
 *     node examples/audit.ts <rpc url> <market address>
 */
import { isAddress } from "viem";
import { audit } from "../src/auditor/audit.ts";

const [rpcUrl, market] = process.argv.slice(2);
if (!rpcUrl || !market || !isAddress(market)) throw new Error("usage: node examples/audit.ts <rpc url> <market>");

const { ok, epoch, block, checked, providers, differences, spotChecks } = await audit({ rpcUrl, market });

console.log(`epoch ${epoch}, block ${block}: ${checked.events} events, ${checked.proofs} proofs replayed`);
for (const { provider, sectors, proven, missed } of providers) {
  const shown = spotChecks.find((one) => one.provider === provider);
  const wire = shown === undefined ? "nothing to show" : shown.ok ? "shows what it holds" : shown.reason;
  console.log(`${provider}: ${sectors} sectors, ${proven} epochs proven, ${missed} missed; ${wire}`);
}
for (const { what, expected, actual } of differences) console.log(`DIFFERS: ${what}: ${actual}, expected ${expected}`);
console.log(ok ? "Nothing is wrong." : "Something is wrong.");
if (!ok) process.exitCode = 1;
