/** docs/INVARIANTS.md and the tests cite each other: neither may name an invariant that the other does not. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type Citation, citations, missing } from "./Citations.ts";

const ROOT = join(import.meta.dirname, "..", "..");

describe("the invariants", () => {
  const page = readFileSync(join(ROOT, "docs", "INVARIANTS.md"), "utf8");
  const sections = page.split(/^### (?=INV-\d+: )/m).slice(1);
  const cited = new Map(sections.map((section) => [section.slice(0, section.indexOf(":")), citations(section)]));
  const tests = readdirSync(join(ROOT, "test", "contracts"), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(ts|sol)$/.test(path))
    .map((path) => `test/contracts/${path.replaceAll("\\", "/")}`);

  it("are numbered without a gap", () => {
    const numbers = [...cited.keys()].map((name) => Number(name.slice(4))).sort((a, b) => a - b);
    expect(numbers).to.deep.equal(numbers.map((_, index) => index + 1));
    expect(numbers).to.have.length.of.at.least(20);
    expect(sections).to.have.length(cited.size);
  });

  it("each cite tests that exist", () => {
    for (const [name, list] of cited) expect(list, name).to.not.deep.equal([]);
    expect(missing([...cited.values()].flat())).to.deep.equal([]);
  });

  it("are each held by a Solidity test that draws its cases", () => {
    const draws = (title: string) => title.startsWith("testFuzz_") || title.startsWith("_INV");
    const held = (list: readonly Citation[]) =>
      list.some(({ file, titles }) => file.endsWith(".t.sol") && titles.some(draws));
    expect([...cited].filter(([, list]) => !held(list))).to.deep.equal([]);
  });

  it("are cited where the tests are that they cite, and nowhere else", () => {
    const fromPage = [...cited].flatMap(([name, list]) => list.map(({ file }) => `${name} ${file}`));
    const fromTests = tests.flatMap((file) => {
      const names = readFileSync(join(ROOT, file), "utf8").match(/\bINV-\d+\b/g) ?? [];
      return names.map((name) => `${name} ${file}`);
    });
    expect([...new Set(fromTests)].sort()).to.deep.equal([...new Set(fromPage)].sort());
  });

  it("each have a mutant kept that breaks them, of the contracts as they are", () => {
    const kept: { breaks: string; file: string; find: string }[] = JSON.parse(
      readFileSync(join(ROOT, "test", "mutation", "invariants.json"), "utf8"),
    );
    expect([...new Set(kept.map(({ breaks }) => breaks))].sort()).to.deep.equal([...cited.keys()].sort());
    const lost = kept.filter(({ file, find }) => readFileSync(join(ROOT, file), "utf8").split(find).length !== 2);
    expect(lost).to.deep.equal([]);
  });
});
