/** The password of a keystore: from a file, from the environment, or from the person at the terminal. */
import { readFile } from "node:fs/promises";
import { SubletException } from "../protocol/Errors.ts";

/**
 * From `file` if given, else SUBLET_PASSWORD, else the terminal, where a `fresh` one is asked for twice.
 * @throws SubletException NoSuchPath, BadArgument (nobody to ask, or two different ones)
 */
export async function readPassword(file: string | undefined, fresh: boolean): Promise<string> {
  if (file !== undefined) {
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new SubletException({ code: "NoSuchPath", path: file }, { cause });
    });
    return text.replace(/\r?\n$/, "");
  }
  const { SUBLET_PASSWORD } = process.env;
  if (SUBLET_PASSWORD !== undefined) return SUBLET_PASSWORD;
  if (!process.stdin.isTTY) throw bad("there is no terminal to ask on; give --password-file or SUBLET_PASSWORD");
  // Only here: most commands never ask, and it takes as long to load as they take to run.
  const { password: ask } = await import("@inquirer/prompts");
  const context = { output: process.stderr };
  const first = await ask({ message: fresh ? "A password for the new key:" : "Password:", mask: true }, context);
  if (!fresh || first === (await ask({ message: "The same again:", mask: true }, context))) return first;
  throw bad("the two were not the same");
}

function bad(reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name: "password", value: "", reason });
}
