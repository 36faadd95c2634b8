/** A market compared with what was recorded of it: nothing may differ, and whatever does is named. */
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { Address, Hex } from "viem";
import type { ContractName } from "../../scripts/deployment/build.ts";
import { deploy } from "../../scripts/deployment/index.ts";
import type { DeploymentRecord } from "../../scripts/deployment/record.ts";
import { verify } from "../../scripts/deployment/verify.ts";
import { failure } from "../chain/failure.ts";
import { Chain } from "./Chain.ts";

describe("verifying a deployment", function () {
  this.timeout(300_000);
  let chain: Chain;
  let record: DeploymentRecord;
  let folder: string;
  before(async () => {
    chain = await Chain.start();
    record = await deploy(chain.order({ folder: join(chain.folder, "original") }));
    await verified(join(chain.folder, "original")); // the compiler's time is this one's
  });
  after(() => chain.stop());
  beforeEach(async () => {
    folder = join(chain.folder, "copy");
    await cp(join(chain.folder, "original"), folder, { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  async function verified(where: string): Promise<Partial<Record<ContractName, readonly string[]>>> {
    const { ok, contracts } = await verify(where, chain.rpc.url);
    const wrong = contracts.filter(({ differences }) => differences.length > 0);
    expect(ok).to.equal(wrong.length === 0);
    return Object.fromEntries(wrong.map(({ name, differences }) => [name, differences]));
  }

  /** Whether code on the chain is changed at that byte, and put right again after. */
  async function withByte<Result>(address: Address, at: (code: Buffer) => number, work: () => Promise<Result>) {
    const code = await chain.request<Hex>("eth_getCode", [address, "latest"]);
    const bytes = Buffer.from(code.slice(2), "hex");
    const index = at(bytes);
    bytes[index]! ^= 0x01;
    await chain.request("hardhat_setCode", [address, `0x${bytes.toString("hex")}`]);
    try {
      return { index, result: await work() };
    } finally {
      await chain.request("hardhat_setCode", [address, code]);
    }
  }

  async function edit(file: string, change: (text: string) => string): Promise<void> {
    const text = await readFile(join(folder, file), "utf8");
    const changed = change(text);
    expect(changed).not.to.equal(text);
    await writeFile(join(folder, file), changed);
  }

  it("finds everything as recorded, the annex that the market made too", async () => {
    const { ok, contracts } = await verify(folder, chain.rpc.url);
    expect(ok).to.equal(true);
    expect(contracts.map(({ name }) => name)).to.have.members([
      ...["MarketToken", "ERC2771Forwarder", "HeaderSeedSource", "StorageMarket", "Annex"],
    ]);
  });

  describe("given one byte that differs on the chain", () => {
    for (const name of ["StorageMarket", "Annex", "HeaderSeedSource", "MarketToken", "ERC2771Forwarder"] as const) {
      it(`says which, in the code of ${name}`, async () => {
        const { index, result } = await withByte(
          record.contracts[name]!.address,
          () => 100,
          () => verified(folder),
        );
        expect(Object.keys(result)).to.deep.equal([name]);
        expect(result[name]![0]).to.match(new RegExp(`code differs at byte ${index}: 0x`));
      });
    }

    it("says so of the metadata's hash apart", async () => {
      const { index, result } = await withByte(
        record.market,
        (code) => code.length - 20,
        () => verified(folder),
      );
      expect(result.StorageMarket![0]).to.match(new RegExp(`metadata hash differs at byte ${index}`));
    });

    it("names the value that the constructor wrote there", async () => {
      const wanted = Buffer.from(record.token.slice(2), "hex");
      const { result } = await withByte(
        record.contracts.Annex!.address,
        (code) => code.indexOf(wanted) + 19,
        () => verified(folder),
      );
      expect(result.Annex![0]).to.match(/^its TOKEN is 0x0{24}/);
    });
  });

  describe("given a record that was changed", () => {
    it("names the source in which a byte is another", async () => {
      await edit("HeaderSeedSource/standard-input.json", (text) =>
        text.replace("prevRandao of a past", "prevRandao of the past"),
      );
      const { HeaderSeedSource: found, ...others } = await verified(folder);
      expect(others).to.deep.equal({});
      expect(found![0]).to.match(/source project\/contracts\/HeaderSeedSource.sol is not the one/);
      expect(found!.some((line) => /metadata hash differs/.test(line))).to.equal(true);
    });

    it("names what no longer follows from the parameters", async () => {
      await edit("market.json", (text) => text.replace('"epochBlocks": 40', '"epochBlocks": 41'));
      const { StorageMarket: market, Annex: annex } = await verified(folder);
      for (const found of [market!, annex!]) {
        expect(found[0]).to.match(/arguments are not those of the parameters/);
        expect(found.some((line) => /EPOCH_BLOCKS is 0x0+28/.test(line))).to.equal(true);
      }
    });

    it("names an address that is another's", async () => {
      const { address } = record.contracts.HeaderSeedSource!;
      await edit("market.json", (text) => text.replaceAll(address, record.token));
      expect((await verified(folder)).HeaderSeedSource!.join()).to.match(/did not make it.*bytes on the chain/);
    });

    it("names a transaction that is not on the chain", async () => {
      const { transaction } = record.contracts.ERC2771Forwarder!;
      await edit("market.json", (text) => text.replace(transaction, `0x${"12".repeat(32)}`));
      expect((await verified(folder)).ERC2771Forwarder!.join()).to.match(/0x1212.* is not on the chain/);
    });

    it("says that it cannot be used where an address is cut off or the annex left out, or it was compiled by another compiler", async () => {
      await edit("market.json", (text) => text.replace(record.market, "0x12"));
      expect((await failure(verify(folder, chain.rpc.url), "StateCorrupt")).reason).to.match(/market: no address/);
      await cp(join(chain.folder, "original"), folder, { recursive: true });
      await edit("market.json", (text) => text.replace('"Annex"', '"Annexe"'));
      await failure(verify(folder, chain.rpc.url), "StateCorrupt");
      await cp(join(chain.folder, "original"), folder, { recursive: true });
      await edit("market.json", (text) => text.replace("0.8.36+commit", "0.8.35+commit"));
      expect((await failure(verify(folder, chain.rpc.url), "BadArgument")).value).to.match(/0\.8\.35/);
    });
  });

  it("says what it cannot judge: a token and a seed source that were there before", async () => {
    const { token, seedSource } = record;
    const other = join(chain.folder, "other");
    await deploy(chain.order({ token, seedSource, folder: other }));
    const { ok, notJudged, contracts } = await verify(other, chain.rpc.url);
    expect([ok, notJudged]).to.deep.equal([true, ["token", "seedSource"]]);
    expect(contracts.map(({ name }) => name)).to.deep.equal(["ERC2771Forwarder", "StorageMarket", "Annex"]);
  });

  it("looks at the chain that was recorded, and no other", async () => {
    await edit("market.json", (text) => text.replace(`"chainId": ${chain.chainId}`, '"chainId": 1'));
    const { expected, actual } = await failure(verify(folder, chain.rpc.url), "WrongChain");
    expect([expected, actual]).to.deep.equal([1, chain.chainId]);
  });

  it("says that nothing was recorded where that is so", async () => {
    await failure(verify(join(chain.folder, "nowhere"), chain.rpc.url), "NoSuchPath");
  });
});
