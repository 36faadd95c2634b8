/** In place of src/network/Transports.ts: WebSocket is a page's one way to a peer. */
import { isPrivate } from "@libp2p/utils";
import { webSockets } from "@libp2p/websockets";
import type { Multiaddr } from "@multiformats/multiaddr";

const LOCAL_HOST = /^(localhost$|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]$|\[f[cd])/;

export async function transports() {
  return [webSockets()];
}

declare const location: { readonly protocol: string; readonly hostname: string };
const { protocol, hostname } = location;

/**
 * A page that came safely calls safely only, as libp2p has it. Another one may call as it came; but addresses of private
 * networks, which strangers announce, only if it is from such a one itself.
 */
export const dialGate =
  protocol === "https:"
    ? {}
    : { denyDialMultiaddr: (address: Multiaddr) => isPrivate(address) && !LOCAL_HOST.test(hostname) };
