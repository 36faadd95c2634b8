import { expect } from "chai";
import { bytesToHex } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { Scope } from "../../src/chain/MarketReader.ts";
import { DealTree, RangeProof, SectorTree } from "../../src/codec/index.ts";
import { recoverSigner, revisionDigest, signDigest } from "../../src/protocol/TypedData.ts";
import { failure } from "../conformance/store.ts";
import { type Step, slab } from "../conformance/Writer.ts";
import { dial, Ground, type Host, Tenant } from "./Ground.ts";

const BLOCK = 65_536;
const add = (sequence: number, length = BLOCK): Step => ({ op: "add", slab: slab(sequence), length });
const grow = (sequence: number, length: number): Step => ({ op: "grow", slab: slab(sequence), length });
const drop = (index: number): Step => ({ op: "drop", index });

describe("revisions over the wire", function () {
  this.timeout(60_000);
  let ground: Ground;
  let host: Host;
  let tenant: Tenant;

  before(async () => {
    ground = await Ground.create();
    host = await ground.provider();
  });

  after(() => ground.end());

  beforeEach(async () => {
    tenant = await Tenant.open(ground, host);
  });

  describe("countersigned", () => {
    it("lead to the root that the client computes, whatever was added, grown, dropped and added again", async () => {
      const rounds: Step[][] = [
        [add(0), add(1, 32), add(2, 3 * BLOCK + 64)],
        [grow(1, BLOCK), drop(0), add(3, 1_048_576)],
        [drop(2), drop(0), drop(0)],
        [add(0, 64), add(4), grow(4, 2 * BLOCK), drop(0), add(0, 2 * BLOCK)],
        [],
      ];
      for (const steps of rounds) {
        const { revision, providerSignature } = await tenant.revise(steps);
        const signer = await recoverSigner(revisionDigest(tenant.place, revision), providerSignature);
        expect(signer).to.equal(host.address);
      }
      const { number, sectors, entries } = await tenant.wire.list({ deal: tenant.deal, from: 0, limit: 100 });
      expect({ number, sectors }).to.deep.equal({
        number: tenant.writer.number,
        sectors: tenant.writer.sectors.length,
      });
      expect(entries).to.deep.equal(tenant.writer.sectors.map((one) => ({ ...one, root: bytesToHex(one.root) })));
    });

    it("are answered the same when they are sent again, also after a restart", async () => {
      const own = await ground.provider();
      const lodger = await Tenant.open(ground, own);
      const first = await lodger.revise([add(0)]);
      await lodger.revise([grow(0, 2 * BLOCK)]);
      const { providerSignature, ...request } = first;
      expect(await lodger.wire.revise(request)).to.deep.equal({ providerSignature });
      await own.restart();
      await lodger.redial();
      expect(await lodger.wire.revise(request)).to.deep.equal({ providerSignature });
      await lodger.revise([grow(0, 3 * BLOCK), add(1)]);
    });

    it("are answered once and the same when they are sent many times at once", async () => {
      await tenant.append(add(0) as never);
      const { sent, change } = await tenant.request([add(0)]);
      const answers = await Promise.all(Array.from({ length: 8 }, () => tenant.wire.revise(sent)));
      expect(new Set(answers.map(({ providerSignature }) => providerSignature)).size).to.equal(1);
      tenant.writer.made(change);
    });

    it("tell head, paths and status", async () => {
      const { headBytes, revision, clientSignature, providerSignature } = await tenant.revise([add(0), add(1), add(2)]);
      const head = await tenant.wire.head({ deal: tenant.deal });
      expect(head.newest).to.deep.equal({ revision, clientSignature, providerSignature });
      expect(Buffer.compare(head.headBytes, headBytes)).to.equal(0);
      const paths = await tenant.wire.paths({ deal: tenant.deal, sector: 2 });
      const tree = DealTree.of(tenant.writer.sectors.map(({ root }) => root));
      expect(Buffer.compare(paths.siblings, Buffer.concat(tree.siblings(2)))).to.equal(0);
      await tenant.append(add(3, 32) as never);
      const status = await tenant.wire.status({ deal: tenant.deal });
      expect(status).to.include({ sectors: 3, storedBytes: 3 * BLOCK, stagedBytes: 32, committedNumber: 0n });
      expect(await failure(tenant.wire.paths({ deal: tenant.deal, sector: 3 }))).to.include({ code: "OutOfRange" });
    });

    it("serve every length that a sector ever had", async () => {
      await tenant.revise([add(0, 96)]);
      const before = tenant.writer.sectors[0]!;
      await tenant.revise([grow(0, 2 * BLOCK + 32)]);
      const after = tenant.writer.sectors[0]!;
      for (const { length, root } of [before, after]) {
        for (const [first, end] of [
          [0, 3],
          [1, 2],
          [0, 2_048],
          [2_047, 2_050],
        ] as const) {
          const asked = { deal: tenant.deal, slab: slab(0), firstChunk: first, endChunk: end, asOf: length };
          const { bytes, proof } = await tenant.wire.read(asked);
          RangeProof.verify(bytes, first, end, proof, root);
        }
      }
    });
  });

  describe("refused", () => {
    /** The error of a revision; the next right one still works, on the state from before. */
    async function refused(
      steps: readonly Step[],
      change: (sent: Awaited<ReturnType<Tenant["request"]>>["sent"]) => object,
    ) {
      const { sent } = await tenant.request(steps);
      const altered = { ...sent, ...change(sent) };
      const clientSignature =
        "clientSignature" in change(sent)
          ? altered.clientSignature
          : await signDigest(tenant.key, revisionDigest(tenant.place, altered.revision));
      const error = await failure(tenant.wire.revise({ ...altered, clientSignature }));
      await tenant.revise([grow(0, tenant.writer.sectors[0]!.length + 32)]);
      return error;
    }

    beforeEach(async () => {
      await tenant.revise([add(0), add(1), add(2)]);
      await tenant.append(add(3) as never);
    });

    it("when somebody else signed", async () => {
      const stranger = await ground.account();
      const forged = await failure(
        (async () => {
          const { sent } = await tenant.request([add(3)]);
          const clientSignature = await signDigest(stranger, revisionDigest(tenant.place, sent.revision));
          return tenant.wire.revise({ ...sent, clientSignature });
        })(),
      );
      expect(forged).to.include({ code: "BadSignature", actual: privateKeyToAccount(stranger).address });
    });

    it("when signed for another market, deal or content", async () => {
      const { sent } = await tenant.request([add(3)]);
      const elsewhere = { ...tenant.place, chainId: 1 };
      const clientSignature = await signDigest(tenant.key, revisionDigest(elsewhere, sent.revision));
      expect(await failure(tenant.wire.revise({ ...sent, clientSignature }))).to.include({ code: "BadSignature" });
      const revision = { ...sent.revision, sectors: 5 };
      expect(await failure(tenant.wire.revise({ ...sent, revision }))).to.include({ code: "BadSignature" });
    });

    it("when built on an older one, and told the newest", async () => {
      const error = await refused([add(3)], () => ({ previousNumber: 0n }));
      expect(error).to.deep.include({ code: "Conflict" });
      const { newest } = error as { newest?: { revision: { number: bigint } } };
      expect(newest?.revision.number).to.equal(65_536n);
    });

    it("when its number does not rise, has other contents already, or is none that can be committed", async () => {
      const { sent } = await tenant.request([add(3)]);
      const again = { ...sent.revision, number: tenant.writer.number };
      const clientSignature = await signDigest(tenant.key, revisionDigest(tenant.place, again));
      expect(await failure(tenant.wire.revise({ ...sent, revision: again, clientSignature }))).to.include({
        code: "Conflict",
      });
      const error = await refused([add(3)], (one) => ({ revision: { ...one.revision, number: 5n } }));
      expect(error).to.include({ code: "OutOfRange", least: 65_537n, actual: 5n });
      const high = await refused([add(3)], (one) => ({ revision: { ...one.revision, number: 1n << 48n } }));
      expect(high).to.include({ code: "OutOfRange", most: (1n << 48n) - 1n, actual: 1n << 48n });
    });

    it("when it names another root", async () => {
      const root = `0x${"11".repeat(24)}` as const;
      const error = await refused([grow(1, BLOCK), drop(0), add(3)].slice(1), (one) => ({
        revision: { ...one.revision, root },
      }));
      expect(error).to.include({ code: "RootMismatch", expected: root });
    });

    it("when its operations do not apply", async () => {
      for (const [steps, reason] of [
        [[{ op: "drop", index: 3 }], "there is no sector 3"],
        [[{ op: "add", slab: slab(1), length: BLOCK }], "in sector 1 already"],
        [[{ op: "grow", slab: slab(9), length: BLOCK }], "no sector holds"],
        [[{ op: "grow", slab: slab(1), length: BLOCK }], "bytes already"],
        [[{ op: "add", slab: slab(3), length: 33 }], "33 bytes"],
        [[{ op: "add", slab: slab(3), length: 0 }], "0 bytes"],
        [[{ op: "add", slab: slab(3), length: 1_048_608 }], "1048608 bytes"],
        [
          [
            { op: "drop", index: 0 },
            { op: "grow", slab: slab(0), length: 2 * BLOCK },
          ],
          "no sector holds",
        ],
      ] as const) {
        const error = await refused([], () => ({ operations: steps }));
        expect(error).to.include({ code: "BadOperation" });
        expect((error as { reason: string }).reason).to.contain(reason);
      }
    });

    it("when it counts other sectors than its operations lead to", async () => {
      const error = await refused([add(3)], (one) => ({ revision: { ...one.revision, sectors: 5 } }));
      expect(error).to.include({ code: "BadOperation", index: 1 });
    });

    it("when the head is another one", async () => {
      const error = await refused([add(3)], () => ({ headBytes: new Uint8Array(5) }));
      expect(error).to.include({ code: "HeadMismatch" });
    });

    it("when its bytes are not all there", async () => {
      const error = await refused([add(3, BLOCK)], () => ({
        operations: [{ op: "add", slab: slab(3), length: 2 * BLOCK }],
      }));
      expect(error).to.deep.equal({ code: "Behind", length: BLOCK });
    });

    it("when the deal has no room for it", async () => {
      const small = await Tenant.open(ground, host, { capacity: 1 });
      await small.revise([add(0, 32)]);
      await small.append(add(1, 32) as never);
      const { sent } = await small.request([add(1, 32)]);
      expect(await failure(small.wire.revise(sent))).to.deep.equal({
        code: "CapacityExceeded",
        capacity: 1,
        sectors: 2,
      });
    });

    it("when its escrow does not pay for it to the end", async () => {
      // 10 tokens are 10,000 sector-epochs at this price.
      const long = await Tenant.open(ground, host, { endEpoch: 900, capacity: 64 });
      const many = Array.from({ length: 12 }, (_, index) => add(index, 32));
      for (const step of many) await long.append(step as never);
      const { sent } = await long.request(many);
      const error = await failure(long.wire.revise(sent));
      expect(error).to.include({ code: "NotOpen" });
      expect((error as { state: string }).state).to.contain("not funded for 12 sectors");
      await long.revise(many.slice(0, 11));
    });
  });

  describe("from others than the client", () => {
    it("are refused, as is everything else about the deal", async () => {
      await tenant.revise([add(0)]);
      const wire = await dial(ground, host, await ground.account());
      await wire.hello();
      const { deal } = tenant;
      const { sent } = await tenant.request([]);
      const range = { slab: slab(0), firstChunk: 0, endChunk: 1, asOf: BLOCK };
      const calls = [
        () => wire.append({ deal, slab: slab(1), offset: 0, bytes: new Uint8Array(32) }),
        () => wire.revise(sent),
        () => wire.paths({ deal, sector: 0 }),
        () => wire.list({ deal, from: 0, limit: 1 }),
        () => wire.head({ deal }),
        () => wire.read({ deal, ...range }),
        () => wire.status({ deal }),
        () => wire.prove({ blockNumber: 0n, deal, chunk: 0 }),
        () => wire.revoke({ id: host.address, until: 1n }),
      ];
      for (const call of calls) expect(await failure(call())).to.include({ code: "Unauthorized" });
    });

    it("are taken from a delegate within its scope, until it ends", async () => {
      await tenant.revise([add(0)]);
      const key = await ground.account();
      const { address } = privateKeyToAccount(key);
      const epoch = tenant.market.epochs.at(await ground.block());
      const limits = { repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n, egressCap: 0n };
      await tenant.market.authorize(address, { scopes: Scope.Read, untilEpoch: epoch + 2, ...limits });
      const wire = await dial(ground, host, key, tenant.terms.client);
      const append = { deal: tenant.deal, slab: slab(1), offset: 0, bytes: new Uint8Array(32) };
      expect((await wire.list({ deal: tenant.deal, from: 0, limit: 9 })).sectors).to.equal(1);
      expect(await failure(wire.append(append))).to.include({ code: "Unauthorized", verb: "append" });
      await ground.to(tenant.market.epochs.start(epoch + 2));
      await ground.until("the delegation has ended", async () => {
        const outcome = await wire.list({ deal: tenant.deal, from: 0, limit: 9 }).catch((error) => error);
        return outcome instanceof Error;
      });
    });

    it("are taken from a writer that the client named", async () => {
      const key = await ground.account();
      const { address } = privateKeyToAccount(key);
      const limits = { repairBudget: 0n, maxRate: 0n, maxEgressRate: 0n, egressCap: 0n };
      await tenant.market.authorize(address, { scopes: Scope.Write, untilEpoch: 4_000, ...limits });
      const wire = await dial(ground, host, key, tenant.terms.client);
      await wire.append({ deal: tenant.deal, slab: slab(0), offset: 0, bytes: tenant.writer.content(slab(0), 32) });
      const { sent } = await tenant.request([add(0, 32)]);
      expect(await wire.revise(sent)).to.have.property("providerSignature");
      const stranger = await dial(ground, host, key, host.address);
      expect(await failure(stranger.list({ deal: tenant.deal, from: 0, limit: 9 }))).to.include({
        code: "Unauthorized",
      });
    });
  });

  describe("of deals that are not open", () => {
    it("are refused when the deal is not on the chain", async () => {
      const deal = `0x${"77".repeat(32)}` as const;
      const error = await failure(tenant.wire.list({ deal, from: 0, limit: 1 }));
      expect(error).to.deep.equal({ code: "UnknownDeal", deal });
    });

    it("are refused when the deal is another provider's", async () => {
      const other = await ground.provider();
      const lodger = await Tenant.open(ground, other);
      expect(await failure(tenant.wire.list({ deal: lodger.deal, from: 0, limit: 1 }))).to.include({
        code: "UnknownDeal",
      });
    });

    it("are refused when the deal has stopped, and what it has is still read", async () => {
      await tenant.revise([add(0)]);
      const epoch = tenant.market.epochs.at(await ground.block());
      await tenant.market.terminate(tenant.ref);
      await ground.to(tenant.market.epochs.start(epoch + 3));
      const error = await ground.until("the deal has stopped", () =>
        tenant.wire.append({ deal: tenant.deal, slab: slab(1), offset: 0, bytes: new Uint8Array(32) }).then(
          () => undefined,
          (thrown) => thrown,
        ),
      );
      expect(error.error).to.include({ code: "NotOpen", deal: tenant.deal });
      const read = { deal: tenant.deal, slab: slab(0), firstChunk: 0, endChunk: 1, asOf: BLOCK };
      expect((await tenant.wire.read(read)).bytes).to.have.length(32);
    });
  });

  it("are held to the provider's disk", async () => {
    const small = await ground.provider({ quotaBytes: 2 ** 20 });
    const lodger = await Tenant.open(ground, small, { capacity: 1 });
    await lodger.revise([add(0, 1_048_576)]);
    const error = await failure(lodger.append(add(1, 32) as never));
    expect(error).to.deep.equal({ code: "DiskFull", neededBytes: 32, freeBytes: 0 });
    await lodger.revise([drop(0)]);
    expect((await lodger.wire.status({ deal: lodger.deal })).sectors).to.equal(0);
  });

  it("are computed from the sixteen nodes as from the whole sector", async () => {
    for (const length of [32, BLOCK - 32, BLOCK, BLOCK + 32, 5 * BLOCK + 96, 16 * BLOCK - 32, 16 * BLOCK]) {
      await tenant.revise(tenant.writer.sectors.length === 0 ? [add(0, length)] : [grow(0, length)]);
      const whole = SectorTree.root(tenant.writer.content(slab(0), length));
      expect(tenant.writer.sectors[0]!.root).to.deep.equal(whole);
    }
  });
});
