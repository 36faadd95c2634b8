/** What people name a market by: its address, or what was recorded when it was deployed. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Address, getAddress, isAddress } from "viem";
import { z } from "zod";
import { SubletException } from "../protocol/Errors.ts";

const schema = z.object({ market: z.string().refine((text) => isAddress(text, { strict: false })) });
const MAX_FILE_BYTES = 65_536;

/** @throws SubletException BadArgument, under the name of the argument that has it */
export function addressOf(name: string, value: string): Address {
  if (isAddress(value, { strict: false })) return getAddress(value);
  throw new SubletException({ code: "BadArgument", name, value, reason: "it is no address" });
}

/**
 * From an address, a deployment's `market.json`, or the folder it lies in.
 * @throws SubletException BadArgument, under the name of the option or setting that has it
 */
export function marketAddress(name: string, value: string): Address {
  if (isAddress(value, { strict: false })) return getAddress(value);
  const record = schema.safeParse(recorded(value));
  if (record.success) return getAddress(record.data.market);
  const reason = "it is no address, nor the market.json of a deployment or its folder";
  throw new SubletException({ code: "BadArgument", name, value, reason });
}

function recorded(path: string): unknown {
  try {
    const file = statSync(path).isDirectory() ? join(path, "market.json") : path;
    const { size } = statSync(file);
    return size > MAX_FILE_BYTES ? undefined : JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
