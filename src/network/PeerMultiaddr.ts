/** Multiaddrs that name a peer, as the setting of that name gives them. */
import { peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { SubletException } from "../protocol/Errors.ts";

/** @throws SubletException BadArgument naming the setting when it is none, or ends in no peer id */
export function peerMultiaddr(setting: string, text: string): Multiaddr {
  try {
    const address = multiaddr(text);
    peerIdFromString(peerOf(address));
    return address;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    const reason = `it must be a multiaddr that ends in /p2p/ and a peer id (${why})`;
    throw new SubletException({ code: "BadArgument", name: setting, value: text, reason }, { cause });
  }
}

/** The peer id that it ends in, as text. */
export function peerOf(address: Multiaddr): string {
  return address.getComponents().findLast(({ name }) => name === "p2p")?.value ?? "";
}
