import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type Command, Option } from "commander";
import { isAddressEqual } from "viem";
import { readKeystore } from "../../chain/Keystore.ts";
import { marketAddress } from "../../chain/MarketAddress.ts";
import { readPassword } from "../../chain/Password.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { bootnodesOf } from "../../protocol/PeerAddress.ts";
import { Home } from "../home/Home.ts";
import { accountOf, isOfDevice } from "../home/Keystore.ts";
import { keyOf } from "../home/Words.ts";
import type { Recovered } from "../restore/Recovery.ts";
import { bad } from "./Arguments.ts";
import { command, type HomeFlags, type IncidentReport, remember } from "./Session.ts";
import { counted, print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly fromKey?: string;
  readonly fromWords?: string;
  readonly localNetwork?: boolean;
}

export function restoreCommand(): Command {
  return command("restore", "bring a whole drive back from its key, into an empty home")
    .option("--from-key <keystore>", "the keystore.json of the drive")
    .addOption(
      new Option("--from-words <file>", "the words of its key, or - to read them from what comes in").conflicts(
        "fromKey",
      ),
    )
    .option("--local-network", "everything runs on one machine")
    .action((flags: Flags) => restore(flags));
}

/** Into a home of the same key it goes on: a restore that met too few providers is repeated. */
async function restore(flags: Flags): Promise<void> {
  const bootnodes = bootnodesOf(flags);
  const { key, password } = await secretOf(flags);
  const { address: account } = accountOf(key);
  const home = flags.home === undefined ? {} : { home: flags.home };
  const config = await new Home(flags.home).findConfig();
  if (!config) {
    if (!flags.rpc) throw bad("--rpc", "", "the chain's JSON-RPC address is needed");
    if (!flags.market) throw bad("--market", "", "the market's address is needed");
    const place = { rpcUrl: flags.rpc, market: marketAddress("--market", flags.market) };
    const { setUp } = await import("../home/Setup.ts");
    await setUp({ ...home, ...place, ...bootnodes, password, key, localNetwork: flags.localNetwork ?? false });
  } else if (!isAddressEqual(config.account, account)) {
    throw bad("--home", flags.home ?? "", `the drive in it is that of ${config.account}, not of ${account}`);
  }
  const incidents: IncidentReport[] = [];
  const onIncident = remember.bind(undefined, incidents);
  const { Sublet } = await import("../Sublet.ts");
  const { drive, recovered } = await Sublet.restore({
    ...{ ...home, ...bootnodes, key, onIncident },
    ...(flags.trace !== undefined && { trace: flags.trace }),
  });
  await drive.close();
  print(flags, { address: account, ...home, ...recovered, incidents }, () => [
    `${recovered.files} files of ${recovered.volumes} volumes are back; ${recovered.answered} of ${recovered.deals} providers answered.`,
    ...strangeLines(recovered),
  ]);
}

/** Deals that cannot be this drive's: of an earlier version of the program, or opened by a device that meant no good. */
export function strangeLines({ strange }: Recovered): string[] {
  return strange === 0
    ? []
    : [`${counted(strange, "deal")} in its name stand under another signer, and were left alone.`];
}

/** The key, and the password of the keystore that is laid down: a new one where there was none before. */
async function secretOf({ fromKey, fromWords, passwordFile }: Flags): Promise<{ key: Uint8Array; password: string }> {
  if (fromWords !== undefined) {
    const key = keyOf(await wordsIn(fromWords));
    return { key, password: await readPassword(passwordFile, true) };
  }
  if (fromKey === undefined) throw bad("--from-key", "", "a keystore is needed, or --from-words");
  const password = await readPassword(passwordFile, false);
  if (await isOfDevice(fromKey))
    throw bad("--from-key", fromKey, "it is a device's, which brings nothing back; the owner's keystore or words do");
  return { key: await readKeystore(fromKey, password), password };
}

/** Never from the command line, which others may see and shells remember. */
async function wordsIn(file: string): Promise<string> {
  if (file === "-") return text(process.stdin);
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
  });
}
