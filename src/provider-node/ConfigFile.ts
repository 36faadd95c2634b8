/** `config.toml`: every setting with what it means, for people to change. Written once, by init. */
import { parse as parseToml, stringify, TomlError } from "smol-toml";
import { SubletException } from "../protocol/Errors.ts";
import { choicesOf, parse, SETTINGS, type Setting, type Settings } from "./Settings.ts";

const HEAD = `# The settings of this provider. The command line (--name) and the environment (SUBLET_PROVIDER_NAME) go before them.
# A change counts from the next start.
`;

export function render(settings: Settings): string {
  const lines = [HEAD];
  for (const [key, setting] of Object.entries(SETTINGS) as [keyof Settings, Setting][]) {
    const { name, help, part, example, write } = setting;
    const choices = choicesOf(setting);
    if (part) lines.push(`# ---- ${part}\n`);
    const value = settings[key];
    const written = value !== undefined && write ? write(value as never) : (value ?? example);
    const pair = stringify({ [name]: written }).trimEnd();
    const meaning = `${help[0]!.toUpperCase()}${help.slice(1)}${choices ? ` (one of ${choices.join(", ")})` : ""}`;
    lines.push(`# ${meaning}.\n${value === undefined ? "#" : ""}${pair}\n`);
  }
  return lines.join("\n");
}

/** @throws SubletException StateCorrupt (no TOML), BadArgument naming the setting and the file */
export function parseFile(text: string, file: string): Partial<Settings> {
  return parse(toml(text, file), (name) => `${name} in ${file}`);
}

function toml(text: string, file: string): object {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = `line ${error.line}, column ${error.column}: ${error.message.split("\n", 1)[0]}`;
    throw new SubletException({ code: "StateCorrupt", file, reason }, { cause: error });
  }
}
