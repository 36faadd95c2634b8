/** docs/SECURITY.md names the tests that attack each rule: they must be there under that name. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

const ROOT = join(import.meta.dirname, "..", "..");

/** `file` "title", "title": a title may be cut short, but is what the file says as far as it goes. */
const CITED = /`(test\/[^`]+)`((?:(?:, | )"[^"]+")+)/g;

describe("the tests that docs/SECURITY.md cites", () => {
  const page = readFileSync(join(ROOT, "docs", "SECURITY.md"), "utf8");
  const cited = [...page.matchAll(CITED)].map(([, file = "", titles = ""]) => ({
    file,
    titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => title),
  }));

  it("are many", () => {
    // Otherwise the pattern has gone stale, and nothing below is checked.
    expect(cited.length).to.equal([...page.matchAll(/`test\//g)].length);
    expect(cited.length).to.be.greaterThan(40);
  });

  it("exist", () => {
    const missing = cited.flatMap(({ file, titles }) => {
      const path = join(ROOT, file);
      const text = existsSync(path) ? readFileSync(path, "utf8") : "";
      return titles.filter((title) => !text.includes(title)).map((title) => `${file}: ${title}`);
    });
    expect(missing).to.deep.equal([]);
  });
});
