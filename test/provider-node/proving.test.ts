import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { DealState, StopReason } from "../../src/chain/MarketReader.ts";
import type { Writer } from "../conformance/Writer.ts";
import { type Step, slab } from "../conformance/Writer.ts";
import { balanceOf, dial, FINAL_BLOCKS, Ground, type Host, keeping, PARAMETERS, policy, Tenant } from "./Ground.ts";

const SECTOR = 1_048_576;
const add = (sequence: number, length = SECTOR): Step => ({ op: "add", slab: slab(sequence), length });

describe("a provider on a chain", function () {
  this.timeout(120_000);
  let ground: Ground;
  let host: Host;
  let tenant: Tenant;

  beforeEach(async () => {
    ground = await Ground.create();
    host = await ground.provider();
    tenant = await Tenant.open(ground, host);
  });

  afterEach(() => ground.end());

  const epochNow = async (): Promise<number> => tenant.market.epochs.at((await ground.block()) + 1n);

  /** Into the later half of the next commit phase, until what was last revised is committed; answers the epoch. */
  async function committed(of = tenant): Promise<number> {
    const { epochs } = tenant.market;
    const block = (await ground.block()) + 1n;
    const epoch = epochs.phase(block) === "commit" ? epochs.at(block) : epochs.at(block) + 1;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.until("the revision is committed", async () => (await of.onChain()).number === of.writer.number);
    return epoch;
  }

  /** To the challenge block, until the epoch is proven; blocks go on, as something that failed is tried again in a later one. */
  async function proven(epoch: number): Promise<void> {
    await ground.to(tenant.market.epochs.challengeBlock(epoch));
    for (let tries = 0; tries < 20; tries++) {
      const done = await ground.until("", () => tenant.market.proven(host.address, epoch), 500).catch(() => false);
      if (done) return;
      await ground.mine(1);
    }
    throw new Error(`epoch ${epoch} was not proven`);
  }

  /** Through the whole epoch, with time for whatever the provider would do in it. */
  async function pass(epoch: number): Promise<void> {
    const { epochs } = tenant.market;
    await ground.to(epochs.start(epoch) + 12n);
    await ground.rest();
    await ground.to(epochs.challengeBlock(epoch) + 1n);
    await ground.rest();
    await ground.to(epochs.end(epoch));
    await ground.rest();
  }

  describe("given a client's data", () => {
    it("commits, proves and is paid for each epoch", async () => {
      await tenant.revise([add(0), add(1, 65_568)]);
      const epoch = await committed();
      for (const next of [epoch, epoch + 1, epoch + 2]) await proven(next);
      await ground.to(tenant.market.epochs.start(epoch + 3));
      await tenant.market.settle([tenant.ref]);
      const balance = await balanceOf(tenant.market, host.address);
      expect(balance - (500_000_000n << 32n)).to.equal(3n * 2n * tenant.terms.rate);
    });

    it("acts on the newest block, also where that came while it was busy with another and none follows", async () => {
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      let waiting: number | undefined;
      const slow = await ground.provider({
        request: (async (asked: Parameters<typeof ground.request>[0]) => {
          if (asked.method === "eth_call" && waiting !== undefined) {
            waiting += 1;
            await held;
          }
          return ground.request(asked);
        }) as typeof ground.request,
      });
      const other = await Tenant.open(ground, slow);
      await other.revise([add(0)]);
      const start = other.market.epochs.start((await epochNow()) + 1);
      await ground.to(start);
      await ground.rest();
      waiting = 0;
      await ground.mine(1);
      await ground.until("it is busy with that block", async () => waiting! > 0);
      await ground.to(start + 12n);
      await ground.rest();
      waiting = undefined;
      release();
      const isCommitted = async () => (await other.onChain()).number === other.writer.number;
      await ground.until("the revision is committed", isCommitted, 5_000);
    });

    it("commits again right after its proof what came since", async () => {
      await tenant.revise([add(0)]);
      const epoch = await committed();
      await tenant.revise([{ op: "drop", index: 0 }, add(1), add(2)]);
      await proven(epoch);
      await ground.until("it is committed", async () => (await tenant.onChain()).number === tenant.writer.number);
      expect((await tenant.onChain()).sectors).to.equal(2);
      await proven(epoch + 1);
    });

    it("proves a revision of which the client has countersigned later ones", async () => {
      const stale = await tenant.revise([add(0), add(1), add(2)]);
      await tenant.revise([{ op: "drop", index: 0 }]);
      await tenant.revise([{ op: "drop", index: 0 }, add(3)]);
      await tenant.revise([{ op: "grow", slab: slab(3), length: SECTOR }].slice(1) as Step[]);
      // The client, not the provider, chooses which of its receipts it commits.
      await host.node.stop();
      const { epochs } = tenant.market;
      const epoch = (await epochNow()) + 1;
      await ground.to(epochs.start(epoch));
      const { revision, clientSignature, providerSignature } = stale;
      const item = { provider: host.address, slot: tenant.slot, revision, clientSignature, providerSignature };
      await tenant.market.commit([item]);
      await ground.to(epochs.gapStart(epoch));
      await host.restart();
      expect((await tenant.onChain()).number).to.equal(revision.number);
      await proven(epoch);
    });

    it("frees what was dropped when the revision without it is final, and not before", async () => {
      await tenant.revise([add(0), add(1)]);
      const epoch = await committed();
      await ground.mine(FINAL_BLOCKS + 1);
      await tenant.revise([{ op: "drop", index: 0 }]);
      await proven(epoch);
      await ground.until("it is committed", async () => (await tenant.onChain()).number === tenant.writer.number);
      await ground.rest();
      expect(host.node.store.usage().usedBytes).to.equal(2 * SECTOR);
      await ground.mine(FINAL_BLOCKS + 1);
      await ground.until("it is freed", async () => host.node.store.usage().usedBytes === SECTOR);
      await proven(epoch + 1);
    });

    it("goes on where it was after a restart in the midst of it", async () => {
      await tenant.revise([add(0)]);
      await host.restart();
      const epoch = await committed();
      await host.restart();
      await proven(epoch);
      await host.restart();
      await tenant.redial();
      await tenant.revise([add(1), { op: "drop", index: 0 }]);
      await proven(epoch + 1);
    });

    it("proves again when the chain takes its proof back", async () => {
      await tenant.revise([add(0)]);
      const epoch = await committed();
      await ground.to(tenant.market.epochs.gapStart(epoch));
      const before = await ground.snapshot();
      await proven(epoch);
      // Long enough for the provider to see its proof on the chain, not for that to be final.
      await ground.mine(1);
      await ground.rest();
      await before.restore();
      expect(await tenant.market.proven(host.address, epoch)).to.equal(false);
      await ground.mine(3);
      await proven(epoch);
    });

    it("proves in time when the chain was out of reach for a while", async () => {
      await tenant.revise([add(0)]);
      const epoch = await committed();
      ground.outage = true;
      await ground.to(tenant.market.epochs.challengeBlock(epoch) + 5n);
      await ground.rest();
      ground.outage = false;
      await ground.until("the epoch is proven", () => tenant.market.proven(host.address, epoch));
    });
  });

  describe("given a reservation", () => {
    it("proves that it holds nothing, and is paid for the space", async () => {
      const reserved = await Tenant.open(ground, host, { minSectors: 4 });
      const epoch = (await epochNow()) + 1;
      await ground.to(tenant.market.epochs.gapStart(epoch));
      await ground.until("the epoch is proven", () => tenant.market.proven(host.address, epoch));
      await ground.to(tenant.market.epochs.start(epoch + 1));
      const startEpoch = (await reserved.onChain()).settledThrough + 1;
      await tenant.market.settle([reserved.ref]);
      const paid = await Promise.all([startEpoch, epoch].map((one) => tenant.market.proven(host.address, one)));
      const epochs = startEpoch === epoch ? 1 : paid.filter(Boolean).length;
      const balance = await balanceOf(tenant.market, host.address);
      expect(balance - (500_000_000n << 32n)).to.equal(BigInt(epochs) * 4n * tenant.terms.rate);
    });

    it("spends no gas on proving nothing for nobody", async () => {
      const epoch = (await epochNow()) + 1;
      await pass(epoch);
      expect(await tenant.market.proven(host.address, epoch)).to.equal(false);
    });
  });

  describe("given a deal that ends", () => {
    it("takes it out of its set right after its last epoch, goes on proving the others, and closes it", async () => {
      await tenant.revise([add(0)]);
      const other = await Tenant.open(ground, host);
      await other.revise([add(0), add(1)]);
      const epoch = await committed();
      await committed(other);
      await tenant.market.terminate(tenant.ref);
      const { stopAt } = await tenant.onChain();
      expect(stopAt).to.equal(epoch + 3);
      for (let next = epoch; next < stopAt; next++) await proven(next);
      await ground.until("it is pruned", async () => (await tenant.onChain()).state === DealState.Stopped);
      expect((await tenant.onChain()).reason).to.equal(StopReason.Terminated);
      for (let next = stopAt; next <= stopAt + PARAMETERS.finalEpochs; next++) await proven(next);
      await ground.to(tenant.market.epochs.start(stopAt + PARAMETERS.finalEpochs + 1));
      await ground.until("it is closed", async () => (await tenant.onChain()).state === DealState.Closed);
      await ground.mine(FINAL_BLOCKS + 1);
      await ground.until("its bytes are freed", async () => host.node.store.usage().usedBytes === 2 * SECTOR);
    });

    it("is paid what it is owed for reads before that", async () => {
      const seller = await ground.provider({
        policy: { ...policy, egressRate: 1_000n },
        keeping: { ...keeping, redeemEveryEpochs: 1_000, redeemLeast: 1n << 100n },
      });
      const buyer = await Tenant.open(ground, seller, { endEpoch: (await epochNow()) + 3 }, 5n);
      await buyer.revise([add(0)]);
      const { voucherDigest, signDigest } = await import("../../src/protocol/TypedData.ts");
      const cumulative = 3n << 32n;
      const signature = await signDigest(buyer.key, voucherDigest(buyer.place, { deal: buyer.deal, cumulative }));
      const voucher = { signer: buyer.terms.clientSigner, cumulative, signature };
      await buyer.wire.read({ deal: buyer.deal, slab: slab(0), firstChunk: 0, endChunk: 1, asOf: SECTOR, voucher });
      const { stopAt } = await buyer.onChain();
      for (let epoch = await epochNow(); epoch <= stopAt + PARAMETERS.finalEpochs; epoch++) await pass(epoch);
      await ground.to(tenant.market.epochs.start(stopAt + PARAMETERS.finalEpochs + 1));
      await ground.until("it is closed", async () => (await buyer.onChain()).state === DealState.Closed);
      expect(await buyer.market.redeemed(buyer.deal, voucher.signer)).to.equal(cumulative);
    });

    it("drops a deal whose cover its misses have used up, and proves the others again", async () => {
      await tenant.revise([add(0)]);
      const other = await Tenant.open(ground, host);
      await committed();
      await host.node.stop();
      const { epochs } = tenant.market;
      const back = (await epochNow()) + PARAMETERS.coverEpochs;
      // In its newest block the last of the misses is not over yet; in the one to come it is.
      await ground.to(epochs.start(back) - 2n);
      await host.restart(); // one block more: it announces its new port
      await ground.until("it is pruned", async () => (await tenant.onChain()).state === DealState.Stopped);
      expect((await tenant.onChain()).reason).to.equal(StopReason.Exhausted);
      await other.redial();
      await other.revise([add(5)]);
      const epoch = await committed(other);
      await proven(epoch);
    });
  });

  describe("given misses", () => {
    it("refills its collateral once it proves again, before they use it up", async () => {
      await tenant.revise([add(0)]);
      await committed();
      await host.node.stop();
      const back = (await epochNow()) + PARAMETERS.coverEpochs / 2;
      await ground.to(tenant.market.epochs.start(back));
      const { collateral } = await tenant.onChain();
      await host.restart();
      await proven(back);
      await ground.until("it is refilled", async () => (await tenant.onChain()).misses === 0);
      expect((await tenant.onChain()).collateral >= collateral).to.equal(true);
      await proven(back + 1);
    });

    it("pours nothing more into a deal that it cannot prove", async () => {
      // Four fifths of the set are lost, so that challenges meet them: of five, each falls into its own fifth.
      await tenant.revise([0, 1, 2, 3].map((sequence) => add(sequence)));
      const epoch = await committed();
      await rm(join(host.config.dataDir, "sectors", tenant.deal.slice(2)), { recursive: true });
      // What another client commits makes the chain count the misses.
      const other = await Tenant.open(ground, host);
      for (let next = epoch; next < epoch + PARAMETERS.coverEpochs / 2 + 2; next++) {
        await other.revise([
          next === epoch ? add(0, 32) : { op: "grow", slab: slab(0), length: 32 * (next - epoch + 1) },
        ]);
        await pass(next);
      }
      expect((await tenant.onChain()).misses).to.be.greaterThan(PARAMETERS.coverEpochs / 2 - 1);
      for await (const event of tenant.market.events({ names: ["Refilled"] })) throw new Error(event.name);
    });
  });

  describe("given a directed challenge", () => {
    it("answers it", async () => {
      await tenant.revise([add(0), add(1)]);
      await committed();
      await tenant.market.challenge(tenant.ref, 32_768n + 5n);
      await ground.until("it is answered", async () => (await tenant.onChain()).challengeDeadline === 0);
      expect((await tenant.onChain()).state).to.equal(DealState.Active);
    });
  });

  describe("given a disk that lost its sectors", () => {
    const lose = (of: Writer): Promise<void> => {
      return rm(join(host.config.dataDir, "sectors", of.deal.slice(2)), { recursive: true });
    };

    it("misses, keeps running, serves what it still has, and is convicted", async () => {
      await tenant.revise([add(0), add(1)]);
      const other = await Tenant.open(ground, host);
      await other.revise([add(0, 32)]);
      const epoch = await committed();
      await committed(other);
      await lose(tenant.writer);
      await pass(epoch);
      expect(await tenant.market.proven(host.address, epoch)).to.equal(false);
      await tenant.market.challenge(tenant.ref, 5n);
      await pass(epoch + 1);
      await pass(epoch + 2);
      const range = { slab: slab(0), firstChunk: 0, endChunk: 1 };
      const lost = await tenant.wire.read({ deal: tenant.deal, asOf: SECTOR, ...range }).catch((error) => error);
      expect(lost.error).to.include({ code: "NoSuchSlab", deal: tenant.deal });
      expect((await other.wire.read({ deal: other.deal, asOf: 32, ...range })).bytes).to.have.length(32);
      await ground.to(tenant.market.epochs.start(epoch + 3));
      await tenant.market.convict(tenant.ref);
      expect(await tenant.onChain()).to.include({ state: DealState.Stopped, reason: StopReason.Convicted });
      // Without the lost deal, the rest of the set is proved again.
      await proven(epoch + 3);
    });

    it("proves nothing with bytes that were altered, and says so", async () => {
      await tenant.revise([add(0)]);
      const epoch = await committed();
      const kept = await host.node.store.kept(tenant.deal, slab(0));
      const { nodeDisk } = await import("../../src/provider-node/storage/Disk.ts");
      const file = join(host.config.dataDir, "sectors", tenant.deal.slice(2), "00", "fffffffffffffffe00000000");
      await nodeDisk.write(file, 0, new Uint8Array(kept!.length));
      const stranger = await dial(ground, host);
      await ground.mine(1);
      const refused = await stranger.prove({ blockNumber: await ground.block() }).catch((error) => error);
      expect(refused.error).to.include({ code: "NoSuchSlab" });
      await pass(epoch);
      expect(await tenant.market.proven(host.address, epoch)).to.equal(false);
    });
  });

  describe("given a deal that the chain takes back", () => {
    it("forgets it once that is final, and not while it may come again", async () => {
      const before = await ground.snapshot();
      const ghost = await Tenant.open(ground, host);
      await ghost.revise([add(0)]);
      await before.restore();
      await ground.mine(FINAL_BLOCKS - 1);
      await ground.rest();
      expect(host.node.store.usage().usedBytes).to.equal(SECTOR);
      await ground.mine(FINAL_BLOCKS);
      await ground.until("it is forgotten", async () => host.node.store.usage().usedBytes === 0);
    });
  });
});
