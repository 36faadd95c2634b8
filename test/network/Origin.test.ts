import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import { originOf } from "../../src/network/Origin.ts";

describe("Origin", () => {
  const origins: [string, string][] = [
    ["/ip4/203.0.113.7/tcp/4001", "203.0.113.7"],
    ["/ip6/2001:db8:1:2:3:4:5:6/tcp/1", "2001:db8:1:2"],
    ["/ip6/2001:db8:1:2:ffff::1/tcp/1", "2001:db8:1:2"],
    ["/ip6/2001:db8::1/tcp/1", "2001:db8:0:0"],
    ["/ip6/::1/tcp/1", "0:0:0:0"],
    ["/dns4/example.org/tcp/1", ""],
  ];
  for (const [address, origin] of origins) {
    it(`of ${address} is ${origin || "not known"}`, () => expect(originOf(multiaddr(address))).to.equal(origin));
  }
});
