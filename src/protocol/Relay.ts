/**
 * What a host without gas asks of a relay, over HTTP: GET / tells whom it is about, POST / has a call sent and answers once
 * it is mined. A proof goes as it is, since the tip for it is paid to whoever sends it; anything else as a request that
 * the host signed for the market's forwarder (ERC-2771).
 */
import { type Address, getAddress, type Hex, isAddress } from "viem";
import { z } from "zod";

/** A batch of 64 commits, in hex, with room. */
export const RELAY_BODY_BYTES = 2 ** 18;

const address = z
  .string()
  .refine((value) => isAddress(value, { strict: false }), "no address")
  .transform((value): Address => getAddress(value));
const hex = z
  .string()
  .regex(/^0x([0-9a-f]{2})*$/i, "no bytes in hex")
  .transform((value) => value as Hex);
const amount = z
  .string()
  .regex(/^\d{1,78}$/, "no whole number")
  .transform(BigInt);

/** A call that somebody signed for the forwarder, which makes it in that name. */
const forwarded = z.object({
  ...{ from: address, to: address, value: amount, gas: amount },
  ...{
    deadline: z
      .int()
      .min(0)
      .max(2 ** 48 - 1),
    data: hex,
    signature: hex,
  },
});

export type ForwardedCall = Readonly<z.output<typeof forwarded>>;

const request = z.object({
  /** For whom: its tip pays. */
  provider: address,
  /** The market's calldata of a proof; or another call. */
  proof: hex.optional(),
  call: forwarded.optional(),
});

export type RelayRequest = Readonly<z.output<typeof request>>;

const facts = z.object({
  relay: address,
  chainId: z.int().positive(),
  market: address,
  /** Ledger units an epoch. */
  leastTip: amount,
});

export type RelayFacts = Readonly<z.output<typeof facts>>;

const answer = z.union([z.object({ hash: hex }), z.object({ error: z.string().max(2_000) })]);

export type RelayAnswer = Readonly<z.output<typeof answer>>;

/** Undefined where the text is none. */
export const parseRequest = (text: string): RelayRequest | undefined => read(request, text);
export const parseFacts = (text: string): RelayFacts | undefined => read(facts, text);
export const parseAnswer = (text: string): RelayAnswer | undefined => read(answer, text);

function read<Schema extends z.ZodType>(schema: Schema, text: string): z.output<Schema> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What a peer sends, as text; undefined where it is longer, of which no more is read. */
export async function bodyOf(body: AsyncIterable<Uint8Array>, limit: number): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > limit) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
