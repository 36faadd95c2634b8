/**
 * Links as people paste them: `sublet:share/1#...`, `sublet:device/1#...`. All that one says, its secret too, stands in the
 * fragment, which is never sent to anybody: a payload in base64url that begins with a checksum of the rest, so that one
 * that was cut or altered is told as such.
 */
import { createHash } from "node:crypto";
import { base64urlnopad } from "@scure/base";
import { type Address, bytesToHex, getAddress } from "viem";
import { SubletException } from "../protocol/Errors.ts";

/** As many as a URL may have nearly everywhere. */
const MAX_CHARACTERS = 16_384;
const CHECKSUM_BYTES = 8;

const MAX_RPC_CHARACTERS = 1_024;
const ADDRESS_BYTES = 20;

/** Where a drive is, and whose it is. */
export interface Place {
  readonly chainId: number;
  readonly market: Address;
  /** Where the chain may be reached. */
  readonly rpcUrl: string | undefined;
  readonly client: Address;
}

export interface Kind {
  /** Up to the version. */
  readonly scheme: string;
  readonly version: number;
}

/** @throws SubletException BadArgument when it would be too long */
export function pasted({ scheme, version }: Kind, payload: Uint8Array): string {
  const beginning = `${scheme}${version}#`;
  const text = `${beginning}${base64urlnopad.encode(Buffer.concat([checksum(beginning, payload), payload]))}`;
  if (text.length <= MAX_CHARACTERS) return text;
  const reason = `its link would have ${text.length} characters, and ${MAX_CHARACTERS} are the most`;
  throw new SubletException({ code: "BadArgument", name: "path", value: "", reason });
}

/** What `read` makes of a link's payload. @throws SubletException LinkMalformed, LinkVersion */
export function readPasted<Link>(kind: Kind, text: string, read: (payload: Uint8Array) => Link): Link {
  const { scheme, version } = kind;
  if (text.length > MAX_CHARACTERS) throw malformed(`it has more than ${MAX_CHARACTERS} characters`);
  const match = text.startsWith(scheme) ? /^(\d{1,9})#(.*)$/s.exec(text.slice(scheme.length)) : null;
  if (!match) throw malformed(`it is not ${scheme}${version}# and what follows`);
  const [, found, fragment] = match as unknown as [string, string, string];
  if (found !== `${version}`) throw new SubletException({ code: "LinkVersion", found, known: version });
  const bytes = decoded(fragment);
  const payload = bytes.subarray(CHECKSUM_BYTES);
  if (Buffer.compare(bytes.subarray(0, CHECKSUM_BYTES), checksum(`${scheme}${version}#`, payload)) !== 0)
    throw malformed("it was cut or altered");
  try {
    return read(payload);
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function decoded(fragment: string): Uint8Array {
  try {
    return base64urlnopad.decode(fragment);
  } catch (cause) {
    throw malformed("it has characters that no link has", cause);
  }
}

/** Where a chain may be reached, for somebody else: without what opens a node to whoever has the link. */
export function rpcHint(rpcUrl: string): string | undefined {
  if (rpcUrl === "") return undefined;
  const { username, password } = new URL(rpcUrl);
  return username === "" && password === "" ? rpcUrl : undefined;
}

/** @throws Error for what is no place */
export function placeOf(message: { chain: bigint; market: Uint8Array; rpc: string; client: Uint8Array }): Place {
  const { chain, market, rpc, client } = message;
  if (chain < 1n || chain > Number.MAX_SAFE_INTEGER) throw new Error("it names no chain");
  if (market.length !== ADDRESS_BYTES || client.length !== ADDRESS_BYTES) throw new Error("an address has 20 bytes");
  if (rpc.length > MAX_RPC_CHARACTERS || (rpc !== "" && !/^https?:$/.test(new URL(rpc).protocol)))
    throw new Error("its chain is at no address of http");
  const [at, of] = [market, client].map((bytes) => getAddress(bytesToHex(bytes))) as [Address, Address];
  return { chainId: Number(chain), market: at, rpcUrl: rpc === "" ? undefined : rpc, client: of };
}

export function malformed(reason: string, cause?: unknown): SubletException<"LinkMalformed"> {
  return new SubletException({ code: "LinkMalformed", reason }, { cause });
}

function checksum(beginning: string, payload: Uint8Array): Buffer {
  return createHash("sha256").update(beginning).update(payload).digest().subarray(0, CHECKSUM_BYTES);
}
