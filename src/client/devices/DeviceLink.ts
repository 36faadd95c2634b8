/** What `device add` gives to another machine: `sublet:device/1#...`. All of it is secret, and it is the device. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { hexToBytes } from "viem";
import { Keys } from "../../codec/index.ts";
import { DeviceSchema } from "../catalogue/gen/catalogue_pb.js";
import { type Kind, type Place, pasted, placeOf, readPasted } from "../Pasted.ts";

export interface DeviceLink extends Place {
  /** Of the device alone: its account follows from it. */
  readonly secret: Uint8Array;
  /** Of the drive that it is let into. */
  readonly drive: Uint8Array;
}

const DEVICE: Kind = { scheme: "sublet:device/", version: 1 };

/** Whether somebody means this to be the link of a device, whole or not. */
export function isDeviceLink(text: string): boolean {
  return text.startsWith(DEVICE.scheme);
}

export function encodeDeviceLink({ chainId, market, rpcUrl, client, secret, drive }: DeviceLink): string {
  const place = { chain: BigInt(chainId), market: hexToBytes(market), rpc: rpcUrl ?? "", client: hexToBytes(client) };
  return pasted(DEVICE, toBinary(DeviceSchema, create(DeviceSchema, { ...place, secret, drive })));
}

/** @throws SubletException LinkMalformed, LinkVersion */
export function decodeDeviceLink(text: string): DeviceLink {
  return readPasted(DEVICE, text, (payload) => {
    const { secret, drive, ...place } = fromBinary(DeviceSchema, payload);
    if (secret.length !== Keys.KEY_BYTES || drive.length !== Keys.KEY_BYTES) throw new Error("a key has 32 bytes");
    return { ...placeOf(place), secret, drive };
  });
}
