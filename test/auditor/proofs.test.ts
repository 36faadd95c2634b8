/** One proof replayed step by step: each step against what the test works out by other means. */
import { createHash } from "node:crypto";
import { expect } from "chai";
import type { Address, EIP1193RequestFn, Hex } from "viem";
import { type ProofReport, replayProof } from "../../src/auditor/ProofReplay.ts";
import { proofPage } from "../../src/auditor/proofPage.ts";
import { expectError } from "../client/failures.ts";
import { type Agreement, createWorld, rollBack } from "../contracts/fixture.ts";
import { inProcess } from "./History.ts";
import { between } from "./Tampering.ts";

const CHUNKS = 32_768n;

const world = await createWorld();
const { bob, dave } = world;
const provider = bob.address as Address;

describe("replaying one proof", () => {
  rollBack(world);

  async function replayed(epoch: number, who = provider, request?: EIP1193RequestFn): Promise<ProofReport> {
    return replayProof({ ...(await inProcess(world)), ...(request && { request }) }, epoch, who);
  }

  /** A provider of two deals, which proved epoch 2. */
  async function proved(): Promise<{ deals: Agreement[]; hash: Hex }> {
    const deals = [await world.active(3), await world.active(5, { position: 1 })];
    const { hash } = await world.prove(bob);
    return { deals, hash: hash as Hex };
  }

  it("takes the seed from the header's own bytes", async () => {
    const { hash } = await proved();
    const { seed, sent, ...report } = await replayed(2);
    const { challenge } = world.phases(2);
    const block = await world.connection.provider.request({
      method: "eth_getBlockByNumber",
      params: [`0x${challenge.toString(16)}`, false],
    });
    const { mixHash, parentHash, hash: blockHash } = block as Record<string, Hex>;
    expect(report).to.include({ ok: true, epoch: 2, provider, chainId: 31_337 });
    expect(sent.transaction).to.equal(hash);
    expect(seed).to.include({ block: BigInt(challenge), hash: blockHash, seed: mixHash!.slice(0, 58) });
    expect(seed?.recorded?.seed).to.equal(seed?.seed);
    expect(seed?.answered).to.equal(seed?.seed);
    const field = (name: string) => seed?.fields.find((one) => one.name === name)?.value;
    expect([field("prevRandao"), field("parentHash"), BigInt(field("number")!)]).to.deep.equal([
      mixHash,
      parentHash,
      BigInt(challenge),
    ]);
  });

  it("finds each chunk that the contract challenges, in its stratum", async () => {
    const { deals } = await proved();
    const { chunks, set, challenges } = await replayed(2);
    expect(chunks).to.equal(8n * CHUNKS);
    expect(set.map(({ slot, deal, sectors, firstChunk }) => [slot, deal, sectors, firstChunk])).to.deep.equal([
      [0, deals[0]?.id, 3, 0n],
      [1, deals[1]?.id, 5, 3n * CHUNKS],
    ]);
    const drawn = await world.challenged(bob.address);
    expect(challenges.map(({ slot, sector, chunk }) => [slot, sector * CHUNKS + chunk])).to.deep.equal(
      drawn.map(({ slot, chunkIndex }) => [slot, BigInt(chunkIndex)]),
    );
    for (const { x, stratum, challenge } of challenges) {
      expect(x >= stratum.first && x <= stratum.last, `challenge ${challenge}`).to.equal(true);
    }
    expect(challenges[0]?.stratum.first).to.equal(0n);
    expect(challenges.at(-1)?.stratum.last).to.equal(chunks - 1n);
  });

  it("climbs from the chunk's own bytes to the committed root, each level a hash of the two below", async () => {
    const { deals } = await proved();
    const { challenges } = await replayed(2);
    for (const { slot, sector, chunk, content, levels, root, matches } of challenges) {
      const { answer, root: committed } = world.content(deals[slot]!, slot === 0 ? 3 : 5);
      const index = Number(sector * CHUNKS + chunk);
      expect(content).to.equal(`0x${Buffer.from(answer(index)).subarray(0, 32).toString("hex")}`);
      expect(levels).to.have.length(slot === 0 ? 17 : 18);
      let below = bytes(content);
      for (const [up, { level, side, sibling, node, sectorRoot }] of levels.entries()) {
        expect([level, sectorRoot]).to.deep.equal([up + 1, up === 14]);
        expect(side).to.equal((index >> up) & 1 ? "left" : "right");
        const pair = side === "left" ? [bytes(sibling), below] : [below, bytes(sibling)];
        below = createHash("sha256").update(Buffer.concat(pair)).digest().fill(0, 24);
        expect(node).to.equal(`0x${below.subarray(0, 24).toString("hex")}`);
      }
      expect(levels.at(-1)?.node).to.equal(root);
      expect([root, matches]).to.deep.equal([committed, true]);
    }
  });

  it("tells all of it in a page", async () => {
    const { deals, hash } = await proved();
    const report = await replayed(2);
    const page = proofPage(report);
    for (const part of [hash, report.seed!.header.length / 2 - 1, report.seed!.seed, ...deals.map(({ id }) => id)]) {
      expect(page).to.include(`${part}`);
    }
    for (const { content, levels } of report.challenges) {
      for (const value of [content, ...levels.flatMap(({ sibling, node }) => [sibling, node])])
        expect(page).to.include(value);
    }
    expect(page.match(/the sector's root/g)).to.have.length(5);
    expect(page).to.include("Valid: all 5 challenged chunks").and.not.include("DIFFERS");
  });

  describe("given one with a wrong byte", () => {
    it("shows which level differs, and that others hold but for where they go the same way", async () => {
      const { hash } = await proved();
      const request = between(world, (answer, { method, params }) => {
        if (method !== "eth_getTransactionByHash" || params?.[0] !== hash) return answer;
        const input = (answer as { input: string }).input;
        const at = 2 + 2 * (4 + 4 * 32); // the first byte of the proof
        return {
          ...(answer as object),
          input: `${input.slice(0, at)}${input[at] === "0" ? "1" : "0"}${input.slice(at + 1)}`,
        };
      });
      const report = await replayed(2, provider, request);
      expect(report.ok).to.equal(false);
      let fails = true;
      for (const [i, { matches, met }] of report.challenges.entries()) {
        fails &&= i === 0 || met !== undefined;
        expect(matches, `challenge ${i}`).to.equal(!fails);
      }
      expect(fails).to.equal(false);
      expect(report.wrong).to.match(/^challenge 0: chunk \d+ of slot 0 is not shown/);
      expect(report.differences.map(({ what }) => what)).to.include("an epoch counts as proven without a valid proof");
      expect(proofPage(report)).to.include("DIFFERS").and.include("Something is wrong.");
    });
  });

  describe("given several in a transaction, of which one holds", () => {
    it("shows that one", async () => {
      await proved();
      await world.start();
      await world.to("prove");
      await world.recordSeed();
      const { value } = await world.market.seed();
      const right = await world.proof(bob.address);
      const wrong = `${right.slice(0, -1)}${right.endsWith("0") ? "1" : "0"}`;
      const items = [wrong, right, wrong].map((proof) => ({ provider: bob.address, proof }));
      await world.market.proveMany(value, items);
      const report = await replayed(3);
      expect(report.ok).to.equal(true);
      expect(report.challenges.every(({ matches }) => matches)).to.equal(true);
    });
  });

  describe("given an empty set", () => {
    it("says that an empty proof needs nothing", async () => {
      await world.to("prove");
      await world.market.prove(dave.address, `0x${"00".repeat(28)}`, "0x");
      const report = await replayed(2, dave.address as Address);
      expect(report).to.deep.include({ ok: true, chunks: 0n, set: [], challenges: [], proofBytes: 0 });
      expect(proofPage(report)).to.include("an empty proof is valid");
    });
  });

  describe("given an epoch without a proof", () => {
    it("says why there is none", async () => {
      await proved();
      await world.start();
      await world.miss();
      await world.to("gap");
      const reason = async (epoch: number, who = provider) =>
        (await expectError(replayed(epoch, who), "NotProven")).reason;
      expect(await reason(1)).to.equal("it had no sectors to prove then");
      expect(await reason(3)).to.equal("it missed the epoch");
      expect(await reason(4)).to.equal("the epoch is still running");
      expect(await reason(2, world.alice.address as Address)).to.equal("no such provider has ever registered");
      expect((await expectError(replayed(5), "BadArgument")).name).to.equal("epoch");
    });
  });
});

function bytes(hex: Hex): Buffer {
  const padded = Buffer.alloc(32);
  Buffer.from(hex.slice(2), "hex").copy(padded);
  return padded;
}
