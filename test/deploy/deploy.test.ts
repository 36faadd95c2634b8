/** A market put on a chain, and everything that is refused before anything is sent. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { getAddress, numberToHex, toHex } from "viem";
import { deploy, type Order, rehearse } from "../../scripts/deployment/index.ts";
import { PRESETS } from "../../scripts/deployment/parameters.ts";
import { marketAddress } from "../../src/chain/MarketAddress.ts";
import { MarketReader } from "../../src/chain/MarketReader.ts";
import type { ErrorCode, ErrorOf } from "../../src/protocol/Errors.ts";
import { failure } from "../chain/failure.ts";
import { DROPPED } from "../chain/RpcServer.ts";
import { Chain } from "./Chain.ts";

const NOBODY = getAddress(`0x${"dead".repeat(10)}`);
const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
/** EIP-2935's contract in short: the word at storage slot (number mod 8,191). */
const SERVES_HISTORY = "0x5f35611fff9006545f5260205ff3";

describe("deploying a market", function () {
  this.timeout(120_000);
  let chain: Chain;
  beforeEach(async () => {
    chain = await Chain.start();
  });
  afterEach(() => chain.stop());

  /** The error that a deployment ends with, having sent nothing. */
  async function refused<Code extends ErrorCode>(order: Order, code: Code): Promise<ErrorOf<Code>> {
    const error = await failure(deploy(order), code);
    expect(chain.rpc.count("eth_sendRawTransaction")).to.equal(0);
    expect(await chain.sent()).to.equal(0);
    return error;
  }

  async function parametersFile(text: string): Promise<string> {
    const file = join(chain.folder, "parameters.toml");
    await writeFile(file, text);
    return file;
  }

  it("records a market that answers with the parameters asked for", async () => {
    const file = await parametersFile('# dearer to join\nminCollateral = "12.5"\nepochBlocks = 50\n');
    const record = await deploy(chain.order({ parametersFile: file }));
    const address = marketAddress("--market", join(chain.folder, "market"));
    const market = await MarketReader.connect({ rpcUrl: chain.rpc.url, market: address, chainId: chain.chainId });
    expect(market.parameters).to.deep.equal({ ...PRESETS.demo, epochBlocks: 50, minCollateral: 12_500_000n });
    expect([market.token, market.seedSource, market.forwarder]).to.deep.equal([
      ...[record.token, record.seedSource, record.forwarder],
    ]);
    expect(record.deployer).to.equal(chain.account.address);
    const written = JSON.parse(await readFile(join(chain.folder, "market", "market.json"), "utf8"));
    expect(written).to.deep.equal(record);
    const there = await readdir(join(chain.folder, "market"));
    expect(there.sort()).to.deep.equal(
      ["Annex", "ERC2771Forwarder", "HeaderSeedSource", "MarketToken", "StorageMarket", "market.json"].sort(),
    );
    const metadata = JSON.parse(await readFile(join(chain.folder, "market", "StorageMarket", "metadata.json"), "utf8"));
    expect(metadata.settings.compilationTarget).to.deep.equal({
      "project/contracts/StorageMarket.sol": "StorageMarket",
    });
  });

  it("makes nothing a second time", async () => {
    const record = await deploy(chain.order());
    const sent = await chain.sent();
    expect(await deploy(chain.order())).to.deep.equal(record);
    expect(await chain.sent()).to.equal(sent);
  });

  it("takes a token and a seed source that are there already", async () => {
    const first = await deploy(chain.order());
    const { token, seedSource } = first;
    const second = await deploy(chain.order({ token, seedSource, folder: join(chain.folder, "second") }));
    expect([second.token, second.seedSource]).to.deep.equal([token, seedSource]);
    expect(Object.keys(second.contracts)).to.deep.equal(["ERC2771Forwarder", "StorageMarket", "Annex"]);
  });

  it("rehearses the addresses and the gas, and sends nothing", async () => {
    const rehearsal = await rehearse(chain.order());
    if ("market" in rehearsal) throw new Error("there was no market yet");
    expect(chain.rpc.count("eth_sendRawTransaction")).to.equal(0);
    const { contracts } = await deploy(chain.order());
    for (const { name, address, gas } of rehearsal.steps) {
      const { address: made, transaction } = contracts[name]!;
      expect(address).to.equal(made);
      const receipt = await chain.request<{ gasUsed: string }>("eth_getTransactionReceipt", [transaction]);
      // The addresses of what is made before are in its code, where a zero byte costs less than another.
      expect(Math.abs(Number(gas) - Number(receipt.gasUsed)) / Number(gas)).to.be.lessThan(0.02);
    }
    expect(rehearsal.needed > rehearsal.cost && rehearsal.cost > 0n).to.equal(true);
  });

  it("waits until enough blocks were made", async () => {
    await chain.request("evm_setIntervalMining", [50]);
    const { contracts } = await deploy(chain.order({ confirmations: 4 }));
    const newest = Number(await chain.request("eth_blockNumber"));
    expect(newest - contracts.StorageMarket!.block).to.be.greaterThanOrEqual(3);
  });

  describe("given what cannot be deployed", () => {
    it("names the relation that the parameters break", async () => {
      const file = await parametersFile("commitBlocks = 39\n");
      const { error, args } = await refused(chain.order({ parametersFile: file }), "ChainRejected");
      expect(error).to.equal("Market_WrongParameters");
      expect(args).to.deep.equal({ relation: "prove >= epoch / 2" });
    });

    for (const [what, text, code, words] of [
      ["is no TOML", "epochBlocks = = 3", "StateCorrupt", /line 1/],
      ["is longer than any", `#${"x".repeat(70_000)}`, "StateCorrupt", /longer/],
      ["has a name that there is not", "epochblocks = 3", "BadArgument", /epochBlocks, commitBlocks/],
      ["has a text for a number", 'epochBlocks = "3"', "BadArgument", /whole number/],
      ["has a number below zero", "gapBlocks = -1", "BadArgument", /not negative/],
      ["has more decimals than the token", 'minCollateral = "0.0000001"', "BadArgument", /6 decimals/],
      ["has collateral without quotes", "minCollateral = 1", "BadArgument", /in quotes/],
      ["has more collateral than fits", 'minCollateral = "99999999999999999999"', "ChainRejected", /MIN_COLLATERAL/],
    ] as const) {
      it(`refuses a parameters file that ${what}`, async () => {
        const error = await refused(chain.order({ parametersFile: await parametersFile(text) }), code);
        expect(JSON.stringify(error)).to.match(words);
      });
    }

    it("refuses a parameters file that is not there", async () => {
      await refused(chain.order({ parametersFile: join(chain.folder, "none") }), "NoSuchPath");
    });

    it("refuses the wrong chain", async () => {
      const { expected, actual } = await refused(chain.order({ chainId: 1 }), "WrongChain");
      expect([expected, actual]).to.deep.equal([1, chain.chainId]);
    });

    it("refuses an empty wallet, and says how much is missing", async () => {
      await chain.request("hardhat_setBalance", [chain.account.address, toHex(1_000n)]);
      const { asset, account, have, missing, need } = await refused(chain.order(), "InsufficientFunds");
      expect([asset, account, have, missing]).to.deep.equal(["gas", chain.account.address, 1_000n, need - 1_000n]);
    });

    it("refuses a token that is none", async () => {
      expect((await refused(chain.order({ token: NOBODY }), "BadArgument")).name).to.equal("--token");
    });

    it("refuses a seed source that is none", async () => {
      expect((await refused(chain.order({ seedSource: NOBODY }), "BadArgument")).name).to.equal("--seed-source");
    });

    it("refuses a folder that has another market", async () => {
      const record = await deploy(chain.order());
      const file = await parametersFile('minCollateral = "2"');
      const sent = await chain.sent();
      expect((await failure(deploy(chain.order({ parametersFile: file })), "BadArgument")).name).to.equal("--folder");
      await chain.request("hardhat_setCode", [record.market, "0x"]);
      expect((await failure(deploy(chain.order()), "BadArgument")).name).to.equal("--folder");
      expect(await chain.sent()).to.equal(sent);
    });
  });

  it("says so when the node goes away in the middle", async () => {
    for (const [method, preset] of [
      ["eth_getBlockByNumber", "demo"],
      ["eth_call", "daily"],
      ["eth_estimateGas", "demo"],
    ] as const) {
      chain.rpc.between = async (request, ask) => (request.method === method ? DROPPED : ask());
      const { url } = await refused(chain.order({ preset }), "ChainUnavailable");
      expect(url).to.equal(chain.rpc.url);
    }
  });

  describe("given a chain whose seeds HeaderSeedSource cannot prove", () => {
    it("refuses proofs that take longer than BLOCKHASH reaches, until EIP-2935 is there", async () => {
      expect((await refused(chain.order({ preset: "daily" }), "BadArgument")).reason).to.match(/EIP-2935/);
      const number = Number(await chain.request("eth_blockNumber")) - 1;
      const { hash } = await chain.request<{ hash: string }>("eth_getBlockByNumber", [numberToHex(number), false]);
      await chain.request("hardhat_setCode", [HISTORY, SERVES_HISTORY]);
      await chain.request("hardhat_setStorageAt", [HISTORY, toHex(number), hash]);
      const { parameters } = await deploy(chain.order({ preset: "daily" }));
      expect(parameters.epochBlocks).to.equal(7_200);
    });

    it("refuses a prevRandao that stays the same", async () => {
      await chain.request("hardhat_setPrevRandao", [`0x${"00".repeat(32)}`]);
      await chain.request("hardhat_mine");
      expect((await refused(chain.order(), "BadArgument")).reason).to.match(/prevRandao/);
    });

    it("refuses headers that do not hash to the block's own", async () => {
      chain.rpc.between = async ({ method }, ask) => {
        const answer = (await ask()) as { extraData?: string };
        return method === "eth_getBlockByNumber" ? { ...answer, extraData: "0x1234" } : answer;
      };
      expect((await refused(chain.order(), "BadArgument")).reason).to.match(/headers/);
    });
  });
});
