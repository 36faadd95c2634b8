import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { getAddress } from "viem";
import { marketAddress } from "../../src/chain/MarketAddress.ts";
import { failure } from "./failure.ts";

const MARKET = getAddress(`0x${"c0de".repeat(10)}`);

describe("what names a market", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sublet-named-"));
    file = join(folder, "market.json");
    await writeFile(file, JSON.stringify({ chainId: 1, market: MARKET.toLowerCase() }));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const named = async (value: string) => marketAddress("--market", value);

  it("is its address, a deployment's file, or the folder of one", async () => {
    for (const value of [MARKET, MARKET.toLowerCase(), file, folder]) expect(await named(value)).to.equal(MARKET);
  });

  for (const [what, text] of [
    ["has no market", "{}"],
    ["has a market that is no address", '{"market":"0x12"}'],
    ["is no JSON", "market"],
    ["is longer than any", `{"market":"${MARKET}"}${" ".repeat(70_000)}`],
  ] as const) {
    it(`is no file that ${what}`, async () => {
      await writeFile(file, text);
      const { name, value } = await failure(named(file), "BadArgument");
      expect([name, value]).to.deep.equal(["--market", file]);
    });
  }

  it("is nothing that is not there", async () => {
    await rm(file);
    for (const value of ["0x12", "", file, folder]) await failure(named(value), "BadArgument");
  });
});
