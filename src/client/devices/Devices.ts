/**
 * The devices of a drive, by its owner: other machines that read and write it, each with an account of its own that the
 * owner lets act for it. Who they are and what they may is on chain, and taken from there, since a device can change every
 * file; what they are called lies in the drive, as `.devices/<address>/<name>`.
 */
import { type Address, getAddress, isAddress, isAddressEqual } from "viem";
import { call } from "../../chain/Calls.ts";
import { baseUnits, type Delegation, LEDGER_ONE, Scope } from "../../chain/MarketReader.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { DEVICES } from "../catalogue/Catalogue.ts";
import { requireOwner } from "../home/Identity.ts";
import { accountOf, newSecret } from "../home/Keystore.ts";
import type { Parts } from "../Parts.ts";
import { rpcHint } from "../Pasted.ts";
import { remove } from "../upload/Naming.ts";
import { put } from "../upload/Put.ts";
import type { Writable } from "../upload/Writable.ts";
import { requireWithin } from "../volumes/Creation.ts";
import { liveDeals } from "../volumes/Standing.ts";
import { DEVICE_SCOPES } from "./Delegations.ts";
import { encodeDeviceLink } from "./DeviceLink.ts";

/** What a device may do, and for how long. Amounts in token base units. */
export interface DeviceOptions {
  /** For so many epochs, this one among them; 365 unless told. */
  readonly epochs?: number;
  /**
   * For deals that it opens: a volume, or fresh providers in a repair. Nothing unless told. It is paid into the market now,
   * where it stays the owner's, whose own next volume takes of it first.
   */
  readonly budget?: bigint;
  /** What deals may pay for reading by it; as much as they all have for reading now, unless told. */
  readonly reads?: bigint;
  /** Where the link says that the chain may be reached: what this home uses, unless told; empty: nowhere. */
  readonly rpcUrl?: string;
}

/** A device as it was made, amounts in token base units; `untilEpoch` is exclusive. */
export interface NewDevice {
  readonly name: string;
  readonly id: Address;
  /** Secret: whoever has it is the device. */
  readonly link: string;
  readonly untilEpoch: number;
  readonly budget: bigint;
  readonly reads: bigint;
}

/** A device as it stands. `name`: left out where the drive has none. `budget`, `reads`: what is left of them. */
export interface DeviceStatus {
  readonly id: Address;
  readonly name?: string;
  readonly state: "live" | "over";
  readonly epoch: number;
  /** Exclusive. */
  readonly untilEpoch: number;
  readonly budget: bigint;
  readonly reads: bigint;
}

/** A device that may do nothing any more from an epoch on. */
export interface RevokedDevice {
  readonly id: Address;
  readonly name?: string;
  /** The first epoch in which it may do nothing. */
  readonly fromEpoch: number;
}

const USUAL_EPOCHS = 365;
const MAX_EPOCH = 0xffff_ffff;
const MAX_UINT96 = 2n ** 96n - 1n;
const MAX_UINT128 = 2n ** 128n - 1n;
/** Words and digits, so that a name is no path and no terminal takes it for a command. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u;

/** The devices of a drive: `drive.devices`. */
export class Devices {
  readonly #parts: Parts;
  readonly #writable: () => Writable;

  constructor(parts: Parts, writable: () => Writable) {
    this.#parts = parts;
    this.#writable = writable;
  }

  /**
   * Lets another machine in, which {@link joinDevice} makes of the link.
   * @throws SubletException OwnerOnly, BadArgument, NoVolume, NotDurable, InsufficientFunds
   */
  async add(name: string, options: DeviceOptions = {}): Promise<NewDevice> {
    requireOwner(this.#parts, "adding a device");
    const { market, client, drive, config } = this.#parts;
    await this.#requireName(name);
    const delegation = await this.#delegation(options);
    const secret = newSecret();
    const id = accountOf(secret).address;
    const { chainId, address } = market;
    const rpcUrl = rpcHint(options.rpcUrl ?? config.rpcUrl);
    const link = encodeDeviceLink({ chainId, market: address, rpcUrl, client, secret, drive });
    const record = `${DEVICES}/${id}/${name}`;
    await put(this.#writable(), record, new Uint8Array(0), {});
    const { untilEpoch, repairBudget: budget, egressCap } = delegation;
    try {
      const authorize = call("authorize", [id, delegation]);
      await market.pay(budget, budget > 0n ? [call("deposit", [client, budget]), authorize] : [authorize]);
    } catch (error) {
      // Nobody has its link.
      await remove(this.#writable(), record, { forget: true }).catch(() => undefined);
      throw error;
    }
    return { name, id, link, untilEpoch, budget, reads: baseUnits(egressCap) };
  }

  /** Every device that there ever was, the oldest first. */
  async list(): Promise<DeviceStatus[]> {
    const { market, client } = this.#parts;
    const names = this.#names();
    const ids = new Set<Address>();
    for await (const { args } of market.events({ names: ["Authorized"], subject: [client] }))
      if (args.delegation.scopes & Scope.Write) ids.add(getAddress(args.delegate));
    const epoch = await market.epoch();
    return Promise.all(
      [...ids].map(async (id): Promise<DeviceStatus> => {
        const { scopes, untilEpoch, repairBudget: budget, egressCap } = await market.delegation(client, id);
        const name = names.get(id);
        const state = (scopes & Scope.Write) !== 0 && epoch < untilEpoch ? "live" : "over";
        const left = { budget, reads: egressCap / LEDGER_ONE };
        return { id, ...(name !== undefined && { name }), state, epoch, untilEpoch, ...left };
      }),
    );
  }

  /**
   * Takes a device back: from two epochs on it may do nothing in the owner's name.
   * @param device its name or address
   * @throws SubletException OwnerOnly, BadArgument, InsufficientFunds
   */
  async revoke(device: string): Promise<RevokedDevice> {
    requireOwner(this.#parts, "taking a device back");
    const { market, client } = this.#parts;
    const devices = await this.list();
    const named = devices.filter(({ id, name }) =>
      isAddress(device, { strict: false }) ? isAddressEqual(id, device) : name === device,
    );
    const found = named.filter(({ state }) => state === "live");
    const [one] = found;
    if (!one || found.length > 1) {
      const none = named.length > 0 ? "it is over already" : "there is none; device list shows those that there are";
      throw bad("device", device, one ? `${found.length} are called so; give its address` : none);
    }
    const { id, name } = one;
    await market.revoke(id);
    const { untilEpoch: fromEpoch } = await market.delegation(client, id);
    return { id, ...(name !== undefined && { name }), fromEpoch };
  }

  async #requireName(name: string): Promise<void> {
    if (!NAME.test(name) || name !== name.normalize("NFC"))
      throw bad("name", name, "it is up to 64 letters, digits, spaces, dots, dashes and underscores");
    if ((await this.list()).some((one) => one.name === name && one.state === "live"))
      throw bad("name", name, "there is a device of this name");
  }

  async #delegation({ epochs = USUAL_EPOCHS, budget = 0n, reads }: DeviceOptions): Promise<Delegation> {
    const { market } = this.#parts;
    const epoch = await market.epoch();
    requireWithin("epochs", epochs, 1, MAX_EPOCH - epoch);
    const egressCap = reads === undefined ? await this.#readable() : reads * LEDGER_ONE;
    for (const [what, amount] of [
      ["budget", budget],
      ["reads", egressCap],
    ] as const)
      if (amount < 0n || amount > MAX_UINT128) throw bad(what, `${amount}`, "it is beyond what a device can be given");
    return {
      scopes: budget > 0n ? DEVICE_SCOPES | Scope.Repair : DEVICE_SCOPES,
      untilEpoch: epoch + epochs,
      // The budget bounds what a thief takes, whatever a sector costs.
      ...{ repairBudget: budget, maxRate: MAX_UINT96, maxEgressRate: MAX_UINT96, egressCap },
    };
  }

  /** Ledger units that all deals have for reading. */
  async #readable(): Promise<bigint> {
    const volumes = this.#parts.volumes.all();
    const live = await Promise.all(volumes.map((volume) => liveDeals(this.#parts, volume)));
    return live.flatMap((deals) => [...deals.values()]).reduce((sum, { egress }) => sum + egress, 0n);
  }

  #names(): Map<Address, string> {
    const names = new Map<Address, string>();
    for (const { path } of this.#parts.catalogue.list(DEVICES)) {
      const [, id, name] = path.split("/");
      if (id !== undefined && name !== undefined && isAddress(id)) names.set(getAddress(id), name);
    }
    return names;
  }
}

function bad(name: string, value: string, reason: string): SubletException {
  return new SubletException({ code: "BadArgument", name, value: value.slice(0, 256), reason });
}
