import type { Command } from "commander";
import { marketAddress } from "../../chain/MarketAddress.ts";
import { readPassword } from "../../chain/Password.ts";
import { bootnodesOf } from "../../protocol/PeerAddress.ts";
import { bad } from "./Arguments.ts";
import { type HomeFlags, localCommand } from "./Session.ts";
import { print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly localNetwork?: boolean;
}

export function initCommand(): Command {
  return localCommand("init", "make a key and a home for a drive")
    .option("--local-network", "everything runs on one machine: several positions of a volume may be at one address")
    .action((flags: Flags) => init(flags));
}

async function init(flags: Flags): Promise<void> {
  if (!flags.rpc) throw bad("--rpc", "", "the chain's JSON-RPC address is needed");
  if (!flags.market) throw bad("--market", "", "the market's address is needed");
  const home = flags.home;
  const { setUp } = await import("../home/Setup.ts");
  const config = await setUp({
    ...(home !== undefined && { home }),
    rpcUrl: flags.rpc,
    market: marketAddress("--market", flags.market),
    password: await readPassword(flags.passwordFile, true),
    localNetwork: flags.localNetwork ?? false,
    ...bootnodesOf(flags),
  });
  const { account, ...rest } = config;
  print(flags, { address: account, ...(home !== undefined && { home }), ...rest }, () => [
    `Your address is ${account}. Send it tokens of ${config.token} and some gas, then: sublet volume create --k 4 --n 12`,
    "Keep a copy of keystore.json and its password, or what key export prints: everything comes back from them, and " +
      "from nothing else.",
  ]);
}
