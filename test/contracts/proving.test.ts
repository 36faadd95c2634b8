/** One proof a provider and epoch: PROTOCOL section 2. */
import { expect } from "chai";
import { dataSlice, getBytes, keccak256 } from "ethers";
import { type Agreement, createWorld, LEDGER, plain, rollBack, ZERO_SEED } from "./fixture.ts";

const world = await createWorld();
const { market, seedSource, alice, bob, dave, relay, stranger } = world;

describe("recordSeed", () => {
  rollBack(world);

  it("takes prevRandao from the challenge block's header, once for all", async () => {
    const epoch = await world.epoch();
    await world.to("prove");
    const { challenge } = world.phases(epoch);
    const block = (await world.connection.provider.request({
      method: "eth_getBlockByNumber",
      params: [`0x${challenge.toString(16)}`, false],
    })) as { mixHash: string };
    const seed = dataSlice(block.mixHash, 0, 28);
    expect(seed).to.not.equal(ZERO_SEED);
    await expect(world.as(stranger).recordSeed(await world.header(challenge)))
      .to.emit(market, "SeedRecorded")
      .withArgs(epoch, challenge, seed);
    expect([...(await market.seed())]).to.deep.equal([BigInt(epoch), seed]);
    await expect(market.recordSeed("0x")).to.not.emit(market, "SeedRecorded");
    expect((await market.seed()).value).to.equal(seed);
  });

  it("is overwritten in the next epoch", async () => {
    await world.to("prove");
    const first = await world.recordSeed();
    await world.start();
    await world.to("prove");
    expect(await world.recordSeed()).to.not.equal(first);
  });

  it("attack 'window edges': not before the challenge block is past", async () => {
    const epoch = await world.epoch();
    const { challenge, gapLast } = world.phases(epoch);
    await world.to("challenge");
    await expect(market.recordSeed(await world.header(gapLast)))
      .to.be.revertedWithCustomError(seedSource, "SeedSource_NotPast")
      .withArgs(challenge, challenge);
  });

  it("attack 'grindable seeds': no other block's header, and no altered one", async () => {
    await world.to("prove");
    const { challenge } = world.phases(await world.epoch());
    const header = await world.header(challenge);
    const expected = keccak256(header);
    const altered = getBytes(header);
    altered[altered.length - 1]! ^= 1;
    for (const wrong of [await world.header(challenge - 1), altered, `${header}00`, dataSlice(header, 0, 600), "0x"]) {
      await expect(market.recordSeed(wrong))
        .to.be.revertedWithCustomError(seedSource, "SeedSource_WrongHeader")
        .withArgs(expected, keccak256(wrong));
    }
    await expect(market.recordSeed(new Uint8Array(2049)))
      .to.be.revertedWithCustomError(seedSource, "SeedSource_MalformedHeader")
      .withArgs(2048n);
  });

  it("attack 'window edges': block hashes reach back 256 blocks, and not one more", async () => {
    const slow = await createWorld({ parameters: { epochBlocks: 1000 } });
    const { challenge } = slow.phases(await slow.epoch());
    await slow.reach(challenge + 255);
    const header = await slow.header(challenge);
    for (const blocks of [255, 256]) {
      await slow.reach(challenge + blocks);
      expect(await slow.seedSource.seed(challenge, header, { blockTag: "pending" })).to.have.length(66);
      const { restore } = await slow.connection.networkHelpers.takeSnapshot();
      await expect(slow.market.recordSeed(header)).to.emit(slow.market, "SeedRecorded");
      await restore();
    }
    await slow.reach(challenge + 257);
    await expect(slow.market.recordSeed(header))
      .to.be.revertedWithCustomError(slow.seedSource, "SeedSource_HashUnavailable")
      .withArgs(challenge);
  });

  describe("long after the challenge block", () => {
    const HISTORY = "0x0000F90827F1C53a10cb7A02335B175320002935";
    /** EIP-2935's contract in short: the word at storage slot (number mod 8,191). */
    const SERVES_HISTORY = "0x5f35611fff9006545f5260205ff3";

    async function late(lateWorld: typeof world) {
      const epoch = await lateWorld.epoch();
      const { challenge } = lateWorld.phases(epoch);
      await lateWorld.reach(challenge + 300);
      return { challenge, header: await lateWorld.header(challenge) };
    }

    it("falls back on EIP-2935, and says so where the chain has none", async () => {
      const slow = await createWorld({ parameters: { epochBlocks: 1000 } });
      const { challenge, header } = await late(slow);
      await expect(slow.market.recordSeed(header))
        .to.be.revertedWithCustomError(slow.seedSource, "SeedSource_HashUnavailable")
        .withArgs(challenge);
      await slow.connection.networkHelpers.setCode(HISTORY, SERVES_HISTORY);
      await expect(slow.market.recordSeed(header)).to.be.revertedWithCustomError(
        slow.seedSource,
        "SeedSource_HashUnavailable",
      );
      await slow.connection.networkHelpers.setStorageAt(HISTORY, challenge % 8191, keccak256(header));
      await expect(slow.market.recordSeed(header)).to.emit(slow.market, "SeedRecorded");
    });
  });
});

describe("prove", () => {
  rollBack(world);

  // Seeds of this world's chain, market and provider, found by trying: of 20 million one draws such chunks.
  for (const [what, random, chunks] of [
    ["a chunk and its sibling", 30_169_585, [13_106, 13_107]],
    ["a chunk and the same again, which two strata share", 68_349_439, [19_660, 19_660]],
  ] as const) {
    it(`asks once for what is the same for ${what}`, async () => {
      await world.active(1);
      const { challenge } = world.phases(await world.epoch());
      await world.reach(challenge);
      await world.connection.networkHelpers.setPrevRandao(BigInt(random) << 32n);
      await world.to("prove");
      await world.recordSeed();
      const drawn = (await world.challenged(bob.address)).map(({ chunkIndex }) => chunkIndex);
      expect(drawn, "another seed must be found").to.include.members(chunks);
      expect(new Set(drawn).size).to.equal(3 + new Set(chunks).size);
      await expect(world.prove(bob)).to.emit(market, "Proven");
    });
  }

  describe("given one provider with deals of 3, 0, 5 and 1 sectors", () => {
    let deals: Agreement[];
    beforeEach(async () => {
      deals = [];
      for (const [position, sectors] of [3, 0, 5, 1].entries()) {
        const deal = await world.open({ position });
        if (sectors > 0) await world.commit(deal, sectors);
        deals.push(deal);
      }
    });

    it("takes one proof for all of them, from anybody, and sets one bit (INV-10)", async () => {
      const epoch = await world.epoch();
      await world.to("prove");
      const seed = await world.recordSeed();
      await expect(world.as(stranger).prove(bob.address, seed, await world.proof(bob.address)))
        .to.emit(market, "Proven")
        .withArgs(bob.address, epoch, 9);
      expect(await market.proven(bob.account, epoch)).to.equal(true);
      expect(await market.provenWord(bob.account, 0)).to.equal(1n << BigInt(epoch));
      await world.start();
      await world.token.mint(alice.account, 1n);
      expect((await market.providerOf(bob.account)).missCount).to.equal(0n);
    });

    it("challenges every stratum: five positions, ascending, drawn anew in each epoch", async () => {
      const drawn: string[] = [];
      for (let lived = 0; lived < 3; lived++) {
        await world.to("prove");
        await world.recordSeed();
        const positions = await world.challenged(bob.address);
        expect(positions).to.have.length(5);
        drawn.push(JSON.stringify(positions));
        await world.live(bob);
      }
      expect(new Set(drawn).size).to.equal(3);
    });

    it("refuses a second proof of an epoch", async () => {
      const epoch = await world.epoch();
      await world.prove(bob);
      await expect(world.prove(bob))
        .to.be.revertedWithCustomError(market, "Market_AlreadyProven")
        .withArgs(bob.address, epoch);
    });

    it("counts the epochs missed before", async () => {
      await world.miss(2);
      await world.prove(bob);
      expect((await market.providerOf(bob.account)).missCount).to.equal(2n);
      await world.start();
      await world.prove(bob);
      expect((await market.providerOf(bob.account)).missCount).to.equal(2n);
    });

    it("takes a proof up to the last block of the epoch and none in the next", async () => {
      const epoch = await world.epoch();
      await world.to("prove");
      const seed = await world.recordSeed();
      const proof = await world.proof(bob.address);
      await world.to("last");
      await world.start();
      await expect(market.prove(bob.address, seed, proof))
        .to.be.revertedWithCustomError(market, "Market_SeedUnknown")
        .withArgs(epoch + 1);
    });

    it("in the very last block still counts", async () => {
      await world.to("prove");
      const seed = await world.recordSeed();
      const proof = await world.proof(bob.address);
      await world.to("last");
      await expect(market.prove(bob.address, seed, proof)).to.emit(market, "Proven");
    });

    it("needs the seed recorded", async () => {
      const epoch = await world.epoch();
      await world.to("prove");
      await expect(market.prove(bob.address, ZERO_SEED, "0x"))
        .to.be.revertedWithCustomError(market, "Market_SeedUnknown")
        .withArgs(epoch);
    });

    it("fails early on another seed: what a reorganisation leaves behind", async () => {
      await world.to("prove");
      const seed = await world.recordSeed();
      const other = `0x${"11".repeat(28)}`;
      await expect(market.prove(bob.address, other, await world.proof(bob.address)))
        .to.be.revertedWithCustomError(market, "Market_WrongSeed")
        .withArgs(seed, other);
    });
  });

  describe("given an empty set", () => {
    it("takes an empty proof in any block after the commit phase, without a seed", async () => {
      for (const phase of ["gap", "gapLast", "challenge", "prove", "last"] as const) {
        const epoch = await world.start();
        await world.to(phase);
        await expect(market.prove(bob.address, ZERO_SEED, "0x"))
          .to.emit(market, "Proven")
          .withArgs(bob.address, epoch, 0);
      }
    });

    it("not in the commit phase, where data may still come", async () => {
      const epoch = await world.epoch();
      await world.to("commitLast");
      await expect(market.prove(bob.address, ZERO_SEED, "0x"))
        .to.be.revertedWithCustomError(market, "Market_WrongPhase")
        .withArgs(epoch, false);
    });

    it("opens the gate for the next epoch, and is this epoch's one proof whatever comes then", async () => {
      const deal = await world.open();
      const epoch = await world.epoch();
      await world.to("gap");
      await market.prove(bob.address, ZERO_SEED, "0x");
      await world.commit(deal, 2);
      expect((await world.deal(deal)).activeSince).to.equal(epoch + 1);
      await expect(world.prove(bob))
        .to.be.revertedWithCustomError(market, "Market_AlreadyProven")
        .withArgs(bob.address, epoch);
      await market.settle([deal]);
      expect((await world.deal(deal)).escrow).to.equal(10_000_000n * LEDGER);
    });

    it("takes no bytes", async () => {
      await world.to("gap");
      await expect(market.prove(bob.address, ZERO_SEED, "0x00"))
        .to.be.revertedWithCustomError(market, "Market_ProofLength")
        .withArgs(0n, 1n);
    });

    it("is of a registered provider only", async () => {
      await world.to("gap");
      await expect(market.prove(stranger.address, ZERO_SEED, "0x"))
        .to.be.revertedWithCustomError(market, "Market_NotRegistered")
        .withArgs(stranger.address);
    });

    it("counts no misses for the epochs before", async () => {
      await world.miss(3);
      await world.to("gap");
      await market.prove(bob.address, ZERO_SEED, "0x");
      expect((await market.providerOf(bob.account)).missCount).to.equal(0n);
    });
  });
});

describe("proveMany", () => {
  rollBack(world);

  it("proves the good ones and names the bad and the repeated", async () => {
    await world.active(2);
    await world.active(3, {}, { client: alice, host: dave });
    await world.to("prove");
    const seed = await world.recordSeed();
    const [ofBob, ofDave] = [await world.proof(bob.address), await world.proof(dave.address)];
    const items = [
      { provider: bob.address, proof: ofDave },
      { provider: bob.address, proof: ofBob },
      { provider: stranger.address, proof: "0x" },
      { provider: bob.address, proof: ofBob },
      { provider: dave.address, proof: ofDave },
    ];
    const call = market.proveMany(seed, items);
    await expect(call).to.emit(market, "Proven");
    expect((await world.skipped(call)).map(([index, error]) => `${index} ${error}`)).to.satisfy((skips: string[]) => {
      expect(skips.slice(1)).to.deep.equal(["2 Market_NotRegistered", "3 Market_AlreadyProven"]);
      return /^0 Market_Proof(Root|Length)$/.test(skips[0]!);
    });
    const epoch = await world.epoch();
    expect(await market.proven(bob.account, epoch)).to.equal(true);
    expect(await market.proven(dave.account, epoch)).to.equal(true);
  });

  it("attack 'skipped, and proven all the same': of a proof of the right length and wrong bytes nothing is left", async () => {
    await world.active(2);
    const epoch = await world.epoch();
    await world.as(bob).setTip(relay.account, 5n);
    await world.to("prove");
    const seed = await world.recordSeed();
    const before = plain(await market.providerOf(bob.account));
    const proof = getBytes(await world.proof(bob.address));
    proof[40]! ^= 1;
    const call = world.as(relay).proveMany(seed, [{ provider: bob.address, proof }]);
    expect(await world.skipped(call)).to.deep.equal([[0, "Market_ProofRoot"]]);
    await expect(call).to.not.emit(market, "Proven");
    await expect(call).to.not.emit(market, "TipPaid");
    expect(await market.proven(bob.account, epoch)).to.equal(false);
    expect(plain(await market.providerOf(bob.account))).to.deep.equal(before);
    await expect(world.prove(bob)).to.emit(market, "Proven");
  });

  it("skips what comes too early or for another seed, and what is longer or shorter than it must be", async () => {
    await world.active(2);
    await world.to("commitLast");
    const skips = (seed: string, provider: string, proof: string) =>
      world.skipped(market.proveMany(seed, [{ provider, proof }]));
    expect(await skips(ZERO_SEED, dave.address, "0x")).to.deep.equal([[0, "Market_WrongPhase"]]);
    expect(await skips(ZERO_SEED, dave.address, "0x00")).to.deep.equal([[0, "Market_ProofLength"]]);
    await world.to("prove");
    expect(await skips(ZERO_SEED, bob.address, "0x")).to.deep.equal([[0, "Market_SeedUnknown"]]);
    const seed = await world.recordSeed();
    expect(await skips(ZERO_SEED, bob.address, "0x")).to.deep.equal([[0, "Market_WrongSeed"]]);
    const proof = await world.proof(bob.address);
    for (const wrong of [`${proof}00`, proof.slice(0, -2)]) {
      expect(await skips(seed, bob.address, wrong)).to.deep.equal([[0, "Market_ProofLength"]]);
    }
    expect(await skips(seed, bob.address, proof)).to.deep.equal([]);
  });

  it("skips a provider one of whose deals can be proved no more", async () => {
    await world.active(2, { endEpoch: (await world.epoch()) + 1 });
    await world.miss();
    await world.to("prove");
    const items = [{ provider: bob.address, proof: "0x" }];
    expect(await world.skipped(market.proveMany(await world.recordSeed(), items))).to.deep.equal([
      [0, "Market_DealNotProvable"],
    ]);
  });

  it("takes at most 64", async () => {
    await expect(market.proveMany(ZERO_SEED, new Array(65).fill({ provider: bob.address, proof: "0x" })))
      .to.be.revertedWithCustomError(market, "Market_TooLong")
      .withArgs(64n, 65n);
  });
});

describe("setTip", () => {
  rollBack(world);

  beforeEach(async () => {
    await world.active(1);
    await expect(world.as(bob).setTip(relay.account, 70n * LEDGER))
      .to.emit(market, "TipSet")
      .withArgs(bob.address, relay.address, 70n * LEDGER);
    const { relay: named, tip } = await market.providerOf(bob.account);
    expect([named, tip]).to.deep.equal([relay.address, 70n * LEDGER]);
  });

  async function proveAs(party: typeof relay) {
    await world.to("prove");
    const seed = await world.recordSeed();
    return world.as(party).prove(bob.address, seed, await world.proof(bob.address));
  }

  it("pays the named relay for the first proof of an epoch", async () => {
    await expect(proveAs(relay))
      .to.emit(market, "TipPaid")
      .withArgs(bob.address, relay.address, 70n * LEDGER);
    expect((await world.ledger(relay.address)).balance).to.equal(70n * LEDGER);
    await world.as(relay).withdraw(70n, relay.account);
  });

  it("attack 'relay copying': pays nobody else, and the proof counts all the same", async () => {
    const call = proveAs(stranger);
    await expect(call).to.emit(market, "Proven");
    await expect(call).to.not.emit(market, "TipPaid");
    expect((await world.ledger(relay.address)).balance).to.equal(0n);
  });

  it("is paid in a proveMany too, once a provider", async () => {
    await world.to("prove");
    const seed = await world.recordSeed();
    const item = { provider: bob.address, proof: await world.proof(bob.address) };
    const call = world.as(relay).proveMany(seed, [item, item]);
    expect(await world.skipped(call)).to.deep.equal([[1, "Market_AlreadyProven"]]);
    expect((await world.ledger(relay.address)).balance).to.equal(70n * LEDGER);
  });

  it("is no more than the free balance, and never fails a proof", async () => {
    const { free } = await world.ledger(bob.address);
    await world.as(bob).withdraw(free / LEDGER - 40n, bob.account);
    await expect(proveAs(relay))
      .to.emit(market, "TipPaid")
      .withArgs(bob.address, relay.address, 40n * LEDGER);
    await world.start();
    const call = proveAs(relay);
    await expect(call).to.emit(market, "Proven");
    await expect(call).to.not.emit(market, "TipPaid");
  });

  it("pays nothing for an empty set, which costs nothing to prove", async () => {
    await world.as(dave).setTip(relay.account, 70n * LEDGER);
    await world.to("gap");
    const call = world.as(relay).prove(dave.address, ZERO_SEED, "0x");
    await expect(call).to.emit(market, "Proven");
    await expect(call).to.not.emit(market, "TipPaid");
  });

  it("can be taken back", async () => {
    await world.as(bob).setTip(relay.account, 0n);
    await expect(proveAs(relay)).to.not.emit(market, "TipPaid");
  });
});
