import type { Command } from "commander";
import { isAddressEqual } from "viem";
import { readKeystore } from "../../chain/Keystore.ts";
import { readPassword } from "../../chain/Password.ts";
import { Home } from "../home/Home.ts";
import { accountOf } from "../home/Keystore.ts";
import { address, bad } from "./Arguments.ts";
import { command, type HomeFlags, type IncidentReport, remember } from "./Session.ts";
import { print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly fromKey: string;
  readonly localNetwork?: boolean;
}

export function restoreCommand(): Command {
  return command("restore", "bring a whole drive back from its key, into an empty home")
    .requiredOption("--from-key <keystore>", "the keystore.json of the drive")
    .option("--local-network", "everything runs on one machine")
    .action((flags: Flags) => restore(flags));
}

/** Into a home of the same key it goes on: a restore that met too few providers is repeated. */
async function restore(flags: Flags): Promise<void> {
  const password = await readPassword(flags.passwordFile, false);
  const key = await readKeystore(flags.fromKey, password);
  const { address: account } = accountOf(key);
  const home = flags.home === undefined ? {} : { home: flags.home };
  const config = await new Home(flags.home).findConfig();
  if (!config) {
    if (!flags.rpc) throw bad("--rpc", "", "the chain's JSON-RPC address is needed");
    if (!flags.market) throw bad("--market", "", "the market's address is needed");
    const place = { rpcUrl: flags.rpc, market: address("--market", flags.market) };
    const { setUp } = await import("../home/Setup.ts");
    await setUp({ ...home, ...place, password, key, localNetwork: flags.localNetwork ?? false });
  } else if (!isAddressEqual(config.account, account)) {
    throw bad("--home", flags.home ?? "", `the drive in it is that of ${config.account}, not of ${account}`);
  }
  const incidents: IncidentReport[] = [];
  const onIncident = remember.bind(undefined, incidents);
  const { Sublet } = await import("../Sublet.ts");
  const { drive, recovered } = await Sublet.restore({ ...home, key, onIncident });
  await drive.close();
  print(flags, { address: account, ...home, ...recovered, incidents }, () => [
    `${recovered.files} files of ${recovered.volumes} volumes are back; ${recovered.answered} of ${recovered.deals} providers answered.`,
  ]);
}
