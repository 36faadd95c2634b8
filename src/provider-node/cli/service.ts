import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { SubletException } from "../../protocol/Errors.ts";
import { unit } from "../Service.ts";
import { foldersOf } from "../Values.ts";
import { command, type Flags, homeOf, print, type Shell, settingsOf, withPassword } from "./Shell.ts";

const COMMAND_LINE = join(import.meta.dirname, "..", "..", "sublet.ts");

type ServiceFlags = Flags & { readonly user?: string };

export function serviceCommand(shell: Shell): Command {
  return withPassword(command("service", "print a systemd unit that runs this provider"))
    .option("--user <name>", "whom it runs as (who asks)")
    .action((_: unknown, own: Command) => service(own.optsWithGlobals<ServiceFlags>(), shell));
}

async function service(flags: ServiceFlags, shell: Shell): Promise<void> {
  const home = homeOf(flags, shell);
  const { address, folders, alertCommand } = await settingsOf(home, flags, shell);
  const { data } = await home.state();
  const { passwordFile, user = userInfo().username } = flags;
  if (passwordFile === undefined) {
    const reason = "a service has nobody to ask: give the file with the password, which only root needs to read";
    throw new SubletException({ code: "BadArgument", name: "--password-file", value: "", reason });
  }
  const text = unit({
    ...{ provider: address, user, home: home.path, passwordFile: resolve(passwordFile) },
    writes: [home.path, ...(data === null ? [] : [data]), ...foldersOf(folders).map(({ path }) => path)],
    alertCommand: alertCommand !== undefined,
    program: [process.execPath, "--disable-warning=ExperimentalWarning", COMMAND_LINE],
  });
  print(flags, { unit: text }, () => [text.trimEnd()]);
}
