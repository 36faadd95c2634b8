/**
 * The folder a drive lives in: `config.json` (which chain, which market), `keystore.json` (the encrypted master key, or a
 * device's secret and the drive key),
 * `drive.sqlite` (catalogue and journal) and `journal/` (bytes that not every provider has yet).
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { getAddress, isAddress } from "viem";
import { z } from "zod";
import { SubletException } from "../../protocol/Errors.ts";

const address = z
  .string()
  .refine((text) => isAddress(text, { strict: false }), "not an address")
  .transform((text) => getAddress(text));

/** How long earlier versions of files are kept; `most`: contents of one path, the current one among them. */
const keep = z.object({ days: z.number().min(0).max(36_500), most: z.int().min(1).max(1_000_000) });

export type Keep = Readonly<z.output<typeof keep>>;

export const USUAL_KEEP: Keep = { days: 30, most: 10 };

/** Extends deals that end `within` so many epochs by `epochs` more; `budget`: token base units left for it. */
const renewal = z.object({
  epochs: z.int().min(1),
  within: z.int().min(1),
  budget: z
    .string()
    .regex(/^\d{1,39}$/)
    .transform(BigInt),
});

export type Renewal = Readonly<z.output<typeof renewal>>;

/** Of what a home's keys mean; in version 1 everything hung on the master key. */
export const HOME_VERSION = 2;

const schema = z.object({
  version: z.literal(
    HOME_VERSION,
    `it was laid down by another version of this program (this one knows ${HOME_VERSION})`,
  ),
  rpcUrl: z.url({ protocol: /^https?$/ }),
  chainId: z.int().positive(),
  market: address,
  token: address,
  /** Whose key is here, and the address to fund. */
  account: address,
  /** Of a device: whose drive it is. Left out: the account's own. */
  client: address.optional(),
  /** Lifts the rule of one position an operator and subnet: for networks on one machine. */
  localNetwork: z.boolean().default(false),
  keep: keep.default(USUAL_KEEP),
  /** Left out: deals end when they end. */
  renewal: renewal.optional(),
});

export type Config = Readonly<z.output<typeof schema>>;

export class Home {
  readonly path: string;

  /** @param path the folder; ~/.sublet unless told */
  constructor(path = join(homedir(), ".sublet")) {
    this.path = resolve(path);
  }

  get configFile(): string {
    return join(this.path, "config.json");
  }

  get keystoreFile(): string {
    return join(this.path, "keystore.json");
  }

  get databaseFile(): string {
    return join(this.path, "drive.sqlite");
  }

  get lockFile(): string {
    return join(this.path, "writer.lock");
  }

  get journalFolder(): string {
    return join(this.path, "journal");
  }

  /** @throws SubletException BadArgument when there is a drive here already: a key is never overwritten */
  async requireNew(): Promise<void> {
    const there = [await readText(this.configFile), await readText(this.keystoreFile)];
    if (there.every((text) => text === undefined)) return;
    const reason = "there is a drive in it already, and its key is never overwritten; choose another folder";
    throw new SubletException({ code: "BadArgument", name: "home", value: this.path, reason });
  }

  /** Lays down a new home; the keystore goes first, so that a home with a config always has its key. */
  async create(config: Config, keystore: string): Promise<void> {
    await this.requireNew();
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await writeDurably(this.keystoreFile, keystore, "wx");
    await this.writeConfig(config);
  }

  /** @throws SubletException NotInitialized, StateCorrupt */
  async readConfig(): Promise<Config> {
    const config = await this.findConfig();
    if (!config) throw new SubletException({ code: "NotInitialized", home: this.path });
    return config;
  }

  /** The config, or undefined where nothing is set up. @throws SubletException StateCorrupt */
  async findConfig(): Promise<Config | undefined> {
    const text = await readText(this.configFile);
    if (text === undefined) return undefined;
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    const first = parsed.error.issues[0];
    const reason = `${first?.path.join(".") || "the file"}: ${first?.message ?? "not valid"}`;
    throw new SubletException({ code: "StateCorrupt", file: this.configFile, reason });
  }

  /** @throws SubletException BadArgument, NotInitialized */
  async setKeep(wanted: Partial<Keep>): Promise<Keep> {
    const config = await this.readConfig();
    const { data, error } = keep.safeParse({ ...config.keep, ...wanted });
    if (data) {
      await this.writeConfig({ ...config, keep: data });
      return data;
    }
    const { path, message: reason } = error.issues[0]!;
    const name = path.join(".") as keyof Keep;
    throw new SubletException({ code: "BadArgument", name, value: `${wanted[name]}`, reason });
  }

  /** undefined: deals are not extended by themselves. @throws SubletException NotInitialized, OwnerOnly */
  async setRenewal(wanted: Renewal | undefined): Promise<void> {
    const { renewal: _, ...config } = await this.readConfig();
    if (config.client) throw new SubletException({ code: "OwnerOnly", what: "extending deals", owner: config.client });
    await this.writeConfig({ ...config, ...(wanted && { renewal: wanted }) });
  }

  async writeConfig(config: Config): Promise<void> {
    const text = JSON.stringify(config, (_, value) => (typeof value === "bigint" ? `${value}` : value), 2);
    await writeDurably(`${this.configFile}.new`, `${text}\n`, "w");
    await rename(`${this.configFile}.new`, this.configFile);
    await syncFolder(this.path);
  }
}

async function writeDurably(file: string, text: string, flags: "w" | "wx"): Promise<void> {
  const handle = await open(file, flags, 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await syncFolder(dirname(file));
}

/** Makes names just created or renamed in a folder survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
