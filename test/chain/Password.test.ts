import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readPassword } from "../../src/chain/Password.ts";
import { failure } from "./failure.ts";

describe("a keystore's password", () => {
  const before = process.env.SUBLET_PASSWORD;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-password-"));
    delete process.env.SUBLET_PASSWORD;
  });

  afterEach(async () => {
    if (before === undefined) delete process.env.SUBLET_PASSWORD;
    else process.env.SUBLET_PASSWORD = before;
    await rm(folder, { recursive: true });
  });

  it("comes from a file rather than from the environment, without the line's end", async () => {
    process.env.SUBLET_PASSWORD = "another";
    for (const [name, text] of Object.entries({ unix: "a b \n", windows: "a b \r\n", bare: "a b " })) {
      const file = join(folder, name);
      await writeFile(file, text);
      expect(await readPassword(file, false), name).to.equal("a b ");
    }
  });

  it("comes from SUBLET_PASSWORD, an empty one too", async () => {
    process.env.SUBLET_PASSWORD = "from outside";
    expect(await readPassword(undefined, true)).to.equal("from outside");
    process.env.SUBLET_PASSWORD = "";
    expect(await readPassword(undefined, true)).to.equal("");
  });

  it("is not waited for where nobody can be asked", async () => {
    const terminal = process.stdin.isTTY;
    process.stdin.isTTY = false;
    try {
      expect(await failure(readPassword(undefined, true), "BadArgument")).to.include({ name: "password" });
    } finally {
      process.stdin.isTTY = terminal;
    }
  });

  it("is said to be missing where the file is", async () => {
    const file = join(folder, "none");
    expect(await failure(readPassword(file, false), "NoSuchPath")).to.include({ path: file });
  });
});
