/** docs/SECURITY.md names the tests that attack each rule: they must be there under that name. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { citations, missing } from "./Citations.ts";

describe("the tests that docs/SECURITY.md cites", () => {
  const cited = citations(readFileSync(join(import.meta.dirname, "..", "..", "docs", "SECURITY.md"), "utf8"));

  it("are many", () => {
    // Otherwise the pattern has gone stale, and nothing below is checked.
    expect(cited.length).to.be.greaterThan(40);
  });

  it("exist", () => {
    expect(missing(cited)).to.deep.equal([]);
  });
});
