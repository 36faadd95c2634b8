/**
 * The folder of a provider: `config.json` (chain, market, prices), `keystore.json`, and `data/` with `sectors/` and
 * `store.sqlite`. Prices are written as people say them and turned into ledger units where they are used.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { type Address, getAddress, isAddress, parseUnits } from "viem";
import { z } from "zod";
import { LEDGER_ONE, MAX_RATE, type Parameters } from "../chain/MarketReader.ts";
import { SECTOR_BYTES } from "../codec/index.ts";
import { SubletException } from "../protocol/Errors.ts";
import type { Policy } from "./pricing/Policy.ts";
import type { KeepingPolicy } from "./proving/Keeper.ts";

const decimal = z.string().regex(/^\d+(\.\d+)?$/, "not a decimal number");

const schema = z.object({
  rpcUrl: z.url({ protocol: /^https?$/ }),
  chainId: z.int().positive(),
  market: z
    .string()
    .refine((text) => isAddress(text, { strict: false }), "no address")
    .transform((text) => getAddress(text)),
  address: z.string(),
  listen: z.array(z.string().startsWith("/")).min(1),
  announce: z.array(z.string().startsWith("/")).optional(),
  /** Tokens for 10^12 bytes and 30 epochs. */
  price: decimal,
  /** Tokens for 10^12 bytes sent out. */
  egressPrice: decimal,
  minSectors: z.int().min(0),
  quotaBytes: z.int().positive(),
  /** Tokens to have in the market. */
  stake: decimal,
  operator: z.string().max(64),
  region: z.string().max(32),
  metricsPort: z.int().min(0).max(65_535).optional(),
  leaving: z.boolean().optional(),
});

export type Settings = Readonly<z.output<typeof schema>>;

const TERABYTE = 10n ** 12n;
const MONTH_EPOCHS = 30n;
const ALLOWANCE_BYTES = 2 ** 28;
const CREDIT_BYTES = 2 ** 26;
const ANSWER_BOND_PART = 100n;
const KEEPING_EPOCHS = 4;

export class Folder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get keystoreFile(): string {
    return join(this.path, "keystore.json");
  }

  get dataDir(): string {
    return join(this.path, "data");
  }

  get #configFile(): string {
    return join(this.path, "config.json");
  }

  /** Makes the folder with its keystore. @throws BadArgument when a provider lives in it already */
  async create(keystore: string): Promise<void> {
    if ((await readText(this.#configFile)) !== undefined || (await readText(this.keystoreFile)) !== undefined) {
      const reason = "a provider lives there already, and its key is never overwritten; choose another folder";
      throw new SubletException({ code: "BadArgument", name: "--home", value: this.path, reason });
    }
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await writeDurably(this.keystoreFile, keystore, "wx");
  }

  /** @throws NotInitialized, StateCorrupt */
  async read(): Promise<Settings> {
    const text = await readText(this.#configFile);
    if (text === undefined) throw new SubletException({ code: "NotInitialized", home: this.path });
    const parsed = schema.safeParse(parse(text));
    if (parsed.success) return parsed.data;
    const first = parsed.error.issues[0];
    const reason = `${first?.path.join(".") || "the whole"}: ${first?.message ?? "no settings"}`;
    throw new SubletException({ code: "StateCorrupt", file: this.#configFile, reason });
  }

  /** On the disk, whole, when this returns. */
  async write(settings: Settings): Promise<void> {
    await writeDurably(`${this.#configFile}.new`, JSON.stringify(settings, undefined, 2), "w");
    await rename(`${this.#configFile}.new`, this.#configFile);
    await using folder = await open(this.path, "r");
    await folder.sync();
  }
}

/** Settings as people gave them. @throws BadArgument naming the one that does not fit */
export function checkSettings(settings: Settings): Settings {
  const checked = schema.safeParse(settings);
  if (checked.success) return checked.data;
  const { path = [], message = "it does not fit" } = checked.error.issues[0] ?? {};
  const value = String(settings[path[0] as keyof Settings]);
  throw new SubletException({ code: "BadArgument", name: path.join("."), value, reason: message });
}

/** What the settings mean on a market whose token has so many decimals. @throws BadArgument when a price is too small, or too large */
export function policyOf(settings: Settings, parameters: Parameters, decimals: number): Policy {
  const { price, egressPrice, minSectors, operator, region } = settings;
  const perTerabyte = (text: string): bigint => parseUnits(text, decimals) * LEDGER_ONE;
  const rate = (perTerabyte(price) * BigInt(SECTOR_BYTES)) / TERABYTE / MONTH_EPOCHS;
  if (rate === 0n || rate > MAX_RATE) {
    const reason =
      rate === 0n ? "it comes to nothing for a sector and epoch; ask more" : "no market takes so much; ask less";
    throw new SubletException({ code: "BadArgument", name: "--price", value: price, reason });
  }
  return {
    rate,
    egressRate: perTerabyte(egressPrice) / TERABYTE,
    minSectors,
    maxEpochs: parameters.maxDealEpochs,
    // As long as a resignation costs: neither side gains by choosing the other way out.
    noticeEpochs: parameters.exitEpochs,
    answerBond: parameters.minCollateral / ANSWER_BOND_PART,
    allowanceBytes: ALLOWANCE_BYTES,
    creditBytes: CREDIT_BYTES,
    operator,
    region,
  };
}

/** Commits in each epoch; collects every few. */
export function keepingOf(policy: Policy): KeepingPolicy {
  return {
    commitAfterEpochs: 1,
    commitGain: 0n,
    settleEveryEpochs: KEEPING_EPOCHS,
    redeemEveryEpochs: KEEPING_EPOCHS,
    redeemLeast: policy.egressRate * BigInt(policy.creditBytes),
  };
}

/** Bytes, as people write them: 500MiB, 2GB, 1.5TiB. @throws BadArgument */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?$/i.exec(text.trim());
  const power = match?.[2] ? " kmgt".indexOf(match[2].toLowerCase()) : 0;
  const bytes = Math.floor(Number(match?.[1]) * (match?.[3] ? 1024 : 1000) ** power);
  if (match && Number.isSafeInteger(bytes) && bytes >= SECTOR_BYTES) return bytes;
  const reason = `write a size such as 500GB or 2TiB, at least ${SECTOR_BYTES} bytes`;
  throw new SubletException({ code: "BadArgument", name: "--quota", value: text, reason });
}

/** @throws BadArgument */
export function parseMarket(text: string): Address {
  if (isAddress(text, { strict: false })) return getAddress(text);
  throw new SubletException({ code: "BadArgument", name: "--market", value: text, reason: "it is no address" });
}

async function writeDurably(file: string, text: string, flags: "w" | "wx"): Promise<void> {
  await using handle = await open(file, flags, 0o600);
  await handle.writeFile(`${text}\n`);
  await handle.sync();
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
