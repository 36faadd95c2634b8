/** One market in two contracts: what each may hold, what they share, and that nobody gets past the market to its annex. */
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { dataLength, type Fragment, FunctionFragment, getCreateAddress, Interface, id, toBeHex } from "ethers";
import hre from "hardhat";
import { createWorld, LEDGER, plain, rollBack } from "./fixture.ts";

const world = await createWorld();
const { market, alice, bob, stranger } = world;
const CODE_BYTES = 24_576; // EIP-170
const INITCODE_BYTES = 2 * CODE_BYTES; // EIP-3860

const marketAddress = await market.getAddress();
const annexAddress = getCreateAddress({ from: marketAddress, nonce: 1 });
const annexAbi = new Interface((await hre.artifacts.readArtifact("Annex")).abi);
const annex = new world.ethers.Contract(annexAddress, annexAbi, stranger.account);

interface Node {
  readonly nodeType: string;
  readonly id: number;
  readonly name: string;
  readonly nodes: Node[];
  readonly linearizedBaseContracts: number[];
  readonly stateVariable: boolean;
  readonly mutability: string;
  readonly typeDescriptions: { readonly typeString: string };
}

/** What a contract stores, in the compiler's order: its bases' variables, the most basic first. */
async function stored(contract: string): Promise<string[]> {
  const build = (await hre.artifacts.getBuildInfoId("contracts/StorageMarket.sol:StorageMarket"))!;
  const { output } = JSON.parse(readFileSync((await hre.artifacts.getBuildInfoOutputPath(build))!, "utf8"));
  const sources = Object.values(output.sources) as { ast: Node }[];
  const contracts = sources.flatMap(({ ast }) => ast.nodes).filter(({ nodeType }) => nodeType === "ContractDefinition");
  const { linearizedBaseContracts } = contracts.find(({ name }) => name === contract)!;
  return linearizedBaseContracts
    .toReversed()
    .flatMap((base) => contracts.find(({ id }) => id === base)!.nodes)
    .filter(({ stateVariable, mutability }) => stateVariable && mutability === "mutable")
    .map(({ name, typeDescriptions }) => `${typeDescriptions.typeString} ${name}`);
}

function declared(abi: Interface, type: string): string[] {
  return abi.fragments
    .filter((fragment: Fragment) => fragment.type === type)
    .map((fragment) => fragment.format("full"));
}

/** Names of parameters aside: the market's own stubs have none. */
function functions(abi: Interface): string[] {
  return abi.fragments
    .filter(FunctionFragment.isFragment)
    .map((fragment) => `${fragment.format("sighash")} ${fragment.stateMutability}`);
}

describe("the market's two contracts", () => {
  rollBack(world);

  describe("on a chain with Ethereum's limits", () => {
    for (const [name, address] of [
      ["StorageMarket", marketAddress],
      ["Annex", annexAddress],
    ] as const) {
      it(`${name} has code, and at most ${CODE_BYTES} bytes of it`, async () => {
        const bytes = dataLength(await world.ethers.provider.getCode(address));
        expect(bytes).to.be.greaterThan(0).and.at.most(CODE_BYTES);
      });
    }

    it(`are deployed by at most ${INITCODE_BYTES} bytes, arguments included, in one transaction`, async () => {
      const deployment = market.deploymentTransaction()!;
      expect(dataLength(deployment.data)).to.be.at.most(INITCODE_BYTES);
      const { gasUsed } = (await deployment.wait())!;
      expect(gasUsed).to.be.at.most(16_000_000n);
    });
  });

  describe("share one storage", () => {
    it("with every variable of the one at the same place, of the same type, in the other", async () => {
      const ofMarket = await stored("StorageMarket");
      expect(ofMarket).to.include("mapping(address => struct Holder) _holders");
      expect(ofMarket).to.deep.equal(await stored("Annex"));
    });

    it("and number 2^32 - 1 customers, not one more: a deal would name another's", async () => {
      await world.open();
      await world.open({ noticeEpochs: 3 });
      const slots = Array.from({ length: 16 }, (_, slot) => slot);
      const held = await Promise.all(slots.map((slot) => world.ethers.provider.getStorage(market, slot)));
      const counter = slots.filter((slot) => BigInt(held[slot]!) === 2n);
      expect(counter).to.have.length(1);
      await world.connection.networkHelpers.setStorageAt(marketAddress, counter[0]!, toBeHex(2n ** 32n - 2n, 32));
      const last = await world.open({ noticeEpochs: 4 });
      expect((await world.deal(last)).client).to.equal(alice.address);
      expect((await world.deal(last)).noticeEpochs).to.equal(4n);
      const item = await world.item(await world.terms({ noticeEpochs: 5 }), bob.key);
      await expect(world.openDeals(alice, [item], 0))
        .to.be.revertedWithCustomError(market, "Market_CapacityExceeded")
        .withArgs(2n ** 32n - 1n, 2n ** 32n);
      const known = await world.open({ noticeEpochs: 4 }); // the last one again, which needs no number
      expect((await world.deal(known)).client).to.equal(alice.address);
    });
  });

  describe("speak with one voice", () => {
    it("the market has every function of its annex", () => {
      const known = functions(market.interface);
      for (const signature of functions(annexAbi)) expect(known).to.include(signature);
    });

    for (const type of ["event", "error"]) {
      it(`the market's interface knows every ${type} of its annex`, () => {
        const known = declared(market.interface, type);
        for (const each of declared(annexAbi, type)) expect(known).to.include(each);
      });
    }

    it("what the annex returns, the market returns", async () => {
      const items = [
        await world.item(await world.terms(), bob.key),
        await world.item(await world.terms(), stranger.key),
        await world.item(await world.terms(), bob.key),
      ];
      expect(await world.as(alice).openDeals.staticCall(...world.opening(items, 0))).to.equal(2n);
    });

    it("the annex's events come from the market's address", async () => {
      const receipt = (await (await world.as(bob).announce("0x1234")).wait())!;
      expect(receipt.logs.map(({ address }) => address)).to.deep.equal([marketAddress]);
    });
  });

  describe("the annex, called past the market", () => {
    const calls: [string, () => unknown[] | Promise<unknown[]>][] = [
      ["register", () => [stranger.key.address, 2n]],
      ["setSigner", () => [stranger.key.address]],
      ["announce", () => ["0x12"]],
      ["setTip", () => [stranger.address, 1n]],
      ["cancelOffers", () => []],
      ["openDeals", async () => world.opening([await world.item(await world.terms(), bob.key)], 0)],
    ];
    for (const [name, args] of calls) {
      it(`attack 'annex addressed': ${name} is refused`, async () => {
        await expect(annex.getFunction(name)(...(await args())))
          .to.be.revertedWithCustomError(market, "Market_Unauthorized")
          .withArgs(stranger.address);
      });
    }

    it("attack 'annex addressed': it knows none of the market's deals, and nobody's money moves", async () => {
      const deal = await world.active(2);
      await world.as(alice).terminate(deal);
      await world.start(Number((await world.deal(deal)).stopAt));
      await world.token.mint(alice.account, 1n); // a block of that epoch
      const record = await world.deal(deal);
      for (const name of ["terminate", "resign", "abandon", "terminateMissed", "refill", "convict"]) {
        await expect(annex.getFunction(name)(deal))
          .to.be.revertedWithCustomError(market, "Market_WrongDeal")
          .withArgs(`0x${"00".repeat(32)}`, deal.id);
      }
      for (const name of ["prune", "close"]) await annex.getFunction(name)([deal]);
      expect(await world.deal(deal)).to.deep.equal(record);
    });

    it("has nothing to take: money and storage are the market's", async () => {
      await world.open();
      expect(await world.token.balanceOf(annexAddress)).to.equal(0n);
      for (let slot = 0; slot < 16; slot++) {
        expect(await world.ethers.provider.getStorage(annexAddress, slot)).to.equal(`0x${"00".repeat(32)}`);
      }
    });
  });

  describe("take no ether, which nobody could get out again", () => {
    const sends: [string, string][] = [
      ["with no call", "0x"],
      ["with a call of the market", market.interface.encodeFunctionData("settle", [[]])],
      ["with a call of the annex", market.interface.encodeFunctionData("prune", [[]])],
    ];
    for (const [what, data] of sends) {
      it(what, async () => {
        for (const to of [marketAddress, annexAddress]) {
          await expect(stranger.account.sendTransaction({ to, data, value: 1n })).to.revert(world.ethers);
        }
      });
    }
  });

  it("answer no function that they do not have", async () => {
    const data = id("drain()").slice(0, 10);
    await expect(stranger.account.sendTransaction({ to: market, data })).to.revert(world.ethers);
  });

  it("tell the parameters that they were built with", async () => {
    const own = { multiplier: 2, coverEpochs: 12, missedEpochs: 4, exitEpochs: 1, finalEpochs: 5, rotateEpochs: 6 };
    const other = await createWorld({ parameters: { ...own, maxDealEpochs: 4_000 } });
    const told = Object.entries(plain(await other.market.parameters()));
    expect(told.map(([name, value]) => [name, Number(value)])).to.deep.equal(
      Object.entries(other.parameters).map(([name, value]) => [name, Number(value)]),
    );
    expect(new Set(told.map(([, value]) => value)).size).to.equal(told.length); // or one could stand for another
  });

  it("tell the token and the seed source that they were built with", async () => {
    expect(await market.token()).to.equal(await world.token.getAddress());
    expect(await market.seedSource()).to.equal(await world.seedSource.getAddress());
  });

  it("are built with the same parameters: what the annex counts, the market counts", async () => {
    const { minCollateral, rotateEpochs } = await market.parameters();
    const deal = await world.open({ capacity: 1 });
    expect((await world.deal(deal)).collateral).to.equal(minCollateral * LEDGER);
    await world.as(bob).setSigner(stranger.key);
    const { nextSignerFrom } = await market.providerOf(bob.address);
    expect(nextSignerFrom).to.equal(BigInt(await world.epoch()) + rotateEpochs);
    expect(await annex.getFunction("trustedForwarder")()).to.equal(await market.trustedForwarder());
  });
});
