/** Who a home acts as: the owner of a drive, or a device that the owner let in. */
import { type Address, isAddressEqual, type LocalAccount } from "viem";
import { Keys } from "../../codec/index.ts";
import type { Caller } from "../../network/Greeting.ts";
import { SubletException } from "../../protocol/Errors.ts";
import type { Config, Home } from "./Home.ts";
import { accountOf, driveKeyIn, signerOf } from "./Keystore.ts";

export interface Identity {
  /** Sends on chain and says hello: the owner's account, or the device's own. */
  readonly account: LocalAccount;
  /** Whose drive it is: who owns the volumes and pays for them. */
  readonly client: Address;
  /** Leads to all that is stored. */
  readonly drive: Uint8Array;
  /** Signs the revisions of its deals. */
  readonly signer: LocalAccount;
}

/** @throws SubletException BadArgument (a key of another home), StateCorrupt */
export async function identityOf(home: Home, config: Config, secret: Uint8Array): Promise<Identity> {
  const account = accountOf(secret);
  if (!isAddressEqual(account.address, config.account)) {
    const reason = `it is the home of ${config.account}, and this key is that of ${account.address}`;
    throw new SubletException({ code: "BadArgument", name: "key", value: home.path, reason });
  }
  const drive = config.client ? await driveKeyIn(home.keystoreFile, secret) : Keys.driveKey(secret);
  return { account, client: config.client ?? account.address, drive, signer: signerOf(drive) };
}

export function isOwner({ account, client }: Pick<Identity, "account" | "client">): boolean {
  return isAddressEqual(account.address, client);
}

/** @throws SubletException OwnerOnly on a device */
export function requireOwner(identity: Identity, what: string): void {
  if (isOwner(identity)) return;
  throw new SubletException({ code: "OwnerOnly", what, owner: identity.client });
}

/** Who promises to pay for reads: the deals' own signer, or a device as delegate, within its cap. */
export function payerOf(identity: Identity): LocalAccount {
  return isOwner(identity) ? identity.signer : identity.account;
}

/** How a home says hello. */
export function callerOf(identity: Identity): Caller {
  const { account, client } = identity;
  return { account, ...(!isOwner(identity) && { actingFor: client }) };
}
