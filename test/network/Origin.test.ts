import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import { originOf } from "../../src/network/Origin.ts";

const RELAY = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const CALLER = "12D3KooWQdSPypcvwcqFN6tGw3rzKXWow3g4TQ1DvX7CBoDxZBq3";

describe("Origin", () => {
  const origins: [string, string][] = [
    ["/ip4/203.0.113.7/tcp/4001", "203.0.113.7"],
    ["/ip6/2001:db8:1:2:3:4:5:6/tcp/1", "2001:db8:1:2"],
    ["/ip6/2001:db8:1:2:ffff::1/tcp/1", "2001:db8:1:2"],
    ["/ip6/2001:db8::1/tcp/1", "2001:db8:0:0"],
    ["/ip6/::1/tcp/1", "0:0:0:0"],
    ["/dns4/example.org/tcp/1", "example.org"],
    [`/ip4/203.0.113.7/tcp/1/p2p/${RELAY}/p2p-circuit/p2p/${CALLER}`, "203.0.113.7"],
    [`/dns4/example.org/tcp/1/p2p/${RELAY}/p2p-circuit/p2p/${CALLER}`, "example.org"],
    [`/p2p/${CALLER}`, ""],
  ];
  for (const [address, origin] of origins) {
    it(`of ${address} is ${origin || "not known"}`, () => expect(originOf(multiaddr(address))).to.equal(origin));
  }
});
