/**
 * One network of real processes for all suites of this folder that import it: a chain whose epochs take ten seconds, and
 * providers that anybody may rent from. A suite leaves every provider running and holding what it committed.
 */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { LocalNetwork, LocalProvider } from "../../scripts/local-network.ts";
import { commandsOf, endNetwork, startNetwork } from "./commands.ts";

/** One more than the suites' volumes need: a fresh one to repair at. */
const PROVIDERS = ["ant", "bee", "cat", "dog", "elk"];
/** Less than what suites rent that have a provider of their own. */
const QUOTA_BYTES = 96 * 2 ** 20;

export let network: LocalNetwork;

before(async function () {
  this.timeout(300_000);
  network = await startNetwork("system");
  await Promise.all(PROVIDERS.map((name) => network.addProvider(name, { quotaBytes: QUOTA_BYTES })));
});

after(async function () {
  this.timeout(60_000);
  await endNetwork(network);
});

export const { done, fails, place } = commandsOf(() => network);

export function providerAt(address: string): LocalProvider {
  const found = network.providerAt(address);
  if (!found) throw new Error(`${address} is none of the network's providers`);
  return found;
}

/** Hides what a running provider stores, as a lost disk would, until `work` is done. */
export async function withoutSectors<Result>(provider: LocalProvider, work: () => Promise<Result>): Promise<Result> {
  const sectors = join(provider.home, "data", "sectors");
  await rename(sectors, `${sectors}.away`);
  try {
    return await work();
  } finally {
    await rm(sectors, { recursive: true, force: true });
    await rename(`${sectors}.away`, sectors);
  }
}
