/** docs/SECURITY.md names the tests that attack each rule: they must be there under that name, and none is left out. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { citations, missing } from "./Citations.ts";

const ROOT = join(import.meta.dirname, "..", "..");

describe("the tests that docs/SECURITY.md cites", () => {
  const page = readFileSync(join(ROOT, "docs", "SECURITY.md"), "utf8");
  const cited = citations(page);

  it("are many", () => {
    // Otherwise the pattern has gone stale, and nothing below is checked.
    expect(cited.length).to.be.greaterThan(40);
  });

  it("exist", () => {
    expect(missing(cited)).to.deep.equal([]);
  });

  it("are all that call themselves an attack", () => {
    const attacks = readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".test.ts"))
      .flatMap((path) => readFileSync(join(ROOT, "test", path), "utf8").match(/\battack '[^'\n]+'/g) ?? []);
    expect(attacks.length).to.be.greaterThan(50);
    expect(attacks.filter((attack) => !page.includes(attack))).to.deep.equal([]);
  });
});
