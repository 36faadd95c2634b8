/** Laying down a provider's folder: a key of its own, and settings that mean something on its market. */
import type { Address } from "viem";
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts";
import { encryptKeystore } from "../chain/Keystore.ts";
import { MarketReader } from "../chain/MarketReader.ts";
import { Home } from "./Home.ts";
import { boundsOf, policyOf, relayOf } from "./pricing/Prices.ts";
import { check, complete, type Settings } from "./Settings.ts";

export interface SetupOptions {
  readonly home: string;
  readonly rpcUrl: string;
  readonly market: Address;
  /** Whose stake it will be, where that key is kept elsewhere; the new key's own if left out. */
  readonly owner?: Address;
  /** In place of the defaults; the operator is the provider's own address unless told. */
  readonly settings?: Partial<Settings>;
  /** Asked once nothing else is wrong. */
  readonly password: () => Promise<string>;
  /** Lower than the default for throw-away networks only. */
  readonly scryptN?: number;
}

/** What was set, and whose key is in the folder. */
export interface SetUp extends Settings {
  readonly signer: Address;
}

/** @throws SubletException ChainUnavailable, NotAMarket, BadArgument (a setting, or a provider lives there already) */
export async function setUp(options: SetupOptions): Promise<SetUp> {
  const { rpcUrl, market } = options;
  const home = new Home(options.home);
  const chain = await MarketReader.connect({ rpcUrl, market });
  const privateKey = generatePrivateKey();
  const signer = privateKeyToAddress(privateKey);
  const address = options.owner ?? signer;
  const { chainId } = chain;
  const settings = complete({ operator: address, ...check({ ...options.settings, rpcUrl, market, chainId, address }) });
  // Before anything is on the disk: a price that means nothing is no reason to leave half a provider behind.
  const decimals = await chain.tokenDecimals();
  policyOf(settings, chain.parameters, decimals);
  boundsOf(settings, decimals);
  relayOf(settings, decimals);
  const password = await options.password();
  await home.create(await encryptKeystore({ address: signer, privateKey }, password, options.scryptN), settings);
  return { ...settings, signer };
}
