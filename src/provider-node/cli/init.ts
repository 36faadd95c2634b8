import type { Command } from "commander";
import { readPassword } from "../../chain/Password.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { DEFAULTS, parse } from "../Settings.ts";
import { setUp } from "../Setup.ts";
import { command, type Flags, given, homeOf, print, type Shell, withPassword, withSettings } from "./Shell.ts";

type InitFlags = Flags & { readonly owner?: string };

export function initCommand(shell: Shell): Command {
  return withSettings(withPassword(command("init", "make a key and settings in an empty folder")), DEFAULTS)
    .option("--owner <address>", "whose stake it will be, where that key is kept elsewhere; the new key only signs")
    .action((_: unknown, own: Command) => init(own.optsWithGlobals<InitFlags>(), shell));
}

async function init(flags: InitFlags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const settings = given(flags, shell);
  const { rpcUrl, market } = settings;
  if (!rpcUrl) throw needed("--rpc", "the chain's JSON-RPC address");
  if (!market) throw needed("--market", "the market's address");
  const password = () => readPassword(flags.passwordFile, true);
  const owner = flags.owner === undefined ? undefined : parse({ address: flags.owner }, () => "--owner").address;
  const place = { home: home.path, rpcUrl, market };
  const { address, signer, chainId, stake } = await setUp({ ...place, settings, password, ...(owner && { owner }) });
  print(flags, { address, signer, config: home.configFile, ...place, chainId, stake }, () => [
    `A provider lives in ${home.path} now. Its address is ${address}; its settings are in ${home.configFile}.`,
    owner
      ? `Send gas to its signer ${signer}, and ${stake} tokens and gas to its owner; then, with the owner's key: ` +
        `sublet provider enroll --home ${home.path} --owner-keystore <file>`
      : `Send it ${stake} tokens to stake and some gas, then: sublet provider run --home ${home.path}`,
  ]);
}

function needed(name: string, what: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value: "", reason: `${what} is needed` });
}
