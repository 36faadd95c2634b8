/** What stands in a deployment's files. */
import { type Address, getAddress, type Hex, isAddress, isHex } from "viem";
import { z } from "zod";

export const addressField = z
  .string()
  .refine((text) => isAddress(text, { strict: false }), "no address")
  .transform((text): Address => getAddress(text));

export const hexField = z.custom<Hex>((value) => isHex(value), "no hex digits");
