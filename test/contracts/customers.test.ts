/** What a client's deals have in common is kept once for all that have the same figures, and never for others. */
import { expect } from "chai";
import { type Agreement, createWorld, delegation, LEDGER, rollBack, SCOPES, type Terms } from "./fixture.ts";
import { variables } from "./storage.ts";

const world = await createWorld();
const { market, alice, carol, bob, dave, stranger } = world;

/** How many sides of clients the market has written: the one variable that a first opening makes 1. */
const counter = await (async () => {
  const { restore } = await world.connection.networkHelpers.takeSnapshot();
  const before = await variables(world);
  await world.open();
  const after = await variables(world);
  await restore();
  const changed = after.flatMap((value, variable) => (value === before[variable] ? [] : [variable]));
  expect(changed.map((variable) => after[variable])).to.deep.equal([1n]);
  return changed[0]!;
})();
async function written(): Promise<bigint> {
  return (await variables(world))[counter]!;
}

async function expectFigures(deals: readonly Agreement[]): Promise<void> {
  for (const deal of deals) {
    const { client, clientSigner, noticeEpochs, answerBond } = await world.deal(deal);
    const { terms } = deal;
    expect({ client, clientSigner, noticeEpochs, answerBond }).to.deep.equal({
      client: terms.client,
      clientSigner: terms.clientSigner,
      noticeEpochs: BigInt(terms.noticeEpochs),
      answerBond: terms.answerBond,
    });
  }
}

describe("a client's side of its deals", () => {
  rollBack(world);

  it("is written once for the deals of a call, of whatever providers", async () => {
    const items = [
      await world.item(await world.terms(), bob.key),
      await world.item(await world.terms(), bob.key),
      await world.item(await world.terms({}, alice, dave), dave.key),
    ];
    await world.openDeals(alice, items, 3);
    expect(await written()).to.equal(1n);
  });

  it("is shared by later openings, whatever else is another there", async () => {
    const endEpoch = (await world.epoch()) + 9;
    const others: Partial<Terms>[] = [
      {},
      { volume: 8n },
      { position: 3 },
      { k: 3, n: 13 },
      { rate: 1n, egressRate: 2n },
      { capacity: 3, minSectors: 1 },
      { endEpoch },
    ];
    const deals: Agreement[] = [];
    for (const other of others) deals.push(await world.open(other));
    deals.push(await world.open({}, { client: alice, host: dave }));
    expect(await written()).to.equal(1n);
    await expectFigures(deals);
  });

  it("is shared by what a delegate opens", async () => {
    await world.open();
    const limits = { repairBudget: 10_000_000n, maxRate: 1n << 79n };
    await world.as(alice).authorize(stranger.account, delegation(SCOPES.REPAIR, 9, limits));
    const terms = await world.terms();
    const [ref] = await world.opened(await world.openDeals(stranger, [await world.item(terms, bob.key)], 1));
    expect(await written()).to.equal(1n);
    await expectFigures([{ ...ref!, terms, client: alice, host: bob }]);
  });

  for (const [what, other] of Object.entries<Partial<Terms>>({
    signer: { clientSigner: carol.key.address },
    notice: { noticeEpochs: 3 },
    bond: { answerBond: 999n },
  })) {
    it(`is another one where the ${what} is, there and back`, async () => {
      const deals = [await world.open(), await world.open(other)];
      expect(await written()).to.equal(2n);
      deals.push(await world.open(other));
      expect(await written()).to.equal(2n);
      deals.push(await world.open());
      expect(await written()).to.equal(3n);
      await expectFigures(deals);
    });
  }

  it("is another client's never, were it the same in all else", async () => {
    const same = { clientSigner: alice.key.address };
    const deals = [
      await world.open(same),
      await world.open(same, { client: carol, host: bob }),
      await world.open(same),
      await world.open(same, { client: carol, host: bob }),
    ];
    expect(await written()).to.equal(2n);
    await expectFigures(deals);
    await expect(world.as(carol).terminate(deals[0]!))
      .to.be.revertedWithCustomError(market, "Market_Unauthorized")
      .withArgs(carol.address);
  });

  it("is what its calls go by: each deal's own key, notice and bond", async () => {
    const epoch = await world.epoch();
    const first = await world.active(1);
    const other = { clientSigner: carol.key.address, noticeEpochs: 7, answerBond: 5n };
    const second = await world.open(other);
    expect(await world.skipped(world.commit(second, 1))).to.deep.equal([[0, "Market_WrongSigner"]]);
    expect(await world.skipped(world.commit({ ...second, client: carol }, 1))).to.deep.equal([]);
    expect(await world.skipped(world.commit({ ...first, client: carol }, 2))).to.deep.equal([
      [0, "Market_WrongSigner"],
    ]);
    expect(await world.skipped(world.commit(first, 2))).to.deep.equal([]);
    for (const [deal, bond, notice] of [
      [first, 1_000n, 2],
      [second, 5n, 7],
    ] as const) {
      const paid = world.as(alice).challenge(deal, 0);
      await expect(paid).to.changeTokenBalance(world.ethers, world.token, alice.account, -bond);
      await world.as(alice).terminate(deal);
      expect((await world.deal(deal)).stopAt).to.equal(epoch + 1 + notice);
      await expect(world.as(bob).abandon(deal))
        .to.emit(market, "ChallengeClosed")
        .withArgs(deal.id, false, bond * LEDGER);
      await world.as(alice).withdraw((await market.freeBalance(alice.account)) / LEDGER, alice.account);
    }
  });

  it("stays as it was for deals that are closed, when later ones have another", async () => {
    const deal = await world.active(1);
    await world.as(bob).abandon(deal);
    await world.start((await world.epoch()) + 2);
    await market.close([deal]);
    await world.open({ slot: 5, noticeEpochs: 9 });
    await expectFigures([deal]);
  });
});
