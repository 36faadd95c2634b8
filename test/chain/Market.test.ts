import { expect } from "chai";
import { type Address, type Hex, maxUint256, zeroAddress } from "viem";
import { type CommitItem, call, type DealItem } from "../../src/chain/Calls.ts";
import type { Market } from "../../src/chain/Market.ts";
import { DealState, LEDGER_ONE } from "../../src/chain/MarketReader.ts";
import { describe as describeError } from "../../src/protocol/Errors.ts";
import type { Revision } from "../../src/protocol/Messages.ts";
import { type Agreement, PENALTY_RATE, RATE, type World } from "../contracts/fixture.ts";
import { failure } from "./failure.ts";
import { LocalMarket } from "./LocalMarket.ts";

describe("acting on a market", () => {
  let local: LocalMarket;
  let world: World;
  let alice: Market;
  let bob: Market;
  let stranger: Market;
  before(async () => {
    local = await LocalMarket.start();
    world = local.world;
    alice = await local.connect(world.alice);
    bob = await local.connect(world.bob);
    stranger = await local.connect(world.stranger);
  });
  after(() => local.stop());
  let restore: () => Promise<void>;
  beforeEach(async () => {
    restore = (await world.connection.networkHelpers.takeSnapshot()).restore;
  });
  afterEach(() => restore());

  async function item(overrides = {}, escrow = 10_000_000n, egress = 0n): Promise<DealItem> {
    const terms = await world.terms(overrides);
    return (await world.item(terms, world.bob.key, escrow, egress)) as unknown as DealItem;
  }

  async function receipt(deal: Agreement, sectors: number): Promise<CommitItem> {
    const revision = (await world.revision(deal, sectors)) as Revision;
    return {
      ...{ provider: deal.provider as Address, slot: deal.slot, revision },
      clientSignature: (await world.sign(deal.client.key, "Revision", revision)) as Hex,
      providerSignature: (await world.sign(deal.host.key, "Revision", revision)) as Hex,
    };
  }

  describe("money", () => {
    it("deposits with a permit in one transaction where the market has no allowance", async () => {
      await world.token.connect(world.alice.account).approve(local.address, 0);
      const before = await alice.tokenBalance(alice.sender);
      const nonce = await world.alice.account.getNonce();
      const { events } = await alice.deposit(alice.sender, 5n);
      expect(events.map(({ name }) => name)).to.deep.equal(["Deposited"]);
      expect(await world.alice.account.getNonce()).to.equal(nonce + 1);
      expect(await alice.tokenBalance(alice.sender)).to.equal(before - 5n);
      expect(await alice.freeBalance(alice.sender)).to.equal(5n * LEDGER_ONE);
    });

    it("names the token and how much of it is missing before anything is sent", async () => {
      const have = await alice.tokenBalance(alice.sender);
      const sent = local.rpc.count("eth_sendRawTransaction");
      const error = await failure(alice.deposit(alice.sender, have + 7n), "InsufficientFunds");
      expect(error).to.deep.include({ asset: "token", account: alice.sender, have, need: have + 7n, missing: 7n });
      const opening = alice.openDeals([await item({}, have, 9n)], 1);
      expect(await failure(opening, "InsufficientFunds")).to.deep.include({ asset: "token", missing: 9n });
      expect(local.rpc.count("eth_sendRawTransaction")).to.equal(sent);
    });

    it("names the gas that is missing", async () => {
      await local.setBalance(alice.sender, 1_000n);
      const error = await failure(alice.deposit(alice.sender, 5n), "InsufficientFunds");
      expect(error).to.include({ asset: "gas", account: alice.sender, have: 1_000n });
      expect(error.missing).to.equal(error.need - 1_000n);
    });

    it("names tokens and gas at once where both are missing", async () => {
      await local.setBalance(alice.sender, 1_000n);
      const have = await alice.tokenBalance(alice.sender);
      const error = await failure(alice.deposit(alice.sender, have + 7n), "InsufficientFunds");
      expect(error).to.include({ asset: "token", missing: 7n });
      expect(error.also).to.include({ asset: "gas", account: alice.sender, have: 1_000n });
      expect(error.also?.missing).to.equal(error.also!.need - 1_000n);
      expect(describeError(error)).to.match(
        /send it 7 more; 0x\w+ has 1000 base units of gas .* send it \d+ more, then/,
      );
    });

    it("withdraws what is free, and names what is not", async () => {
      await bob.withdraw(1_000n, bob.sender);
      const free = await bob.freeBalance(bob.sender);
      const too = free / LEDGER_ONE + 1n;
      const error = await failure(bob.withdraw(too, bob.sender), "ChainRejected");
      expect(error).to.deep.include({
        call: "withdraw",
        error: "Market_InsufficientBalance",
        args: { expected: too * LEDGER_ONE, actual: free },
      });
    });
  });

  describe("deals", () => {
    it("opens all of a volume in one transaction with a permit, and reads them back", async () => {
      await world.token.connect(world.alice.account).approve(local.address, 0);
      const nonce = await world.alice.account.getNonce();
      const { events } = await alice.openDeals([await item({ position: 0 }), await item({ position: 1 })], 2);
      expect(await world.alice.account.getNonce()).to.equal(nonce + 1);
      const opened = events.filter((event) => event.name === "DealOpened");
      expect(opened.map(({ args }) => args.position)).to.deep.equal([0, 1]);
      const deal = await alice.deal(bob.sender, opened[1]!.args.slot);
      expect(deal).to.include({ id: opened[1]!.args.id, client: alice.sender, state: DealState.Open, rate: RATE });
      expect(await alice.lastOpening(alice.sender)).to.equal(await alice.blockNumber());
      expect(await alice.leaves(bob.sender, 0, 2)).to.deep.equal([0, 0]);
    });

    it("pays from the free balance first", async () => {
      await alice.deposit(alice.sender, 10_000_000n);
      const before = await alice.tokenBalance(alice.sender);
      await alice.openDeals([await item()], 1);
      expect(await alice.tokenBalance(alice.sender)).to.equal(before);
    });

    it("decodes what the market refuses, with its arguments by name", async () => {
      const error = await failure(alice.openDeals([await item({ rate: 1n << 80n })], 1), "ChainRejected");
      expect(error).to.deep.include({ error: "Market_TooFewOpened", args: { expected: 1n, actual: 0n } });
    });

    it("asks for nothing where deals of one opening have not in common what they must", async () => {
      const items = [await item({ position: 0 }), await item({ position: 1, minSectors: 3 })];
      const error = await failure(alice.openDeals(items, 1), "BadArgument");
      expect(error.reason).to.include("minSectors");
      expect(await failure(alice.openDeals([], 0), "BadArgument")).to.include({ value: "0 deals" });
    });

    it("lists a provider's unclosed deals, whatever lies between their slots", async () => {
      const closed = await world.active(1, { slot: 0, endEpoch: (await world.epoch()) + 1 });
      const low = await world.open({ slot: 1 });
      const high = await world.open({ slot: 40 });
      await world.live(world.bob);
      await world.market.prune([closed]);
      await world.start((await world.epoch()) + 2);
      await world.market.close([closed]);
      const deals = await stranger.unclosedDeals(bob.sender);
      expect(deals.map(({ slot, id }) => [slot, id])).to.deep.equal([low, high].map(({ slot, id }) => [slot, id]));
    });

    it("says what a refusal means and what to do about it, and names a field in words", async () => {
      const error = await failure(bob.register(zeroAddress, 2n), "ChainRejected");
      expect(error).to.deep.include({ error: "Market_BadTerms", args: { field: "signer" } });
      expect(describeError(error)).to.match(
        /^the market refused register .* Market_BadTerms\(field signer\), because the named field .*: correct it and /,
      );
    });

    it("commits, proves with the header in the same transaction, settles", async () => {
      const deal = await world.open();
      const committed = await stranger.commit([await receipt(deal, 3)]);
      expect(committed.events.find(({ name }) => name === "Committed")?.args).to.include({ sectors: 3 });

      const epoch = stranger.epochs.at(await stranger.blockNumber());
      await world.to("prove", epoch);
      const { header, prevRandao } = await stranger.header(stranger.epochs.challengeBlock(epoch));
      const seed = prevRandao.slice(0, 58) as Hex;
      await world.recordSeed();
      const proof = (await world.proof(bob.sender)) as Hex;
      const proven = await stranger.prove(bob.sender, seed, proof, header);
      expect(proven.events.map(({ name }) => name)).to.include("Proven");
      expect(await stranger.proven(bob.sender, epoch)).to.equal(true);
      expect(await stranger.provenWord(bob.sender, 0)).to.equal(1n << BigInt(epoch));
      expect(await stranger.seed()).to.deep.equal({ epoch, seed });

      const ref = { provider: bob.sender, slot: deal.slot, id: deal.id as Hex };
      const settled = await stranger.settle([ref]);
      expect(settled.events.find(({ name }) => name === "Settled")?.args).to.deep.include({ paid: 3n * RATE });
      expect(settled.gasUsed > 0n && settled.fee > 0n).to.equal(true);
    });

    it("simulates in the block to come: the first block of an epoch is in the commit phase", async () => {
      const deal = await world.open();
      await world.start();
      const revision = await receipt(deal, 1);
      expect(stranger.epochs.phase(await stranger.blockNumber())).to.equal("prove");
      const { block, events } = await stranger.commit([revision]);
      expect(stranger.epochs.phase(block)).to.equal("commit");
      expect(events.map(({ name }) => name)).to.include("Committed");
    });

    it("commits for several providers in one transaction", async () => {
      const deals = [await world.open(), await world.open({}, { host: world.dave }), await world.open()];
      const { events } = await stranger.commit(await Promise.all(deals.map((deal, index) => receipt(deal, 1 + index))));
      const committed = events.filter((event) => event.name === "Committed").map(({ args }) => args);
      expect(committed.map(({ id, sectors }) => [id, sectors])).to.have.deep.members(
        deals.map(({ id }, index) => [id, 1 + index]),
      );
    });

    it("redeems a voucher, and extends a deal, until its provider cancels what it signed", async () => {
      const deal = await world.open({}, { egress: 50n });
      const ref = { provider: bob.sender, slot: deal.slot, id: deal.id as Hex };
      const voucher = { deal: ref.id, cumulative: 9n };
      const signed = (await world.sign(world.alice.key, "Voucher", voucher)) as Hex;
      await stranger.redeem([{ ...ref, voucher, signature: signed }]);
      expect(await stranger.redeemed(ref.id, world.alice.key.address as Address)).to.equal(9n);

      const { rate, capacity, endEpoch, validUntil } = deal.terms;
      const extend = async (from: number, series: number) => {
        const extension = { deal: ref.id, from, endEpoch: from + 5, rate, capacity, series, validUntil };
        const signature = (await world.sign(world.bob.key, "Extension", extension)) as Hex;
        return alice.extend(ref, extension, signature);
      };
      await extend(endEpoch, 0);
      expect((await alice.deal(bob.sender, deal.slot)).stopAt).to.equal(endEpoch + 5);
      await bob.cancelOffers();
      expect(await failure(extend(endEpoch + 5, 0), "ChainRejected")).to.include({ error: "Market_WrongSeries" });
      await extend(endEpoch + 5, 1);
    });

    it("pays the bond of a challenge", async () => {
      const deal = await world.active(1);
      await world.token.connect(world.alice.account).approve(local.address, 0);
      const ref = { provider: bob.sender, slot: deal.slot, id: deal.id as Hex };
      const { events } = await alice.challenge(ref, 5n);
      expect(events.find(({ name }) => name === "Challenged")?.args).to.include({ chunk: 5n });
    });
  });

  it("sends several calls in one transaction, all or none", async () => {
    const one = call("announce", ["0x01"]);
    const two = call("announce", ["0x02"]);
    const { events } = await bob.sendAll([one, two]);
    expect(events.map(({ name }) => name)).to.deep.equal(["Announced", "Announced"]);
    const bad = call("withdraw", [maxUint256 >> 128n, bob.sender]);
    const error = await failure(bob.sendAll([one, bad]), "ChainRejected");
    expect(error.call).to.equal("announce + withdraw");
  });

  it("reads a provider and a delegation", async () => {
    expect(await bob.provider(bob.sender)).to.include({ signer: world.bob.key.address, penaltyRate: PENALTY_RATE });
    const delegate = stranger.sender as Address;
    const delegation = {
      scopes: 9,
      untilEpoch: 40,
      repairBudget: 1n,
      maxRate: 2n,
      maxEgressRate: 3n,
      egressCap: 4n,
    };
    await alice.authorize(delegate, delegation);
    expect(await alice.delegation(alice.sender, delegate)).to.deep.equal(delegation);
  });
});
