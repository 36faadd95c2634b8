import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { vectorFiles } from "../vectors/generate.ts";

const folder = join(import.meta.dirname, "../vectors");

describe("the published vectors", () => {
  const now = vectorFiles();

  it("are the files beside their generator", () => {
    const published = readdirSync(folder).filter((name) => now.has(name));
    expect(published.sort()).to.deep.equal([...now.keys()].sort());
  });

  for (const [name, text] of now) {
    it(`${name} is what the codec makes, byte for byte`, () => {
      // Compared by hand: a diff of these files would bury the message.
      if (readFileSync(join(folder, name), "utf8") !== text) {
        expect.fail(`${name} changed: a frozen format differs (if that is meant, run test/vectors/generate.ts)`);
      }
    });
  }
});
