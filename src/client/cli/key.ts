import { Command, Option } from "commander";
import { bytesToHex } from "viem";
import { readKeystore } from "../../chain/Keystore.ts";
import { readPassword } from "../../chain/Password.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { Home } from "../home/Home.ts";
import { wordsOf } from "../home/Words.ts";
import { type HomeFlags, localCommand } from "./Session.ts";
import { note, print } from "./Terminal.ts";

interface Flags extends HomeFlags {
  readonly hex?: boolean;
}

export function keyCommand(): Command {
  const show = localCommand("export", "print the drive's key in plain, to be kept where nobody else looks")
    .addOption(new Option("--words", "as 24 words (BIP-39), as it is unless told; restore takes them").conflicts("hex"))
    .option("--hex", "as hexadecimal digits, as the library takes it")
    .action((flags: Flags) => exportKey(flags));
  return new Command("key").description("the one secret of a drive").addCommand(show);
}

/** Needs no chain: a key can be written down wherever its home is. */
async function exportKey(flags: Flags): Promise<void> {
  const home = new Home(flags.home);
  const { account, client } = await home.readConfig();
  if (client) throw new SubletException({ code: "OwnerOnly", what: "exporting a key", owner: client });
  const key = await readKeystore(home.keystoreFile, await readPassword(flags.passwordFile, false));
  note("Whoever sees this can read and spend everything of the drive; without it and the keystore nobody can.");
  if (flags.hex) print(flags, { address: account, key: bytesToHex(key) }, () => [bytesToHex(key)]);
  else print(flags, { address: account, words: wordsOf(key) }, () => lines(wordsOf(key)));
}

/** Four words a line. */
function lines(words: readonly string[]): string[] {
  return Array.from({ length: words.length / 4 }, (_, row) => words.slice(4 * row, 4 * row + 4).join(" "));
}
