/** Whom to count a caller as, where callers are limited. */
import { isIPv6 } from "node:net";
import type { Multiaddr } from "@multiformats/multiaddr";

/**
 * The IP of a peer; of IPv6 the /64, since a host has all of one to call from. A relayed caller counts as its relay, by the
 * name of that where it was dialled by name.
 */
export function originOf(remote: Multiaddr): string {
  const host = remote.getComponents().find(({ name }) => /^(ip[46]|dns[46]?)$/.test(name))?.value ?? "";
  return networkOf(host);
}

/** Of an IP or a name, as {@link originOf} has it. */
export function networkOf(host: string): string {
  return isIPv6(host) ? network64(host) : host;
}

function network64(host: string): string {
  const [front = "", back] = host.split("::");
  const groups = front.split(":").filter(Boolean);
  const rest = (back ?? "").split(":").filter(Boolean);
  const zeros = back === undefined ? [] : new Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill("0");
  return [...groups, ...zeros, ...rest].slice(0, 4).join(":");
}
