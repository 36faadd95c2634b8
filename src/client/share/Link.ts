/**
 * A share link: `sublet:share/1#...`. All that it says, its secret too, stands in the fragment, which is never sent to
 * anybody: a payload in base64url that begins with a checksum of the rest, so that one that was cut or altered is told as
 * such. It leads to one object, the list of what is shared.
 */
import { createHash } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Address, bytesToHex, getAddress, hexToBytes } from "viem";
import { Keys } from "../../codec/index.ts";
import { SubletException } from "../../protocol/Errors.ts";
import { LinkSchema } from "../catalogue/gen/catalogue_pb.js";
import { shareMessage, type Tree, treeOf } from "./Tree.ts";

export interface Link {
  readonly chainId: number;
  readonly market: Address;
  /** Where the chain may be reached. */
  readonly rpcUrl: string | undefined;
  readonly client: Address;
  /** Of the READ delegate that was made for this link. */
  readonly delegateKey: Uint8Array;
  /** Exclusive. */
  readonly untilEpoch: number;
  readonly list: Tree;
}

const VERSION = 1;
const SCHEME = "sublet:share/";
/** As many as a URL may have nearly everywhere; a list in a slab of 255 positions takes a half. */
const MAX_LINK_CHARACTERS = 16_384;
const CHECKSUM_BYTES = 8;
const MAX_RPC_CHARACTERS = 1_024;
const ADDRESS_BYTES = 20;

/** Whether somebody means this to be a share link, whole or not. */
export function isLink(text: string): boolean {
  return text.startsWith(SCHEME);
}

/** @throws SubletException BadArgument when it would be too long */
export function encodeLink(link: Link): string {
  const payload = toBinary(
    LinkSchema,
    create(LinkSchema, {
      ...{ chain: BigInt(link.chainId), market: hexToBytes(link.market), rpc: link.rpcUrl ?? "" },
      ...{ client: hexToBytes(link.client), delegate: link.delegateKey, untilEpoch: link.untilEpoch },
      share: shareMessage(link.list),
    }),
  );
  const text = `${SCHEME}${VERSION}#${Buffer.concat([checksum(payload), payload]).toString("base64url")}`;
  if (text.length <= MAX_LINK_CHARACTERS) return text;
  const reason = `its link would have ${text.length} characters, and ${MAX_LINK_CHARACTERS} are the most`;
  throw new SubletException({ code: "BadArgument", name: "path", value: "", reason });
}

/** @throws SubletException LinkMalformed, LinkVersion */
export function decodeLink(text: string): Link {
  if (text.length > MAX_LINK_CHARACTERS) throw malformed(`it has more than ${MAX_LINK_CHARACTERS} characters`);
  const match = /^sublet:share\/(\d{1,9})#(.*)$/s.exec(text);
  if (!match) throw malformed(`it is not ${SCHEME}${VERSION}# and what follows`);
  const [, version, fragment] = match as unknown as [string, string, string];
  if (version !== `${VERSION}`) throw new SubletException({ code: "LinkVersion", found: version, known: VERSION });
  const bytes = Buffer.from(fragment, "base64url");
  if (bytes.toString("base64url") !== fragment) throw malformed("it has characters that no link has");
  const payload = bytes.subarray(CHECKSUM_BYTES);
  if (Buffer.compare(bytes.subarray(0, CHECKSUM_BYTES), checksum(payload)) !== 0)
    throw malformed("it was cut or altered");
  try {
    return linkOf(payload);
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function linkOf(payload: Uint8Array): Link {
  const { chain, market, rpc, client, delegate, untilEpoch, share } = fromBinary(LinkSchema, payload);
  if (chain < 1n || chain > Number.MAX_SAFE_INTEGER) throw new Error("it names no chain");
  if (market.length !== ADDRESS_BYTES || client.length !== ADDRESS_BYTES) throw new Error("an address has 20 bytes");
  if (delegate.length !== Keys.KEY_BYTES) throw new Error("its key does not have 32 bytes");
  if (rpc.length > MAX_RPC_CHARACTERS || (rpc !== "" && !/^https?:$/.test(new URL(rpc).protocol)))
    throw new Error("its chain is at no address of http");
  if (!share) throw new Error("it leads nowhere");
  const list = treeOf(share);
  if (list.objects.length !== 1) throw new Error("it leads to one list");
  const [at, of] = [market, client].map((bytes) => getAddress(bytesToHex(bytes))) as [Address, Address];
  return {
    ...{ chainId: Number(chain), market: at, rpcUrl: rpc === "" ? undefined : rpc },
    ...{ client: of, delegateKey: delegate, untilEpoch, list },
  };
}

function checksum(payload: Uint8Array): Buffer {
  return createHash("sha256").update(`${SCHEME}${VERSION}#`).update(payload).digest().subarray(0, CHECKSUM_BYTES);
}

export function malformed(reason: string, cause?: unknown): SubletException<"LinkMalformed"> {
  return new SubletException({ code: "LinkMalformed", reason }, { cause });
}
