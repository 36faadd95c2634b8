/**
 * The folder of a provider: `config.toml` (what people set), `keystore.json`, `state.json` (what commands remember), and
 * `data/`, which may be moved elsewhere, with `sectors/` and `store.sqlite`.
 */
import { join } from "node:path";
import { type Address, getAddress, isAddress } from "viem";
import { z } from "zod";
import { SubletException } from "../protocol/Errors.ts";
import { parseFile, render } from "./ConfigFile.ts";
import { createFile, readText, replaceFile } from "./Durable.ts";
import type { Settings } from "./Settings.ts";

const state = z.object({
  /** On its way out: no new deals and no new stake. */
  leaving: z.boolean().default(false),
  /** It has stored before: without its database, its disk is not mounted. */
  begun: z.boolean().default(false),
  /** Where its data are, if not in `data/`. */
  data: z.string().nullable().default(null),
  /** Where a move has left data behind that are to be removed. */
  old: z.string().nullable().default(null),
});

type State = z.output<typeof state>;

export class Home {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get keystoreFile(): string {
    return join(this.path, "keystore.json");
  }

  get configFile(): string {
    return join(this.path, "config.toml");
  }

  get #stateFile(): string {
    return join(this.path, "state.json");
  }

  /** Makes the folder with its keystore and settings. @throws BadArgument when a provider lives in it already */
  async create(keystore: string, settings: Settings): Promise<void> {
    if ((await readText(this.configFile)) !== undefined || (await readText(this.keystoreFile)) !== undefined) {
      const reason = "a provider lives there already, and its key is never overwritten; choose another folder";
      throw new SubletException({ code: "BadArgument", name: "--home", value: this.path, reason });
    }
    await createFile(this.keystoreFile, `${keystore}\n`);
    await createFile(this.configFile, render(settings));
  }

  /** What the file sets. @throws NotInitialized, StateCorrupt, BadArgument */
  async settings(): Promise<Partial<Settings>> {
    const text = await readText(this.configFile);
    if (text === undefined) throw new SubletException({ code: "NotInitialized", home: this.path });
    return parseFile(text, this.configFile);
  }

  /** @throws StateCorrupt */
  async state(): Promise<State> {
    const parsed = state.safeParse(json((await readText(this.#stateFile)) ?? "{}"));
    if (parsed.success) return parsed.data;
    const reason = parsed.error.issues[0]?.message ?? "no state";
    throw new SubletException({ code: "StateCorrupt", file: this.#stateFile, reason });
  }

  /** Whose key is in the keystore, which is not secret. @throws NoSuchPath, StateCorrupt */
  async signer(): Promise<Address> {
    const text = await readText(this.keystoreFile);
    if (text === undefined) throw new SubletException({ code: "NoSuchPath", path: this.keystoreFile });
    const parsed = z.object({ address: z.string() }).safeParse(json(text));
    const address = `0x${parsed.data?.address.replace(/^0x/i, "")}`;
    if (isAddress(address, { strict: false })) return getAddress(address);
    throw new SubletException({
      code: "StateCorrupt",
      file: this.keystoreFile,
      reason: "it does not say whose key it has",
    });
  }

  /** @throws StateCorrupt */
  async dataDir(): Promise<string> {
    return (await this.state()).data ?? join(this.path, "data");
  }

  /** On the disk, whole, when this returns. */
  async remember(changed: Partial<State>): Promise<void> {
    await replaceFile(this.#stateFile, `${JSON.stringify({ ...(await this.state()), ...changed }, undefined, 2)}\n`);
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
