/** What the commands share: which provider they are about, its settings and key, and how they answer. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { bytesToHex, formatUnits, type Hex, isAddressEqual } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { readKeystore } from "../../chain/Keystore.ts";
import { Market } from "../../chain/Market.ts";
import { LEDGER_ONE } from "../../chain/MarketReader.ts";
import { readPassword } from "../../chain/Password.ts";
import type { Purse } from "../../chain/Sender.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { toJson } from "../../protocol/Json.ts";
import { Home } from "../Home.ts";
import type { ProviderConfig } from "../ProviderConfig.ts";
import { choicesOf, complete, fromEnvironment, parse, SETTINGS, type Setting, type Settings } from "../Settings.ts";

/** A provider that serves. */
export interface Running {
  readonly address: string;
  readonly peerId: string;
  readonly multiaddrs: readonly string[];
  readonly metricsUrl: string | undefined;
  stop(): Promise<void>;
}

/** What the commands are given of the process they run in. */
export interface Shell {
  readonly environment: Readonly<Record<string, string | undefined>>;
  start(config: ProviderConfig): Promise<Running>;
}

/** As commander reads them: settings by their names in camel case. */
export type Flags = Readonly<Record<string, unknown>> & {
  readonly home?: string;
  readonly json?: boolean;
  readonly passwordFile?: string;
};

export function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--home <folder>", "where the provider lives (SUBLET_HOME/provider, ~/.sublet/provider)")
    .option("--json", "print one JSON document");
}

export function withPassword(to: Command): Command {
  return to.option("--password-file <file>", "the keystore's password; else SUBLET_PASSWORD, else it is asked for");
}

export type OwnerFlags = Flags & { readonly ownerKeystore?: string; readonly ownerPasswordFile?: string };

export function withOwner(to: Command): Command {
  return withPassword(to)
    .option("--owner-keystore <file>", "the owner's key, where the provider's own folder has only a signer's")
    .option("--owner-password-file <file>", "its password, if another");
}

/** `usual`: what stands where nothing is given, for the help. */
export function withSettings(to: Command, usual: Partial<Settings> = {}): Command {
  for (const [key, setting] of Object.entries(SETTINGS) as [keyof Settings, Setting][]) {
    const { name, argument, help, write = String } = setting;
    if (!argument) continue;
    const value = usual[key] === undefined ? "" : write(usual[key] as never);
    const option = new Option(`--${name} ${argument}`, value === "" ? help : `${help} (${value} unless told)`);
    const choices = choicesOf(setting);
    // For help and completion: what does not fit is refused where all settings are, wherever they come from.
    if (choices) option.argChoices = choices;
    to.addOption(option);
  }
  return to;
}

export function homeOf({ home }: Flags, { environment }: Shell): Home {
  return new Home(resolve(home ?? join(environment.SUBLET_HOME ?? join(homedir(), ".sublet"), "provider")));
}

/** The settings among flags and environment. @throws BadArgument */
export function given(flags: Flags, { environment }: Shell): Partial<Settings> {
  const values = (Object.values(SETTINGS) as Setting[]).flatMap(({ name, argument }) => {
    const value = argument && flags[name.replaceAll(/-(.)/g, (_, letter) => letter.toUpperCase())];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...fromEnvironment(environment), ...parse(Object.fromEntries(values), (name) => `--${name}`) };
}

/** Flags before the environment before the file. @throws NotInitialized, StateCorrupt, BadArgument */
export async function settingsOf(home: Home, flags: Flags, shell: Shell): Promise<Settings> {
  return complete({ ...(await home.settings()), ...given(flags, shell) });
}

/** @throws NoSuchPath, StateCorrupt, WrongPassword, BadArgument */
export async function keyOf(home: Home, { passwordFile }: Flags): Promise<Hex> {
  return bytesToHex(await readKeystore(home.keystoreFile, await readPassword(passwordFile, false)));
}

/** The owner's key, where that is kept elsewhere; else the provider's own. @throws BadArgument when it is neither */
export async function ownerKeyOf(home: Home, { address }: Settings, flags: OwnerFlags): Promise<Hex> {
  const { ownerKeystore: file = home.keystoreFile, ownerPasswordFile } = flags;
  const key = bytesToHex(await readKeystore(file, await readPassword(ownerPasswordFile ?? flags.passwordFile, false)));
  if (isAddressEqual(privateKeyToAddress(key), address)) return key;
  const reason = `the stake belongs to ${address}, and this keystore holds another's key: give --owner-keystore`;
  throw new SubletException({ code: "BadArgument", name: "keystore", value: file, reason });
}

/** The market for whoever holds a key, through the relay if one is set. @throws as Market.connect */
export function marketFor(settings: Settings, account: Hex, purse?: Purse): Promise<Market> {
  const { rpcUrl, market, chainId, relay, address } = settings;
  return Market.connect({
    ...{ rpcUrl, market, chainId, account },
    ...(purse && { purse }),
    ...(relay !== undefined && { relay: { url: relay, provider: address } }),
  });
}

/** Ledger units as tokens. */
export function tokens(units: bigint, decimals: number): string {
  return formatUnits(units / LEDGER_ONE, decimals);
}

/** Rows under one another, the first as heads; all columns but the first few are figures. */
export function table(rows: readonly (readonly string[])[], words: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < words ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}

/** For whoever waits; never part of the answer. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function print(flags: Flags, document: object, lines: () => string[]): void {
  const text = flags.json ? toJson(document) : lines().join("\n");
  process.stdout.write(`${text}\n`);
}
