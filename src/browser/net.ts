/** Of what a multiaddr holds, which was looked at by then: an address, or a name. */
export const isIPv6 = (host: string): boolean => host.includes(":");
