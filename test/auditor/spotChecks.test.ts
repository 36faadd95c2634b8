/** Asking providers over real libp2p for what the chain says they hold. */
import { expect } from "chai";
import { getBytes } from "ethers";
import type { Address, Hex } from "viem";
import type { SpotCheck } from "../../src/auditor/Report.ts";
import { Positions } from "../../src/codec/index.ts";
import { encodeAnnouncement } from "../../src/protocol/Announcement.ts";
import { SubletException } from "../../src/protocol/Errors.ts";
import type { ResponseOf } from "../../src/protocol/Verbs.ts";
import { type Agreement, createWorld, type Party, rollBack } from "../contracts/fixture.ts";
import { cleanUp, type Serving, serving } from "../network/fixtures.ts";
import { audited } from "./History.ts";

type Answer = ResponseOf<"prove">;

const world = await createWorld();
const { bob, dave, market } = world;

describe("spot checks", () => {
  rollBack(world);
  afterEach(cleanUp);

  /** What `host` shows for a block, from all that its deals hold. */
  async function honest(host: Party, deals: readonly Agreement[], block: bigint): Promise<Answer> {
    const { hash: blockHash } = (await world.ethers.provider.getBlock(Number(block)))!;
    const { slots } = await market.providerOf(host.address);
    const leaves = (await market.leaves(host.address, 0, slots)).map(Number);
    const epoch = 1 + Math.floor((Number(block) - world.phases(1).first) / world.parameters.epochBlocks);
    const draw = {
      seed: getBytes(blockHash!).slice(0, 28),
      chainId: 31_337n,
      market: getBytes(await market.getAddress()),
      epoch,
      provider: getBytes(host.address),
    };
    const total = leaves.reduce((sum, sectors) => sum + sectors, 0);
    const samples = Positions.draw(draw, total).map((x) => {
      const { slot, chunkIndex } = Positions.locate(x, leaves);
      const deal = deals.find((each) => each.slot === slot)!;
      const { root, answer } = world.content(deal, leaves[slot]!);
      const proof = answer(chunkIndex);
      return { slot, deal: deal.id as Hex, sectors: leaves[slot]!, root: root as Hex, chunk: chunkIndex, proof };
    });
    return { blockHash: blockHash as Hex, samples };
  }

  async function announce(host: Party, address: string): Promise<void> {
    const [addr, peerId] = address.split("/p2p/") as [string, string];
    const data = encodeAnnouncement({
      v: 1,
      addrs: [addr],
      peerId,
      rate: 1n,
      egressRate: 1n,
      freeSectors: 1,
      region: "here",
      operator: "test",
    });
    await world.as(host).announce(data);
  }

  async function hosting(host: Party, prove: (block: bigint) => Promise<Answer>): Promise<Serving> {
    const up = await serving({ prove: ({ blockNumber }) => prove(blockNumber) });
    await announce(host, up.address);
    return up;
  }

  const check = async () => {
    const report = await audited(world, { spotCheck: true });
    expect(report.differences).to.deep.equal([]);
    expect(report.ok).to.equal(report.spotChecks.every(({ ok }) => ok));
    return new Map(report.spotChecks.map((each): [Address, SpotCheck] => [each.provider, each]));
  };

  it("pass a provider that shows what the block draws, and ask nobody that holds nothing", async () => {
    const deals = [await world.active(3), await world.active(2)];
    await hosting(bob, (block) => honest(bob, deals, block));
    const checks = await check();
    expect([...checks.keys()]).to.deep.equal([bob.address]);
    expect(checks.get(bob.address as Address)).to.deep.include({ ok: true, chunks: 5, reason: "" });
  });

  describe("given one that lost its data and one that did not", () => {
    it("name the first, and say why", async () => {
      const lost = await world.active(3);
      const kept = await world.active(2, {}, { host: dave });
      await hosting(bob, async () => {
        throw new SubletException({ code: "NoSuchSlab", deal: lost.id as Hex, slab: { lane: 1n, sequence: 2 } });
      });
      await hosting(dave, (block) => honest(dave, [kept], block));
      const checks = await check();
      expect(checks.get(dave.address as Address)?.ok).to.equal(true);
      expect(checks.get(bob.address as Address)?.ok).to.equal(false);
      expect(checks.get(bob.address as Address)?.reason).to.include("is not in deal");
    });
  });

  const bad: Record<string, [(answer: Answer) => Answer, string]> = {
    "shows other bytes": [
      (answer) => {
        answer.samples[2]!.proof[5]! ^= 1;
        return answer;
      },
      "does not match root",
    ],
    "chooses its chunks itself": [
      (answer) => ({ ...answer, samples: answer.samples.map(() => answer.samples[0]!) }),
      "did not show chunk",
    ],
    "shows too few": [(answer) => ({ ...answer, samples: answer.samples.slice(0, 4) }), "did not show chunk"],
    "shows them against a root of its own": [
      (answer) => {
        const [first, ...rest] = answer.samples;
        return { ...answer, samples: [{ ...first!, proof: new Uint8Array(first!.proof.length) }, ...rest] };
      },
      "does not match root",
    ],
  };
  for (const [how, [spoil, reason]] of Object.entries(bad)) {
    describe(`given one that ${how}`, () => {
      it("name it", async () => {
        const deal = await world.active(3);
        await hosting(bob, async (block) => spoil(await honest(bob, [deal], block)));
        const found = (await check()).get(bob.address as Address);
        expect(found?.ok).to.equal(false);
        expect(found?.reason).to.include(reason);
      });
    });
  }

  describe("given one whose node is a block behind", () => {
    it("ask again about a newer block", async () => {
      const deal = await world.active(3);
      const asked: bigint[] = [];
      await hosting(bob, async (block) => {
        asked.push(block);
        if (asked.length > 1) return honest(bob, [deal], block);
        await world.connection.networkHelpers.mine(1);
        throw new SubletException({ code: "BlockUnknown", blockNumber: block, newest: block - 1n });
      });
      expect((await check()).get(bob.address as Address)).to.deep.include({ ok: true, block: `${asked[0]! + 1n}` });
    });
  });

  describe("given one that cannot be reached", () => {
    it("name it", async () => {
      await world.active(1);
      const { address } = await serving();
      await cleanUp();
      await announce(bob, address);
      const found = (await check()).get(bob.address as Address);
      expect(found?.ok).to.equal(false);
      expect(found?.reason).to.include("no connection");
    }).timeout(30_000);
  });

  describe("given an announcement that is none", () => {
    it("name it", async () => {
      await world.active(1);
      await world.as(bob).announce("0xff");
      expect((await check()).get(bob.address as Address)?.reason).to.include("not an announcement");
    });
  });
});
