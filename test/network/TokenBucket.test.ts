import { expect } from "chai";
import { TokenBucket } from "../../src/network/TokenBucket.ts";

describe("TokenBucket", () => {
  let now = 0;
  const bucket = (burst: number, perSecond: number) => new TokenBucket(burst, perSecond, () => now);

  it("gives its burst at once and then says how long to wait", () => {
    const tokens = bucket(3, 4);
    expect([tokens.take(), tokens.take(), tokens.take(), tokens.take()]).to.deep.equal([0, 0, 0, 250]);
  });

  it("fills up with time, but never beyond its burst", () => {
    const tokens = bucket(2, 4);
    tokens.take();
    tokens.take();
    now += 125;
    expect(tokens.take()).to.equal(125);
    now += 125;
    expect(tokens.take()).to.equal(0);
    now += 1_000_000;
    expect([tokens.take(), tokens.take(), tokens.take()]).to.deep.equal([0, 0, 250]);
  });
});
