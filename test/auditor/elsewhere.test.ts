/** Calls that do not come straight from a wallet: through contracts, traced where calldata does not tell. */
import { expect } from "chai";
import { createWorld, rollBack } from "../contracts/fixture.ts";
import { audited, forward } from "./History.ts";
import { between } from "./Tampering.ts";

const world = await createWorld();
const { market, bob, stranger } = world;

/** A contract that passes its calldata on: the first 20 bytes are whom to call, the rest is what. */
const PASS_ON = `0x${[
  "6026600c60003960266000f3", // creation: return the 38 bytes below
  "601436036014600037", // calldatacopy(0, 20, calldatasize - 20)
  "600060006014360360006000", // call's sizes, offsets and value
  "60003560601c5af1", // call(gas, the first 20 bytes, ...)
  "602457600080fd5b00", // revert where it failed
].join("")}`;

describe("auditing calls made by other contracts", () => {
  rollBack(world);

  async function passOn(data: string): Promise<void> {
    const signer = bob.account;
    const deployed = await (await signer.sendTransaction({ data: PASS_ON })).wait();
    const to = deployed!.contractAddress!;
    const market_ = await market.getAddress();
    await (await signer.sendTransaction({ to, data: market_ + data.slice(2) })).wait();
  }

  const commitData = async () => {
    const deal = await world.open();
    const { provider, item, assent } = await world.countersigned(deal, await world.revision(deal, 2));
    return market.interface.encodeFunctionData("commit", [provider, [item], [assent]]);
  };

  it("finds them by a trace", async () => {
    await passOn(await commitData());
    expect(Number((await market.providerOf(bob.address)).sectors)).to.equal(2);
    expect((await audited(world)).differences).to.deep.equal([]);
  });

  it("says that it found no signatures where the node does not trace", async () => {
    await passOn(await commitData());
    const request = between(world, (answer, { method }) => {
      if (method === "debug_traceTransaction") throw new Error("method not found");
      return answer;
    });
    const { differences } = await audited(world, { request });
    expect(differences.map(({ what }) => what)).to.include("the client's signature of a revision");
  });

  it("takes a forwarded call for its signer's", async () => {
    await forward(world, bob, market.interface.encodeFunctionData("announce", ["0x05"]));
    expect((await audited(world)).differences).to.deep.equal([]);
  });

  it("takes a name at the end of another contract's call for nothing, as the market does", async () => {
    const register = market.interface.encodeFunctionData("register", [stranger.address, 2n]);
    await passOn(register + bob.address.slice(2));
    const report = await audited(world);
    expect(report.differences).to.deep.equal([]);
    expect(report.providers).to.have.length(3);
  });
});
