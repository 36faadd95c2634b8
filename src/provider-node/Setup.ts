/** Laying down a provider's folder: a key of its own, and settings that mean something on its market. */
import type { Address } from "viem";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { encryptKeystore } from "../chain/Keystore.ts";
import { MarketReader } from "../chain/MarketReader.ts";
import { checkSettings, Folder, policyOf, type Settings } from "./Settings.ts";

/** What a provider asks and offers unless told. */
export const DEFAULTS = {
  listen: ["/ip4/0.0.0.0/tcp/4001"],
  price: "1.5",
  egressPrice: "1",
  minSectors: 1,
  quotaBytes: 10 * 2 ** 30,
  stake: "100",
  region: "local",
};

export interface SetupOptions {
  readonly home: string;
  readonly rpcUrl: string;
  readonly market: Address;
  /** In place of the defaults; the operator is the provider's own address unless told. */
  readonly settings?: Partial<Settings>;
  /** Asked once nothing else is wrong. */
  readonly password: () => Promise<string>;
  /** Lower than the default for throw-away networks only. */
  readonly scryptN?: number;
}

/** @throws SubletException ChainUnavailable, NotAMarket, BadArgument (a setting, or a provider lives there already) */
export async function setUp(options: SetupOptions): Promise<Settings> {
  const { rpcUrl, market } = options;
  const folder = new Folder(options.home);
  const chain = await MarketReader.connect({ rpcUrl, market });
  const { chainId } = chain;
  const given = { ...DEFAULTS, operator: "", ...options.settings, rpcUrl, chainId, market, address: "" };
  // Before there is a key: a price that means nothing is no reason to leave half a provider behind.
  const checked = checkSettings(given);
  policyOf(checked, chain.parameters, await chain.tokenDecimals());
  const password = await options.password();
  const privateKey = generatePrivateKey();
  const address = privateKeyToAddress(privateKey);
  const settings = { ...checked, address, operator: checked.operator || address };
  await folder.create(await encryptKeystore({ address, privateKey }, password, options.scryptN));
  await folder.write(settings);
  return settings;
}
