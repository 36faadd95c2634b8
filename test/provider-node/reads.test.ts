import { expect } from "chai";
import { type Hex, keccak256 } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Scope } from "../../src/chain/MarketReader.ts";
import { ChallengeProof, Positions, RangeProof, SECTOR_CHUNKS } from "../../src/codec/index.ts";
import { CAPABILITY_VERBS, type Capability } from "../../src/protocol/Messages.ts";
import { capabilityDigest, signDigest, voucherDigest } from "../../src/protocol/TypedData.ts";
import { failure } from "../conformance/store.ts";
import { slab } from "../conformance/Writer.ts";
import { dial, Ground, type Host, policy, Tenant } from "./Ground.ts";

const BLOCK = 65_536;
const EGRESS_RATE = 1_000n;
/** What the provider lends: 1 MiB is 16 blocks. */
const CREDIT = 2 ** 20;

const bytes = (hex: Hex): Uint8Array => new Uint8Array(Buffer.from(hex.slice(2), "hex"));

describe("reads over the wire", function () {
  this.timeout(60_000);
  let ground: Ground;
  let host: Host;
  let tenant: Tenant;

  before(async () => {
    ground = await Ground.create();
    host = await ground.provider({ policy: { ...policy, egressRate: EGRESS_RATE } });
  });

  after(() => ground.end());

  beforeEach(async () => {
    // 1 base unit of egress budget is 2^32 ledger units: 4,294,967 bytes at this price.
    tenant = await Tenant.open(ground, host, {}, 2n);
    await tenant.revise([{ op: "add", slab: slab(0), length: 16 * BLOCK }]);
  });

  const block = (index: number, from = tenant) => ({
    ...{ deal: from.deal, slab: slab(0), asOf: 16 * BLOCK },
    ...{ firstChunk: index * 2_048, endChunk: (index + 1) * 2_048 },
  });

  /** What is signed for having read so many bytes in all. */
  async function voucher(total: number, key = tenant.key) {
    const cumulative = BigInt(total) * EGRESS_RATE;
    const signature = await signDigest(key, voucherDigest(tenant.place, { deal: tenant.deal, cumulative }));
    return { signer: privateKeyToAccount(key).address, cumulative, signature };
  }

  it("come with a proof against the sector's root", async () => {
    const { bytes: read, proof } = await tenant.wire.read({ ...block(3), firstChunk: 5 });
    RangeProof.verify(read, 5, 4 * 2_048, proof, tenant.writer.sectors[0]!.root);
  });

  it("are refused out of range, and for slabs that are not there", async () => {
    for (const range of [
      { firstChunk: 1, endChunk: 1 },
      { firstChunk: 0, endChunk: SECTOR_CHUNKS + 1 },
      { firstChunk: 0, endChunk: 1, asOf: 16 * BLOCK + 32 },
    ]) {
      expect(await failure(tenant.wire.read({ ...block(0), ...range }))).to.include({ code: "OutOfRange" });
    }
    expect(await failure(tenant.wire.read({ ...block(0), slab: slab(9) }))).to.include({ code: "NoSuchSlab" });
    expect((await tenant.wire.status({ deal: tenant.deal })).freeBytes).to.equal(CREDIT);
  });

  describe("paid by vouchers", () => {
    const readAll = async (): Promise<void> => {
      for (let index = 0; index < 16; index++) await tenant.wire.read(block(index));
    };

    it("go on to the credit without, and on with one", async () => {
      await readAll();
      const owed = await failure(tenant.wire.read(block(0)));
      expect(owed).to.include({ code: "PaymentRequired", paid: 0n });
      await tenant.wire.read({ ...block(0), voucher: await voucher(BLOCK) });
      expect(await failure(tenant.wire.read(block(1)))).to.include({ code: "PaymentRequired" });
      await tenant.wire.read({ ...block(1), voucher: await voucher(CREDIT) });
      expect((await tenant.wire.status({ deal: tenant.deal })).freeBytes).to.equal(CREDIT - 2 * BLOCK);
    });

    it("count an older voucher for nothing", async () => {
      await readAll();
      await tenant.wire.read({ ...block(0), voucher: await voucher(2 * BLOCK) });
      await tenant.wire.read({ ...block(0), voucher: await voucher(BLOCK) });
      expect(await failure(tenant.wire.read({ ...block(0), voucher: await voucher(2 * BLOCK) }))).to.include({
        code: "PaymentRequired",
      });
    });

    it("are not bought with a forged voucher, or a stranger's", async () => {
      await readAll();
      const forged = { ...(await voucher(BLOCK)), cumulative: 10n ** 12n };
      expect(await failure(tenant.wire.read({ ...block(0), voucher: forged }))).to.include({ code: "BadSignature" });
      const strange = await voucher(BLOCK, await ground.account());
      expect(await failure(tenant.wire.read({ ...block(0), voucher: strange }))).to.include({ code: "Unauthorized" });
    });

    it("are not bought with more than the deal's budget can pay, until it is topped up", async () => {
      await readAll();
      const large = { ...block(0), voucher: await voucher(9 * 1_000_000) };
      expect(await failure(tenant.wire.read(large))).to.include({ code: "PaymentRequired", paid: 2n << 32n });
      await tenant.market.topUp(tenant.ref, 0n, 5n);
      await tenant.wire.read(large);
    });

    it("are redeemed, and what was paid is not lost by a restart", async () => {
      const own = await ground.provider({ policy: { ...policy, egressRate: EGRESS_RATE } });
      tenant = await Tenant.open(ground, own, {}, 2n);
      await tenant.revise([{ op: "add", slab: slab(0), length: 16 * BLOCK }]);
      await readAll();
      await tenant.wire.read({ ...block(0), voucher: await voucher(CREDIT) });
      await own.restart();
      await tenant.redial();
      expect((await tenant.wire.status({ deal: tenant.deal })).freeBytes).to.equal(CREDIT - BLOCK);
      await ground.to(tenant.market.epochs.start(tenant.market.epochs.at(await ground.block()) + 1));
      const paid = BigInt(CREDIT) * EGRESS_RATE;
      await ground.until("the voucher is redeemed", async () => {
        return (await tenant.market.redeemed(tenant.deal, tenant.terms.clientSigner)) === paid;
      });
    });

    it("are not bought twice with the same budget by two signers", async () => {
      const key = await ground.account();
      const { address } = privateKeyToAccount(key);
      const limits = { repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n, egressCap: 1n << 80n };
      await tenant.market.authorize(address, { scopes: Scope.Read, untilEpoch: 4_000, ...limits });
      const wire = await dial(ground, host, key, tenant.terms.client);
      await tenant.wire.read({ ...block(0), voucher: await voucher(8_000_000) });
      const twice = await failure(wire.read({ ...block(0), voucher: await voucher(8_000_000, key) }));
      expect(twice).to.include({ code: "PaymentRequired" });
      await wire.read({ ...block(0), voucher: await voucher(500_000, key) });
    });

    it("are paid by a delegate on its own account, within its cap", async () => {
      const key = await ground.account();
      const { address } = privateKeyToAccount(key);
      const limits = { repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n, egressCap: BigInt(2 * BLOCK) * EGRESS_RATE };
      await tenant.market.authorize(address, { scopes: Scope.Read, untilEpoch: 4_000, ...limits });
      const wire = await dial(ground, host, key, tenant.terms.client);
      for (let index = 0; index < 16; index++) await wire.read(block(index));
      expect(await failure(wire.read(block(0)))).to.include({ code: "PaymentRequired" });
      await wire.read({ ...block(0), voucher: await voucher(2 * BLOCK, key) });
      const over = { ...block(1), voucher: await voucher(3 * BLOCK, key) };
      expect(await failure(wire.read(over))).to.include({ code: "PaymentRequired", paid: limits.egressCap });
      await tenant.wire.read(block(0));
    });
  });

  describe("under a capability", () => {
    let holder: Hex;
    let wire: Awaited<ReturnType<typeof dial>>;

    beforeEach(async () => {
      holder = await ground.account(0n);
      wire = await dial(ground, host, holder);
    });

    const capability = async (changed: Partial<Capability> = {}, key = tenant.key) => {
      const granted: Capability = {
        ...{ client: tenant.terms.client, volume: tenant.terms.volume, verbs: CAPABILITY_VERBS.read },
        ...{ until: BigInt(Math.floor(Date.now() / 1000) + 600), maxBytes: BigInt(2 * BLOCK) },
        id: privateKeyToAccount(holder).address,
        ...changed,
      };
      return { ...granted, signature: await signDigest(key, capabilityDigest(tenant.place, granted)) };
    };

    it("are served to its holder, for so many bytes", async () => {
      const given = await capability();
      const { bytes: read, proof } = await wire.read({ ...block(0), capability: given });
      RangeProof.verify(read, 0, 2_048, proof, tenant.writer.sectors[0]!.root);
      await wire.read({ ...block(1), capability: given });
      const more = await failure(wire.read({ ...block(2), capability: given }));
      expect(more).to.include({ code: "CapabilityRefused", id: given.id });
      expect((await tenant.wire.status({ deal: tenant.deal })).freeBytes).to.equal(CREDIT - 2 * BLOCK);
    });

    it("are refused to others, for other volumes, verbs and times, and when the client has not signed", async () => {
      const refused = async (given: Awaited<ReturnType<typeof capability>>): Promise<string> => {
        const error = await failure(wire.read({ ...block(0), capability: given }));
        expect(error).to.include({ code: "CapabilityRefused" });
        return (error as { reason: string }).reason;
      };
      expect(await refused(await capability({ id: host.address }))).to.contain("another caller");
      expect(await refused(await capability({ volume: 8n }))).to.contain("another volume");
      expect(await refused(await capability({ client: host.address }))).to.contain("another volume");
      expect(await refused(await capability({ verbs: CAPABILITY_VERBS.list }))).to.contain("not let its holder read");
      expect(await refused(await capability({ until: 5n }))).to.contain("expired");
      expect(await refused(await capability({}, holder))).to.contain("not signed");
      expect(await refused({ ...(await capability()), maxBytes: 2n ** 60n })).to.contain("not signed");
      expect(await failure(wire.read(block(0)))).to.include({ code: "Unauthorized" });
      await wire.read({ ...block(0), capability: await capability() });
    });

    it("end when the client revokes it, for good", async () => {
      const own = await ground.provider({ policy: { ...policy, egressRate: EGRESS_RATE } });
      tenant = await Tenant.open(ground, own, {}, 2n);
      await tenant.revise([{ op: "add", slab: slab(0), length: 16 * BLOCK }]);
      let reader = await dial(ground, own, holder);
      const given = await capability({ maxBytes: 10n ** 9n });
      await reader.read({ ...block(0), capability: given });
      await tenant.wire.revoke({ id: given.id, until: given.until });
      const refused = await failure(reader.read({ ...block(0), capability: given }));
      expect(refused).to.include({ code: "CapabilityRefused" });
      // It was answered, so it is on the disk already.
      const [use] = await own.node.store.capabilities();
      expect(use).to.include({ id: given.id, revoked: true });
      await own.restart();
      reader = await dial(ground, own, holder);
      expect(await failure(reader.read({ ...block(0), capability: given }))).to.include({ code: "CapabilityRefused" });
    });
  });

  describe("of samples", () => {
    beforeEach(async () => {
      const epoch = tenant.market.epochs.at(await ground.block()) + 1;
      await ground.to(tenant.market.epochs.start(epoch) + 12n);
      await ground.until("the revision is committed", async () => (await tenant.onChain()).sectors === 1);
      await ground.mine(1);
    });

    it("are drawn from a block that anybody may name, and prove the committed set at it", async () => {
      const stranger = await dial(ground, host);
      const blockNumber = await ground.block();
      const { blockHash, samples } = await stranger.prove({ blockNumber });
      const { hash } = await tenant.market.block(blockNumber);
      expect(blockHash).to.equal(hash);
      const { slots } = await tenant.market.provider(host.address);
      const leaves = await tenant.market.leaves(host.address, 0, slots);
      const drawn = Positions.draw(
        {
          ...{ seed: bytes(hash).slice(0, 28), epoch: tenant.market.epochs.at(blockNumber), chainId: 31_337n },
          ...{ market: bytes(ground.market), provider: bytes(host.address) },
        },
        leaves.reduce((sum, one) => sum + one, 0),
      );
      const expected = drawn.map((x) => Positions.locate(x, leaves));
      expect(samples.map(({ slot, chunk }) => [slot, chunk])).to.deep.equal(
        expected.map(({ slot, chunkIndex }) => [slot, chunkIndex]),
      );
      for (const { slot, deal, sectors, root, chunk, proof } of samples) {
        const onChain = await tenant.market.deal(host.address, slot);
        expect(onChain).to.include({ id: deal, root, sectors });
        ChallengeProof.verify({ root: bytes(root), sectors, chunkIndex: chunk }, proof);
      }
    });

    it("are refused for blocks to come and blocks long past", async () => {
      const stranger = await dial(ground, host);
      const newest = await ground.block();
      expect(await failure(stranger.prove({ blockNumber: newest + 1n }))).to.include({ code: "BlockUnknown" });
      expect(await failure(stranger.prove({ blockNumber: 1n }))).to.include({ code: "BlockUnknown" });
    });

    it("are chosen by the client, and by nobody else", async () => {
      const named = { blockNumber: 0n, deal: tenant.deal, chunk: 777 };
      await tenant.wire.hello();
      const { samples } = await tenant.wire.prove(named);
      const { root } = await tenant.onChain();
      ChallengeProof.verify({ root: bytes(root), sectors: 1, chunkIndex: 777 }, samples[0]!.proof);
      const stranger = await dial(ground, host);
      expect(await failure(stranger.prove(named))).to.include({ code: "HelloRequired" });
      const outside = { ...named, chunk: SECTOR_CHUNKS };
      expect(await failure(tenant.wire.prove(outside))).to.include({ code: "OutOfRange" });
      expect(keccak256(samples[0]!.proof)).to.have.length(66);
    });
  });
});
