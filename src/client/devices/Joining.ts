/** A home on another machine of the owner, from what `device add` gave. */
import { isAddressEqual } from "viem";
import { Market } from "../../chain/Market.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { Home } from "../home/Home.ts";
import { accountOf } from "../home/Keystore.ts";
import { setUp } from "../home/Setup.ts";
import type { OpenOptions } from "../Parts.ts";
import type { Recovered } from "../restore/Recovery.ts";
import { Sublet } from "../Sublet.ts";
import { requireInForce } from "./Delegations.ts";
import { decodeDeviceLink } from "./DeviceLink.ts";

/** What `device add` gave, and where the home is to be. */
export interface JoinOptions extends Omit<OpenOptions, "key" | "market"> {
  readonly link: string;
  /** Of the keystore that is laid down. */
  readonly password: string;
  readonly localNetwork?: boolean;
  /** Lower than the default for throw-away networks only. */
  readonly scryptN?: number;
}

/**
 * Lays the home down and learns the drive. Repeated after it met too few providers, it goes on.
 * @throws SubletException LinkMalformed, LinkVersion, DeviceOver, BadArgument (another drive in the home, no chain),
 * ChainUnavailable, WrongChain, NotAMarket, TooFewProviders
 */
export async function joinDevice(options: JoinOptions): Promise<{ drive: Sublet; recovered: Recovered }> {
  const { link, password, scryptN, localNetwork, ...opening } = options;
  const { chainId, market: address, client, secret, drive, rpcUrl: hint } = decodeDeviceLink(link);
  const home = new Home(options.home);
  const account = accountOf(secret);
  const config = await home.findConfig();
  if (config && !isAddressEqual(config.account, account.address)) {
    const reason = `the drive in it is that of ${config.account}, and this device is ${account.address}`;
    throw new SubletException({ code: "BadArgument", name: "--home", value: home.path, reason });
  }
  if (!config) {
    const rpcUrl = options.rpcUrl ?? hint;
    if (rpcUrl === undefined) {
      const reason = "the link does not say where its chain can be reached";
      throw new SubletException({ code: "BadArgument", name: "--rpc", value: "", reason });
    }
    const market = await Market.connect({ rpcUrl, market: address, chainId });
    await requireInForce({ market, account, client });
    await setUp({
      ...{ home: home.path, rpcUrl, market: address, password, key: secret, device: { client, drive } },
      ...(localNetwork !== undefined && { localNetwork }),
      ...(scryptN !== undefined && { scryptN }),
    });
  }
  return Sublet.restore({ ...opening, home: home.path, password });
}
