import { expect } from "chai";
import type { CommandOptions, LocalNetwork } from "../../scripts/local-network.ts";

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
