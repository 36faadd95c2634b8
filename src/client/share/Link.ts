/** A share link: `sublet:share/1#...`. It leads to one object, the list of what is shared. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { hexToBytes } from "viem";
import { Keys } from "../../codec/index.ts";
import { LinkSchema } from "../catalogue/gen/catalogue_pb.js";
import { type Kind, type Place, pasted, placeOf, readPasted } from "../Pasted.ts";
import { shareMessage, type Tree, treeOf } from "./Tree.ts";

export interface Link extends Place {
  /** Of the READ delegate that was made for this link. */
  readonly delegateKey: Uint8Array;
  /** Exclusive. */
  readonly untilEpoch: number;
  readonly list: Tree;
}

const SHARE: Kind = { scheme: "sublet:share/", version: 1 };

/** Whether somebody means this to be a share link, whole or not. */
export function isLink(text: string): boolean {
  return text.startsWith(SHARE.scheme);
}

/** @throws SubletException BadArgument when it would be too long */
export function encodeLink(link: Link): string {
  const message = create(LinkSchema, {
    ...{ chain: BigInt(link.chainId), market: hexToBytes(link.market), rpc: link.rpcUrl ?? "" },
    ...{ client: hexToBytes(link.client), delegate: link.delegateKey, untilEpoch: link.untilEpoch },
    share: shareMessage(link.list),
  });
  return pasted(SHARE, toBinary(LinkSchema, message));
}

/** @throws SubletException LinkMalformed, LinkVersion */
export function decodeLink(text: string): Link {
  return readPasted(SHARE, text, linkOf);
}

function linkOf(payload: Uint8Array): Link {
  const { chain, market, rpc, client, delegate, untilEpoch, share } = fromBinary(LinkSchema, payload);
  if (delegate.length !== Keys.KEY_BYTES) throw new Error("its key does not have 32 bytes");
  if (!share) throw new Error("it leads nowhere");
  const list = treeOf(share);
  if (list.objects.length !== 1) throw new Error("it leads to one list");
  return { ...placeOf({ chain, market, rpc, client }), delegateKey: delegate, untilEpoch, list };
}
