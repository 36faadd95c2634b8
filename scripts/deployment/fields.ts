/** What stands in a deployment's files, and reading it. */
import { type Address, getAddress, type Hex, isAddress, isHex } from "viem";
import { z } from "zod";
import { SubletException } from "../../src/protocol/Errors.ts";
import { readText } from "../../src/provider-node/Durable.ts";

export const addressField = z
  .string()
  .refine((text) => isAddress(text, { strict: false }), "no address")
  .transform((text): Address => getAddress(text));

export const hexField = z.custom<Hex>((value) => isHex(value), "no hex digits");

/** Undefined where there is no such file. @throws SubletException StateCorrupt */
export async function readDocument<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const reason = `${issue?.path.join(".") || "the file"}: ${issue?.message}`;
  throw new SubletException({ code: "StateCorrupt", file, reason });
}

/** Undefined where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
