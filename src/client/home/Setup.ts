/** Laying down a home: a key, new or brought along, and the market it is for. */
import type { Address } from "viem";
import { Market } from "../../chain/Market.ts";
import { type Config, HOME_VERSION, Home, USUAL_HEALTH, USUAL_KEEP } from "./Home.ts";
import { accountOf, encryptKeystore, newSecret } from "./Keystore.ts";

/** How a home is laid down: where, for which market, and with whose key. */
export interface SetupOptions {
  /** ~/.sublet unless told. */
  readonly home?: string;
  readonly rpcUrl: string;
  readonly market: Address;
  readonly password: string;
  /** A master key brought along, or a device's secret; a new master key unless told. */
  readonly key?: Uint8Array;
  /** Of a device: whose drive it is, and the drive key. */
  readonly device?: { readonly client: Address; readonly drive: Uint8Array };
  /** Everything on one machine: lifts the rule of one position an operator and subnet. */
  readonly localNetwork?: boolean;
  /** Whom to ask where a provider is that is not where it announced, each ending in /p2p/ and a peer id. */
  readonly bootnodes?: readonly string[];
  /** Lower than the default for throw-away networks only. */
  readonly scryptN?: number;
}

/**
 * @throws SubletException ChainUnavailable, NotAMarket, BadArgument (the folder holds a drive already)
 */
export async function setUp(options: SetupOptions): Promise<Config> {
  const home = new Home(options.home);
  await home.requireNew();
  const { rpcUrl, market: address, password, key: secret = newSecret(), device, localNetwork = false } = options;
  const { bootnodes = [] } = options;
  const { chainId, token } = await Market.connect({ rpcUrl, market: address });
  const { address: account } = accountOf(secret);
  const config: Config = {
    ...{ version: HOME_VERSION, rpcUrl, chainId, market: address, token, account },
    ...(device && { client: device.client }),
    ...{ localNetwork, bootnodes: [...bootnodes], keep: USUAL_KEEP, health: USUAL_HEALTH },
  };
  await home.create(config, await encryptKeystore(secret, password, options.scryptN, device?.drive));
  return config;
}
