import type { Command } from "commander";
import { readPassword } from "../../chain/Password.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { setUp } from "../Setup.ts";
import { command, type Flags, given, homeOf, print, type Shell, withPassword, withSettings } from "./Shell.ts";

export function initCommand(shell: Shell): Command {
  return withSettings(withPassword(command("init", "make a key and settings in an empty folder"))).action(
    (_: unknown, own: Command) => init(own.optsWithGlobals<Flags>(), shell),
  );
}

async function init(flags: Flags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const settings = given(flags, shell);
  const { rpcUrl, market } = settings;
  if (!rpcUrl) throw needed("--rpc", "the chain's JSON-RPC address");
  if (!market) throw needed("--market", "the market's address");
  const password = () => readPassword(flags.passwordFile, true);
  const { address, chainId, stake } = await setUp({ home: home.path, rpcUrl, market, settings, password });
  print(flags, { address, home: home.path, config: home.configFile, rpcUrl, chainId, market, stake }, () => [
    `A provider lives in ${home.path} now. Its address is ${address}; its settings are in ${home.configFile}.`,
    `Send it ${stake} tokens to stake and some gas, then: sublet provider run --home ${home.path}`,
  ]);
}

function needed(name: string, what: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value: "", reason: `${what} is needed` });
}
