/** Networks of real processes for the suites that need one, and commands on them. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type CommandOptions, LocalNetwork } from "../../scripts/local-network.ts";

const BLOCK_MILLISECONDS = 250;

/** A chain whose epochs take ten seconds, in a folder of its own, and nobody on it yet. */
export async function startNetwork(name: string): Promise<LocalNetwork> {
  const directory = await mkdtemp(join(tmpdir(), `sublet-${name}-`));
  return LocalNetwork.start(directory, { blockMilliseconds: BLOCK_MILLISECONDS });
}

/** Ends what runs, and removes what it kept. @param network none: it did not start */
export async function endNetwork(network: LocalNetwork | undefined): Promise<void> {
  await network?.stop();
  if (network) await rm(network.directory, { recursive: true, force: true });
}

/** `sublet` on a network that has been started when they are called. */
export function commandsOf(network: () => LocalNetwork) {
  return {
    /** The document of a command that must succeed. */
    async done(args: readonly string[], options?: CommandOptions) {
      const { code, json, stderr } = await network().sublet(args, options);
      expect(code, `${args.join(" ")}: ${JSON.stringify(json)} ${stderr}`).to.equal(0);
      return json;
    },

    /** The error of a command that must fail. */
    async fails(args: readonly string[], options?: CommandOptions) {
      const { code, json } = await network().sublet(args, options);
      expect(code, `${args.join(" ")}: ${JSON.stringify(json)}`).to.equal(1);
      expect(json.error.message).to.be.a("string");
      return json.error;
    },

    /** What names chain and market on a command line. */
    place(): string[] {
      const { rpcUrl, market } = network().chain;
      return ["--rpc", rpcUrl, "--market", market];
    },
  };
}
