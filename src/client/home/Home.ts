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
import { peerAddress } from "../../protocol/PeerAddress.ts";

const address = z
  .string()
  .refine((text) => isAddress(text, { strict: false }), "not an address")
  .transform((text) => getAddress(text));

/** `most`: contents of one path, the current one among them. */
const keep = z.object({ days: z.number().min(0).max(36_500), most: z.int().min(1).max(1_000_000) });

/** How long earlier versions of files are kept: so many `days`, at most so many contents of a path. */
export type Keep = Readonly<z.output<typeof keep>>;

export const USUAL_KEEP: Keep = { days: 30, most: 10 };

/** Token base units. */
const budget = z
  .string()
  .regex(/^\d{1,39}$/)
  .transform(BigInt);

/** Extends deals that end `within` so many epochs by `epochs` more; `budget`: token base units left for it. */
const renewal = z.object({
  epochs: z.int().min(1),
  within: z.int().min(1),
  budget,
});

export type Renewal = Readonly<z.output<typeof renewal>>;

/**
 * Rents a new volume where nothing fits any more: for `epochs`, with room for `bytes` or more; `budget`: token base units
 * left for it.
 */
const growth = z.object({
  epochs: z.int().min(1),
  bytes: z.int().min(1),
  budget,
});

export type Growth = Readonly<z.output<typeof growth>>;

/** A provider whose deal proved less than `least` (0 to 1) of the last `epochs` is replaced by repair. */
const health = z.object({ least: z.number().min(0).max(1), epochs: z.int().min(1).max(180) });

export type HealthRule = Readonly<z.output<typeof health>>;

export const USUAL_HEALTH: HealthRule = { least: 0.75, epochs: 14 };
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
  /** Whom to ask where a provider is that is not where it announced. */
  bootnodes: z.array(peerAddress).default([]),
  /** Left out: deals end when they end. */
  renewal: renewal.optional(),
  /** Left out: what does not fit is refused. */
  growth: growth.optional(),
  health: health.default(USUAL_HEALTH),
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
    const data = checked(keep, { ...config.keep, ...wanted });
    await this.writeConfig({ ...config, keep: data });
    return data;
  }

  /** @throws SubletException BadArgument, NotInitialized */
  async setHealth(wanted: Partial<HealthRule>): Promise<HealthRule> {
    const config = await this.readConfig();
    const data = checked(health, { ...config.health, ...wanted });
    await this.writeConfig({ ...config, health: data });
    return data;
  }

  /** undefined: deals are not extended by themselves. @throws SubletException NotInitialized, OwnerOnly */
  async setRenewal(wanted: Renewal | undefined): Promise<void> {
    const { renewal: _, ...config } = await this.readConfig();
    if (config.client) throw new SubletException({ code: "OwnerOnly", what: "extending deals", owner: config.client });
    await this.writeConfig({ ...config, ...(wanted && { renewal: wanted }) });
  }

  /** undefined: what does not fit is refused. @throws SubletException NotInitialized */
  async setGrowth(wanted: Growth | undefined): Promise<void> {
    const { growth: _, ...config } = await this.readConfig();
    await this.writeConfig({ ...config, ...(wanted && { growth: wanted }) });
  }

  async writeConfig(config: Config): Promise<void> {
    const text = JSON.stringify(config, (_, value) => (typeof value === "bigint" ? `${value}` : value), 2);
    await writeDurably(`${this.configFile}.new`, `${text}\n`, "w");
    await rename(`${this.configFile}.new`, this.configFile);
    await syncFolder(this.path);
  }
}

/** @throws SubletException BadArgument, naming the field */
function checked<Rule extends object>(rule: z.ZodType<Rule>, wanted: Rule): Rule {
  const parsed = rule.safeParse(wanted);
  if (parsed.success) return parsed.data;
  const { path, message: reason } = parsed.error.issues[0]!;
  const name = path.join(".");
  throw new SubletException({ code: "BadArgument", name, value: `${wanted[name as keyof Rule]}`, reason });
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
