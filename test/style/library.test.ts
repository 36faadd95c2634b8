/** Whatever the client library exports says what it is: each symbol of its index, and each public member of its classes. */
import { readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import { expect } from "chai";

const CLIENT = join(import.meta.dirname, "..", "..", "src", "client");

/** Names that the index exports, and the files that declare them. */
function exported(): { name: string; file: string }[] {
  const text = readFileSync(join(CLIENT, "index.ts"), "utf8");
  const statements = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from "([^"]+)";$/gm)];
  // Nothing of the index may be in a form that is not looked at.
  expect(text.match(/^export\b/gm)).to.have.length(statements.length);
  return statements.flatMap(([, names, from]) =>
    names!.split(",").flatMap((one) => {
      const name = one.trim().replace(/^type /, "");
      return name === "" ? [] : [{ name, file: normalize(join(CLIENT, from!)) }];
    }),
  );
}

/** The lines of a file, with the index of the one that declares `name`. */
function declaration(file: string, name: string): { lines: string[]; at: number } {
  const lines = readFileSync(file, "utf8").split("\n");
  const declares = new RegExp(
    `^export (?:declare )?(?:abstract )?(?:async )?(?:interface|class|type|function|const|enum) ${name}\\b`,
  );
  const found = lines.flatMap((line, index) => (declares.test(line) ? [index] : []));
  expect(found, `declarations of ${name} in ${file}`).to.have.length(1);
  return { lines, at: found[0]! };
}

/** Whether the line before ends a comment that is for documents. */
function isDocumented(lines: readonly string[], at: number): boolean {
  if (!lines[at - 1]?.trim().endsWith("*/")) return false;
  const begins = lines.slice(0, at).findLastIndex((line) => line.trim().startsWith("/**"));
  const others = lines.slice(0, at).findLastIndex((line) => /^\s*\/\*(?!\*)/.test(line));
  return begins >= 0 && begins > others;
}

/** Public members of a class, by the lines that begin them; overloads and what only this side calls are left out. */
function members(lines: readonly string[], at: number): number[] {
  const end = lines.findIndex((line, index) => index > at && line === "}");
  const begins = /^ {2}(?!private |#|readonly #|constructor)(?:(?:static|readonly|async|get|set) )*\*?[a-z]\w*[(<:?]/;
  return lines.flatMap((line, index) => (index > at && index < end && begins.test(line) ? [index] : []));
}

describe("the client library", () => {
  const symbols = exported();

  it("exports what its documents speak of", () => {
    const names = symbols.map(({ name }) => name);
    expect(names).to.include.members(["Sublet", "SharedFiles", "SubletException", "Source", "Receipt", "GetOptions"]);
  });

  it("says of each symbol what it is", () => {
    const bare = symbols.filter(({ name, file }) => {
      const { lines, at } = declaration(file, name);
      return !isDocumented(lines, at);
    });
    expect(bare.map(({ name }) => name)).to.deep.equal([]);
  });

  it("says of each public member of a class what it does", () => {
    const classes = symbols.filter(({ name, file }) => {
      const { lines, at } = declaration(file, name);
      return lines[at]!.includes(" class ");
    });
    expect(classes.map(({ name }) => name)).to.have.members(["Sublet", "SharedFiles", "SubletException", "Devices"]);
    for (const { name, file } of classes) {
      const { lines, at } = declaration(file, name);
      const found = members(lines, at);
      // Sublet alone has more methods than a pattern that finds nothing would.
      expect(found.length, name).to.be.at.least(name === "Sublet" ? 30 : 2);
      expect(found.filter((index) => !isDocumented(lines, index)).map((index) => lines[index]!.trim())).to.deep.equal(
        [],
      );
    }
  });
});
